"""The work list of a migration as a page shows it: each thing that waits for a person, in words. Must not know requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.actions.migration_several import TOGETHER
from keepstep.core.migration_counts import OPEN
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet, choices_of
from keepstep.core.text import text_in, without_pipes
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read
from keepstep.queries.migration_conflicts import Among, Conflict, conflict_ids, count_alike, count_open_by_outcome, list_conflicts
from keepstep.queries.migration_jobs import Job
from keepstep.queries.plans import load_plan, prepared_plan
from keepstep.web.pages.migration_words import CHOICES
from keepstep.web.visitor import Visitor

_PAGE: Final = 25
_ONLY: Final[Mapping[str, Sequence[str]]] = {"conflicts": ("conflicts", "blocked"), "needs-answer": ("needs-answer",)}
# Questions that are answered by one choice or one line of text, beside the others in a row.
_IN_A_ROW: Final = (
    "text_input",
    "email",
    "phone",
    "url",
    "number",
    "integer",
    "slider",
    "rating",
    "time",
    "single_select",
    "dropdown",
    "boolean",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One row: the conflict in the words of a page. `control`: how an answer is given in the row: select, text; "" on a page of its own."""

    conflict: Conflict
    label: str
    value: str
    control: str
    options: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        return self.conflict.item.id

    @property
    def run_id(self) -> str:
        return self.conflict.item.run_id


async def worklist(
    tx: Read, job: Job, *, only: str = "", after: str = "", focus: str = "", going: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """What the list shows. `focus`: the row that has the keyboard when it comes; `going`: question and choice of what goes on."""
    outcomes = _ONLY.get(only, OPEN)
    found = await list_conflicts(tx, job, limit=_PAGE + 1, after=conflict_ids(after) if after else None, which=Among(outcomes=outcomes))
    counts = await count_open_by_outcome(tx, job.id)
    items = [item_of(each) for each in found[:_PAGE]]
    return {
        "items": items,
        "more_after": items[-1].id if len(found) > _PAGE else None,
        "waiting": {"": sum(counts.values())} | {name: sum(counts.get(each, 0) for each in each_of) for name, each_of in _ONLY.items()},
        "only": only if only in _ONLY else "",
        "focus": focus,
        "choice_words": CHOICES,
        "alike": await _alike(tx, job, counts, going),
    }


@dataclass(frozen=True, slots=True)
class Alike:
    """A question that so many runs wait for, about which one `choice` can be made for all. `goes_on`: it was, and is being carried out."""

    id: str
    choice: str
    label: str
    runs: int
    goes_on: bool


async def _alike(tx: Read, job: Job, counts: Mapping[str, int], going: tuple[str, str]) -> Sequence[Alike]:
    if job.kind == "undo" or not counts:
        return ()
    found = await count_alike(tx, job.id)
    prepared = await prepared_plan(tx, await load_plan(tx, job.plan_id))
    structures = (prepared.target, *prepared.structures.values())
    named = {each.id: each for structure in reversed(structures) for each in structure.option_sets}
    default, alike = prepared.target.default_language, []
    for option_set_id, choice in dict.fromkeys((name, choice) for name, outcome in found for choice in _choices_about(outcome)):
        runs = sum(found.get((option_set_id, outcome), 0) for outcome in TOGETHER[choice])
        goes_on = (option_set_id, choice) == going
        if option_set_id in named and runs > (not goes_on):
            option_set = named[option_set_id]
            label = without_pipes(text_in(option_set.name, default, default)) or option_set.key
            alike.append(Alike(option_set_id, choice, label, runs, goes_on))
    return sorted(alike, key=lambda each: -each.runs)[:_MOST_ALIKE]


def _choices_about(outcome: str) -> Iterator[str]:
    return (choice for choice, outcomes in TOGETHER.items() if outcome in outcomes)


_MOST_ALIKE: Final = 6
_GOING: Final = "decision-going-on"


def going_on(visitor: Visitor, job_id: str, what: tuple[str, str], last: tuple[str, str]) -> str:
    """What an address holds while a decision for many goes on: signed, so that no link of somebody else can begin one."""
    return sign(visitor.ctx.secret, _GOING, [visitor.ctx.actor.id, job_id, *what, *last])


def behind(visitor: Visitor, job_id: str, going: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Question and choice, and behind which run and question it goes on; None where it begins."""
    found = verified(visitor.ctx.secret, _GOING, going) if going else None
    if not isinstance(found, list) or found[:2] != [visitor.ctx.actor.id, job_id]:
        return None
    option_set_id, choice, *last = found[2:]
    return (option_set_id, choice), (last[0], last[1])


def item_of(conflict: Conflict) -> Item:
    state, source, place = conflict.state, conflict.source, conflict.place
    language, default = state.language, state.version.structure.default_language
    label = "" if source is None else without_pipes(text_in(source.name, language, default)) or source.key
    value = "" if source is None else display(conflict.envelope, source, language, default)
    return Item(conflict, label, value, *control_of(place, language, default))


def control_of(place: OptionSet | None, language: str, default: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if place is None or place.selection_type not in _IN_A_ROW:
        return "", ()
    if place.selection_type == "boolean":
        return "boolean", (("true", ""), ("false", ""))
    if place.selection_type in ("single_select", "dropdown"):
        options = [(each.value, text_in(each.label, language, default) or each.value) for each in choices_of(place) if not each.retired]
        return "select", tuple(options)
    return "text", ()
