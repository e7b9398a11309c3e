"""A respondent's passage through a run: found by the token that they hold, as their browser's cookie or as the link to resume."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from keepstep.core.permissions import Actor
from keepstep.core.tokens import run_of_token
from keepstep.db.tables import passages, wizard_runs, wizards
from keepstep.db.transaction import Read
from keepstep.errors import PassageUnknown, RunErased, RunTrashed, WizardNotFound, WizardTrashed
from keepstep.queries.runs import RunState, load_run
from keepstep.queries.versions import Version, version_by_id
from keepstep.queries.wizards import referred


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """`forms`: which form last saved each page, by the page's id. `wizard_ref`: the slug of the wizard now, or its id without one.

    `settings` are the wizard's, empty once it is removed. `declined_version_id`: the version that was offered last and declined.
    """

    state: RunState
    digest: bytes
    nonce: bytes
    expires_at: datetime
    forms: Mapping[str, str]
    wizard_ref: str
    settings: Mapping[str, Any]
    declined_version_id: str | None = None


_PASSAGE: Final = (
    select(passages, wizards.c.slug, wizards.c.settings, wizard_runs.c.origin_wizard_id)
    .select_from(
        passages.join(wizard_runs, wizard_runs.c.id == passages.c.run_id).outerjoin(wizards, wizards.c.id == wizard_runs.c.origin_wizard_id)
    )
    .where(passages.c.run_id == bindparam("run_id"))
)


async def load_passage(tx: Read, token: str, now: datetime, *, locked: bool = False) -> Passage:
    """The passage that a token opens. Raises PassageUnknown in the same words whatever is wrong with it; RunTrashed, RunErased.

    `locked` takes the row lock that a change of the run needs.
    """
    row = await _passage_row(tx, token, now)
    state = await load_run(tx, str(row.run_id), locked=locked)
    if locked:
        # Whoever held the lock before may have saved a page or renewed the link.
        row = await _passage_row(tx, token, now)
    if state.erased_at is not None:
        raise RunErased("These answers were erased.")
    if state.trashed_at is not None:
        raise RunTrashed("These answers were put away by whoever asked for them.")
    return Passage(
        state=state,
        digest=bytes(row.digest),
        nonce=bytes(row.nonce),
        expires_at=row.expires_at,
        forms=row.forms,
        wizard_ref=row.slug or str(row.origin_wizard_id),
        settings=row.settings or {},
        declined_version_id=row.declined_version_id,
    )


async def _passage_row(tx: Read, token: str, now: datetime) -> Row[Any]:
    run_id = run_of_token(token)
    row = None if run_id is None else await tx.one_or_none(_PASSAGE, {"run_id": run_id})
    given = hashlib.sha256(token.encode()).digest()
    if row is None or not hmac.compare_digest(bytes(row.digest), given) or row.expires_at <= now:
        raise PassageUnknown
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Playable:
    """A wizard that can be begun, on its active version."""

    id: str
    slug: str
    settings: Mapping[str, Any]
    version: Version


async def playable(tx: Read, ref: str) -> Playable:
    """The wizard at an address. Raises WizardNotFound where there is none or nothing published, WizardTrashed."""
    columns = (wizards.c.id, wizards.c.slug, wizards.c.settings, wizards.c.active_version_id, wizards.c.trashed_at, wizards.c.removed_at)
    row = None if "\x00" in ref or not ref.isprintable() else await tx.one_or_none(select(*columns).where(referred(ref)))
    if row is None or row.removed_at is not None or row.active_version_id is None:
        raise WizardNotFound("There is nothing to answer at this address.")
    if row.trashed_at is not None:
        raise WizardTrashed("This is closed.")
    return Playable(id=row.id, slug=row.slug, settings=row.settings or {}, version=await version_by_id(tx, row.active_version_id))


def respondent(wizard_id: str) -> Actor:
    """Whoever answers in the player: nobody in particular, who may save and send answers to this wizard and nothing else."""
    return Actor(
        id=None, name="respondent", role="editor", channel="web", scopes=frozenset({"submit"}), grants={str(UUID(wizard_id)): "editor"}
    )


async def find_nonce(tx: Read, run_id: str) -> bytes | None:
    """What the token of a run is made from besides the installation's key; None for a run that nobody began in the player."""
    nonce = await tx.scalar(select(passages.c.nonce).where(passages.c.run_id == run_id))
    return None if nonce is None else bytes(nonce)


async def was_begun(tx: Read, run_id: str) -> bool:
    """Whether there is such a run, whoever began it and whether or not its link still opens it."""
    return await tx.scalar(select(wizard_runs.c.id).where(wizard_runs.c.id == run_id)) is not None
