"""What a route asks for: the resources, who acts, and a transaction that is over before the answer is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from keepstep.actions.context import Context
from keepstep.config import Resources
from keepstep.db.transaction import Read, Write, open_read, open_write
from keepstep.web.session import signed_in


async def resources_of(request: Request) -> Resources:
    """What the entry point opened. A coroutine, as every dependency here: FastAPI runs plain functions in a thread."""
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(resources_of)]


# Each dependency costs FastAPI some 30 µs a request, so those on the submit path take what they need from the application
# and not from further dependencies.
async def current_context(request: Request) -> Context:
    """Who acts, now. Raises Unauthenticated."""
    state = request.app.state
    resources: Resources = state.resources
    return resources.context(await signed_in(request.headers.get("authorization"), resources, state.signed_in_cache))


CurrentContext = Annotated[Context, Depends(current_context)]


# Both depend on the context, so that somebody unknown never takes a connection, and nobody holds one while waiting for a
# second one to look the token up: with the pool empty, that would be a deadlock.
async def read_transaction(request: Request, _context: CurrentContext) -> AsyncIterator[Read]:
    async with open_read(request.app.state.resources.engine) as tx:
        yield tx


async def write_transaction(request: Request, _context: CurrentContext) -> AsyncIterator[Write]:
    async with open_write(request.app.state.resources.engine) as tx:
        yield tx


async def account_transaction(request: Request, _context: CurrentContext) -> AsyncIterator[Write]:
    """A write that may change who is signed in: what is known about that is forgotten after the commit, not before."""
    async with open_write(request.app.state.resources.engine) as tx:
        yield tx
    request.app.state.signed_in_cache.forget()


# scope="function" ends the transaction before the answer is sent. With FastAPI's default it would end after, and a commit
# that fails would already have been answered with a success.
ReadTx = Annotated[Read, Depends(read_transaction, scope="function")]
WriteTx = Annotated[Write, Depends(write_transaction, scope="function")]
AccountTx = Annotated[Write, Depends(account_transaction, scope="function")]
