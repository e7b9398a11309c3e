"""The work list of a job: runs that wait for a person, question by question, with the stored value and what can be chosen. Reads only.

Items name run, question and code; values and sentences are read from the runs when somebody looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, cast, exists, func, literal, or_, select, tuple_

from keepstep.core.archive import origin_of
from keepstep.core.migration_counts import OPEN
from keepstep.core.moving import Reason, decide
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet
from keepstep.core.text import text_in
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_items, migration_jobs, migration_resolutions, plans, run_revisions, wizard_runs
from keepstep.db.transaction import Read
from keepstep.errors import ConflictNotFound
from keepstep.queries.migration_jobs import Job
from keepstep.queries.movable import subject_of
from keepstep.queries.plans import load_plan, prepared_plan
from keepstep.queries.run_lists import among
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row
from keepstep.queries.wizards import is_id

RESOLVED: Final = "resolved"
OF_CONFLICT: Final = ("value", "archive", "park", "stay")
OF_NEED: Final = ("value", "waive", "reopen", "stay")
OF_PARKED: Final = ("value", "archive")
OF_UNDO: Final = ("before", "archive", "stay")


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A reason that is not resolved. `moved`: the run moved with this answer parked. `chosen`: what a person said of it already."""

    run_id: str
    option_set_id: str
    outcome: str
    code: str
    revision: int
    moved: bool
    chosen: str | None

    @property
    def id(self) -> str:
        return f"{self.run_id}:{self.option_set_id}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """An open item as somebody decides about it. `place`: the target's question that a value would answer, None where there is none.

    `detail`: why, in words; "" where the run was changed so that it no longer holds. `choices` in the order in which they are offered.
    """

    item: OpenItem
    state: RunState
    source: OptionSet | None
    place: OptionSet | None
    detail: str
    choices: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether what it was about still holds the run up; an answer that was changed since may go along."""
        return bool(self.detail) or self.item.moved

    @property
    def envelope(self) -> Mapping[str, Any] | None:
        """The stored answer; a parked one lies in the archive."""
        name = self.item.option_set_id
        found = self.state.answers.get(name)
        return self.state.archive.get(name, found) if self.item.moved else found


@dataclass(frozen=True, slots=True)
class Among:
    """Which of a job's open items: of one run, of several, of one question, of some outcomes."""

    run_id: str | None = None
    run_ids: Sequence[str] | None = None
    option_set_id: str | None = None
    outcomes: Sequence[str] = OPEN

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [] if self.run_id is None else [_OWN.run_id == self.run_id]
        found += [] if self.run_ids is None else [_OWN.run_id.in_(self.run_ids)]
        found += [] if self.option_set_id is None else [_OWN.option_set_id == self.option_set_id]
        return found + ([] if self.outcomes is OPEN else [_OWN.outcome.in_(self.outcomes)])


ANY: Final = Among()


def conflict_ids(conflict_id: str) -> tuple[str, str]:
    """Run and option set of a conflict's id. Raises ConflictNotFound."""
    run_id, _, option_set_id = conflict_id.partition(":")
    if not is_id(run_id) or not is_id(option_set_id):
        raise ConflictNotFound("The id of a conflict is the run's and the option set's, with a colon between them.")
    return run_id, option_set_id


_OWN: Final = migration_items.c


def _open(job_ids: Sequence[str], *more: ColumnElement[bool]) -> Select[Any]:
    """While a job fills the table its statistics know nothing of it: what is looked up for each item is asked for one by one, along its
    index (`OFFSET 0`), since a join that the database takes for a small one would be as long as the square of the items.
    """
    done = migration_items.alias("done")
    same = and_(done.c.run_id == _OWN.run_id, done.c.job_id == _OWN.job_id, done.c.option_set_id == _OWN.option_set_id)
    resolved = select(done.c.number).where(same, done.c.outcome == RESOLVED).offset(0).exists()
    said = migration_resolutions.c
    of_item = and_(said.run_id == _OWN.run_id, said.job_id == _OWN.job_id, said.option_set_id == _OWN.option_set_id)
    chosen = select(said.resolution).where(of_item).scalar_subquery().label("chosen")
    own = (_OWN.job_id, _OWN.run_id, _OWN.option_set_id, _OWN.outcome, _OWN.code, _OWN.revision, _OWN.moved)
    joined = migration_items.join(wizard_runs, wizard_runs.c.id == _OWN.run_id)
    conditions = (_OWN.job_id.in_(job_ids), _OWN.outcome.in_(OPEN), _OWN.option_set_id.is_not(None), ~resolved, _still_stands())
    return select(*own, chosen).select_from(joined).where(*conditions, *more)


def _still_stands() -> ColumnElement[bool]:
    """Whether the run is where the job left it, so that there is something to decide: not taken back, moved on, trashed or erased since."""
    run, jobs, then = wizard_runs.c, migration_jobs.c, run_revisions.c
    counts = exists().where(jobs.id == _OWN.job_id, jobs.state.not_in(("reverting", "reverted")))
    arrived = exists().where(jobs.id == _OWN.job_id, plans.c.id == jobs.plan_id, plans.c.target_id == run.wizard_version_id)
    since = then.run_id == _OWN.run_id, then.revision == func.greatest(_OWN.revision, 1)
    stayed = exists().where(*since, then.wizard_version_id == run.wizard_version_id)
    is_there = or_(and_(_OWN.moved, arrived, _still_parked()), and_(~_OWN.moved, or_(stayed, run.revision == 0)))
    return and_(counts, is_there, run.trashed_at.is_(None), run.erased_at.is_(None))


def _still_parked() -> ColumnElement[bool]:
    """Whether the parked answer waits: nobody has said what becomes of it, nor answered the question that it was meant for."""
    head = run_revisions.alias("now")
    entry = head.c.archive[cast(_OWN.option_set_id, Text)]
    place = func.coalesce(entry["conflict"]["to"].astext, cast(_OWN.option_set_id, Text))
    answer = func.coalesce(wizard_runs.c.working_answers, head.c.answers)[place]
    is_empty = func.coalesce(cast(answer["value"], Text).in_(("null", '""', "[]")), True) & (
        func.coalesce(answer["other"].astext, "") == ""
    )
    is_head = and_(head.c.run_id == wizard_runs.c.id, head.c.revision == wizard_runs.c.revision)
    return exists().where(is_head, entry.has_key("conflict"), is_empty)


async def open_items(tx: Read, job_id: str, *, limit: int, after: Sequence[str] | None = None, which: Among = ANY) -> Sequence[OpenItem]:
    """In the order of runs; `after` is (run id, option set id) of the last one seen."""
    more = [] if after is None else [tuple_(_OWN.run_id, _OWN.option_set_id) > tuple_(*(literal(each, _OWN.run_id.type) for each in after))]
    more += which.conditions()
    rows = await tx.rows(_open([job_id], *more).order_by(_OWN.run_id, _OWN.option_set_id).limit(limit))
    names = OpenItem.__dataclass_fields__
    return [OpenItem(**{name: getattr(row, name) for name in names}) for row in rows]


async def count_open(tx: Read, job_id: str) -> int:
    """How many reasons wait for a person; not how many runs."""
    return int(await tx.scalar(select(func.count()).select_from(_open([job_id]).subquery())))


async def count_open_by_outcome(tx: Read, job_id: str) -> Mapping[str, int]:
    """The same, by outcome."""
    waiting = _open([job_id]).subquery()
    rows = await tx.rows(select(waiting.c.outcome, func.count().label("reasons")).group_by(waiting.c.outcome))
    return {row.outcome: int(row.reasons) for row in rows}


async def count_waiting(tx: Read, job_ids: Sequence[str]) -> Mapping[str, int]:
    """How many runs of each of these jobs wait for a person."""
    waiting = _open(job_ids).subquery()
    counted = select(waiting.c.job_id, func.count(waiting.c.run_id.distinct()).label("runs")).group_by(waiting.c.job_id)
    return {row.job_id: int(row.runs) for row in await tx.rows(counted)}


async def count_alike(tx: Read, job_id: str) -> Mapping[tuple[str, str], int]:
    """Runs that wait on their version, by (question, outcome of it); without those about which a person has said something."""
    waiting = _open([job_id], ~_OWN.moved).subquery()
    own = waiting.c
    unsaid = select(own.option_set_id, own.outcome, func.count().label("runs")).where(own.chosen.is_(None))
    return {(row.option_set_id, row.outcome): int(row.runs) for row in await tx.rows(unsaid.group_by(own.option_set_id, own.outcome))}


async def list_conflicts(tx: Read, job: Job, *, limit: int, after: Sequence[str] | None = None, which: Among = ANY) -> Sequence[Conflict]:
    """A page of the work list. Four statements, and the plan and its versions once for a process."""
    items = await open_items(tx, job.id, limit=limit, after=after, which=which)
    if not items:
        return ()
    rows = await tx.rows(runs_with_heads(wizard_runs).where(among(sorted({item.run_id for item in items}))))
    states = {row.id: await state_of_row(tx, row) for row in rows}
    prepared = await prepared_plan(tx, await load_plan(tx, job.plan_id))
    return [conflict_of(item, states[item.run_id], job, prepared) for item in items]


def conflict_of(item: OpenItem, state: RunState, job: Job, prepared: Prepared) -> Conflict:
    """The item with what the run holds now."""
    source = _question(state, item.option_set_id, prepared)
    place = _place(state, item, prepared)
    detail = "" if job.kind == "undo" else _detail(state, item, prepared)
    choices = _choices(item, job, has_place=place is not None)
    return Conflict(item, state, source, place, detail, choices)


def _question(state: RunState, option_set_id: str, prepared: Prepared) -> OptionSet | None:
    own = state.version.structure.option_set_by_id.get(option_set_id)
    for structure in (prepared.target, *prepared.structures.values()):
        own = own or structure.option_set_by_id.get(option_set_id)
    return own


def _place(state: RunState, item: OpenItem, prepared: Prepared) -> OptionSet | None:
    if item.outcome == "needs-answer":
        return prepared.target.option_set_by_id.get(item.option_set_id)
    # A parked answer is meant for where its own version leads: another one may lead elsewhere.
    source = (origin_of(state.archive.get(item.option_set_id) or {}) or "") if item.moved else state.version.id
    ways = prepared.ways.get(source, ())
    return next((way.target for way in ways if way.source.id == item.option_set_id and way.target is not None), None)


def _detail(state: RunState, item: OpenItem, prepared: Prepared) -> str:
    if item.moved:
        conflict = (state.archive.get(item.option_set_id) or {}).get("conflict") or {}
        return str(conflict.get("detail", ""))
    return next((reason.detail for reason in _reasons(state, prepared) if reason.option_set_id == item.option_set_id), "")


def _reasons(state: RunState, prepared: Prepared) -> Sequence[Reason]:
    return decide(subject_of(state), prepared).reasons


def _choices(item: OpenItem, job: Job, *, has_place: bool) -> tuple[str, ...]:
    if job.kind == "undo":
        return OF_UNDO
    choices = OF_PARKED if item.moved else OF_NEED if item.outcome == "needs-answer" else OF_CONFLICT
    return tuple(choice for choice in choices if has_place or choice != "value")


def conflict_json(conflict: Conflict) -> dict[str, Any]:
    """As the API lists it."""
    item, state = conflict.item, conflict.state
    language, default = state.language, state.version.structure.default_language
    envelope, source, place = conflict.envelope, conflict.source, conflict.place
    value = None if envelope is None else {name: envelope[name] for name in ("value", "other") if name in envelope}
    return {
        "id": item.id,
        "run_id": item.run_id,
        "version_number": state.version.number,
        "revision": state.head_revision,
        "option_set_id": item.option_set_id,
        "key": None if source is None else source.key,
        "label": None if source is None else text_in(source.name, language, default),
        "outcome": item.outcome,
        "code": item.code,
        "detail": conflict.detail,
        "response_value": value,
        "display": "" if source is None else display(envelope, source, language, default),
        "target": None if place is None else {"option_set_id": place.id, "key": place.key, "selection_type": place.selection_type},
        "moved": item.moved,
        "chosen": item.chosen,
        "choices": list(conflict.choices),
    }


_LEFT: Final = or_(_OWN.option_set_id.is_(None), _OWN.outcome.not_in((*OPEN, RESOLVED)))


async def list_left(tx: Read, job_id: str, *, limit: int, after: str | None = None) -> Sequence[tuple[str, str, str, int]]:
    """Runs that were left as they are for another reason than their answers: (run id, outcome, code, revision), in the order of ids."""
    conditions: list[ColumnElement[bool]] = [_OWN.job_id == job_id, _LEFT, _OWN.outcome != RESOLVED]
    conditions += [] if after is None else [_OWN.run_id > after]
    columns = (_OWN.run_id, _OWN.outcome, _OWN.code, _OWN.revision)
    rows = await tx.rows(select(*columns).where(*conditions).order_by(_OWN.run_id).limit(limit))
    return [(row.run_id, row.outcome, row.code, row.revision) for row in rows]
