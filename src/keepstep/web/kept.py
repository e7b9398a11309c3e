"""What somebody had typed when their session was over: carried through the sign-in in a field, and sent on afterwards."""

import json
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from keepstep.web.rendering import TOKEN_FIELD

# The token is of the session that is over; passwords are typed anew, since they would stand in the page as plain text.
_DROPPED: Final = frozenset({TOKEN_FIELD, "password", "new_password"})


async def keep_fields(request: Request) -> str:
    """The texts of a form that came without a session. Files are not among them: they would have to be kept on the server."""
    pairs = (await request.form()).multi_items()
    return json.dumps([(name, value) for name, value in pairs if isinstance(value, str) and name not in _DROPPED])


def fields_kept(text: str | None) -> Sequence[tuple[str, str]]:
    """What `keep_fields` wrote; nothing for what it never writes."""
    try:
        pairs: Any = json.loads(text or "[]")
        return [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]
    except (ValueError, TypeError):
        return []
