"""Two people at one node: what this one wrote, told from what their page had shown, and what can be done with it.

Only what somebody changed is theirs to send: a form without a script sends all of its inputs, and the others hold what another
person may have changed since. Must not know how it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepstep.actions.builder_edits import draft_seen
from keepstep.core.reviving import Lost, is_there, lost
from keepstep.core.structure import Frozen, Structure, choices_of
from keepstep.db.transaction import Read
from keepstep.queries.drafts import WizardDraft
from keepstep.web.pages.build_acts import Sent, rule_of
from keepstep.web.pages.build_fields import Field, fields_of_node, given_in, shown
from keepstep.web.texts import message


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote into one input, and what stands there now. `now` None: the node has no such input any more."""

    label: str
    text: str
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """`sent` holds what was written and no more. `is_gone`: its node is not in the draft; `lost`: it can come back, with what.

    `is_known`: whether what was written could be told from what the page had shown.
    """

    sent: Sent
    written: Sequence[Written]
    is_gone: bool
    lost: Lost | None
    is_known: bool

    @property
    def is_nothing(self) -> bool:
        """Whether a form was sent in which nobody changed anything."""
        return self.is_known and self.sent.given.get("has") == "" and not self.written

    @property
    def can_go_on(self) -> bool:
        """Whether the same edit can be made on the draft as it is now."""
        return not self.is_gone and self.is_known and (not self.written or any(each.now is not None for each in self.written))


_LINES: Sequence[tuple[str, str]] = (("lines", message("Options, one per line")), ("label", message("New option")))


async def collision_of(tx: Read, state: WizardDraft, act: str, sent: Sent) -> Collision:
    structure = state.draft.structure
    former = await draft_seen(tx, state, sent.number("base"))
    node = _node(act, sent, structure)
    names = [name for name in sent.text("has").split(",") if name]
    before = None if former is None else _node(act, sent, former)
    if sent.text("whole") and before is not None and former is not None:
        names = [name for name in names if _differs(name, sent, before, former)]
    wanted = sent.wanted
    is_gone = (act.startswith("change-") and node is None) or (wanted is not None and not is_there(structure, wanted))
    given = {name: text for name, text in sent.given.items() if name not in {"whole", "has"}}
    return Collision(
        sent=replace(sent, given=given | ({"has": ",".join(names)} if "has" in sent.given else {})),
        written=[*_written(names, sent, (before, former), (node, structure)), *_lines(sent)],
        is_gone=is_gone,
        lost=lost(state.draft, former, wanted) if is_gone and wanted is not None else None,
        is_known=not sent.text("whole") or before is not None,
    )


def _node(act: str, sent: Sent, structure: Structure) -> Frozen | None:
    """What a form of this act shows the members of."""
    match act:
        case "change-wizard":
            return structure
        case "change-step":
            return structure.step_by_id.get(sent.text("step_id"))
        case "change-ending":
            return next((each for each in structure.endings if each.key == sent.text("ending")), None)
        case "change-option-set" | "change-option" | "change-rule":
            return _in_option_set(act, sent, structure)
        case _:
            return None


def _in_option_set(act: str, sent: Sent, structure: Structure) -> Frozen | None:
    option_set = structure.option_set_by_id.get(sent.text("option_set_id"))
    if option_set is None:
        return None
    if act == "change-rule":
        at = rule_of(option_set, sent)
        return None if at is None else option_set.constraints.rules[at]
    if act == "change-option":
        return next((option for option in choices_of(option_set) if option.value == sent.text("value")), None)
    return option_set


def _field(name: str, node: Frozen | None) -> Field | None:
    return None if node is None else next((field for field in fields_of_node(node) if field.name == name), None)


def _language(sent: Sent, structure: Structure) -> str:
    return sent.text("lang") if sent.text("lang") in structure.languages else structure.default_language


def _shown(name: str, sent: Sent, node: Frozen | None, structure: Structure) -> str | None:
    field = _field(name, node)
    return None if field is None or node is None else shown(field, node, _language(sent, structure), structure)


def _differs(name: str, sent: Sent, node: Frozen, structure: Structure) -> bool:
    field = _field(name, node)
    return field is None or given_in(field, sent.given) != _shown(name, sent, node, structure)


Held = tuple[Frozen | None, Structure | None]


def _written(names: Sequence[str], sent: Sent, before: Held, now: tuple[Frozen | None, Structure]) -> list[Written]:
    found = []
    for name in names:
        field = _field(name, before[0]) or _field(name, now[0])
        text = sent.text(name) if field is None else given_in(field, sent.given)
        found.append(Written("" if field is None else field.label, text, _shown(name, sent, *now)))
    return found


def _lines(sent: Sent) -> list[Written]:
    return [Written(label, sent.text(name), "") for name, label in _LINES if sent.text(name) and "has" not in sent.given]
