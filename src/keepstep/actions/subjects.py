"""One respondent over all wizards: what there is of them, and its erasure. Listed first, then exactly what was listed.

Every run goes through the door of actions/erasure.py and leaves its tombstone. Nothing that stays names the respondent: not the audit
trail, not the reason, not the confirm token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, or_, select

from keepstep.actions.audit import event_of
from keepstep.actions.context import Context
from keepstep.actions.erasure import Erasure, ErasureRequest, erase_run
from keepstep.actions.files import remove_unnamed
from keepstep.actions.reasons import require_no_respondent, require_reason
from keepstep.core.jsonvalue import canonical_bytes, unstorable_text
from keepstep.core.permissions import require
from keepstep.core.tokens import sign, verified
from keepstep.db.audit import append_event
from keepstep.db.blobs import BlobStore
from keepstep.db.tables import invitations, wizard_runs
from keepstep.db.transaction import Read, Write
from keepstep.errors import ImpactUnconfirmed, RequestInvalid, SubjectNotFound
from keepstep.queries.run_lists import among
from keepstep.queries.subjects import InWizard, Mentioned, Subject, find_subject, runs_under

MOST_RUNS_AT_ONCE: Final = 500
"""Of one transaction: a run goes through the database's own function. More than one person hardly has."""
_PURPOSE: Final = "subject-erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectErasure:
    """Whose data to erase, why, and the token of the list that was shown. `also`: runs of the list that hold the name as an answer."""

    respondent: str
    reason: str
    confirm: str = ""
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SubjectList:
    """What there is of a respondent, and the token by which its erasure is confirmed."""

    subject: Subject
    token: str

    def to_json(self) -> dict[str, Any]:
        """The list: ids and counts, no answer and no name."""
        found = self.subject
        return {
            "wizards": [_wizard_json(each) for each in found.by_wizard()],
            "runs": [{"id": run.id, "wizard_id": run.wizard_id, "trashed": run.trashed_at is not None} for run in found.runs],
            "mentions": [_mention_json(each) for each in found.mentions],
            "files": len(found.files),
            "invitations": len(found.invitations),
            "at_once": MOST_RUNS_AT_ONCE,
        }


def _mention_json(each: Mentioned) -> dict[str, Any]:
    """Where it stands, and not what: the answer is the name that was asked for."""
    told = {"id": each.run.id, "wizard_id": each.run.wizard_id, "trashed": each.run.trashed_at is not None}
    return told | {"option_sets": sorted(each.answers), "chosen": each.chosen}


def _wizard_json(each: InWizard) -> dict[str, Any]:
    named = {"id": each.wizard.id, "slug": each.wizard.slug, "name": each.wizard.name}
    return named | {"runs": each.runs, "trashed": each.trashed, "files": each.files, "invitations": each.invitations}


@dataclass(frozen=True, slots=True)
class SubjectErased:
    """What went, run by run, and what beside them. `left`: runs beyond those of one transaction, for another go.

    `unticked`: runs that still hold the name as an answer, since nobody chose them.
    """

    runs: Sequence[Erasure]
    invitations: int
    left: int
    unticked: int = 0

    def to_json(self) -> dict[str, Any]:
        """Counts, and each run with its tombstone's number."""
        return {
            "runs": [{"id": each.run_id, "number": each.number} for each in self.runs],
            **self.counts(),
            "left": self.left,
        }

    def counts(self) -> Mapping[str, int]:
        """How many answers, files and invitations went."""
        kept = sum(len(each.files) for each in self.runs)
        answers = sum(each.answers + each.saved for each in self.runs)
        return {"answers": answers, "files": kept, "invitations": self.invitations}


async def list_subject(ctx: Context, tx: Read, respondent: str, also: Sequence[str] = ()) -> SubjectList:
    """Everything of exactly this respondent, with those of the runs that hold the name as an answer that are among `also`.

    Raises Forbidden, RequestInvalid, SubjectNotFound.
    """
    require(ctx.actor, "administer")
    if not respondent.strip() or unstorable_text(respondent):
        detail = "Give the respondent exactly as their runs and invitations name them."
        raise RequestInvalid(detail, errors=[{"pointer": "/respondent", "code": "respondent", "detail": detail}])
    subject = await find_subject(tx, respondent, also)
    if subject.is_empty and not subject.mentions:
        raise SubjectNotFound
    return SubjectList(subject, sign(ctx.secret, _PURPOSE, _bound(ctx, subject)))


def _bound(ctx: Context, subject: Subject) -> list[Any]:
    """Of the state of every run, so that an answer which came since is not erased unseen. As a digest: a token can be read."""
    runs = [[run.id, run.state, run.trashed_at is not None] for run in subject.runs]
    beside = [[file.id for file in subject.files], [invited.id for _, invited in subject.invitations]]
    return [ctx.actor.id, sha256(canonical_bytes([subject.respondent, runs, beside])).hexdigest()]


async def record_export(ctx: Context, tx: Write, listed: SubjectList) -> None:
    """That somebody took everything of one respondent along: how much, and not whose."""
    found = listed.subject
    counts = {"runs": len(found.runs), "files": len(found.files), "invitations": len(found.invitations)}
    await _audit(ctx, tx, "subject.exported", **counts, **_by_answer(found))


def require_some(listed: SubjectList) -> SubjectList:
    """Raises SubjectNotFound where nothing is under the name and nothing of what only mentions it was chosen."""
    if listed.subject.is_empty:
        raise SubjectNotFound
    return listed


def _by_answer(subject: Subject) -> dict[str, int]:
    """How many of the runs were chosen since they hold the name as an answer."""
    chosen = sum(each.chosen for each in subject.mentions)
    return {"by_answer": chosen} if chosen else {}


async def erase_subject(ctx: Context, tx: Write, wanted: SubjectErasure) -> SubjectErased:
    """What was erased: the runs with their files, trashed ones too, then the invitations. Contents go after the commit.

    Raises Forbidden, RequestInvalid, SubjectNotFound, ImpactUnconfirmed with the list as it is now.
    """
    require(ctx.actor, "administer")
    _require_nameless_reason(wanted)
    await _lock(tx, wanted)
    listed = require_some(await list_subject(ctx, tx, wanted.respondent, wanted.also))
    subject = listed.subject
    if verified(ctx.secret, _PURPOSE, wanted.confirm) != _bound(ctx, subject):
        detail = "This erases everything of one respondent. Look at the list and confirm it; nothing was erased."
        raise ImpactUnconfirmed(detail, **listed.to_json(), confirm=listed.token)
    going = subject.runs[:MOST_RUNS_AT_ONCE]
    erased = [await erase_run(ctx, tx, run.id, ErasureRequest(reason=wanted.reason)) for run in going]
    done = await _beside(tx, subject, erased)
    await _audit(ctx, tx, "subject.erased", runs=len(erased), **done.counts(), left=done.left, **_by_answer(subject))
    return done


def _require_nameless_reason(wanted: SubjectErasure) -> None:
    """The reason stays on record for ever, so the name must not stand in it. Raises RequestInvalid."""
    require_reason(wanted.reason)
    require_no_respondent(wanted.reason, wanted.respondent)


async def _lock(tx: Write, wanted: SubjectErasure) -> None:
    """Invitations first, as somebody does who begins a run by one: whoever is beginning now is waited for, and then seen."""
    own = invitations.c
    await tx.rows(select(own.id).where(own.respondent == wanted.respondent).order_by(own.id).with_for_update())
    meant = or_(runs_under(wanted.respondent), among(wanted.also))
    await tx.rows(select(wizard_runs.c.id).where(meant).order_by(wizard_runs.c.id).with_for_update())


async def _beside(tx: Write, subject: Subject, erased: Sequence[Erasure]) -> SubjectErased:
    """What else names the respondent; with runs left, it stays until the last of them goes, since it leads to them."""
    left = len(subject.runs) - len(erased)
    ids = [] if left else [invited.id for _, invited in subject.invitations]
    if not left:
        await tx.execute(delete(invitations).where(invitations.c.respondent == subject.respondent))
    return SubjectErased(erased, len(ids), left, sum(not each.chosen for each in subject.mentions))


async def _audit(ctx: Context, tx: Write, action: str, **details: int) -> None:
    """About nobody who can be told from it: the id of the subject is the event's own."""
    event = event_of(ctx, action=action, subject_kind="subject", subject_id="", details=details)
    await append_event(tx, replace(event, subject_id=event.id))


async def remove_subject_contents(tx: Write, blobs: BlobStore, erased: SubjectErased) -> int:
    """As `erasure.remove_contents`, for all runs at once: in a transaction after the one that erased."""
    return await remove_unnamed(tx, blobs, [str(digest) for each in erased.runs for digest in each.files.values()])
