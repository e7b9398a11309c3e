"""The audit trail in words, of one wizard and of everything: who did what, when and through which door. Never an answer."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.audit_words import SUBJECTS, Subject, deed_of
from keepstep.core.permissions import require
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.audit import AuditFilter, AuditLine, list_audit_lines, people_who_acted
from keepstep.queries.drafts import get_draft
from keepstep.queries.wizards import get_wizard
from keepstep.web.deps import ResourcesDep
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

# What may have happened to a wizard; accounts and sessions belong to none.
_OF_WIZARD: Final[tuple[Subject, ...]] = ("draft", "wizard", "run", "grant")
_NO_DAY: Final = message("Write the day as year, month and day: 2026-03-31.")
Word = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as somebody typed them, so that the form shows them again."""

    who: Word = ""
    what: Word = ""
    since: Word = ""
    until: Word = ""

    def query(self) -> dict[str, str]:
        """What is chosen, for the address of the next page."""
        given = {"who": self.who, "what": self.what, "since": self.since, "until": self.until}
        return {name: value for name, value in given.items() if value}


Filters = Annotated[Asked, Depends()]


@router.get("/wizards/{wizard_ref}/audit", name="page:wizard-audit")
async def wizard_audit(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    wizard_ref: str,
    asked: Filters,
    cursor: Cursor = None,
) -> Response:
    """Everything that was done to the wizard, its draft, its versions and its runs. For all who may see it, removed or not."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    values = await frame_values(tx, wizard, draft)
    values |= await _listed(tx, resources, asked, wizard_id=wizard.id, cursor=cursor)
    return page(request, "history/wizard_audit.html", block="trail", subjects=_named(_OF_WIZARD), **values)


@router.get("/admin/audit", name="page:audit")
async def audit(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    asked: Filters,
    cursor: Cursor = None,
) -> Response:
    """Everything that was done at all. For admins."""
    require(visitor.actor, "administer")
    values = await _listed(tx, resources, asked, wizard_id=None, cursor=cursor)
    return page(request, "history/audit.html", block="trail", subjects=_named(SUBJECTS), **values)


async def _listed(tx: Read, resources: ResourcesDep, asked: Asked, *, wizard_id: str | None, cursor: str | None) -> dict[str, Any]:
    chosen, errors = _chosen(asked, wizard_id, ZoneInfo(resources.settings.zone))
    listing = Listing("audit-page", {"wizard": wizard_id, **asked.query()}, resources.secret)
    after = listing.after(cursor)
    before = (datetime.fromisoformat(after[0]), str(after[1])) if after else None
    found = await list_audit_lines(tx, chosen, before=before, limit=DEFAULT_LIMIT + 1)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda line: [line.event.at.isoformat(), line.event.id])
    return {
        "lines": [(line, deed_in(line)) for line in shown],
        "following": following,
        "asked": asked,
        "query": asked.query(),
        "errors": errors,
        "people": await people_who_acted(tx, wizard_id),
        "global": wizard_id is None,
        "is_first": cursor is None,
    }


def deed_in(line: AuditLine) -> str:
    """What was done, in a sentence."""
    event = line.event
    # Nobody knows a run by its whole id; the end of it differs most.
    about = event.run_id[-8:] if event.run_id else line.user_name or _own_name(event.subject_id, line)
    return deed_of(event.action, event.details, about)


def _own_name(subject_id: str | None, line: AuditLine) -> str | None:
    return line.event.actor_name if subject_id is not None and subject_id == line.event.actor else None


SUBJECT_WORDS: Final[Mapping[Subject, str]] = {
    "draft": message("Edits of the draft"),
    "wizard": message("The wizard and its versions"),
    "run": message("Runs"),
    "plan": message("Plans to move runs"),
    "job": message("Moving runs between versions"),
    "user": message("Accounts"),
    "token": message("API tokens"),
    "grant": message("Roles on a wizard"),
    "session": message("Signing in and out"),
    "checkpoint": message("Checkpoints"),
    "integrity": message("Integrity checks"),
    "files": message("Left-over files"),
    "database": message("Repairs of the database"),
    "subject": message("Data of one respondent"),
}


def _named(subjects: Iterable[Subject]) -> Sequence[tuple[Subject, str]]:
    return [(each, SUBJECT_WORDS[each]) for each in subjects]


# --- filters -------------------------------------------------------------------------------------------------------


def _chosen(asked: Asked, wizard_id: str | None, zone: ZoneInfo) -> tuple[AuditFilter, Mapping[str, str]]:
    """The filters, and what is wrong with a day that is none: then it does not filter. Days are those of the installation's zone."""
    days = {name: _day(given) for name, given in (("since", asked.since), ("until", asked.until))}
    errors = {name: _NO_DAY for name, day in days.items() if day is None and getattr(asked, name)}
    since, until = days["since"], days["until"]
    chosen = AuditFilter(
        wizard_id=wizard_id,
        actor=_person(asked.who),
        kinds=_kinds(asked.what),
        since=None if since is None else datetime.combine(since, time(), zone),
        until=None if until is None or until == date.max else datetime.combine(until + timedelta(days=1), time(), zone),
    )
    return chosen, errors


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _person(text: str) -> str | None:
    if text and not re.fullmatch(ID_PATTERN, text):
        raise RequestInvalid("Choose a person of the list.")
    return text or None


def _kinds(text: str) -> Sequence[str]:
    if text and text not in SUBJECTS:
        raise RequestInvalid(f"Choose what was done to: {', '.join(SUBJECTS)}.")
    return (text,) if text else ()
