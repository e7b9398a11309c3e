"""One run moved to another version, and back: the same decision, the same rows and the same proof as for a million.

What would happen is shown first, and done with the token of what was shown; a run that simply carries needs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import select, update

from keepstep.actions.audit import audit_run
from keepstep.actions.context import Context
from keepstep.actions.migration_conflicts import Resolution, given_envelope
from keepstep.actions.migration_jobs import NewJob, run_now, store_job
from keepstep.actions.plans import approve_plan, refuse_faults, store_plan, understood
from keepstep.actions.preconditions import require_there
from keepstep.actions.runs import check_seen
from keepstep.core.issue import Issue
from keepstep.core.moving import Decision, Settled, decide
from keepstep.core.permissions import require
from keepstep.core.plan import Plan, plan_digest
from keepstep.core.plan_changes import Said
from keepstep.core.plan_faults import faults_in_plan
from keepstep.core.plan_making import made_plan
from keepstep.core.side_by_side import Line, reason_json, side_by_side
from keepstep.core.tokens import sign, verified
from keepstep.core.validate import find_option_set
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_jobs, run_revisions
from keepstep.db.transaction import Read, Write
from keepstep.errors import (
    ImpactUnconfirmed,
    NothingPublished,
    NothingToMoveBack,
    RequestInvalid,
    RunStays,
)
from keepstep.queries.drafts import tried_conversions
from keepstep.queries.migration_conflicts import open_items
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.migration_reports import reasons_json
from keepstep.queries.movable import subject_of
from keepstep.queries.plans import Versions, load_plan, ready, structures_in, versions_by_id
from keepstep.queries.runs import RunState, load_run, wizard_of
from keepstep.queries.versions import Version

_GONE: Final = "The answers of this run were erased; there is nothing to move."
_PURPOSE: Final = "move-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleMove:
    """Where one run goes: a version's number, None for the active one. `said` completes what ids make of the way there; `resolutions`: what
    a person decided about single answers, by option set. `confirm`: the token of the report that was shown.
    """

    target: int | None = None
    said: Said = field(default_factory=Said)
    resolutions: Mapping[str, Resolution] = field(default_factory=dict)
    confirm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReport:
    """What would become of the run. `faults` of the plan come first: with any, nothing is decided yet."""

    state: RunState
    target: Version
    plan: Plan
    faults: tuple[Issue, ...]
    decision: Decision | None
    lines: tuple[Line, ...]
    confirm: str | None

    @property
    def moves(self) -> bool:
        return self.decision is not None and self.decision.moved is not None

    def to_json(self) -> dict[str, Any]:
        """`{run_id, from_version, to_version, outcome, moves, reasons, answers, faults, confirm}`; nothing was stored."""
        default = self.state.version.structure.default_language
        return {
            "run_id": self.state.id,
            "from_version": self.state.version.number,
            "to_version": self.target.number,
            "outcome": None if self.decision is None else self.decision.outcome,
            "moves": self.moves,
            "reasons": [] if self.decision is None else [reason_json(reason) for reason in self.decision.reasons],
            "answers": [line.to_json(self.state.language, default) for line in self.lines],
            "faults": [fault.to_json() for fault in self.faults],
            "confirm": self.confirm,
        }


async def report_of_move(ctx: Context, tx: Read, run_id: str, move: SingleMove) -> MoveReport:
    """What `move_run` would do now, with the token that it takes. Raises RunNotFound, Forbidden, RunTrashed, RunErased, VersionNotFound."""
    return (await _considered(ctx, tx, await load_run(tx, run_id), move))[0]


async def move_run(ctx: Context, tx: Write, run_id: str, move: SingleMove, seen: str | None) -> RunState:
    """The run in the target. Raises PreconditionRequired, Stale, PlanInvalid, RunStays with every reason, and ImpactUnconfirmed with
    the report.
    """
    state = await load_run(tx, run_id, locked=True)
    report, settled = await _considered(ctx, tx, state, move)
    await check_seen(tx, state, seen)
    refuse_faults(report.faults)
    _require_movable(report)
    _require_shown(ctx, report, move.confirm)
    stored = await approve_plan(ctx, tx, await store_plan(ctx, tx, state.origin_wizard_id, report.plan))
    scope = {"run_ids": [run_id], "single": True}
    job = await store_job(ctx, tx, NewJob(stored=stored, kind="apply", scope=scope, frozen_at=ctx.now))
    await run_now(ctx, tx, job, {run_id: settled})
    numbers = {"from_version": state.version.number, "to_version": report.target.number}
    await audit_run(ctx, tx, "run.moved", (run_id, state.origin_wizard_id), **numbers)
    return await load_run(tx, run_id)


async def _considered(ctx: Context, tx: Read, state: RunState, move: SingleMove) -> tuple[MoveReport, Mapping[str, Settled]]:
    require(ctx.actor, "edit", state.origin_wizard_id)
    require_there(state, erased=_GONE)
    versions = await versions_by_id(tx, state.origin_wizard_id)
    target = await _target(tx, state, versions, move.target)
    tried = await tried_conversions(tx, state.origin_wizard_id)
    plan = understood(made_plan({state.version.id: state.version.structure}, target.id, target.structure, tried), move.said, versions)
    faults = faults_in_plan(plan, structures_in(versions), target.structure, ctx.clock)
    report = MoveReport(state=state, target=target, plan=plan, faults=faults, decision=None, lines=(), confirm=None)
    if faults:
        return report, {}
    prepared = ready(plan, versions)
    settled = _settled(ctx, state, prepared, move.resolutions)
    decision = decide(subject_of(state), prepared, settled)
    lines = side_by_side(subject_of(state), decision, prepared)
    decided = replace(report, decision=decision, lines=lines)
    return replace(decided, confirm=_token(ctx, decided)), settled


async def _target(tx: Read, state: RunState, versions: Versions, number: int | None) -> Version:
    wizard = await wizard_of(tx, state.origin_wizard_id)
    wanted = wizard.active_number if number is None else number
    if wanted is None:
        raise NothingPublished("This wizard has no active version to move to; name one.")
    found = next((version for version in versions.values() if version.number == wanted), None)
    if found is None:
        detail = f"This wizard has no version {wanted}."
        raise RequestInvalid(detail, errors=[{"pointer": "/target", "code": "version-unknown", "detail": detail}])
    return found


def _settled(ctx: Context, state: RunState, prepared: Prepared, given: Mapping[str, Resolution]) -> Mapping[str, Settled]:
    """What was decided, by option set id. Raises ResolutionInvalid for a value that does not fit the target's question."""
    settled: dict[str, Settled] = {}
    for name, resolution in given.items():
        own = find_option_set(state.version.structure, name) or find_option_set(prepared.target, name)
        if own is None or resolution.choice not in ("value", "archive", "park", "waive", "reopen"):
            detail = f"{name[:80]!r} is no question of either version, or there is no such choice."
            raise RequestInvalid(detail, errors=[{"pointer": f"/resolutions/{name[:80]}", "code": "unknown", "detail": detail}])
        ways = prepared.ways[state.version.id]
        place = next((way.target for way in ways if way.source.id == own.id and way.target is not None), own)
        settled[own.id] = given_envelope(ctx, place, resolution) if resolution.choice == "value" else _plain(resolution.choice)
    return settled


def _plain(choice: str) -> Settled:
    match choice:
        case "archive" | "park" | "waive" | "reopen":
            return choice
        case _:
            raise AssertionError(choice)


def _require_movable(report: MoveReport) -> None:
    assert report.decision is not None  # a plan without faults was decided by
    if report.decision.moved is None:
        first = report.decision.reasons[-1]
        raise RunStays(first.detail, errors=reasons_json(report.decision.reasons), report=report.to_json())


def _token(ctx: Context, report: MoveReport) -> str | None:
    return sign(ctx.secret, _PURPOSE, _bound(ctx, report)) if report.moves else None


def _bound(ctx: Context, report: MoveReport) -> list[Any]:
    """Who, which state of which run, where to, by which plan, and with which outcome."""
    assert report.decision is not None
    reasons = [[reason.option_set_id, reason.code] for reason in report.decision.reasons]
    return [ctx.actor.id, report.state.id, report.state.etag, plan_digest(report.plan).hex(), report.decision.outcome, reasons]


def _require_shown(ctx: Context, report: MoveReport, confirm: str | None) -> None:
    assert report.decision is not None
    if confirm is None and report.decision.outcome == "carries":
        return
    if confirm is None or verified(ctx.secret, _PURPOSE, confirm) != _bound(ctx, report):
        detail = "Something of this run does not simply carry. Read the report, then repeat the call with its token."
        raise ImpactUnconfirmed(detail, **report.to_json())


# --- back ------------------------------------------------------------------------------------------------------------


async def move_run_back(ctx: Context, tx: Write, run_id: str, seen: str | None, resolutions: Mapping[str, str] | None = None) -> RunState:
    """The run as it was before the last job that moved it; what was edited since goes back by the inverse rule.

    `resolutions`: `before` or `archive` by option set of the former version, for edits that no rule brings back. Raises
    NothingToMoveBack, RunStays with every such edit, PreconditionRequired, Stale.
    """
    state = await load_run(tx, run_id, locked=True)
    require(ctx.actor, "edit", state.origin_wizard_id)
    require_there(state, erased=_GONE)
    await check_seen(tx, state, seen)
    last = await last_move(tx, state)
    if last is None:
        raise NothingToMoveBack("No job has moved this run, or the move was taken back already.")
    new = NewJob(
        stored=await load_plan(tx, last.plan_id),
        kind="undo",
        scope={"run_ids": [run_id], "single": True},
        frozen_at=ctx.now,
        undoes=last.continues or last.id,
    )
    if last.is_single and last.continues is None:
        own = migration_jobs.c
        await tx.execute(update(migration_jobs).where(own.id == last.id).values(state="reverting", updated_at=ctx.now))
    job = await run_now(ctx, tx, await store_job(ctx, tx, new), {run_id: dict(resolutions or {})})
    await _require_back(tx, job)
    await audit_run(ctx, tx, "run.moved_back", (run_id, state.origin_wizard_id), from_version=state.version.number)
    return await load_run(tx, run_id)


async def last_move(tx: Read, state: RunState) -> Job | None:
    """The job whose move of this run can be taken back; None where the last one was an undo, or there is none."""
    own = run_revisions.c
    moves = select(own.job_id, own.wizard_version_id, own.cause).where(own.run_id == state.id, own.job_id.is_not(None))
    row = await tx.one_or_none(moves.order_by(own.revision.desc()).limit(1))
    if row is None or row.cause != "migration" or row.wizard_version_id != state.version.id:
        return None
    return await load_job(tx, row.job_id)


async def _require_back(tx: Read, job: Job) -> None:
    left = await open_items(tx, job.id, limit=1_000)
    if left:
        errors = [
            {"pointer": f"/{item.option_set_id}", "code": item.code, "detail": "Edited since: say before or archive."} for item in left
        ]
        raise RunStays("Answers were edited since, and no rule brings them back. Say what becomes of each.", errors=errors)
