"""What a form did, said on the page that follows it (`?done=<what>`). Fixed texts: an address that somebody sends says nothing else."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from keepstep.web.texts import message

_DONE: Final[Mapping[str, str]] = {
    "profile": message("Your account was changed."),
    "email": message("Your e-mail address was changed. Sign in with it from now on."),
    "password": message("Your password was changed. All your other sessions have ended."),
    "session": message("That browser is signed out."),
    "connected": message("Your account is connected."),
    "disconnected": message("Your account is no longer connected."),
    "revoked": message("The token is revoked and works no longer."),
    "again": message(
        "That form was sent twice. Its token was made the first time; if you do not have its secret, revoke it and make another."
    ),
    "user": message("The user was changed."),
    "user-again": message("That form was sent twice. The user was made the first time; if you do not have the link, make another."),
    "disabled": message("The user is disabled, and signed out everywhere."),
    "enabled": message("The user is enabled and may sign in again."),
    "sessions": message("The user is signed out everywhere."),
    "withdrawn": message("The link is withdrawn."),
    "access": message("Saved. It holds at once."),
    "link": message("The link is renewed. The one before lets nobody begin any more."),
    "no-links": message("There was nothing to export: nobody is waiting for a link."),
    "invitation-revoked": message("The invitation is revoked. Its link opens nothing any more."),
    "invitation-deleted": message("The invitation is deleted from the list."),
    "subject-erased": message("What was listed is erased for good. Tombstones say that there were runs."),
    "subject-in-part": message("The first runs are erased. More are left; erase those, too."),
    "brought-back": message("It is in the draft again."),
    "granted": message("The grant is given."),
    "ungranted": message("The grant is withdrawn."),
}


def done_text(request: Request) -> str:
    """The text for the catalogue; empty where nothing was done."""
    return _DONE.get(request.query_params.get("done", ""), "")
