"""The work list of a migration as a page shows it: each thing that waits for a person, in words. Must not know requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.migration_counts import OPEN
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet, choices_of
from keepstep.core.text import text_in, without_pipes
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read
from keepstep.queries.migration_conflicts import Among, Conflict, conflict_ids, count_open_by_outcome, count_waivable, list_conflicts
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


async def worklist(tx: Read, job: Job, *, only: str = "", after: str = "", focus: str = "", going: str = "") -> dict[str, Any]:
    """What the list shows. `focus`: the row that has the keyboard when it comes; `going`: the question about which decisions go on."""
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
    """A question whose answer so many runs wait for, and may do without together. `goes_on`: somebody said so, and it is being done."""

    id: str
    label: str
    runs: int
    goes_on: bool


async def _alike(tx: Read, job: Job, counts: Mapping[str, int], going: str) -> Sequence[Alike]:
    if job.kind == "undo" or not counts.get("needs-answer"):
        return ()
    found = await count_waivable(tx, job.id)
    target = (await prepared_plan(tx, await load_plan(tx, job.plan_id))).target
    default = target.default_language
    return [
        Alike(each.id, without_pipes(text_in(each.name, default, default)) or each.key, found[each.id], each.id == going)
        for each in target.option_sets
        if found.get(each.id, 0) > (each.id != going)
    ]


_GOING: Final = "waive-going-on"


def going_on(visitor: Visitor, job_id: str, question: str, last: tuple[str, str]) -> str:
    """What an address holds while a decision for many goes on: signed, so that no link of somebody else can begin one."""
    return sign(visitor.ctx.secret, _GOING, [visitor.ctx.actor.id, job_id, question, *last])


def behind(visitor: Visitor, job_id: str, going: str) -> tuple[str, str, str] | None:
    """Question, run and option set behind which it goes on; None where it begins."""
    found = verified(visitor.ctx.secret, _GOING, going) if going else None
    if not isinstance(found, list) or found[:2] != [visitor.ctx.actor.id, job_id]:
        return None
    question, run_id, option_set_id = found[2:]
    return question, run_id, option_set_id


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
