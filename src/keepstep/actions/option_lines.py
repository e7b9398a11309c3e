"""All options of a set at once, from lines of text: shown as a comparison first, then made as one edit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keepstep.actions.context import Context
from keepstep.actions.nodes import Known, Meaning, Plan, answered_options, settled
from keepstep.core import edits as e
from keepstep.core.counts import chosen_options
from keepstep.core.edits import Edit
from keepstep.core.issue import Issue, to_errors
from keepstep.core.keys import FreeKeys, Reserved
from keepstep.core.nodes import option_set_in
from keepstep.core.option_lines import Entry, Gone, Listing, Place, lines_in, listing
from keepstep.core.structure import ChoiceFields, Structure
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The text of the lines for one option set, the language of their labels, and what becomes of options without a line."""

    option_set_id: str
    text: str
    language: str
    gone: Gone = "retire"


def listing_of(structure: Structure, reserved: Reserved, lines: Lines) -> Listing:
    """What the options would become. Raises NodeNotFound, and RequestInvalid for a type without options."""
    option_set = option_set_in(structure, lines.option_set_id)
    if not isinstance(option_set, ChoiceFields):
        detail = f"A question of the type {option_set.selection_type} has no options."
        raise RequestInvalid(detail, errors=to_errors((Issue("/lines", "no-options", detail),)))
    place = Place(option_set, structure, lines.language, reserved.values.get(option_set.id, frozenset()))
    return listing(lines_in(lines.text), place, lines.gone)


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the new label of an answered option means, by its value; `rest` is said of all others."""

    by_value: Mapping[str, Meaning] = field(default_factory=dict)
    rest: Meaning | None = None

    def of(self, value: str) -> Meaning | None:
        return self.by_value.get(value, self.rest)


def replacing_options(lines: Lines, meanings: Meanings) -> Plan:
    """One edit that makes the options what the lines say. Each new label of an answered option asks what it means (semantics 13)."""

    async def plan(ctx: Context, tx: Read, known: Known) -> Edit:
        structure = known.state.draft.structure
        found = listing_of(structure, known.reserved, lines)
        if found.issues:
            raise RequestInvalid(found.issues[0].detail, errors=to_errors(found.issues))
        options = list(found.options)
        relabelled = {entry.value: entry for entry in found.entries if entry.reworded}
        tallies = await answered_options(ctx, tx, known, lines.option_set_id, relabelled.keys()) if relabelled else ()
        answered = chosen_options(tallies)
        if any(value in answered and meanings.of(value) is None for value in relabelled):
            settled(None, tallies, "option")
        others = {value: entry for value, entry in relabelled.items() if value in answered and meanings.of(value) == "different"}
        if others:
            options = _with_new_meanings(options, others, structure, known.reserved, lines)
        return e.ChangeOptionSet(option_set_id=lines.option_set_id, fields={"options": options})

    return plan


def _with_new_meanings(
    options: list[dict[str, Any]], relabelled: Mapping[str, Entry], structure: Structure, reserved: Reserved, lines: Lines
) -> list[dict[str, Any]]:
    """Each of these options retired under its old label, and a new one with the new label in its place."""
    option_set = option_set_in(structure, lines.option_set_id)
    assert isinstance(option_set, ChoiceFields)  # `listing_of` refused the others
    taken = FreeKeys([*reserved.values.get(option_set.id, ()), *(option["value"] for option in options)])
    result: list[dict[str, Any]] = []
    for option in options:
        entry = relabelled.get(option["value"])
        if entry is None:
            result.append(option)
            continue
        value = taken.take(entry.new, "option")
        old = option_set.option_by_value[option["value"]]
        result += [{**option, "value": value}, {**option, "label": old.label, "retired": True}]
    return result
