"""Who was given a role on one wizard. Must not know what a role allows: that is core.permissions."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from keepstep.db.tables import Role, grants, users
from keepstep.db.transaction import Read


class Granted(NamedTuple):
    """A person and their role on the wizard."""

    user_id: str
    name: str
    role: Role


async def grants_on(tx: Read, wizard_id: str) -> Sequence[Granted]:
    """Everybody with a grant on it whose account is not disabled, by name."""
    wanted = (grants.c.wizard_id == wizard_id, users.c.disabled_at.is_(None))
    joined = grants.join(users, users.c.id == grants.c.user_id)
    rows = await tx.rows(
        select(users.c.id.label("user_id"), users.c.name, grants.c.role)
        .select_from(joined)
        .where(*wanted)
        .order_by(users.c.name, users.c.id)
    )
    return [Granted(**row._asdict()) for row in rows]
