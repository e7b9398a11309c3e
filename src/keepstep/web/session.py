"""Who sends a request: the bearer token of its header, looked up by its digest. Must not know what the request wants."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from keepstep.actions.accounts import token_digest
from keepstep.config import Resources
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read
from keepstep.errors import Unauthenticated
from keepstep.queries.accounts import SignedIn, find_signed_in

# Looking a token up costs more than the rest of a small request. Two seconds is what docs/operations.md promises for a
# revocation made in another process; in this one it holds at once.
KEPT_SECONDS: Final = 2.0
KEPT_TOKENS: Final = 1024


@dataclass(slots=True)
class SignedInCache:
    """Whom the tokens of the last moments speak for. One for each application. Unknown tokens are never kept, so guessing fills nothing."""

    clock: Callable[[], float] = monotonic
    _kept: dict[bytes, tuple[float, SignedIn]] = field(default_factory=dict)
    _age: int = 0

    @property
    def age(self) -> int:
        """Changes whenever what is kept is forgotten."""
        return self._age

    def find(self, digest: bytes) -> SignedIn | None:
        until, found = self._kept.get(digest, (0.0, None))
        return found if until > self.clock() else None

    def keep(self, digest: bytes, found: SignedIn, *, age: int) -> None:
        """Keeps what was read when the cache had this age. A revocation that came in between made it a different one."""
        if age != self._age:
            return
        if len(self._kept) >= KEPT_TOKENS:
            # Everything at once: it costs one look-up for each active token, and needs no order of use on the hot path.
            self._kept.clear()
        self._kept[digest] = (self.clock() + KEPT_SECONDS, found)

    def forget(self) -> None:
        """After each commit that touches users, tokens or grants."""
        self._age += 1
        self._kept.clear()


async def signed_in(header: str | None, resources: Resources, cache: SignedInCache) -> Actor:
    """Whom an Authorization header speaks for. Raises Unauthenticated, in the same words whatever is wrong with the token."""
    digest = token_digest(_token_in(header))
    found = cache.find(digest) or await _looked_up(digest, resources, cache)
    if found is None or (found.expires_at is not None and found.expires_at <= resources.now()):
        raise Unauthenticated("This token is unknown, expired or revoked.")
    return found.actor


async def _looked_up(digest: bytes, resources: Resources, cache: SignedInCache) -> SignedIn | None:
    age = cache.age
    async with open_read(resources.engine) as tx:
        found = await find_signed_in(tx, digest, resources.now())
    if found is not None:
        cache.keep(digest, found, age=age)
    return found


def _token_in(header: str | None) -> str:
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send the header Authorization: Bearer <token>. `keepstep token add EMAIL` makes one.")
    return token.strip()
