"""Which state a writer says it saw: ETags and If-Match (RFC 9110). Whether that is the present one, actions/preconditions.py decides."""

import re
from typing import Annotated, Final

from fastapi import Depends, Header

from keepstep.errors import RequestInvalid

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def quoted(etag: str) -> str:
    """The header's form of a state: `7` is `"7"`."""
    return f'"{etag}"'


def tag_header(etag: str) -> dict[str, str]:
    """The header that an answer about this state carries."""
    return {"ETag": quoted(etag)}


def tag_in(header: str | None) -> str | None:
    """The state that a writer says it saw, without quotes; "*" for any, None without the header. Raises RequestInvalid."""
    text = (header or "").strip()
    if text in {"", "*"}:
        return text or None
    match = _TAG.fullmatch(text)
    if match is None:
        raise RequestInvalid('If-Match takes one ETag in its quotes, such as "7", or *.')
    if match[1]:
        # A proxy that compresses answers weakens their tags. Comparing them anyway would let a write through that saw
        # something else; calling them stale would send the writer in circles.
        raise RequestInvalid('If-Match takes no weak tag (W/"…"). If a proxy weakens them, turn off its compression for the API.')
    return match[2]


async def seen_tag(
    header: Annotated[str | None, Header(alias="If-Match", description='The ETag that GET gave, in its quotes: `"7"`.')] = None,
) -> str | None:
    """As `tag_in`, of the request."""
    return tag_in(header)


# What an action's `seen` is given: it decides under the lock, where the present state is known for sure.
Seen = Annotated[str | None, Depends(seen_tag)]
