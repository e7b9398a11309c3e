"""How much of a request is read: the body piece by piece up to a limit. Must not know what the body says."""

from collections.abc import AsyncIterator
from typing import Final

from keepstep.errors import RequestInvalid, TooLarge

MEGABYTE: Final = 1024 * 1024


async def within(limit: int, pieces: AsyncIterator[bytes], *, announced: str | None) -> AsyncIterator[bytes]:
    """The pieces of a body, as they come. Raises TooLarge as soon as they exceed `limit` bytes, before any is read if
    the Content-Length (`announced`) already says so. A body sent in chunks announces nothing and is counted all the same.
    """
    if _length(announced) > limit:
        raise _too_large(limit)
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > limit:
            raise _too_large(limit)
        yield piece


def _length(announced: str | None) -> int:
    if announced is None:
        return 0
    if not (announced.isascii() and announced.isdigit()):
        raise RequestInvalid("Content-Length must be a whole number of bytes.")
    return int(announced)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"This server reads at most {limit / MEGABYTE:g} MB here.", limit=limit)
