"""What people do with invitations: add them, make their links, renew, revoke and delete them.

A link's secret is in the link alone; stored is its digest. So links come out once, when they are made, and a second export makes new ones.
No audit event names anybody: lists of people can be deleted, the trail cannot.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, bindparam, column, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from keepstep.actions.access import wizard_to_set
from keepstep.actions.accounts import random_secret, token_digest
from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.core.invitee import BadLine, Invitee
from keepstep.db.tables import invitations
from keepstep.db.transaction import Write
from keepstep.errors import TooLarge
from keepstep.queries.invitations import Invitation, get_invitation

MOST_INVITATIONS: Final = 200_000
"""Of one wizard."""
Which = Literal["new", "unused"] | Collection[str]
"""`new`: those that never had a link; `unused`: all that were not used, so that links given out before work no longer; or by their ids."""
_OWN: Final = invitations.c


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a list: how many are invited now, and which lines invite nobody."""

    added: int
    bad: Sequence[BadLine]


@dataclass(frozen=True, slots=True)
class Link:
    """An invitation with the secret of its new link, which is in no other place."""

    id: str
    respondent: str
    note: str
    secret: str


async def add_invitations(ctx: Context, tx: Write, wizard_ref: str, invitees: Sequence[Invitee]) -> Added:
    """Everybody who is not in the list yet, without a link so far. Adding the same list again adds nobody. Raises TooLarge."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    # The wizard is locked, so nobody else adds one of these meanwhile.
    known = await _known_keys(tx, wizard.id, [each.key for each in invitees])
    new = {each.key: each for each in invitees if each.key not in known}
    there = int(await tx.scalar(select(func.count()).where(_OWN.wizard_id == wizard.id)))
    if there + len(new) > MOST_INVITATIONS:
        raise TooLarge(f"A wizard has up to {MOST_INVITATIONS:,} invitations; there are {there:,}.", limit=MOST_INVITATIONS)
    if new:
        columns = ("id", "wizard_id", "respondent", "respondent_key", "note", "created_at", "created_by")
        records = [(ctx.make_id(), wizard.id, each.respondent, key, each.note, ctx.now, ctx.actor.id) for key, each in new.items()]
        await tx.copy(invitations, columns, records)
        await audit_wizard(ctx, tx, "wizard.invited", wizard.id, invitations=len(new))
    return Added(len(new), [BadLine(each.line, "already-invited") for each in invitees if each.key in known])


async def _known_keys(tx: Write, wizard_id: str, keys: Sequence[str]) -> frozenset[str]:
    given = select(func.unnest(bindparam("keys", keys, type_=ARRAY(_OWN.respondent_key.type))).column_valued("key"))
    return frozenset(await tx.scalars(select(_OWN.respondent_key).where(_OWN.wizard_id == wizard_id, _OWN.respondent_key.in_(given))))


async def make_links(ctx: Context, tx: Write, wizard_ref: str, which: Which) -> Sequence[Link]:
    """A new link for each of these that is neither used nor revoked, the oldest first. Links that they had before open nothing any more."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    conditions = [_OWN.wizard_id == wizard.id, *_unused(), *_chosen(which)]
    rows = await tx.rows(
        select(_OWN.id, _OWN.respondent, _OWN.note, _OWN.digest).where(*conditions).order_by(_OWN.id).with_for_update(),
    )
    if not rows:
        return ()
    links = [Link(row.id, row.respondent, row.note, random_secret(ctx)) for row in rows]
    await _store_links(ctx, tx, links)
    renewed = sum(row.digest is not None for row in rows)
    await audit_wizard(ctx, tx, "wizard.links_made", wizard.id, links=len(links), renewed=renewed)
    return links


async def _store_links(ctx: Context, tx: Write, links: Sequence[Link]) -> None:
    """In one statement, whatever their number."""
    ids = bindparam("ids", [link.id for link in links], type_=ARRAY(_OWN.id.type))
    digests = bindparam("digests", [token_digest(link.secret) for link in links], type_=ARRAY(_OWN.digest.type))
    new: Any = func.unnest(ids, digests).table_valued(column("id", _OWN.id.type), column("digest", _OWN.digest.type), name="new")
    new = new.render_derived()
    await tx.execute(update(invitations).where(_OWN.id == new.c.id).values(digest=new.c.digest, linked_at=ctx.now))


async def renew_invitation(ctx: Context, tx: Write, wizard_ref: str, invitation_id: str) -> Link:
    """The invitation, good for one more run by a new link, whether it was revoked, lost or used. A run that it began stays."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    before = await get_invitation(tx, wizard.id, invitation_id)
    link = Link(before.id, before.respondent, before.note, random_secret(ctx))
    values = {"digest": token_digest(link.secret), "linked_at": ctx.now, "used_at": None, "run_id": None, "revoked_at": None}
    await tx.execute(update(invitations).where(_OWN.id == before.id).values(**values))
    await audit_wizard(ctx, tx, "wizard.invitation_renewed", wizard.id, invitation=before.id, was=before.status)
    return link


async def revoke_invitations(ctx: Context, tx: Write, wizard_ref: str, which: Which) -> int:
    """How many of these let nobody begin any more. Those that were used have nothing left to revoke and stay as they are."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    conditions = [_OWN.wizard_id == wizard.id, *_unused(), *_chosen(which)]
    revoked = await tx.execute(update(invitations).where(*conditions).values(revoked_at=ctx.now))
    if revoked:
        await audit_wizard(ctx, tx, "wizard.invitations_revoked", wizard.id, invitations=revoked)
    return revoked


async def delete_invitations(ctx: Context, tx: Write, wizard_ref: str, ids: Collection[str]) -> int:
    """How many of these are gone for good, names and all. Runs that they began stay, and keep who answered."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    deleted = await tx.execute(delete(invitations).where(_OWN.wizard_id == wizard.id, _OWN.id.in_(ids)))
    if deleted:
        await audit_wizard(ctx, tx, "wizard.invitations_deleted", wizard.id, invitations=deleted)
    return deleted


async def revoke_invitation(ctx: Context, tx: Write, wizard_ref: str, invitation_id: str) -> Invitation:
    """The invitation, revoked; as it is where it was used. Raises InvitationNotFound."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    await get_invitation(tx, wizard.id, invitation_id)
    await revoke_invitations(ctx, tx, wizard_ref, [invitation_id])
    return await get_invitation(tx, wizard.id, invitation_id)


def _unused() -> Sequence[ColumnElement[bool]]:
    return (_OWN.used_at.is_(None), _OWN.revoked_at.is_(None))


def _chosen(which: Which) -> Sequence[ColumnElement[bool]]:
    match which:
        case "new":
            return (_OWN.digest.is_(None),)
        case "unused":
            return ()
        case _:
            return (_OWN.id.in_(which),)
