"""What a respondent does about a newer version: accept it, decline it, or send a form of a version that their run has left meanwhile.

The run moves by the plan that the version was published with, by the engine's move of a single run. Must not know pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import update

from keepstep.actions.audit import audit_run
from keepstep.actions.context import Context
from keepstep.actions.migration_jobs import NewJob, run_now, store_job
from keepstep.actions.passages import PageSaved, save_page
from keepstep.actions.runs import append_revision
from keepstep.core.archive import put
from keepstep.core.flow import is_answered
from keepstep.core.moving import Subject, decide
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import OptionSet
from keepstep.core.validate import same_answer
from keepstep.core.ways import Prepared
from keepstep.db.tables import passages
from keepstep.db.transaction import Write
from keepstep.queries.migration_jobs import load_job
from keepstep.queries.movable import subject_of
from keepstep.queries.offers import Offer, last_job
from keepstep.queries.passages import Passage
from keepstep.queries.plans import load_plan, ready, versions_by_id
from keepstep.queries.runs import RunState, load_run

Envelopes = Mapping[str, Mapping[str, Any]]


async def accept_offer(ctx: Context, tx: Write, passage: Passage, offer: Offer) -> Passage:
    """The passage on the version that was offered; its working copy of before is a revision. The caller holds the lock of the run."""
    state = passage.state
    scope = {"run_ids": [state.id], "single": True}
    await run_now(ctx, tx, await store_job(ctx, tx, NewJob(stored=offer.stored, kind="apply", scope=scope, frozen_at=ctx.now)))
    numbers = {"from_version": state.version.number, "to_version": offer.target.number}
    await audit_run(ctx, tx, "run.offer_accepted", (state.id, state.origin_wizard_id), **numbers)
    return replace(passage, state=await load_run(tx, state.id))


async def decline_offer(ctx: Context, tx: Write, passage: Passage, offer: Offer) -> Passage:
    """The passage, which goes on where it is; it is not offered this version again. Declining twice changes nothing."""
    if offer.declined:
        return passage
    state = passage.state
    await tx.execute(update(passages).where(passages.c.run_id == state.id).values(declined_version_id=offer.target.id))
    numbers = {"version": state.version.number, "offered_version": offer.target.number}
    await audit_run(ctx, tx, "run.offer_declined", (state.id, state.origin_wizard_id), **numbers)
    return replace(passage, declined_version_id=offer.target.id)


# --- a form that came late -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Late:
    """What became of one answer of a form of a former version. `target`: the question that it answers now; None where none does."""

    source: OptionSet
    envelope: Mapping[str, Any]
    target: OptionSet | None
    is_taken: bool


@dataclass(frozen=True, slots=True)
class LateSaved:
    passage: Passage
    answers: tuple[Late, ...]


async def save_late(ctx: Context, tx: Write, passage: Passage, old: RunState, given: Envelopes) -> LateSaved:
    """The passage with what a form of `old`'s version says: converted as the move did where the question is still there and nobody
    answered it since; else kept in the run's archive. The caller holds the lock of the run, which is in progress.
    """
    prepared = await way_of_move(tx, passage.state, old)
    envelopes = {name: {**envelope, "source": "respondent"} for name, envelope in given.items()}
    was, now = (_moved(each, prepared) for each in (subject_of(old), _with(old, envelopes)))
    found = tuple(_late(old, passage.state, each, (prepared, was, now)) for each in envelopes.items())
    # Whoever left something empty in a question that is gone has said nothing that could be lost.
    found = tuple(each for each in found if each.is_taken or is_answered(each.envelope))
    taken = {each.target.id: now.answers[each.target.id] for each in found if each.is_taken and each.target is not None and now is not None}
    saved = await save_page(ctx, tx, passage, PageSaved(answers={name: _said(each) for name, each in taken.items()}))
    return LateSaved(await _kept(ctx, tx, saved, old, [each for each in found if not each.is_taken]), found)


def _said(envelope: Mapping[str, Any]) -> dict[str, Any]:
    return {name: envelope[name] for name in ("value", "other") if name in envelope}


async def way_of_move(tx: Write, state: RunState, old: RunState) -> Prepared:
    """From the former version to the present one: by the plan of the job that moved the run last, else as ids make it."""
    versions = await versions_by_id(tx, state.origin_wizard_id)
    job_id = await last_job(tx, state.id)
    plan = None if job_id is None else (await load_plan(tx, (await load_job(tx, job_id)).plan_id)).plan
    if plan is None or plan.target != state.version.id or old.version.id not in plan.sources:
        plan = made_plan({old.version.id: old.version.structure}, state.version.id, state.version.structure)
    return ready(plan.model_copy(update={"on_conflict": "park"}), versions)


def _with(old: RunState, envelopes: Envelopes) -> Subject:
    return replace(subject_of(old), answers={**old.answers, **envelopes})


def _moved(run: Subject, prepared: Prepared) -> Subject | None:
    return decide(run, prepared).moved


def _late(
    old: RunState, state: RunState, given: tuple[str, Mapping[str, Any]], ways: tuple[Prepared, Subject | None, Subject | None]
) -> Late:
    (name, envelope), (prepared, was, now) = given, ways
    source = old.version.structure.option_set_by_id[name]
    target = next((way.target for way in prepared.ways[old.version.id] if way.source.id == name), None)
    converted = None if now is None or target is None else now.answers.get(target.id)
    if target is None or converted is None or target.hidden:
        return Late(source, envelope, target, is_taken=False)
    stands = state.answers.get(target.id)
    untouched = same_answer(stands, None if was is None else was.answers.get(target.id)) or same_answer(stands, converted)
    return Late(source, envelope, target, is_taken=untouched)


async def _kept(ctx: Context, tx: Write, passage: Passage, old: RunState, left: list[Late]) -> Passage:
    """What has no place goes to the archive, which is part of revisions alone: so this is one."""
    if not left:
        return passage
    archive = dict(passage.state.archive)
    for each in left:
        put(archive, each.source.id, each.envelope, version_id=old.version.id)
    state = await append_revision(ctx, tx, replace(passage.state, archive=archive), "respondent")
    return replace(passage, state=state)
