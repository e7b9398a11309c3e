"""What a respondent does in the player: begin, save a page, send, renew the link to resume.

What is typed is kept at each page, also where it does not fit yet: only sending asks for everything (semantics 4). The rules for
answers are those of actions/runs.py. Must not know pages or forms.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, update

from keepstep.actions.admission import admit, require_time_to_go_on
from keepstep.actions.audit import audit_run
from keepstep.actions.context import Context
from keepstep.actions.files import attach_files, with_files
from keepstep.actions.revisions import stored_answers
from keepstep.actions.runs import (
    INSERT_RUN,
    RunRequest,
    Start,
    append_revision,
    flagged,
    new_run,
    run_row,
    save_working_copy,
    version_to_start,
)
from keepstep.core.admission import Visit
from keepstep.core.flow import ASKED, Answers, Before, Evaluation, evaluate
from keepstep.core.issue import Issue, pointer
from keepstep.core.structure import Calculated, OptionSet, Statement, Structure
from keepstep.core.tokens import run_token
from keepstep.core.validate import Given, given_answers, merged, same_answer, verdict_on
from keepstep.db.tables import files, passages
from keepstep.db.transaction import Write
from keepstep.errors import IdConflict
from keepstep.queries.files import named_files
from keepstep.queries.passages import Passage, load_passage
from keepstep.queries.runs import RunState

# From the last save on: longer than the 30 days after which a run counts as abandoned, since coming back resumes it.
OPEN_FOR: Final = timedelta(days=90)
# After sending, for the reference number and a copy of the answers; a device may be somebody else's tomorrow.
OPEN_AFTER_SENDING: Final = timedelta(hours=24)


def token_of(ctx: Context, passage: Passage) -> str | None:
    """The token that opens a passage, to be shown; None where the installation's key is another one than when it was made."""
    token = run_token(ctx.secret, passage.state.id, passage.nonce)
    return token if _digest(token) == passage.digest else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# --- begin ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """`prefill`: answers that the address brought, by option set id; what does not fit its question is left out."""

    visit: Visit
    language: str | None = None
    prefill: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


async def begin_passage(ctx: Context, tx: Write, wizard_id: str, beginning: Beginning) -> Passage:
    """A new run on the active version. Raises NotAdmitted, WizardTrashed, IdConflict when the run of this visit exists already."""
    admitted = await admit(ctx, tx, wizard_id, beginning.visit)
    version = await version_to_start(ctx, tx, wizard_id, None)
    structure = version.structure
    language = beginning.language if beginning.language in structure.languages else structure.default_language
    prefill = _fitting(ctx, structure, beginning.prefill)
    answers, evaluation = _evaluated(ctx, structure, prefill, None)
    request = RunRequest(id=beginning.visit.run_id, language=language, respondent=admitted.respondent)
    start = Start(request.id or ctx.make_id(), language, evaluation.asked, stored_answers(answers, structure, evaluation, {}))
    state = new_run(ctx, version, request, start)
    if await tx.scalar(INSERT_RUN, run_row(ctx, state, request)) is None:
        raise IdConflict("This was begun already.")
    nonce = ctx.make_salt()
    token = run_token(ctx.secret, state.id, nonce)
    row = {
        "run_id": state.id,
        "digest": _digest(token),
        "nonce": nonce,
        "created_at": ctx.now,
        "expires_at": ctx.now + OPEN_FOR,
        "forms": {},
    }
    await tx.execute(insert(passages).values(**row))
    return await load_passage(tx, token, ctx.now)


def _fitting(ctx: Context, structure: Structure, prefill: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those that fit: a hidden question could not be mended by whoever answers, and an address is easily mangled."""
    given = given_answers({name: dict(envelope) for name, envelope in prefill.items()}, structure, "prefill")
    bad = _named(structure, given.issues)
    answers = {name: envelope for name, envelope in given.answers.items() if name not in bad and not _never_prefilled(structure, name)}
    found = verdict_on(answers, structure, evaluate(structure, answers, ctx.clock), "save")
    bad = _named(structure, found.errors)
    return {name: envelope for name, envelope in answers.items() if name not in bad}


def _never_prefilled(structure: Structure, option_set_id: str) -> bool:
    option_set = structure.option_set_by_id[option_set_id]
    return isinstance(option_set, Statement | Calculated) or option_set.selection_type == "file" or option_set.retired


def _named(structure: Structure, issues: Iterable[Issue]) -> set[str]:
    """The option sets that findings are about; they are placed by key, or by whatever the answer was given under."""
    issues = tuple(issues)
    if not issues:
        return set()
    by_pointer = {pointer(key): option_set_id for key, option_set_id in structure.id_by_key.items()}
    by_pointer |= {pointer(option_set_id): option_set_id for option_set_id in structure.option_set_by_id}
    return {found for issue in issues if (found := by_pointer.get("/" + ([*issue.pointer.split("/"), ""])[1]))}


def _evaluated(ctx: Context, structure: Structure, answers: Answers, before: Before | None) -> tuple[Answers, Evaluation]:
    """The answers with the defaults of what is asked and was never looked at, and what they lead to."""
    defaults = {
        each.id: {"value": each.default, "source": "default"}
        for each in structure.option_sets
        if each.default is not None and each.id not in answers and _takes_answers(each)
    }
    whole = {**defaults, **answers}
    evaluation = evaluate(structure, whole, ctx.clock, before)
    # What is not asked reads as unanswered anyhow, and nobody gave these.
    unasked = {name for name in defaults if not _is_asked(structure, evaluation.asked, name)}
    return {name: envelope for name, envelope in whole.items() if name not in unasked}, evaluation


def _takes_answers(option_set: OptionSet) -> bool:
    return not isinstance(option_set, Statement | Calculated)


def _is_asked(structure: Structure, asked: str, option_set_id: str) -> bool:
    return asked[structure.index_of[option_set_id] : structure.index_of[option_set_id] + 1] == ASKED


# --- save ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSaved:
    """What a page says: `answers` by option set id, `{value, other?}`. `form`: the page's id and which form of it this was."""

    answers: Mapping[str, Mapping[str, Any]]
    language: str | None = None
    form: tuple[str, str] | None = None


async def save_page(ctx: Context, tx: Write, passage: Passage, page: PageSaved) -> Passage:
    """The passage with these answers merged in, whether they fit or not. The caller holds the lock of the run, which is in progress.

    An answer to a question that is hidden, or asked neither before nor after, is not taken. Raises NotAdmitted, RequestInvalid.
    """
    state = passage.state
    structure = state.version.structure
    await require_time_to_go_on(ctx, tx, state.origin_wizard_id)
    given = await _given(tx, state, page.answers)
    whole = merged(state.answers, given)
    changed = _changed(state.answers, given)
    answers, evaluation = _evaluated(ctx, structure, whole, Before(state.asked, changed))
    stray = {name for name in given if not any(_is_asked(structure, asked, name) for asked in (state.asked, evaluation.asked))}
    answers = {name: answers[name] for name in answers if name not in stray} | {
        name: state.answers[name] for name in stray & state.answers.keys()
    }
    language = page.language if page.language in structure.languages else state.language
    saved = await _stored(ctx, tx, replace(state, language=language), answers, evaluation)
    if changed - stray:
        await attach_files(tx, state.version, state.id, {name: given[name] for name in changed - stray})
        await _drop_files(tx, state, saved)
    forms = {**passage.forms, **dict([page.form] if page.form else [])}
    expires_at = ctx.now + OPEN_FOR
    await tx.execute(update(passages).where(passages.c.run_id == state.id).values(forms=forms, expires_at=expires_at))
    return replace(passage, state=saved, forms=forms, expires_at=expires_at)


async def _given(tx: Write, state: RunState, answers: Mapping[str, Mapping[str, Any]]) -> Answers:
    """What the page says, in the form in which answers are kept. What cannot be kept at all was told by the page already."""
    structure = state.version.structure
    asked_for = {name: dict(envelope) for name, envelope in answers.items() if not structure.option_set_by_id[name].hidden}
    given = given_answers(asked_for, structure, "respondent")
    bad = _named(structure, given.issues)
    kept = {name: envelope for name, envelope in given.answers.items() if name not in bad}
    known = await with_files(tx, state.version, Given(kept, ()))
    return {name: envelope for name, envelope in known.answers.items() if name not in _named(structure, known.issues)}


def _changed(before: Answers, given: Answers) -> frozenset[str]:
    return frozenset(name for name, envelope in given.items() if name not in before or not same_answer(envelope, before.get(name)))


async def _stored(ctx: Context, tx: Write, state: RunState, answers: Answers, evaluation: Evaluation) -> RunState:
    """The working copy. A flag stays on an answer that nobody touched: it was stored as a misfit once, and may be sent as one (P5)."""
    before = state.answers
    kept = {
        name: before[name] if name in before and same_answer(envelope, before[name]) else envelope for name, envelope in answers.items()
    }
    flags = {name: _flags(envelope) for name, envelope in kept.items() if envelope.get("flags")}
    stored = stored_answers(kept, state.version.structure, evaluation, flags)
    return await save_working_copy(ctx, tx, state, stored, evaluation)


def _flags(envelope: Mapping[str, Any]) -> tuple[Issue, ...]:
    return tuple(Issue("", flag["code"], flag["detail"]) for flag in envelope["flags"])


async def _drop_files(tx: Write, before: RunState, after: RunState) -> None:
    """What was taken out again and no revision names is nobody's any more; the bytes go with the daily sweep."""
    if before.head_revision:
        return
    gone = _file_ids(before.answers) - _file_ids(after.answers)
    if gone:
        await tx.execute(delete(files).where(files.c.id.in_(sorted(gone)), files.c.run_id == before.id))


def _file_ids(answers: Answers) -> set[str]:
    return {str(each["file_id"]) for each in named_files(answers)}


# --- send ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sending:
    """The passage, completed; or still in progress, with everything that has to be mended before."""

    passage: Passage
    issues: tuple[Issue, ...] = ()


async def send_passage(ctx: Context, tx: Write, passage: Passage) -> Sending:
    """Completes the run. The caller holds its lock, and it is in progress.

    Only what the respondent sees can stop it: what is wrong elsewhere (a hidden question, an answer to a question that their later
    answers took away) is stored as it is and flagged.
    """
    state = passage.state
    structure = state.version.structure
    await require_time_to_go_on(ctx, tx, state.origin_wizard_id)
    evaluation = evaluate(structure, state.answers, ctx.clock, Before(state.asked, frozenset()))
    verdict = verdict_on(state.answers, structure, evaluation, "complete", flagged(state.answers), language=state.language)
    seen = _seen(structure, evaluation)
    stopping = tuple(issue for issue in verdict.errors if _named(structure, (issue,)) & seen)
    if stopping:
        return Sending(passage, stopping)
    flags = {**verdict.flags, **_as_flags(structure, verdict.errors, verdict.flags)}
    answers = stored_answers(state.answers, structure, evaluation, flags)
    completed = replace(
        state, answers=answers, asked=evaluation.asked, evaluated_at=ctx.now, zone=ctx.zone, status="completed", completed_at=ctx.now
    )
    stored = await append_revision(ctx, tx, completed, "respondent")
    expires_at = ctx.now + OPEN_AFTER_SENDING
    await tx.execute(update(passages).where(passages.c.run_id == state.id).values(forms={}, expires_at=expires_at))
    return Sending(replace(passage, state=stored, expires_at=expires_at, forms={}))


def _seen(structure: Structure, evaluation: Evaluation) -> set[str]:
    """What stands before the respondent's eyes."""
    bits = zip(structure.option_sets, evaluation.asked, strict=True)
    return {each.id for each, bit in bits if bit == ASKED and not each.hidden and _takes_answers(each)}


def _as_flags(structure: Structure, issues: Iterable[Issue], flags: Mapping[str, tuple[Issue, ...]]) -> dict[str, tuple[Issue, ...]]:
    found: dict[str, tuple[Issue, ...]] = {}
    for issue in issues:
        for name in _named(structure, (issue,)):
            code = "missing-required" if issue.code == "required" else issue.code
            found[name] = (*found.get(name, flags.get(name, ())), Issue("", code, issue.detail))
    return found


# --- the link ------------------------------------------------------------------------------------------------------


async def renew_passage(ctx: Context, tx: Write, passage: Passage) -> Passage:
    """The passage with another token; the one before opens nothing any more, on no device. The caller holds the lock of the run."""
    nonce = ctx.make_salt()
    digest = _digest(run_token(ctx.secret, passage.state.id, nonce))
    expires_at = ctx.now + OPEN_FOR
    changes = {"nonce": nonce, "digest": digest, "expires_at": expires_at}
    await tx.execute(update(passages).where(passages.c.run_id == passage.state.id).values(**changes))
    await audit_run(ctx, tx, "run.link_renewed", (passage.state.id, passage.state.origin_wizard_id))
    return replace(passage, nonce=nonce, digest=digest, expires_at=expires_at)
