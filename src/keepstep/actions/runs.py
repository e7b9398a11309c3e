"""What people do with runs: start, save, complete, edit, restore a revision, trash. Each stores a state or nothing.

The rules are semantics 4 and 5: a run is validated against its own version alone, and a completed run changes only by a
new revision.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.audit import audit_run
from keepstep.actions.context import Context
from keepstep.actions.files import attach_files, with_files
from keepstep.actions.preconditions import require_seen, require_there
from keepstep.actions.revisions import NewRevision, revision_row, stored_answers
from keepstep.core.clock import utc_text
from keepstep.core.flow import Answers, Before, Evaluation, evaluate, without_waived
from keepstep.core.issue import Issue, to_errors
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.permissions import require
from keepstep.core.validate import Given, Mode, Verdict, given_answers, merged, same_answer, verdict_on
from keepstep.db.tables import Cause, RunStatus, run_revisions, wizard_runs, wizards
from keepstep.db.transaction import UNIQUE, Write
from keepstep.errors import (
    AlreadyCompleted,
    AnswersInvalid,
    IdConflict,
    NothingPublished,
    RequestInvalid,
    RunErased,
    RunTrashed,
    Stale,
    WizardNotFound,
    WizardRemoved,
    WizardTrashed,
)
from keepstep.queries.accounts import find_user
from keepstep.queries.runs import RunState, load_run, load_run_at
from keepstep.queries.versions import Version, remember_active, version_by_id, version_by_number
from keepstep.queries.wizards import is_id, referred


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a client sends to start a run. `answers`: option set id or key → value or envelope."""

    id: str | None = None
    version_number: int | None = None
    answers: Any = None
    complete: bool = False
    language: str | None = None
    respondent: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored state, and what it leaves to be said: required questions that an edit made visible. `created`: it is a new run."""

    state: RunState
    issues: tuple[Issue, ...] = ()
    created: bool = False


# The lock is the one that the run's foreign key takes anyway. Taken here, a wizard on its way to the trash is waited for, not missed.
_WIZARD: Final = select(wizards.c.id, wizards.c.active_version_id, wizards.c.trashed_at, wizards.c.removed_at).with_for_update(
    read=True, key_share=True
)
_WIZARD_BY_ID: Final = _WIZARD.where(wizards.c.id == bindparam("ref"))
_WIZARD_BY_SLUG: Final = _WIZARD.where(wizards.c.slug == bindparam("ref"))
INSERT_RUN: Final = upsert(wizard_runs).on_conflict_do_nothing(index_elements=[wizard_runs.c.id]).returning(wizard_runs.c.id)
_INSERT_REVISION: Final = insert(run_revisions)


# --- start ---------------------------------------------------------------------------------------------------------


async def start_run(ctx: Context, tx: Write, wizard_ref: str, request: RunRequest) -> Saved:
    """A new run on the active version, complete at once if asked for; or the run that this very request made before.

    Raises AnswersInvalid with every finding; nothing is stored then.
    """
    # Before anything else: whoever lost the answer to a request sends it again, and must get the run that it made,
    # whatever was published, trashed or removed since.
    if request.id is not None and await _is_known(tx, request.id):
        return await _same_run(ctx, tx, wizard_ref, request.id, request)
    version = await version_to_start(ctx, tx, wizard_ref, request.version_number)
    language = _language(version, request.language)
    run_id = request.id or ctx.make_id()
    given = await with_files(tx, version, given_answers(request.answers or {}, version.structure, "respondent"))
    evaluation = evaluate(version.structure, given.answers, ctx.clock)
    verdict = _accepted(version, evaluation, _Attempt(given, given.answers, "complete" if request.complete else "save", language))
    answers = stored_answers(given.answers, version.structure, evaluation, verdict.flags)
    state = new_run(ctx, version, request, Start(run_id, language, evaluation.asked, answers))
    if await tx.scalar(INSERT_RUN, run_row(ctx, state, request)) is None:
        return await _same_run(ctx, tx, wizard_ref, run_id, request)
    if request.complete:
        state = await _store_revision(ctx, tx, state, "respondent", None)
    await attach_files(tx, version, run_id, given.answers)
    return Saved(state, in_body(verdict.notes), created=True)


async def version_to_start(ctx: Context, tx: Write, wizard_ref: str, number: int | None) -> Version:
    """The version that a run begins on: the active one, or for editors the one with this number. The wizard is locked against removal."""
    statement = _WIZARD_BY_ID if is_id(wizard_ref) else _WIZARD_BY_SLUG
    wizard = await tx.one_or_none(statement, {"ref": wizard_ref})
    if wizard is None:
        raise WizardNotFound(f"There is no wizard {wizard_ref[:80]!r}.")
    require(ctx.actor, "submit", wizard.id)
    if wizard.removed_at is not None:
        raise WizardRemoved("This wizard was removed; no run can start on it.")
    if wizard.trashed_at is not None:
        raise WizardTrashed("This wizard is in the trash; restore it before runs can start.")
    if number is not None:
        require(ctx.actor, "edit", wizard.id)
        return await version_by_number(tx, wizard.id, number)
    if wizard.active_version_id is None:
        raise NothingPublished("This wizard has no published version yet.")
    remember_active(wizard_ref, wizard.active_version_id)
    return await version_by_id(tx, wizard.active_version_id)


def _language(version: Version, wanted: str | None) -> str:
    structure = version.structure
    if wanted is None:
        return structure.default_language
    if wanted not in structure.languages:
        detail = f"This version has the languages {', '.join(structure.languages)}."
        raise RequestInvalid(detail, errors=[{"pointer": "/language", "code": "language-unknown", "detail": detail}])
    return wanted


def in_body(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """The findings on answers with their place in the request's body."""
    return tuple(replace(issue, pointer="/answers" + issue.pointer) for issue in issues)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What is about to be stored: the answers given now, and the whole run as it would be. `previous`: the state before."""

    given: Given
    whole: Answers
    mode: Mode
    language: str
    previous: Answers | None = None


def _accepted(version: Version, evaluation: Evaluation, attempt: _Attempt) -> Verdict:
    """The verdict on an attempt. Raises AnswersInvalid with every finding."""
    verdict = verdict_on(attempt.whole, version.structure, evaluation, attempt.mode, attempt.previous, language=attempt.language)
    issues = in_body((*attempt.given.issues, *verdict.errors))
    if issues:
        count = f"{len(issues)} answers do" if len(issues) > 1 else "One answer does"
        raise AnswersInvalid(
            f"{count} not fit; nothing was stored. First: {issues[0].pointer}: {issues[0].detail}", errors=to_errors(issues)
        )
    return verdict


@dataclass(frozen=True, slots=True)
class Start:
    """What an accepted request comes to: `answers` as they are stored, `asked` as evaluated."""

    run_id: str
    language: str
    asked: str
    answers: Answers


def new_run(ctx: Context, version: Version, request: RunRequest, start: Start) -> RunState:
    """The run that a request makes, as it will be once it is stored."""
    return RunState(
        id=start.run_id,
        origin_wizard_id=version.origin_wizard_id,
        wizard_id=version.origin_wizard_id,
        version=version,
        status="completed" if request.complete else "in_progress",
        revision=1 if request.complete else 0,
        save_number=0,
        head_revision=1 if request.complete else 0,
        language=start.language,
        respondent=request.respondent,
        started_at=ctx.now,
        updated_at=ctx.now,
        completed_at=ctx.now if request.complete else None,
        trashed_at=None,
        erased_at=None,
        answers=start.answers,
        archive={},
        asked=start.asked,
        evaluated_at=ctx.now,
        zone=ctx.zone,
        digest=None,
        cause=None,
        actor=ctx.actor.id,
        at=ctx.now,
        is_working_copy=not request.complete,
        erased={},
    )


def run_row(ctx: Context, state: RunState, request: RunRequest) -> dict[str, Any]:
    """The row of `wizard_runs` of a new run."""
    return {
        "id": state.id,
        "origin_wizard_id": state.origin_wizard_id,
        "wizard_id": state.wizard_id,
        "wizard_version_id": state.version.id,
        "status": state.status,
        "revision": state.revision,
        "save_number": 0,
        "working_answers": state.answers if state.is_working_copy else None,
        "language": state.language,
        "respondent": state.respondent,
        "request_digest": _request_digest(ctx, request) if request.id else None,
        "saved_by": ctx.actor.id,
        "started_at": ctx.now,
        "updated_at": ctx.now,
        "completed_at": state.completed_at,
    }


def _request_digest(ctx: Context, request: RunRequest) -> bytes:
    """Keyed, so that the stored digest of a short answer cannot be guessed back into the answer."""
    body = [request.id, request.version_number, request.answers, request.complete, request.language, request.respondent]
    return hmac.digest(ctx.secret, canonical_bytes(body), "sha256")


async def _is_known(tx: Write, run_id: str) -> bool:
    return await tx.scalar(select(wizard_runs.c.id).where(wizard_runs.c.id == run_id)) is not None


async def _same_run(ctx: Context, tx: Write, wizard_ref: str, run_id: str, request: RunRequest) -> Saved:
    """The run that this request made before. Raises IdConflict when another one did, Gone when it is in the trash or erased."""
    columns = (wizard_runs.c.origin_wizard_id, wizard_runs.c.request_digest, wizard_runs.c.trashed_at, wizard_runs.c.erased_at)
    row = await tx.row(select(*columns).where(wizard_runs.c.id == run_id))
    require(ctx.actor, "submit", row.origin_wizard_id)
    if row.erased_at is not None:
        raise RunErased("A run with this id was erased.")
    if row.trashed_at is not None:
        raise RunTrashed("A run with this id is in the trash.")
    # A wizard that was removed has no slug any more, so a name that nobody has now is no other wizard's.
    named = await tx.scalar(select(wizards.c.id).where(referred(wizard_ref)))
    same = row.request_digest is not None and hmac.compare_digest(bytes(row.request_digest), _request_digest(ctx, request))
    if named not in (None, row.origin_wizard_id) or not same:
        raise IdConflict("A run with this id was started by another request.")
    return Saved(await load_run(tx, run_id))


# --- save, complete, edit ------------------------------------------------------------------------------------------


async def save_answers(ctx: Context, tx: Write, run_id: str, answers: Any, seen: str | None) -> Saved:
    """The run with these answers merged in: its working copy while in progress, a new revision once completed.

    `seen` is the ETag that the client read (None: not given). Raises Stale, PreconditionRequired, AnswersInvalid.
    """
    state = await _changeable(ctx, tx, run_id)
    await check_seen(tx, state, seen)
    editing = state.status == "completed"
    given = await with_files(tx, state.version, given_answers(answers, state.version.structure, "editor" if editing else "respondent"))
    whole = merged(state.answers, given.answers)
    changed = frozenset(name for name, envelope in given.answers.items() if not same_answer(envelope, state.answers.get(name)))
    evaluation = evaluate(state.version.structure, whole, ctx.clock, Before(state.asked, changed))
    verdict = _accepted(state.version, evaluation, _Attempt(given, whole, "edit" if editing else "save", state.language, state.answers))
    kept = {name: whole[name] if name in changed else state.answers.get(name, whole[name]) for name in whole}
    await attach_files(tx, state.version, run_id, given.answers)
    stored = stored_answers(kept, state.version.structure, evaluation, verdict.flags)
    return await _stored(ctx, tx, state, evaluation, (stored, in_body(verdict.notes)))


async def _stored(ctx: Context, tx: Write, state: RunState, evaluation: Evaluation, result: tuple[Answers, tuple[Issue, ...]]) -> Saved:
    answers, notes = result
    if state.status == "completed":
        asked = without_waived(state.version.structure, evaluation.asked, answers)
        edited = replace(state, answers=answers, asked=asked, evaluated_at=ctx.now, zone=ctx.zone)
        return Saved(await append_revision(ctx, tx, edited, "editor"), notes)
    return Saved(await save_working_copy(ctx, tx, state, answers, evaluation), notes)


async def save_working_copy(ctx: Context, tx: Write, state: RunState, answers: Answers, evaluation: Evaluation) -> RunState:
    """The run in progress with these answers, in the language of `state`. Saving resumes an abandoned run."""
    changes = {
        "working_answers": answers,
        "save_number": state.save_number + 1,
        "language": state.language,
        "saved_by": ctx.actor.id,
        "updated_at": ctx.now,
        "status": "in_progress",
    }
    await tx.execute(update(wizard_runs).where(wizard_runs.c.id == state.id).values(**changes))
    return replace(
        state,
        answers=answers,
        save_number=state.save_number + 1,
        status="in_progress",
        asked=evaluation.asked,
        updated_at=ctx.now,
        evaluated_at=ctx.now,
        actor=ctx.actor.id,
        at=ctx.now,
    )


async def complete_run(ctx: Context, tx: Write, run_id: str, seen: str | None) -> Saved:
    """The run, completed: its working copy becomes a revision. Raises AnswersInvalid with everything that is missing or wrong."""
    state = await _changeable(ctx, tx, run_id)
    if state.status == "completed":
        raise AlreadyCompleted("This run is already complete; change its answers to make a new revision.")
    await check_seen(tx, state, seen)
    evaluation = evaluate(state.version.structure, state.answers, ctx.clock, Before(state.asked, frozenset()))
    # An answer that an older state of this very run stored, such as one taken over with a misfit, never blocks it (P5).
    verdict = _accepted(
        state.version, evaluation, _Attempt(Given({}, ()), state.answers, "complete", state.language, flagged(state.answers))
    )
    answers = stored_answers(state.answers, state.version.structure, evaluation, verdict.flags)
    completed = replace(
        state, answers=answers, asked=evaluation.asked, evaluated_at=ctx.now, zone=ctx.zone, status="completed", completed_at=ctx.now
    )
    return Saved(await append_revision(ctx, tx, completed, "respondent"), in_body(verdict.notes))


def flagged(answers: Answers) -> Answers:
    """The answers that already carry a flag: they were stored as misfits once and are known to be."""
    return {name: envelope for name, envelope in answers.items() if envelope.get("flags")}


async def _changeable(ctx: Context, tx: Write, run_id: str) -> RunState:
    """The run, locked, if this actor may change its answers now."""
    state = await load_run(tx, run_id, locked=True)
    require(ctx.actor, "edit" if state.status == "completed" else "submit", state.origin_wizard_id)
    require_there(state, erased="The answers of this run were erased; it takes no new ones.")
    return state


async def check_seen(tx: Write, state: RunState, seen: str | None) -> None:
    """Raises PreconditionRequired without an ETag; with another one than the run has now Stale, saying who changed what since."""
    is_stale = seen not in (None, "*", state.etag)
    require_seen(state.etag, seen, await _changed_since(tx, state, seen or "") if is_stale else {})


async def _changed_since(tx: Write, state: RunState, seen: str) -> dict[str, Any]:
    """`keys`: the option sets whose answers differ from what the client saw; left out when that was a save, of which no copy is kept."""
    known = None if state.actor is None else await find_user(tx, state.actor)
    changed: dict[str, Any] = {"revision": state.head_revision, "save_number": state.save_number}
    changed |= {"updated_at": utc_text(state.updated_at), "by": None if known is None else {"id": known.id, "name": known.name}}
    revision, _, save = seen.partition(".")
    if save != "0" or not revision.isdecimal() or not 0 < int(revision) <= state.head_revision:
        return changed
    before = (await load_run_at(tx, state.id, int(revision))).answers
    differing = {name for name in before.keys() | state.answers.keys() if not same_answer(before.get(name), state.answers.get(name))}
    return changed | {"keys": [item.key for item in state.version.structure.option_sets if item.id in differing]}


# --- revisions -----------------------------------------------------------------------------------------------------


async def append_revision(ctx: Context, tx: Write, state: RunState, cause: Cause) -> RunState:
    """The state as the run's next revision, with the head moved to it. The caller holds the row lock."""
    previous = await tx.scalar(
        select(run_revisions.c.content_digest).where(run_revisions.c.run_id == state.id, run_revisions.c.revision == state.head_revision)
    )
    following = replace(state, revision=state.head_revision + 1, head_revision=state.head_revision + 1, save_number=0)
    working = state.status != "completed"
    changes = {
        "revision": following.revision,
        "save_number": 0,
        "status": state.status,
        "wizard_version_id": state.version.id,
        "working_answers": state.answers if working else None,
        "language": state.language,
        "saved_by": ctx.actor.id,
        "updated_at": ctx.now,
        "completed_at": state.completed_at,
    }
    await tx.execute(update(wizard_runs).where(wizard_runs.c.id == state.id).values(**changes))
    return await _store_revision(ctx, tx, replace(following, updated_at=ctx.now, is_working_copy=working), cause, previous)


async def _store_revision(ctx: Context, tx: Write, state: RunState, cause: Cause, previous: bytes | None) -> RunState:
    row = row_of_state(ctx, state, cause, previous)
    await tx.execute(_INSERT_REVISION, row, refused={UNIQUE: Stale("Someone stored a revision of this run at the same moment.")})
    return with_revision(ctx, state, row)


def row_of_state(ctx: Context, state: RunState, cause: Cause, previous: bytes | None) -> dict[str, Any]:
    """The row of `run_revisions` that holds a state, stored by this actor now."""
    new = NewRevision(
        run_id=state.id,
        revision=state.revision,
        version=state.version,
        language=state.language,
        status=_status(state.status),
        answers=state.answers,
        archive=state.archive,
        asked=state.asked,
        evaluated_at=state.evaluated_at,
        zone=state.zone,
        cause=cause,
        actor=ctx.actor.id,
        at=ctx.now,
        previous_digest=previous,
    )
    return revision_row(new, ctx.make_salt())


def with_revision(ctx: Context, state: RunState, row: Mapping[str, Any]) -> RunState:
    """The state, once that row of `run_revisions` is stored."""
    return replace(state, digest=row["content_digest"], cause=row["cause"], actor=ctx.actor.id, at=ctx.now)


def _status(status: str) -> RunStatus:
    return "completed" if status == "completed" else "abandoned" if status == "abandoned" else "in_progress"


async def restore_revision(ctx: Context, tx: Write, run_id: str, revision: int, seen: str | None) -> Saved:
    """The run as it was at `revision`, as a new revision: nothing in between is lost. A working copy is kept as a checkpoint."""
    state = await load_run(tx, run_id, locked=True)
    require(ctx.actor, "edit", state.origin_wizard_id)
    if state.trashed_at is not None:
        raise RunTrashed("This run is in the trash; restore it first.")
    await check_seen(tx, state, seen)
    wanted = await load_run_at(tx, run_id, revision)
    if wanted.erased or state.erased_at is not None:
        raise RunErased(f"Answers of revision {revision} were erased; it cannot be restored.")
    if state.is_working_copy:
        state = await append_revision(ctx, tx, state, "checkpoint")
    completed_at = (state.completed_at or ctx.now) if wanted.status == "completed" else None
    restored = replace(wanted, head_revision=state.head_revision, completed_at=completed_at)
    stored = await append_revision(ctx, tx, restored, "restore")
    await audit_run(ctx, tx, "run.revision_restored", (run_id, state.origin_wizard_id), revision=revision, stored_as=stored.revision)
    return Saved(stored)


# --- trash ---------------------------------------------------------------------------------------------------------


async def trash_run(ctx: Context, tx: Write, run_id: str) -> RunState:
    """The run, moved to the trash: out of lists and exports, restorable. Trashing twice changes nothing."""
    return await _set_trashed(ctx, tx, run_id, trashed=True)


async def untrash_run(ctx: Context, tx: Write, run_id: str) -> RunState:
    """The run, back from the trash, as it was."""
    return await _set_trashed(ctx, tx, run_id, trashed=False)


async def _set_trashed(ctx: Context, tx: Write, run_id: str, *, trashed: bool) -> RunState:
    state = await load_run(tx, run_id, locked=True)
    require(ctx.actor, "edit", state.origin_wizard_id)
    if (state.trashed_at is not None) == trashed:
        return state
    at = ctx.now if trashed else None
    await tx.execute(update(wizard_runs).where(wizard_runs.c.id == run_id).values(trashed_at=at, updated_at=ctx.now))
    await audit_run(ctx, tx, "run.trashed" if trashed else "run.restored", (run_id, state.origin_wizard_id))
    return replace(state, trashed_at=at, updated_at=ctx.now)
