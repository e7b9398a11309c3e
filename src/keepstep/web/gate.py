"""What the start form of the player carries so that somebody may begin, and the visit that comes of it when it is sent.

The form's signed field holds the run that is to begin and when the form was shown: a proof of work is good for that one run,
and a form sent twice begins once. Must not know how the start page looks; templates/player/gate.html draws the fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.config import Resources
from keepstep.core.access import Access
from keepstep.core.admission import PATIENCE, PROOF_BITS, Visit
from keepstep.core.clock import utc_text
from keepstep.core.tokens import sign, verified
from keepstep.queries.wizards import is_id
from keepstep.web.passwords import address_of_client
from keepstep.web.visitor import find_visitor

TOKEN_PARAMETER: Final = "t"  # noqa: S105 - the name of a parameter
"""In the address of a link, and in the form."""
HONEYPOT_FIELD: Final = "trap"
START_FIELD: Final = "start"
PROOF_FIELD: Final = "proof"
INVITATION_COOKIE: Final = "keepstep_invitation"
# Longer than a page lies open, so that what was opened in the morning can be begun in the evening.
_INVITED: Final = 7 * 24 * 3600
_LONGEST_TOKEN: Final = 200


@dataclass(frozen=True, slots=True)
class Gate:
    """The fields of a start form. `proof_bits`: how much work its script is to do, 0 for none; `patience`: seconds without a script."""

    start: str
    token: str
    proof_bits: int
    patience: int = int(PATIENCE.total_seconds())


def gate_of(request: Request, wizard_id: str, access: Access, *, token: str | None = None) -> Gate:
    """The fields of a form that is shown now. `token`: what the form was sent with, where it is shown again."""
    resources: Resources = request.app.state.resources
    start = sign(resources.secret, _purpose(wizard_id), [resources.make_id(), utc_text(resources.now())])
    carried = token or request.query_params.get(TOKEN_PARAMETER, "")
    return Gate(start, carried[:_LONGEST_TOKEN], PROOF_BITS if access.proof_of_work else 0)


async def visit_of(request: Request, wizard_id: str, fields: Mapping[str, str]) -> Visit:
    """What a start form brings. Its `run_id` is always one: that of the form, or a new one where the form has none of ours."""
    resources: Resources = request.app.state.resources
    start = fields.get(START_FIELD, "")
    run_id, shown_at = _started(resources.secret, wizard_id, start)
    visitor = await find_visitor(request)
    token = fields.get(TOKEN_PARAMETER) or request.query_params.get(TOKEN_PARAMETER) or request.cookies.get(INVITATION_COOKIE) or None
    return Visit(
        token=token[:_LONGEST_TOKEN] if token else None,
        user_id=visitor.actor.id if visitor else None,
        address=address_of_client(request),
        honeypot=fields.get(HONEYPOT_FIELD, ""),
        proof=fields.get(PROOF_FIELD) or None,
        run_id=run_id or resources.make_id(),
        shown_at=shown_at,
        challenge=start if run_id else None,
    )


def _started(secret: bytes, wizard_id: str, start: str) -> tuple[str | None, datetime | None]:
    """The run and the time in a signed field of this wizard; nothing for any other text."""
    match verified(secret, _purpose(wizard_id), start) if len(start) <= 400 else None:
        case [str(run_id), str(shown)] if is_id(run_id):
            return run_id, datetime.fromisoformat(shown).astimezone(UTC)
        case _:
            return None, None


def _purpose(wizard_id: str) -> str:
    return f"start:{wizard_id}"


def keep_invitation(response: Response, base_url: str, path: str, token: str) -> None:
    """The secret of an invitation, for the pages of its wizard alone (`path`). Opening the link uses nothing up: programs that look
    through mail open links, too.
    """
    secure = base_url.startswith("https://")
    response.set_cookie(INVITATION_COOKIE, token, max_age=_INVITED, path=path, secure=secure, httponly=True, samesite="lax")


def drop_invitation(response: Response, base_url: str, path: str) -> None:
    """After the run has begun."""
    secure = base_url.startswith("https://")
    response.delete_cookie(INVITATION_COOKIE, path=path, secure=secure, httponly=True, samesite="lax")


def frame_ancestors(access: Access) -> str:
    """Which pages may frame the player, as a policy says it. Where it names any, no X-Frame-Options is sent (web/edge.py)."""
    sites = " ".join(access.embed_on) or "'none'"
    return f"frame-ancestors {sites}"
