"""Letting somebody begin a run in public, or not: the facts that core/admission.py decides on, and the place that is taken.

Part of the transaction that starts the run: when that fails, nothing was taken. Runs that a token of the API starts do not come
through here; they count for the limit, and nothing else holds for them (docs/decisions/0022).
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, select, update

from keepstep.actions.accounts import token_digest
from keepstep.actions.context import Context
from keepstep.actions.tries import count_within
from keepstep.core.access import Access, from_settings
from keepstep.core.admission import (
    WINDOW,
    Admitted,
    Refused,
    Visit,
    place_of,
    refused_by_limit,
    refused_by_starts,
    refused_by_time,
    refused_by_visit,
    refused_to_go_on,
)
from keepstep.core.clock import utc_text
from keepstep.db.tables import invitations, start_tries, users, wizard_runs, wizards
from keepstep.db.transaction import Read, Write
from keepstep.errors import NotAdmitted, WizardNotFound
from keepstep.queries.access import count_for_limit

__all__ = ["Admitted", "Visit", "admit", "link_token", "not_admitted", "require_time_to_go_on"]

# As a start takes it (actions/runs.py): a wizard on its way to the trash is waited for. Settings may change meanwhile.
_WIZARD: Final = select(wizards.c.id, wizards.c.settings).where(wizards.c.id == bindparam("id")).with_for_update(read=True, key_share=True)
_DETAILS: Final = {
    "closed": "This wizard is closed.",
    "not_yet_open": "This wizard is not open yet.",
    "full": "This wizard has all the answers that it takes.",
    "needs_link": "This wizard can be begun by its link alone. Open the link as you got it.",
    "needs_sign_in": "Sign in to begin this wizard.",
    "invitation_used": "This invitation was used already.",
    "invitation_unknown": "This link invites nobody, or not any more.",
    "throttled": "Too many runs were begun from this address. Try again later.",
    "looks_automated": "This looked as if a program had sent it. Try again from the page.",
}


async def admit(ctx: Context, tx: Write, wizard_id: str, visit: Visit) -> Admitted:
    """Who begins, with their place taken: the invitation is used, the start counted. Raises NotAdmitted, WizardNotFound.

    Give `visit.run_id`, the run that is about to start: sent twice, by a double click, it is one start and admitted both times.
    """
    access = await _access_of(tx, wizard_id)
    token = link_token(ctx.secret, wizard_id, access)
    if refused := refused_by_time(access, ctx.now) or refused_by_visit(access, visit, ctx.now, link_token=token):
        raise not_admitted(refused)
    is_again = visit.run_id is not None and await _is_run_of(tx, visit.run_id, wizard_id)
    if not is_again:
        await _count_start(ctx, tx, wizard_id, access, visit)
        await _take_place(tx, wizard_id, access, visit)
    if access.mode == "invitation":
        return await _use_invitation(ctx, tx, wizard_id, visit)
    return Admitted(respondent=await _name_of(tx, visit) if access.mode == "signed_in" else None)


async def require_time_to_go_on(ctx: Context, tx: Read, wizard_id: str) -> None:
    """For saving and completing a run that was begun in public. Raises NotAdmitted once its time to be finished is over."""
    settings = await tx.scalar(select(wizards.c.settings).where(wizards.c.id == wizard_id))
    if refused := refused_to_go_on(from_settings(settings), ctx.now):
        raise not_admitted(refused)


def link_token(secret: bytes, wizard_id: str, access: Access) -> str:
    """What the link of a wizard holds. Made from the installation's key, so that it can be shown again and a copy of the database
    does not hold it; 192 bits.
    """
    content = f"access-link:{wizard_id}:{access.link}".encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, content, "sha256")[:24]).decode()


def not_admitted(refused: Refused) -> NotAdmitted:
    """The refusal as a problem."""
    more: dict[str, Any] = {}
    if refused.at is not None:
        more["at"] = utc_text(refused.at)
    if refused.wait is not None:
        more["wait"] = max(1, round(refused.wait.total_seconds()))
    return NotAdmitted(_DETAILS[refused.refusal], refusal=refused.refusal, **more)


async def _access_of(tx: Write, wizard_id: str) -> Access:
    row = await tx.one_or_none(_WIZARD, {"id": wizard_id})
    if row is None:
        raise WizardNotFound("There is no such wizard.")
    return from_settings(row.settings)


async def _is_run_of(tx: Read, run_id: str, wizard_id: str) -> bool:
    mine = (wizard_runs.c.id == run_id, wizard_runs.c.origin_wizard_id == wizard_id)
    return await tx.scalar(select(wizard_runs.c.id).where(*mine)) is not None


# --- how many --------------------------------------------------------------------------------------------------------


async def _count_start(ctx: Context, tx: Write, wizard_id: str, access: Access, visit: Visit) -> None:
    """Starts from one address. Where each start needs an account or an invitation, those are the limit."""
    if access.starts_per_hour is None or visit.address is None or access.mode in {"signed_in", "invitation"}:
        return
    key = hmac.digest(ctx.secret, f"start:{wizard_id}:{place_of(visit.address)}".encode(), "sha256")
    starts, since = await count_within(tx, start_tries, key, ctx.now, WINDOW)
    await forget_starts(tx, ctx.now)
    if refused := refused_by_starts(access, starts, since, ctx.now):
        raise not_admitted(refused)


async def forget_starts(tx: Write, now: datetime, *, most: int = 100) -> int:
    """How many counts were cleared away that nothing is measured by any more; up to so many."""
    # What others are just counting is left to them: two that clear away each other's row would wait for one another.
    own = start_tries.c
    old = select(own.key).where(own.since <= now - 2 * WINDOW).limit(most).with_for_update(skip_locked=True)
    return await tx.execute(delete(start_tries).where(own.key.in_(old)))


async def _take_place(tx: Write, wizard_id: str, access: Access, visit: Visit) -> None:
    """Of two who want the last place, the second waits for the first and then counts their run."""
    if access.max_runs is None:
        return
    await tx.scalar(select(func.pg_advisory_xact_lock(_lock_of(wizard_id))))
    # A statement of its own: it sees what was committed while this one waited.
    refused = refused_by_limit(access, await count_for_limit(tx, wizard_id, access.max_runs))
    # What took the last place may have been this very form, sent by the first of two clicks.
    if refused and not (visit.run_id is not None and await _is_run_of(tx, visit.run_id, wizard_id)):
        raise not_admitted(refused)


def _lock_of(wizard_id: str) -> int:
    digest = hashlib.sha256(f"runs of {wizard_id}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


# --- who -------------------------------------------------------------------------------------------------------------


async def _use_invitation(ctx: Context, tx: Write, wizard_id: str, visit: Visit) -> Admitted:
    """Of two who use it at once, one takes the row; the other waits for it and finds it used."""
    own = invitations.c
    mine = (own.digest == token_digest(visit.token or ""), own.wizard_id == wizard_id)
    unused = (own.used_at.is_(None), own.revoked_at.is_(None))
    taking = update(invitations).where(*mine, *unused).values(used_at=ctx.now, run_id=visit.run_id).returning(own.id, own.respondent)
    taken = await tx.one_or_none(taking)
    if taken is None:
        taken = await tx.one_or_none(select(own.id, own.respondent, own.run_id, own.used_at, own.revoked_at).where(*mine))
        if taken is None or taken.revoked_at is not None:
            raise not_admitted(Refused("invitation_unknown"))
        if visit.run_id is None or taken.run_id != visit.run_id:
            raise not_admitted(Refused("invitation_used", at=taken.used_at))
    return Admitted(taken.id, taken.respondent)


async def _name_of(tx: Read, visit: Visit) -> str | None:
    """The e-mail address of somebody signed in, as the run keeps who answered."""
    name: str | None = await tx.scalar(select(users.c.email).where(users.c.id == visit.user_id))
    return name
