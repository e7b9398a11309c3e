"""Whether a request that changes something was sent by a page of ours: where the browser says it comes from, and a token of the session.

Both, because each has gaps: old browsers send no fetch metadata, and a token can be read through a fault elsewhere.
"""

import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from keepstep.errors import CrossSite
from keepstep.web.rendering import TOKEN_FIELD

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_HEADER: Final = "x-csrf-token"  # noqa: S105 - the name of a header


def require_own_origin(request: Request, base_url: str) -> None:
    """Raises CrossSite unless the browser says that one of our own pages sends this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # "none" is the person themselves, by the address bar; no form is sent that way.
        if site != "same-origin":
            raise CrossSite
        return
    # Fetch metadata comes on https and loopback only; over plain http in a network, Origin is what there is.
    origin = urlsplit(request.headers.get("origin", ""))
    if not origin.netloc or origin.netloc not in {request.headers.get("host"), urlsplit(base_url).netloc}:
        raise CrossSite


def csrf_token_of(digest: bytes, secret: bytes) -> str:
    """The token of a session: nobody has it who has not read a page of that session."""
    return hmac.digest(secret, b"csrf:" + digest, "sha256").hex()[:32]


async def require_token(request: Request, token: str) -> None:
    """Raises CrossSite unless the request brings the token of its session, in a header (htmx) or a field (plain forms)."""
    given = request.headers.get(TOKEN_HEADER)
    if given is None:
        field = (await request.form()).get(TOKEN_FIELD)
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise CrossSite("This page is older than your present session. Reload it and send again.")
