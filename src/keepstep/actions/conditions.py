"""The condition of a step, an option set or an option, set or taken away as one edit of the draft."""

from dataclasses import dataclass
from typing import Any

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit
from keepstep.actions.nodes import Plan, changing_option, changing_option_set, changing_step, edit_node
from keepstep.core.flow import same_value
from keepstep.core.issue import Issue, to_errors
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.logic import faults_in, references, references_itself
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.structure import Structure
from keepstep.db.transaction import Write
from keepstep.errors import RequestInvalid, Stale
from keepstep.queries.drafts import WizardDraft, edits_since


@dataclass(frozen=True, slots=True)
class Conditioned:
    """A node that may have a condition: a step or option set by its id, or with `value` an option of it."""

    node_id: str
    value: str | None = None

    def condition(self, structure: Structure) -> Any:
        """Its condition now. Raises NodeNotFound."""
        step = structure.step_by_id.get(self.node_id)
        if step is not None and self.value is None:
            return step.visible_if
        option_set = option_set_in(structure, self.node_id)
        return option_set.visible_if if self.value is None else option_in(option_set, self.value).visible_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What somebody wants: `expression` in place of `was`, which they saw in the draft of revision `base`."""

    of: Conditioned
    expression: Any
    was: Any
    base: int
    confirm: str | None = None


async def set_condition(ctx: Context, tx: Write, wizard_ref: str, setting: Setting) -> Edited:
    """The draft with the condition. Edits of anything else since `base` do not matter.

    Raises Stale when this condition was changed meanwhile, RequestInvalid for what is no expression or reads nothing that is there,
    and as `edit_node`.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    _check_expression(setting.expression, state.draft.structure)
    await _check_untouched(tx, state, setting)
    return await edit_node(ctx, tx, state.wizard.id, _plan(setting, state.draft.structure), Consent(seen="*", confirm=setting.confirm))


def _plan(setting: Setting, structure: Structure) -> Plan:
    fields = {"visible_if": setting.expression}
    if setting.of.value is not None:
        return changing_option(setting.of.node_id, setting.of.value, fields, None)
    if setting.of.node_id in structure.step_by_id:
        return changing_step(setting.of.node_id, fields)
    return changing_option_set(setting.of.node_id, fields, None)


async def _check_untouched(tx: Write, state: WizardDraft, setting: Setting) -> None:
    now = setting.of.condition(state.draft.structure)
    if canonical_bytes(now) == canonical_bytes(setting.was) or same_value(now, setting.expression):
        return
    edits = list(await edits_since(tx, state.wizard.id, setting.base))
    changed = {"revision": state.wizard.draft_revision, "edits": edits}
    raise Stale("Somebody changed this condition since you opened it.", etag=state.etag, changed=changed)


def _check_expression(expression: Any, structure: Structure) -> None:
    issues = [*faults_in(expression)]
    if not issues and references_itself(expression):
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
    return [Issue("", "reference-missing", f"This wizard has no option set {each}.") for each in gone]
