"""Whether every answer is kept, for admins: what the last check found, a check in bounded pieces, and facts about the system."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep import __version__
from keepstep.actions.checks import Counted, record_check
from keepstep.config import Resources
from keepstep.core.permissions import require
from keepstep.core.tokens import sign, verified
from keepstep.db.transaction import Read, open_read
from keepstep.errors import RequestInvalid, WizardNotFound
from keepstep.queries.checkpoints import checkpoint_findings
from keepstep.queries.daily import last_daily_work
from keepstep.queries.health import last_check, list_checks, system_facts
from keepstep.queries.integrity import Scope, Verified, guard_findings, verify
from keepstep.queries.showing import Showing, unshown_answers
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.pages.route import fields_of, page_router
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor, writing

router = page_router()

# Some seconds of work: as long as somebody waits for an answer. The next piece goes on from there.
RUNS_AT_ONCE: Final = 2_000
_PURPOSE: Final = "integrity-check"
_CHECKS_SHOWN: Final = 5
_NO_WIZARD: Final = message("There is no wizard with this short name or id.")


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one request looked at, with everything that the pieces before it counted."""

    wizard: Wizard | None
    counted: Counted
    result: Verified
    showing: Showing
    go_on: str | None


@router.get("/admin", name="page:health")
async def health(request: Request, visitor: CurrentVisitor, tx: PageRead, resources: ResourcesDep) -> Response:
    require(visitor.actor, "administer")
    return await _page(request, resources, tx)


@router.post("/admin/check", name="page:check")
async def check(request: Request, visitor: CurrentVisitor, resources: ResourcesDep) -> Response:
    """Looks at up to RUNS_AT_ONCE runs. No redirect: what was found is in this answer; sent again, it looks again."""
    require(visitor.actor, "administer")
    fields = await fields_of(request)
    try:
        piece = await _looked_at(resources, visitor, fields.get("wizard", ""), fields.get("go_on"))
    except WizardNotFound:
        async with open_read(resources.engine) as tx:
            return await _page(request, resources, tx, wizard_ref=fields["wizard"], error=_NO_WIZARD)
    async with writing(request) as write:
        await record_check(visitor.ctx, write, None if piece.wizard is None else piece.wizard.id, piece.counted)
    async with open_read(resources.engine) as tx:
        return await _page(request, resources, tx, piece=piece)


async def _looked_at(resources: Resources, visitor: Visitor, wizard_ref: str, go_on: str | None) -> _Piece:
    """One snapshot for both halves, so that a run which changes meanwhile is not taken for an alteration."""
    before = _before(resources, go_on)
    async with open_read(resources.engine) as tx:
        wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True) if wizard_ref else None
        if before["wizard"] != (wizard.id if wizard else None) and go_on:
            raise RequestInvalid("This check was of another wizard. Begin again.")
        scope = Scope(wizard.id if wizard else None, before["after"], RUNS_AT_ONCE)
        result, showing = await verify(tx, scope), await unshown_answers(tx, scope)
        if before["after"] is None and wizard is None:
            result.add(await guard_findings(tx))
            result.add(await checkpoint_findings(tx, resources.secret))
    counted = _counted(before, result, showing)
    told = {"wizard": scope.wizard_id, "after": result.next, **{name: getattr(counted, name) for name in _SUMMED}}
    return _Piece(wizard, counted, result, showing, sign(resources.secret, _PURPOSE, told) if result.next else None)


_SUMMED: Final = ("runs", "revisions", "altered", "answers", "unshown")


def _before(resources: Resources, go_on: str | None) -> dict[str, Any]:
    """Where the piece before stopped and what was counted until then; nothing at the beginning."""
    if not go_on:
        return {"wizard": None, "after": None} | dict.fromkeys(_SUMMED, 0)
    told = verified(resources.secret, _PURPOSE, go_on)
    if told is None:
        raise RequestInvalid("This check cannot go on from there. Begin again.")
    found: dict[str, Any] = told
    return found


def _counted(before: dict[str, Any], result: Verified, showing: Showing) -> Counted:
    # Versions are looked at anew in each piece; what is wrong with them was counted in the first.
    again = 0 if before["after"] is None else sum(finding.run_id is None for finding in result.findings)
    here = {
        "runs": result.runs,
        "revisions": result.revisions,
        "altered": result.altered - again,
        "answers": showing.answers,
        "unshown": showing.unshown,
    }
    return Counted(versions=result.versions, whole=result.next is None, **{name: before[name] + here[name] for name in _SUMMED})


async def _page(
    request: Request, resources: Resources, tx: Read, *, piece: _Piece | None = None, wizard_ref: str = "", error: str = ""
) -> Response:
    settings = resources.settings
    values: dict[str, Any] = {
        "last": await last_check(tx),
        "checks": await list_checks(tx, limit=_CHECKS_SHOWN),
        "facts": await system_facts(tx),
        "daily": await last_daily_work(tx),
        "settings": settings,
        "release": __version__,
        "piece": piece,
        "wizard_ref": wizard_ref,
        "error": error,
    }
    return page(request, "accounts/health.html", status=422 if error else 200, **values)
