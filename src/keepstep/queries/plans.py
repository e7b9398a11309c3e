"""Plans of migrations as they are stored, made ready for runs, and held to what is stored. Reads only."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, exists, select

from keepstep.core.clock import Clock
from keepstep.core.convert import Stored
from keepstep.core.counts import Tally, distinct_values
from keepstep.core.issue import Issue
from keepstep.core.permissions import Actor, Permission, require
from keepstep.core.plan import Carry, Plan, parse_plan
from keepstep.core.plan_faults import faults_in_plan
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import Structure, choices_of
from keepstep.core.ways import Prepared, prepared
from keepstep.db.tables import migration_jobs, plans
from keepstep.db.transaction import Read
from keepstep.errors import PlanNotFound
from keepstep.queries.impact import stored_counts
from keepstep.queries.versions import Version, versions_of
from keepstep.queries.wizards import is_id


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan with its row. `revision` rises with every change until it is approved."""

    id: str
    origin_wizard_id: str
    plan: Plan
    digest: bytes
    revision: int
    created_at: datetime
    created_by: str | None
    updated_at: datetime
    approved_at: datetime | None
    approved_by: str | None
    discarded_at: datetime | None = None
    discarded_by: str | None = None


Versions = Mapping[str, Version]
"""Every version of a wizard, by its id."""


async def get_plan(tx: Read, actor: Actor, plan_id: str, permission: Permission = "view") -> StoredPlan:
    """The plan, for somebody with this permission on its wizard. Raises PlanNotFound, Forbidden."""
    return _there_for(actor, permission, await load_plan(tx, plan_id))


async def lock_plan(tx: Read, actor: Actor, plan_id: str) -> StoredPlan:
    """The same for who edits it: nobody else changes, approves or discards it before this transaction is over."""
    await get_plan(tx, actor, plan_id, "edit")
    stored = await find_plan(tx, plan_id, locked=True)
    assert stored is not None  # no plan is ever deleted
    return _there_for(actor, "edit", stored)


def _there_for(actor: Actor, permission: Permission, stored: StoredPlan) -> StoredPlan:
    require(actor, permission, stored.origin_wizard_id)
    if stored.discarded_at is not None:
        raise PlanNotFound("This plan was discarded. Make another one.")
    return stored


async def load_plan(tx: Read, plan_id: str) -> StoredPlan:
    """The plan, discarded or not; the caller decides who may. Raises PlanNotFound."""
    stored = await find_plan(tx, plan_id)
    if stored is None:
        raise PlanNotFound("There is no plan with this id.")
    return stored


async def find_plan(tx: Read, plan_id: str, *, locked: bool = False) -> StoredPlan | None:
    statement = select(plans).where(plans.c.id == plan_id)
    row = await tx.one_or_none(statement.with_for_update() if locked else statement) if is_id(plan_id) else None
    return None if row is None else _plan_of_row(row)


async def list_plans(tx: Read, wizard_id: str, *, limit: int, before: str | None = None, only_open: bool = False) -> Sequence[StoredPlan]:
    """The plans of a wizard, the newest first, without the discarded; with `only_open` those that nobody has approved."""
    statement = select(plans).where(plans.c.origin_wizard_id == wizard_id, plans.c.discarded_at.is_(None))
    if only_open:
        statement = statement.where(plans.c.approved_at.is_(None))
    if before is not None:
        statement = statement.where(plans.c.id < before)
    return [_plan_of_row(row) for row in await tx.rows(statement.order_by(plans.c.id.desc()).limit(limit))]


async def plans_by_id(tx: Read, plan_ids: Collection[str]) -> Mapping[str, StoredPlan]:
    """These plans, in one query."""
    rows = await tx.rows(select(plans).where(plans.c.id.in_(sorted(set(plan_ids))))) if plan_ids else ()
    return {row.id: _plan_of_row(row) for row in rows}


@dataclass(frozen=True, slots=True)
class Hop:
    """An approved plan as far as ways between versions are looked for: where it starts and leads, and the rules it was made for."""

    plan_id: str
    sources: Sequence[str]
    target: str
    rule_set: Mapping[str, int]


async def approved_hops(tx: Read, wizard_id: str) -> Sequence[Hop]:
    """The plans that somebody approved for all runs of their versions, the newest first: not those that moved a single run."""
    own, jobs = plans.c, migration_jobs.c
    # Decisions on a work list, and single runs that went back, are moves of one run as well, but by a plan for all.
    alone = (jobs.scope.has_key("single"), jobs.continues.is_(None), jobs.kind == "apply")
    single = exists().where(jobs.plan_id == own.id, *alone)
    columns = (own.id, own.target_id, own.content["sources"].label("sources"), own.content["rule_set"].label("rule_set"))
    approved = select(*columns).where(own.origin_wizard_id == wizard_id, own.approved_at.is_not(None), ~single)
    rows = await tx.rows(approved.order_by(own.approved_at.desc(), own.id.desc()).limit(_MOST_HOPS))
    return [Hop(row.id, tuple(row.sources), row.target_id, row.rule_set) for row in rows]


# Whoever changes a wizard every day for a year approves about as many.
_MOST_HOPS: Final = 400


def _plan_of_row(row: Row[Any]) -> StoredPlan:
    same = {name: getattr(row, name) for name in StoredPlan.__dataclass_fields__ if name not in {"plan", "digest"}}
    return StoredPlan(plan=parse_plan(row.content), digest=bytes(row.digest), **same)


async def versions_by_id(tx: Read, wizard_id: str) -> Versions:
    return {version.id: version for version in await versions_of(tx, wizard_id)}


# --- ready for runs --------------------------------------------------------------------------------------------------

# A job asks for its plan with every few runs, and a page for that of one run; those of a process at one time are few.
_MOST_READY: Final = 16
_ready: Final[OrderedDict[tuple[bytes, int], Prepared]] = OrderedDict()


async def prepared_plan(tx: Read, stored: StoredPlan) -> Prepared:
    """The plan, ready for any number of runs."""
    return prepared_among(stored, await versions_by_id(tx, stored.origin_wizard_id))


def prepared_among(stored: StoredPlan, versions: Versions) -> Prepared:
    """As `prepared_plan`, among all versions of its wizard."""
    return _kept(stored.digest, lambda: stored.plan, versions)


def prepared_by_ids(source: Version, target: Version, versions: Versions) -> Prepared:
    """What ids alone make of the way from one version to another, ready for any number of runs."""
    sources = {source.id: source.structure}
    return _kept(f"{source.id} {target.id}".encode(), lambda: made_plan(sources, target.id, target.structure), versions)


def _kept(key: bytes, plan: Callable[[], Plan], versions: Versions) -> Prepared:
    """Kept, since versions never change; with how many there were, since archives may hold answers of any of them."""
    place = (key, len(versions))
    known = _ready.get(place)
    if known is None:
        known = _ready[place] = ready(plan(), versions)
        while len(_ready) > _MOST_READY:
            _ready.popitem(last=False)
    return known


def ready(plan: Plan, versions: Versions) -> Prepared:
    """As `prepared_plan`, of a plan that is not stored."""
    return prepared(plan, structures_in(versions), versions[plan.target].structure)


def structures_in(versions: Versions) -> Mapping[str, Structure]:
    return {version_id: version.structure for version_id, version in versions.items()}


# --- faults ----------------------------------------------------------------------------------------------------------


async def faults_of(tx: Read, wizard_id: str, plan: Plan, clock: Clock) -> tuple[Issue, ...]:
    """Everything that is wrong with the plan, held to the answers that are stored now."""
    return await faults_among(tx, wizard_id, plan, (await versions_by_id(tx, wizard_id), clock))


async def faults_among(tx: Read, wizard_id: str, plan: Plan, of: tuple[Versions, Clock], *, unsent: bool = False) -> tuple[Issue, ...]:
    """The same of a plan among these versions, one of which may still be a draft. `unsent`: only runs that are not complete count."""
    versions, clock = of
    target = versions[plan.target].structure
    doubtful = sorted({option_set_id for _, option_set_id in _doubtful(plan, versions)})
    counts = await stored_counts(tx, wizard_id, doubtful, as_of=clock.at) if doubtful else None
    answers = {} if counts is None else counts.answers
    if unsent:
        answers = {name: tuple(each for each in tallies if each.status != "completed") for name, tallies in answers.items()}
    used = {} if counts is None else _used(plan, versions, answers)
    return faults_in_plan(plan, structures_in(versions), target, clock, used=used)


def _doubtful(plan: Plan, versions: Versions) -> Iterator[tuple[str, str]]:
    """Questions of which the target lacks an option, by source version: whether that matters, stored answers say."""
    target = versions[plan.target].structure
    for version_id, routes in plan.routes.items():
        source = versions[version_id].structure if version_id in versions else None
        for option_set_id, route in routes.items():
            option_set = source.option_set_by_id.get(option_set_id) if source else None
            place = target.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
            if option_set is None or place is None or not choices_of(place):
                continue
            if {option.value for option in choices_of(option_set)} - {option.value for option in choices_of(place)}:
                yield version_id, option_set_id


def _used(plan: Plan, versions: Versions, answers: Mapping[str, Sequence[Tally]]) -> Mapping[tuple[str, str], Sequence[Stored]]:
    return {(version_id, name): stored_in(answers[name], versions[version_id].number) for version_id, name in _doubtful(plan, versions)}


def stored_in(tallies: Sequence[Tally], version_number: int) -> Sequence[Stored]:
    """The distinct answers of one version, the most frequent first."""
    own = [tally for tally in tallies if tally.version_number == version_number]
    return [Stored(value, count, other) for value, other, count in distinct_values(own)]
