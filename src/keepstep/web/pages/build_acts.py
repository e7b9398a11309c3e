"""What the builder's forms do: for each act the plan of one edit, made of what the form sends. Must not know routes or templates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from keepstep.actions.builder_edits import Seen
from keepstep.actions.conditions import ending_in
from keepstep.actions.context import Context
from keepstep.actions.copying import duplicating
from keepstep.actions.new_nodes import new_option, new_option_set, new_step
from keepstep.actions.nodes import (
    Known,
    Meaning,
    Plan,
    bringing_back,
    changing_option,
    changing_option_set,
    changing_step,
    fixed,
    with_following_key,
    with_tried,
)
from keepstep.actions.option_lines import Lines, Meanings, replacing_options
from keepstep.actions.stored_options import with_stored_options
from keepstep.core import edits as e
from keepstep.core.edits import Edit
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.nodes import option_in, option_set_in, step_in
from keepstep.core.option_lines import Gone
from keepstep.core.piping import with_ids
from keepstep.core.revert import WIZARD
from keepstep.core.reviving import Wanted
from keepstep.core.shelf import option_id
from keepstep.core.structure import CHOICE_TYPES, Frozen, OptionSet, Rule, Structure, choices_of, dump
from keepstep.core.text import normal_text
from keepstep.db.transaction import Read
from keepstep.errors import NodeNotFound, RequestInvalid, RouteNotFound
from keepstep.web.pages.build_fields import Typed, fields_of_node, members_in

MEANING_OF: Final = "meaning-"
# More digits than any draft will have revisions, and few enough for the database.
_LONGEST_REVISION: Final = 15


@dataclass(frozen=True, slots=True)
class Sent:
    """The fields of a form of the builder."""

    given: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.given.get(name, "")

    def number(self, name: str) -> int:
        """0 where the form has none."""
        return _revision(self.text(name)) or 0

    def needed(self, name: str) -> str:
        """Raises RequestInvalid where the form lacks it."""
        if not self.text(name):
            raise RequestInvalid(
                f"The form lacks `{name}`.", errors=[{"pointer": f"/{name}", "code": "missing", "detail": "It is missing."}]
            )
        return self.text(name)

    @property
    def step_id(self) -> str:
        return self.needed("step_id")

    @property
    def option_set_id(self) -> str:
        return self.needed("option_set_id")

    @property
    def value(self) -> str:
        return self.needed("value")

    @property
    def meaning(self) -> Meaning | None:
        return cast("Meaning", self.text("meaning")) if self.text("meaning") in {"same", "different"} else None

    @property
    def tried(self) -> dict[str, Any] | None:
        """The parameters of a conversion that were tried on the stored answers."""
        found = loads(self.text("conversion")) if self.text("conversion") else None
        return found if isinstance(found, dict) else None

    @property
    def meanings(self) -> Meanings:
        """What was said of each option in `meaning-<its value>`, and in `meaning` of all others."""
        said = {name.removeprefix(MEANING_OF): text for name, text in self.given.items() if name.startswith(MEANING_OF)}
        known = {value: cast("Meaning", text) for value, text in said.items() if text in {"same", "different"}}
        return Meanings(known, self.meaning)

    @property
    def seen(self) -> Seen:
        """The draft that the form was made of."""
        named = [self.text("step_id"), self.text("option_set_id")]
        if self.text("option_set_id") and self.text("value"):
            named.append(option_id(self.text("option_set_id"), self.text("value")))
        own = frozenset(number for part in self.text("own").split(",") if (number := _revision(part)) is not None)
        about = frozenset(filter(None, [*named, WIZARD if self.text("ending") else ""]))
        return Seen(
            revision=_revision(self.text("base")) or 0,
            own=own,
            about=about,
            confirm=self.text("confirm") or None,
            counted=self.text("counted") or None,
        )

    def made_of(self, revision: int) -> "Sent":
        """As if the form had been made of this draft."""
        return Sent({**self.given, "base": str(revision)})

    @property
    def wanted(self) -> Wanted | None:
        """The node that the form is about; None for one of the wizard itself."""
        node_id = self.text("option_set_id") or self.text("step_id")
        if not node_id:
            return None
        return Wanted(node_id, self.text("value") or None if self.text("option_set_id") else None)

    @property
    def newest(self) -> int:
        """The newest revision that the page has seen."""
        return max(self.seen.own | {self.seen.revision})


def _revision(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_REVISION else None


Planned = Callable[[Sent], Plan]


def plan_of(act: str, sent: Sent) -> Plan:
    """The plan of what the form asks for. Raises RouteNotFound for an act that there is not, RequestInvalid."""
    planned = ACTS.get(act)
    if planned is None:
        raise RouteNotFound(f"The builder has no act {act!r}.")
    return planned(sent)


# --- add -----------------------------------------------------------------------------------------------------------


def _is_free(structure: Structure, known: Known, node_id: str) -> bool:
    return node_id not in structure.step_by_id and node_id not in structure.option_set_by_id and node_id not in known.state.draft.shelved


def _with_id(node: Mapping[str, Any], sent: Sent, known: Known) -> dict[str, Any]:
    """The node with the id that the page made for it; a form that is sent again after Back makes another node."""
    new_id = sent.text("new_id")
    return dict(node) | ({"id": new_id} if new_id and _is_free(known.state.draft.structure, known, new_id) else {})


def _add_step(sent: Sent) -> Plan:
    async def plan(ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        if (again := _sent_again(sent, structure)) is not None:
            return again
        node = _with_id({"name": _in_language(sent.text("name") or _NEW_STEP, structure, structure.default_language)}, sent, known)
        position = _position([step.id for step in structure.steps], sent)
        return e.AddStep(node=new_step(node, known.state.draft, known.reserved, ctx.make_id), position=position)

    return plan


_NEW_STEP: Final = "New step"
_NEW_OPTIONS: Final = ("Option 1", "Option 2")


def _sent_again(sent: Sent, structure: Structure) -> Edit | None:
    """For a second click of the same button: an edit of what the first one added that changes nothing."""
    new_id = sent.text("new_id")
    if new_id in structure.step_by_id:
        return e.ChangeStep(step_id=new_id, fields={})
    return e.ChangeOptionSet(option_set_id=new_id, fields={}) if new_id in structure.option_set_by_id else None


def _add_option_set(sent: Sent) -> Plan:
    selection_type = sent.needed("selection_type")

    async def plan(ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        if (again := _sent_again(sent, structure)) is not None:
            return again
        siblings = [item.id for item in step_in(structure, sent.step_id).option_sets]
        made = new_option_set(
            _with_id(_blank(selection_type, sent, structure), sent, known), known.state.draft, known.reserved, ctx.make_id
        )
        return e.AddOptionSet(step_id=sent.step_id, node=made, position=_position(siblings, sent))

    return plan


def _blank(selection_type: str, sent: Sent, structure: Structure) -> dict[str, Any]:
    """A question of this type that can be asked as it is."""
    default = structure.default_language
    name = sent.text("name") or ("New text" if selection_type == "statement" else "New question")
    node: dict[str, Any] = {"name": _in_language(name, structure, default), "selection_type": selection_type}
    if selection_type in CHOICE_TYPES:
        node["options"] = [{"label": _in_language(label, structure, default)} for label in _NEW_OPTIONS]
    return node


def _add_option(sent: Sent) -> Plan:
    label = sent.needed("label")

    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        option_set = option_set_in(structure, sent.option_set_id)
        language = _language(sent, structure)
        node: dict[str, Any] = {"label": _in_language(label, structure, language)}
        given = sent.text("new_value")
        if given and any(option.value == given for option in choices_of(option_set)):
            return e.ChangeOption(option_set_id=option_set.id, value=given, fields={})
        made = new_option({"value": given, **node} if given else node, option_set.id, known.state.draft, known.reserved)
        return e.AddOption(option_set_id=option_set.id, node=made)

    return plan


def _language(sent: Sent, structure: Structure) -> str:
    return sent.text("lang") if sent.text("lang") in structure.languages else structure.default_language


def _in_language(text: str, structure: Structure, language: str) -> Any:
    return normal_text({language: text}, structure.languages, structure.default_language)


# --- move ----------------------------------------------------------------------------------------------------------


def _position(siblings: list[str], sent: Sent, moving: str = "") -> int | None:
    """Where `before` stands without what is moved; None for the end."""
    left = [each for each in siblings if each != moving]
    return left.index(sent.text("before")) if sent.text("before") in left else None


def _move_step(sent: Sent) -> Plan:
    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        steps = [step.id for step in known.state.draft.structure.steps]
        position = _position(steps, sent, sent.step_id)
        return e.MoveStep(step_id=sent.step_id, position=len(steps) if position is None else position)

    return plan


def _move_option_set(sent: Sent) -> Plan:
    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        option_set = option_set_in(structure, sent.option_set_id)
        target = step_in(structure, sent.text("to_step") or structure.step_of[option_set.id].id)
        siblings = [item.id for item in target.option_sets]
        position = _position(siblings, sent, option_set.id)
        return e.MoveOptionSet(option_set_id=option_set.id, step_id=target.id, position=len(siblings) if position is None else position)

    return plan


def _move_option(sent: Sent) -> Plan:
    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        values = [option.value for option in choices_of(option_set_in(known.state.draft.structure, sent.option_set_id))]
        position = _position(values, sent, sent.value)
        return e.MoveOption(option_set_id=sent.option_set_id, value=sent.value, position=len(values) if position is None else position)

    return plan


# --- change --------------------------------------------------------------------------------------------------------


def members_of(sent: Sent, node: Frozen, structure: Structure) -> dict[str, Any]:
    """What the form sets; `has` names the inputs that it holds, since a box that is not ticked sends nothing."""
    held = set(sent.text("has").split(","))
    fields = [field for field in fields_of_node(node) if field.name in held]
    return members_in(Typed(fields, sent.given, _language(sent, structure)), node, structure)


def _change_step(sent: Sent) -> Plan:
    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        fields = members_of(sent, step_in(structure, sent.step_id), structure)
        return await changing_step(sent.step_id, fields)(ctx, tx, known)

    return plan


def _change_option_set(sent: Sent) -> Plan:
    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        fields = members_of(sent, option_set_in(structure, sent.option_set_id), structure)
        changing = with_following_key(changing_option_set(sent.option_set_id, fields, sent.meaning))
        changing = with_stored_options(changing, sent.text("options_of"))
        return await with_tried(changing, sent.tried)(ctx, tx, known)

    return plan


def _change_option(sent: Sent) -> Plan:
    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        fields = members_of(sent, option_in(option_set_in(structure, sent.option_set_id), sent.value), structure)
        if sent.text("new_value"):
            fields["value"] = sent.text("new_value")
        return await changing_option(sent.option_set_id, sent.value, fields, sent.meaning)(ctx, tx, known)

    return plan


def _change_wizard(sent: Sent) -> Plan:
    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        return e.ChangeWizard(fields=members_of(sent, structure, structure))

    return plan


# --- endings and rules, which have no edits of their own -----------------------------------------------------------


def _with_endings(change: Callable[[Structure, list[dict[str, Any]]], list[dict[str, Any]]]) -> Plan:
    """The edit that sets the endings to what `change` makes of them."""

    async def plan(_ctx: Context, _tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        return e.ChangeWizard(fields={"endings": change(structure, [dump(each) for each in structure.endings])})

    return plan


def _add_ending(sent: Sent) -> Plan:
    def change(structure: Structure, endings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        key = sent.needed("new_key")
        if any(each["key"] == key for each in endings):
            return endings
        return [*endings, {"key": key, "name": _in_language(_NEW_ENDING, structure, structure.default_language)}]

    return _with_endings(change)


_NEW_ENDING: Final = "Thank you"


def _change_ending(sent: Sent) -> Plan:
    def change(structure: Structure, endings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        fields = members_of(sent, ending_in(structure, sent.needed("ending")), structure)
        return [each | fields if each["key"] == sent.text("ending") else each for each in endings]

    return _with_endings(change)


def _move_ending(sent: Sent) -> Plan:
    def change(structure: Structure, endings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        moving = next(each for each in endings if each["key"] == ending_in(structure, sent.needed("ending")).key)
        left = [each for each in endings if each is not moving]
        position = _position([each["key"] for each in endings], sent, moving["key"])
        at = len(left) if position is None else position
        return [*left[:at], moving, *left[at:]]

    return _with_endings(change)


def _delete_ending(sent: Sent) -> Plan:
    def change(_structure: Structure, endings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in endings if each["key"] != sent.needed("ending")]

    return _with_endings(change)


def _of_rule(sent: Sent, change: Callable[[Structure, Rule], list[dict[str, Any]]]) -> Plan:
    """What `change` makes of the rule that the form was made of; `was` is its expression, since a rule has no name to be known by."""

    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        option_set = option_set_in(structure, sent.option_set_id)
        rules, at = option_set.constraints.rules, rule_of(option_set, sent)
        if at is None and sent.text("has"):
            raise NodeNotFound("This rule was changed or deleted by somebody else meanwhile.")
        if at is None:
            return e.ChangeOptionSet(option_set_id=option_set.id, fields={})
        dumped = [dump(rule) for rule in rules]
        after = dump(option_set.constraints) | {"rules": [*dumped[:at], *change(structure, rules[at]), *dumped[at + 1 :]]}
        return await changing_option_set(option_set.id, {"constraints": after}, None)(ctx, tx, known)

    return plan


def rule_of(option_set: OptionSet, sent: Sent) -> int | None:
    """Where the rule stands that the form was made of; None for one that is not there any more."""
    rules = enumerate(option_set.constraints.rules)
    return next((at for at, rule in rules if (str(at), dumps(rule.expression)) == (sent.text("rule"), sent.text("was"))), None)


def _change_rule(sent: Sent) -> Plan:
    return _of_rule(sent, lambda structure, rule: [dump(rule) | members_of(sent, rule, structure)])


# --- options as text -----------------------------------------------------------------------------------------------


def lines_of(sent: Sent, structure: Structure) -> Lines:
    gone: Gone = "delete" if sent.text("gone") == "delete" else "retire"
    return Lines(
        option_set_id=sent.option_set_id, text=with_ids(sent.text("lines"), structure), language=_language(sent, structure), gone=gone
    )


def _replace_options(sent: Sent) -> Plan:
    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        return await replacing_options(lines_of(sent, known.state.draft.structure), sent.meanings)(ctx, tx, known)

    return plan


# --- retire, restore, delete ---------------------------------------------------------------------------------------


def _restore_step(sent: Sent) -> Plan:
    step_id = sent.step_id
    return bringing_back(lambda draft: step_id in draft.step_by_id, e.UnretireStep(step_id=step_id), e.RestoreStep(step_id=step_id))


def _restore_option_set(sent: Sent) -> Plan:
    node = sent.option_set_id
    restore = e.RestoreOptionSet(option_set_id=node)
    return bringing_back(lambda draft: node in draft.option_set_by_id, e.UnretireOptionSet(option_set_id=node), restore)


def _restore_option(sent: Sent) -> Plan:
    node, value = sent.option_set_id, sent.value

    def is_present(draft: Structure) -> bool:
        return any(option.value == value for option in choices_of(option_set_in(draft, node)))

    return bringing_back(is_present, e.UnretireOption(option_set_id=node, value=value), e.RestoreOption(option_set_id=node, value=value))


ACTS: Final[Mapping[str, Planned]] = {
    "add-step": _add_step,
    "add-option-set": _add_option_set,
    "add-option": _add_option,
    "move-step": _move_step,
    "move-option-set": _move_option_set,
    "move-option": _move_option,
    "change-step": _change_step,
    "change-option-set": _change_option_set,
    "change-option": _change_option,
    "change-wizard": _change_wizard,
    "add-ending": _add_ending,
    "change-ending": _change_ending,
    "move-ending": _move_ending,
    "delete-ending": _delete_ending,
    "change-rule": _change_rule,
    "delete-rule": lambda sent: _of_rule(sent, lambda _structure, _rule: []),
    "replace-options": _replace_options,
    "duplicate": lambda sent: duplicating(sent.needed("of"), sent.text("new_id") or None),
    "retire-step": lambda sent: fixed(e.RetireStep(step_id=sent.step_id)),
    "retire-option-set": lambda sent: fixed(e.RetireOptionSet(option_set_id=sent.option_set_id)),
    "retire-option": lambda sent: fixed(e.RetireOption(option_set_id=sent.option_set_id, value=sent.value)),
    "restore-step": _restore_step,
    "restore-option-set": _restore_option_set,
    "restore-option": _restore_option,
    "delete-step": lambda sent: fixed(e.DeleteStep(step_id=sent.step_id)),
    "delete-option-set": lambda sent: fixed(e.DeleteOptionSet(option_set_id=sent.option_set_id)),
    "delete-option": lambda sent: fixed(e.DeleteOption(option_set_id=sent.option_set_id, value=sent.value)),
}
