"""What somebody can do with their own account: name, address, language, password. What shows that it is they comes checked."""

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from keepstep.actions.accounts import address_of, store_password
from keepstep.actions.audit import audit_user
from keepstep.actions.context import Context
from keepstep.db.tables import password_links, users
from keepstep.db.transaction import Write
from keepstep.errors import Stale
from keepstep.queries.accounts import User, get_user


@dataclass(frozen=True, slots=True)
class Checked:
    """That somebody gave their present password: the hash it was checked against, outside of any transaction."""

    password_hash: str


async def change_profile(ctx: Context, tx: Write, *, name: str, language: str | None) -> User:
    """One's own name, and the language of the pages (None: as the browser asks). An empty name leaves the present one."""
    user_id = own_id(ctx)
    stored = await tx.row(select(users.c.name, users.c.language).where(users.c.id == user_id).with_for_update())
    values = {"name": name.strip() or stored.name, "language": language}
    changed = [column for column, value in values.items() if value != getattr(stored, column)]
    if changed:
        await tx.execute(update(users).where(users.c.id == user_id).values(**values))
        await audit_user(ctx, tx, "user.changed", user_id, changed=changed)
    return await get_user(tx, user_id)


async def change_own_email(ctx: Context, tx: Write, email: str, checked: Checked) -> User:
    """The address to sign in with. Raises EmailTaken, RequestInvalid, Stale."""
    address = address_of(email)
    user_id = await _require_still(ctx, tx, checked)
    user = await get_user(tx, user_id)
    if address != user.email:
        await tx.execute(update(users).where(users.c.id == user_id).values(email=address))
        # It was handed to whoever the admin knew under the old address.
        await tx.execute(delete(password_links).where(password_links.c.user_id == user_id))
        await audit_user(ctx, tx, "user.changed", user_id, changed=["email"])
    return await get_user(tx, user_id)


async def change_own_password(ctx: Context, tx: Write, password: str, checked: Checked) -> None:
    """Ends every session, this one included: the caller opens a new one. Raises RequestInvalid, Stale."""
    user_id = await _require_still(ctx, tx, checked)
    await store_password(ctx, tx, user_id, password)
    await audit_user(ctx, tx, "user.password_set", user_id, by="themselves")


def own_id(ctx: Context) -> str:
    """The id of whoever acts."""
    assert ctx.actor.id is not None  # somebody with an account of their own is a user
    return ctx.actor.id


async def _require_still(ctx: Context, tx: Write, checked: Checked) -> str:
    """The password may have been changed by somebody else since it was checked; then what was checked shows nothing any more."""
    user_id = own_id(ctx)
    if await tx.scalar(select(users.c.password_hash).where(users.c.id == user_id).with_for_update()) != checked.password_hash:
        raise Stale("Your password was changed a moment ago, in another place. Sign in again.")
    return user_id
