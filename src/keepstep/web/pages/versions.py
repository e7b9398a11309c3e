"""A wizard's versions: the list, any two compared, the draft among them. Going back and looking as of one are pages of their own."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.confirm import counted_report
from keepstep.actions.publishing import Publishing, report_of_rollback
from keepstep.core.change_groups import by_step, classes_of
from keepstep.core.edits import Draft
from keepstep.core.impact import Report
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.errors import NothingToPublish, VersionNotFound
from keepstep.queries.drafts import get_draft
from keepstep.queries.history import VersionLine, list_versions
from keepstep.queries.migration_overview import count_on_older, job_of_publish
from keepstep.queries.versions import version_by_number
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.beside import touched_step
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor

router = page_router()

DRAFT: Final = "draft"
Choice = Annotated[str | None, Query(max_length=12)]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared: numbers of versions, or "draft". `is_chosen`: somebody asked for it, or it is what the page shows by itself."""

    old: str
    new: str
    is_chosen: bool = True
    left_out: int = 0


@router.get("/wizards/{wizard_ref}/versions", name="page:versions")
async def versions(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    wizard_ref: str,
    start: Annotated[str | None, Query(alias="from", max_length=12)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=12)] = None,
    chosen: Annotated[list[str] | None, Query(alias="v", max_length=200)] = None,
    step: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[int | None, Query()] = None,
    cursor: Cursor = None,
) -> Response:
    """`from` and `to` are compared, or of the boxes that were ticked (`v`) the oldest and the newest. `done` was just published."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    draft = await _draft(visitor, tx, wizard)
    listing = Listing("versions-page", {"wizard": wizard.id}, resources.secret)
    after = listing.after(cursor)
    found = await list_versions(tx, wizard, limit=DEFAULT_LIMIT + 1, before=None if after is None else int(after[0]))
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda line: [line.number])
    values = await frame_values(tx, wizard, draft)
    pair = _pair(start, end, chosen, wizard, shown)
    compared = None if pair is None else await _compared(visitor, tx, wizard, draft, pair, step)
    published = next((line for line in shown if line.number == done), None)
    values |= {"lines": shown, "following": following, "pair": pair, "compared": compared, "published": published}
    values |= {"may_edit": may_edit(visitor, wizard), "last_number": shown[0].number if shown else 0, "on_first_page": cursor is None}
    values["moved_by"] = await job_of_publish(tx, published.id) if published and published.in_progress_policy == "migrate" else None
    values["on_older"] = await count_on_older(tx, wizard.id, wizard.active_version_id)
    return page(request, "history/versions.html", block="versions_part", headers=_said(compared, pair), **values)


async def _draft(visitor: Visitor, tx: Read, wizard: Wizard) -> Draft | None:
    """A removed wizard has none."""
    return None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft


def may_edit(visitor: Visitor, wizard: Wizard) -> bool:
    return visitor.may("edit", wizard.id) and wizard.trashed_at is None and wizard.removed_at is None


# --- what is compared ----------------------------------------------------------------------------------------------


def _pair(start: str | None, end: str | None, chosen: list[str] | None, wizard: Wizard, lines: Sequence[VersionLine]) -> Pair | None:
    if start and end:
        return Pair(start, end)
    if chosen:
        return _of_ticked(chosen, wizard)
    numbers = [str(line.number) for line in lines[:2]]
    return Pair(numbers[1], numbers[0], is_chosen=False) if len(numbers) == 2 else None


def _of_ticked(chosen: list[str], wizard: Wizard) -> Pair:
    """The oldest and the newest of them; one alone with what is live, or what is live with the version before it."""
    ordered = sorted(dict.fromkeys(chosen), key=lambda each: int(each) if each.isdecimal() else 2**31)
    if len(ordered) > 1:
        return Pair(ordered[0], ordered[-1], left_out=len(ordered) - 2)
    live = wizard.active_version_number or 1
    if ordered[0] == str(live):
        return Pair(str(max(1, live - 1)), str(live))
    return Pair(str(live), DRAFT) if ordered[0] == DRAFT else Pair(ordered[0], str(live))


@dataclass(frozen=True, slots=True)
class _Sides:
    old: Structure
    new: Structure


async def _compared(visitor: Visitor, tx: Read, wizard: Wizard, draft: Draft | None, pair: Pair, step: str | None) -> dict[str, Any]:
    sides = _Sides(*[await _structure(tx, wizard, draft, ref) for ref in (pair.old, pair.new)])
    report = await counted_report(visitor.ctx, tx, wizard.id, old=sides.old, new=sides.new)
    return {
        "report": report,
        "groups": by_step(report.changes, sides.old, sides.new),
        "classes": classes_of(report.changes),
        "beside": touched_step([each.change for each in report.changes], sides.old, sides.new, step),
        # A question can come back from a version, never from the draft itself.
        "restore_from": pair.old if pair.old != DRAFT and may_edit(visitor, wizard) else None,
        "back_to": await _way_back(visitor, tx, wizard, pair),
    }


async def _structure(tx: Read, wizard: Wizard, draft: Draft | None, ref: str) -> Structure:
    if ref == DRAFT:
        if draft is None:
            raise VersionNotFound("A wizard that was removed has no draft.")
        return draft.structure
    return (await version_by_number(tx, wizard.id, int(ref) if ref.isdecimal() else 0)).structure


async def _way_back(visitor: Visitor, tx: Read, wizard: Wizard, pair: Pair) -> dict[str, Any] | None:
    """What going back to the older of the two would mean; None where that is no act or nobody asked for the comparison."""
    numbers = [int(ref) for ref in (pair.old, pair.new) if ref != DRAFT]
    number = min(numbers)
    if number == wizard.active_version_number or not may_edit(visitor, wizard) or not pair.is_chosen:
        return None
    report: Report | None = None
    with suppress(NothingToPublish):
        report = (await report_of_rollback(visitor.ctx, tx, wizard.id, Publishing(rolls_back_to=number))).report
    return {"number": number, "report": report}


def _said(compared: dict[str, Any] | None, pair: Pair | None) -> dict[str, str]:
    """What is told to somebody who does not see the comparison change."""
    if compared is None or pair is None:
        return {}
    old, new = (f"v{ref}" if ref != DRAFT else ref for ref in (pair.old, pair.new))
    text = f"{old} → {new}: {len(compared['report'].changes)}"
    return {"HX-Trigger": json.dumps({"ks:say": {"text": text}})}
