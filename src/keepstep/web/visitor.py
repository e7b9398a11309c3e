"""Who looks at a page: the session of a cookie as a value, and the transactions that a page works in.

A request that changes something is checked here for its origin and token, so that no page can forget it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.accounts import token_digest
from keepstep.actions.context import Context
from keepstep.actions.sessions import ABSOLUTE, IDLE, REMEMBERED, see_session
from keepstep.config import Resources
from keepstep.core.permissions import Actor, Permission, may
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.errors import Unauthenticated
from keepstep.queries.sessions import BrowserSession, find_session
from keepstep.web.origin import SAFE_METHODS, csrf_token_of, require_own_origin, require_token

_COOKIE: Final = "keepstep_session"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in. `ctx` is what actions get; `csrf_token` is what their forms hold; `language` None: as the browser asks."""

    ctx: Context
    email: str
    digest: bytes
    csrf_token: str
    language: str | None

    @property
    def actor(self) -> Actor:
        return self.ctx.actor

    @property
    def initials(self) -> str:
        """`AO` for Adaeze Okafor."""
        words = self.actor.name.split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    def may(self, permission: Permission, wizard_id: str | None = None) -> bool:
        return may(self.actor, permission, wizard_id)


def cookie_name(base_url: str) -> str:
    """Under https with the prefix by which browsers refuse a cookie that a neighbouring host or a plain connection sets."""
    return f"__Host-{_COOKIE}" if base_url.startswith("https://") else _COOKIE


def session_secret(request: Request) -> str | None:
    """The secret that the cookie holds."""
    resources: Resources = request.app.state.resources
    return request.cookies.get(cookie_name(resources.settings.base_url)) or None


def keep_cookie(response: Response, base_url: str, secret: str) -> None:
    """Sets the cookie of a new session. Scripts cannot read it, and strangers' forms do not bring it along."""
    response.set_cookie(
        cookie_name(base_url),
        secret,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, base_url: str) -> None:
    response.delete_cookie(cookie_name(base_url), path="/", secure=base_url.startswith("https://"), httponly=True, samesite="lax")


async def find_visitor(request: Request) -> Visitor | None:
    """Whom the cookie speaks for; None without a session that still holds. Unchecked: for pages that change nothing."""
    secret = session_secret(request)
    if secret is None:
        return None
    resources: Resources = request.app.state.resources
    now = resources.now()
    async with open_read(resources.engine) as tx:
        found = await find_session(tx, token_digest(secret), now=now, idle_since=now - IDLE)
    if found is None:
        return None
    visitor = visitor_of(found, resources)
    request.state.visitor = visitor
    if found.used_at <= now - REMEMBERED:
        async with open_write(resources.engine) as write:
            await see_session(visitor.ctx, write, found.digest)
    return visitor


def visitor_of(session: BrowserSession, resources: Resources) -> Visitor:
    token = csrf_token_of(session.digest, resources.secret)
    return Visitor(resources.context(session.actor), session.email, session.digest, token, session.language)


async def current_visitor(request: Request) -> Visitor:
    """Raises Unauthenticated, and CrossSite for a change that no page of this session sent."""
    resources: Resources = request.app.state.resources
    changes = request.method not in SAFE_METHODS
    if changes:
        require_own_origin(request, resources.settings.base_url)
    visitor = await find_visitor(request)
    if visitor is None:
        raise Unauthenticated("Sign in first, or again: your session is over.")
    if changes:
        await require_token(request, visitor.csrf_token)
    return visitor


CurrentVisitor = Annotated[Visitor, Depends(current_visitor)]


# Both depend on the visitor, so that somebody unknown never takes a connection for their transaction.
async def page_read(request: Request, _visitor: CurrentVisitor) -> AsyncIterator[Read]:
    async with open_read(request.app.state.resources.engine) as tx:
        yield tx


@asynccontextmanager
async def writing(request: Request) -> AsyncIterator[Write]:
    """A write of a page that goes on after a problem: what the form shows again is read when this has ended."""
    async with open_write(request.app.state.resources.engine) as tx:
        yield tx
    # A page may have changed users or grants; tokens are looked up anew then, which costs a statement.
    request.app.state.signed_in_cache.forget()


async def page_write(request: Request, _visitor: CurrentVisitor) -> AsyncIterator[Write]:
    async with writing(request) as tx:
        yield tx


# scope="function": committed before the answer is sent (web/deps.py).
PageRead = Annotated[Read, Depends(page_read, scope="function")]
PageWrite = Annotated[Write, Depends(page_write, scope="function")]
