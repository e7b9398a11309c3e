"""What time alone brings about: runs that nobody goes on with, sessions and links that are over, uploads that no answer named.

Each function does one bounded piece and finds nothing to do when it is called again, so a day's work may be begun anew anywhere.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, or_, select, update

from keepstep.actions.admission import forget_starts
from keepstep.actions.audit import audit_wizard, event_of
from keepstep.actions.context import Context
from keepstep.actions.sessions import IDLE, WINDOW
from keepstep.actions.wizards import setting_of
from keepstep.core.permissions import require
from keepstep.db.audit import append_event
from keepstep.db.tables import files, oidc_requests, passages, password_links, sessions, sign_in_tries, wizard_runs, wizards
from keepstep.db.transaction import Write

# Runs that one transaction holds: a second of work, so that nobody who comes back to one of them waits for longer.
AT_ONCE: Final = 1_000
# Counts of starts that a day clears away: an attack leaves many, and the next day takes on from there.
MOST_STARTS: Final = 100_000
# An upload that no answer has named for so long was given up. Whoever still has its page open uploads it again.
UNNAMED: Final = timedelta(days=7)


async def abandon_runs(ctx: Context, tx: Write, wizard_id: str) -> int:
    """How many runs of the wizard were marked as abandoned now, at most AT_ONCE: those not saved for `abandon_after` days.

    Neither the save number nor the time of the last save moves: who comes back goes on where they were (semantics 5).
    """
    require(ctx.actor, "administer")
    days = setting_of(await tx.scalar(select(wizards.c.settings).where(wizards.c.id == wizard_id)), "abandon_after")
    own = wizard_runs.c
    silent = (own.status == "in_progress", own.trashed_at.is_(None), own.updated_at < ctx.now - timedelta(days=days))
    ids = await tx.scalars(select(own.id).where(own.origin_wizard_id == wizard_id, *silent).order_by(own.id).limit(AT_ONCE))
    # Asked again at the row itself: whoever saved meanwhile is not silent any more.
    marked = await tx.execute(update(wizard_runs).where(own.id.in_(ids), *silent).values(status="abandoned"), refused={}) if ids else 0
    if marked:
        await audit_wizard(ctx, tx, "wizard.runs_abandoned", wizard_id, runs=marked, days=days)
    return marked


async def forget_what_is_over(ctx: Context, tx: Write) -> Mapping[str, int]:
    """How many rows of each kind went that nobody can use any more."""
    require(ctx.actor, "administer")
    over = {
        "sessions": delete(sessions).where(or_(sessions.c.expires_at <= ctx.now, sessions.c.used_at <= ctx.now - IDLE)),
        "links": delete(password_links).where(password_links.c.expires_at <= ctx.now),
        # Who comes with one is told the same as before. The run stays, whatever it is.
        "passages": delete(passages).where(passages.c.expires_at <= ctx.now),
        "sign_ins": delete(oidc_requests).where(oidc_requests.c.expires_at <= ctx.now),
        "tries": delete(sign_in_tries).where(sign_in_tries.c.since <= ctx.now - 2 * WINDOW),
        # An answer that names the file just now makes it a run's in the same row, which is seen here or comes too late.
        "uploads": delete(files).where(files.c.run_id.is_(None), files.c.uploaded_at < ctx.now - UNNAMED),
    }
    gone = {kind: await tx.execute(statement) for kind, statement in over.items()}
    return gone | {"starts": await forget_starts(tx, ctx.now, most=MOST_STARTS)}


async def record_daily_work(ctx: Context, tx: Write, done: Mapping[str, int]) -> None:
    """The day's work on record, once all of it is done: counts by kind."""
    require(ctx.actor, "administer")
    await append_event(tx, event_of(ctx, action="database.maintained", subject_kind="database", subject_id="daily", details=dict(done)))
