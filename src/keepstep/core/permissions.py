"""Who may do what: roles, token scopes and grants per wizard, as a value. Must not know how somebody signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from keepstep.errors import Forbidden

Role = Literal["admin", "editor", "analyst"]
Scope = Literal["read", "submit", "edit", "admin"]
Channel = Literal["web", "api", "cli", "job", "system"]
Permission = Literal["view", "submit", "edit", "administer"]

ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = {
    "admin": frozenset({"view", "submit", "edit", "administer"}),
    "editor": frozenset({"view", "submit", "edit"}),
    "analyst": frozenset({"view"}),
}
# A token may do less than its owner, never more. `edit` covers runs too, so an integration needs one token.
SCOPED: Final[Mapping[Scope, frozenset[Permission]]] = {
    "read": frozenset({"view"}),
    "submit": frozenset({"submit"}),
    "edit": frozenset({"view", "submit", "edit"}),
    "admin": frozenset({"view", "submit", "edit", "administer"}),
}
ALL_SCOPES: Final[frozenset[Scope]] = frozenset(SCOPED)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and through which door. `id` is None for the system itself.

    `grants` is the role per wizard id. Somebody with grants acts on those wizards alone; without any, `role` holds for
    every wizard. An admin needs no grant.
    """

    id: str | None
    name: str
    role: Role
    channel: Channel
    scopes: frozenset[Scope] = ALL_SCOPES
    grants: Mapping[str, Role] = field(default_factory=dict)


SYSTEM: Final = Actor(id=None, name="system", role="admin", channel="system")


def role_on(actor: Actor, wizard_id: str | None) -> Role | None:
    """The role that counts on a wizard (None: on no wizard in particular); None when the actor has nothing to do with it."""
    if actor.role == "admin" or not actor.grants or wizard_id is None:
        return actor.role
    return actor.grants.get(wizard_id)


def may(actor: Actor, permission: Permission, wizard_id: str | None = None) -> bool:
    """Whether role, grants and scopes together allow it."""
    role = role_on(actor, wizard_id)
    scoped = any(permission in SCOPED[scope] for scope in actor.scopes)
    return role is not None and permission in ALLOWED[role] and scoped


def require(actor: Actor, permission: Permission, wizard_id: str | None = None) -> None:
    """Raises Forbidden unless the actor may; the detail says which of role, grant and scope is missing."""
    if may(actor, permission, wizard_id):
        return
    role = role_on(actor, wizard_id)
    if role is None:
        raise Forbidden("You have no grant on this wizard; ask an admin.")
    if permission not in ALLOWED[role]:
        raise Forbidden(f"The role {role} may not {permission}; ask an admin.")
    raise Forbidden(f"This token has no scope that allows to {permission}; it has: {', '.join(sorted(actor.scopes)) or 'none'}.")


def visible_wizards(actor: Actor) -> frozenset[str] | None:
    """The wizards that lists may show; None for all of them."""
    return None if actor.role == "admin" or not actor.grants else frozenset(actor.grants)
