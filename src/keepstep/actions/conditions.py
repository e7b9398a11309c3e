"""The condition of a step, an option set, an option or an ending, or a rule of an option set: set or taken away as one edit."""

from dataclasses import dataclass
from typing import Any

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit
from keepstep.actions.nodes import Plan, changing_option, changing_option_set, changing_step, edit_node, fixed
from keepstep.core.edits import ChangeWizard
from keepstep.core.flow import same_value
from keepstep.core.issue import Issue, to_errors
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.languages import with_wording
from keepstep.core.logic import faults_in, references, references_itself
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.structure import Ending, OptionSet, Rule, Structure, dump
from keepstep.db.transaction import Write
from keepstep.errors import NodeNotFound, RequestInvalid, Stale
from keepstep.queries.drafts import WizardDraft, edits_since


@dataclass(frozen=True, slots=True)
class Conditioned:
    """What may have a condition: a step or option set by its id; with `value` an option of it; with `rule` the rule of that index, or
    a new one at the index behind the last; or an ending by its key.
    """

    node_id: str = ""
    value: str | None = None
    rule: int | None = None
    ending: str | None = None

    def condition(self, structure: Structure) -> Any:
        """Its condition now. Raises NodeNotFound."""
        if self.ending is not None:
            return ending_in(structure, self.ending).visible_if
        step = structure.step_by_id.get(self.node_id)
        if step is not None and self.value is None and self.rule is None:
            return step.visible_if
        option_set = option_set_in(structure, self.node_id)
        if self.rule is not None:
            rule = rule_in(option_set, self.rule)
            return None if rule is None else rule.expression
        return option_set.visible_if if self.value is None else option_in(option_set, self.value).visible_if


def ending_in(structure: Structure, key: str) -> Ending:
    """The ending of this key. Raises NodeNotFound."""
    found = next((each for each in structure.endings if each.key == key), None)
    if found is None:
        raise NodeNotFound(f"This wizard has no ending {key!r}.")
    return found


def rule_in(option_set: OptionSet, index: int) -> Rule | None:
    """The rule of this index, None for the one that would be added. Raises NodeNotFound."""
    rules = option_set.constraints.rules
    if not 0 <= index <= len(rules):
        raise NodeNotFound(f"The question “{option_set.key}” has no rule {index + 1}.")
    return rules[index] if index < len(rules) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What somebody wants: `expression` in place of `was`, which they saw in the draft of revision `base`; of a rule the `message` in
    the default language too, where it is given.
    """

    of: Conditioned
    expression: Any
    was: Any
    base: int
    confirm: str | None = None
    message: str | None = None


async def set_condition(ctx: Context, tx: Write, wizard_ref: str, setting: Setting) -> Edited:
    """The draft with the condition. Edits of anything else since `base` do not matter.

    Raises Stale when this condition was changed meanwhile, RequestInvalid for what is no expression or reads nothing that is there,
    and as `edit_node`.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    _check_expression(setting.expression, state.draft.structure, is_rule=setting.of.rule is not None)
    await _check_untouched(tx, state, setting)
    return await edit_node(ctx, tx, state.wizard.id, _plan(setting, state.draft.structure), Consent(seen="*", confirm=setting.confirm))


def _plan(setting: Setting, structure: Structure) -> Plan:
    fields = {"visible_if": setting.expression}
    of = setting.of
    if of.ending is not None:
        endings = [dump(each) | (fields if each.key == of.ending else {}) for each in structure.endings]
        return fixed(ChangeWizard(fields={"endings": endings}))
    if of.rule is not None:
        return changing_option_set(of.node_id, {"constraints": _with_rule(setting, structure)}, None)
    if of.value is not None:
        return changing_option(of.node_id, of.value, fields, None)
    if of.node_id in structure.step_by_id:
        return changing_step(of.node_id, fields)
    return changing_option_set(of.node_id, fields, None)


def _with_rule(setting: Setting, structure: Structure) -> dict[str, Any]:
    """The constraints with the rule as it is wanted, or without it."""
    option_set, index = option_set_in(structure, setting.of.node_id), setting.of.rule or 0
    before = rule_in(option_set, index)
    message = None if before is None else before.message
    if setting.message is not None:
        message = with_wording(message, setting.message, structure.default_language, structure)
    new = [] if setting.expression is None else [{"expression": setting.expression} | ({} if message is None else {"message": message})]
    rules = [dump(rule) for rule in option_set.constraints.rules]
    return dump(option_set.constraints) | {"rules": [*rules[:index], *new, *rules[index + 1 :]]}


async def _check_untouched(tx: Write, state: WizardDraft, setting: Setting) -> None:
    now = setting.of.condition(state.draft.structure)
    if canonical_bytes(now) == canonical_bytes(setting.was) or (same_value(now, setting.expression) and setting.message is None):
        return
    edits = list(await edits_since(tx, state.wizard.id, setting.base))
    changed = {"revision": state.wizard.draft_revision, "edits": edits}
    raise Stale("Somebody changed this condition since you opened it.", etag=state.etag, changed=changed)


def _check_expression(expression: Any, structure: Structure, *, is_rule: bool) -> None:
    issues = [*faults_in(expression)]
    if not issues and not is_rule and references_itself(expression):
        issues.append(
            Issue("", "value-under-test", 'A condition has no value under test, {"var": "."}; only a rule of a question has one.')
        )
    if not issues:
        issues.extend(_missing(expression, structure))
    if issues:
        raise RequestInvalid(issues[0].detail, errors=to_errors(issues))


def _missing(expression: Any, structure: Structure) -> list[Issue]:
    known = structure.option_set_by_id
    gone = sorted({each.option_set_id for each in references(expression) if each.option_set_id not in known})
    return [Issue("", "reference-missing", f"This wizard has no question {each}.") for each in gone]
