"""What a route asks for: the resources, who acts, and a transaction that is over before the answer is sent."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, BeforeValidator

from keepstep.actions.context import Context
from keepstep.config import Resources
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.web.session import SignedInCache, signed_in


async def resources_of(request: Request) -> Resources:
    """What the entry point opened. A coroutine, as every dependency here: FastAPI runs plain functions in a thread."""
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(resources_of)]


async def signed_in_cache_of(request: Request) -> SignedInCache:
    cache: SignedInCache = request.app.state.signed_in_cache
    return cache


SignedInCacheDep = Annotated[SignedInCache, Depends(signed_in_cache_of)]


async def current_context(request: Request, resources: ResourcesDep, cache: SignedInCacheDep) -> Context:
    """Who acts, now. Raises Unauthenticated."""
    return resources.context(await signed_in(request.headers.get("authorization"), resources, cache))


CurrentContext = Annotated[Context, Depends(current_context)]


# Both depend on the context, so that somebody unknown never takes a connection, and nobody holds one while waiting for a
# second one to look the token up: with the pool empty, that would be a deadlock.
async def read_transaction(resources: ResourcesDep, _context: CurrentContext) -> AsyncIterator[Read]:
    async with open_read(resources.engine) as tx:
        yield tx


async def write_transaction(resources: ResourcesDep, _context: CurrentContext) -> AsyncIterator[Write]:
    async with open_write(resources.engine) as tx:
        yield tx


async def account_transaction(resources: ResourcesDep, cache: SignedInCacheDep, _context: CurrentContext) -> AsyncIterator[Write]:
    """A write that may change who is signed in: what is known about that is forgotten after the commit, not before."""
    async with open_write(resources.engine) as tx:
        yield tx
    cache.forget()


# scope="function" ends the transaction before the answer is sent. With FastAPI's default it would end after, and a commit
# that fails would already have been answered with a success.
ReadTx = Annotated[Read, Depends(read_transaction, scope="function")]
WriteTx = Annotated[Write, Depends(write_transaction, scope="function")]
AccountTx = Annotated[Write, Depends(account_transaction, scope="function")]

# An id as text, in its one spelling; anything else is refused before the database sees it.
Id = Annotated[str, BeforeValidator(UUID), AfterValidator(str)]
IdPath = Annotated[Id, Path(json_schema_extra={"format": "uuid"})]
