"""Who is invited to begin a wizard, and what became of it."""

from sqlalchemy import select

from keepstep.db.tables import invitations, wizards
from keepstep.db.transaction import Read


async def invited_to(tx: Read, digest: bytes) -> str | None:
    """The slug of the wizard that the invitation with this digest opens; None for an unknown or revoked one, or a wizard that is gone."""
    holds = (invitations.c.digest == digest, invitations.c.revoked_at.is_(None), wizards.c.removed_at.is_(None))
    slug: str | None = await tx.scalar(select(wizards.c.slug).join_from(invitations, wizards).where(*holds))
    return slug
