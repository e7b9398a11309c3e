"""What somebody had typed when their session was over, and who that was: carried through the sign-in in fields, and sent on afterwards."""

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request

from keepstep.actions.accounts import token_digest
from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.queries.sessions import find_owner
from keepstep.web.rendering import TOKEN_FIELD
from keepstep.web.visitor import session_secret

# 403 and not 401: browsers keep no answer of that status, so that Back would find nothing of what was typed (decision 0033).
SIGN_IN_TO_SEND: Final = 403

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


# What forms hold besides: ids, revisions, and where to go on.
_OF_FORMS: Final = frozenset(
    (
        "base node has whole form lang pane own looked new_id id option_set_id step_id seen confirm confirm_finish counted revision "
        "question choice return next do act"
    ).split()
)


def typed_in(pairs: Sequence[tuple[str, str]]) -> str:
    """What a person may have typed of a form, to be read and copied. Forms of the builder say which inputs they show."""
    shown = {name for key, names in pairs if key == "has" for name in names.split(",") if name}
    typed = (value for name, value in pairs if name in shown or not (shown or name in _OF_FORMS or name.endswith("_was")))
    return "\n".join(dict.fromkeys(filter(None, typed)))


async def whose_form(request: Request) -> str:
    """Whose session it was that a form came with, as a field of the sign-in; "" where nobody knows any more."""
    secret = session_secret(request)
    resources: Resources = request.app.state.resources
    async with open_read(resources.engine) as tx:
        owner = await find_owner(tx, token_digest(secret)) if secret else None
    return json.dumps(owner) if owner else ""


def page_of_form(request: Request) -> str:
    """The page that a form stood on, to go back to without sending it: where it is sent there may be no page. "" where no browser says."""
    came = urlsplit(request.headers.get("referer", ""))
    return came.path + (f"?{came.query}" if came.query else "") if came.netloc == request.url.netloc else ""


def owner_in(text: str | None) -> tuple[str, str]:
    """(id, name) that `whose_form` wrote; both empty for what it never writes."""
    try:
        found: Any = json.loads(text or "null")
    except ValueError:
        return "", ""
    is_pair = isinstance(found, list) and len(found) == 2 and all(isinstance(each, str) for each in found)
    return (found[0], found[1]) if is_pair else ("", "")
