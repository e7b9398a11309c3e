"""What the first page shows of each wizard. A constant number of queries, however many wizards there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, case, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TIMESTAMP

from keepstep.core.clock import Clock
from keepstep.core.permissions import Actor, visible_wizards
from keepstep.db.tables import wizard_runs, wizards
from keepstep.db.transaction import Read
from keepstep.queries.draft_changes import DraftChanges, count_draft_changes
from keepstep.queries.wizards import Wizard, WizardFilter, list_wizards

DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Activity:
    """The runs of one wizard on all its versions, those in the trash apart. `days`: started on each of the last DAYS, today last."""

    total: int = 0
    in_progress: int = 0
    trashed: int = 0
    days: tuple[int, ...] = (0,) * DAYS

    @property
    def today(self) -> int:
        return self.days[-1]


@dataclass(frozen=True, slots=True)
class Overview:
    """One wizard, its runs, and how its draft differs from what is live."""

    wizard: Wizard
    activity: Activity
    draft: DraftChanges


async def list_overviews(tx: Read, actor: Actor, chosen: WizardFilter, clock: Clock, **which: Any) -> Sequence[Overview]:
    """As `list_wizards` (`limit`, `after`), with what the first page shows beside each. Four queries at most."""
    found = await list_wizards(tx, actor, chosen, **which)
    activity = await activity_of(tx, [wizard.id for wizard in found], clock)
    drafts = await count_draft_changes(tx, found)
    return [Overview(wizard, activity.get(wizard.id, Activity()), drafts[wizard.id]) for wizard in found]


async def count_wizards(tx: Read, actor: Actor) -> tuple[int, int]:
    """How many wizards this person may see: at work, and in the trash."""
    trashed = wizards.c.trashed_at.is_not(None)
    counted = select(func.count().filter(~trashed).label("at_work"), func.count().filter(trashed).label("in_trash"))
    visible = visible_wizards(actor)
    wanted = [wizards.c.removed_at.is_(None)] + ([] if visible is None else [wizards.c.id.in_(sorted(visible))])
    row = await tx.row(counted.where(*wanted))
    return row.at_work, row.in_trash


# --- runs ------------------------------------------------------------------------------------------------------------


async def activity_of(tx: Read, wizard_ids: Sequence[str], clock: Clock) -> Mapping[str, Activity]:
    """The runs of each of these wizards, in one query; those without runs are not in it."""
    rows: dict[str, list[Row[Any]]] = {}
    for row in await tx.rows(_by_state_and_day(wizard_ids, clock)) if wizard_ids else ():
        rows.setdefault(row.owner, []).append(row)
    return {owner: _activity(own) for owner, own in rows.items()}


def _by_state_and_day(wizard_ids: Sequence[str], clock: Clock) -> Select[Any]:
    """`day`: 1 is the first of the last DAYS, DAYS is today; 0 is earlier, and a run of the future is none of them."""
    state = case((wizard_runs.c.trashed_at.is_not(None), "trashed"), else_=wizard_runs.c.status)
    bounds = literal(_midnights(clock), ARRAY(TIMESTAMP(timezone=True)))
    day = func.width_bucket(wizard_runs.c.started_at, bounds)
    columns = (
        wizard_runs.c.origin_wizard_id.label("owner"),
        state.label("state"),
        day.label("day"),
        func.count(type_=BIGINT).label("runs"),
    )
    return select(*columns).where(wizard_runs.c.origin_wizard_id.in_(wizard_ids)).group_by("owner", "state", "day")


def _midnights(clock: Clock) -> list[datetime]:
    """When each of the last DAYS began in the zone of the clock, and when tomorrow does."""
    zone = ZoneInfo(clock.zone)
    days = [clock.today + timedelta(days=number) for number in range(1 - DAYS, 2)]
    return [datetime.combine(day, time(), zone) for day in days]


def _activity(rows: Iterable[Row[Any]]) -> Activity:
    total = in_progress = trashed = 0
    days = [0] * DAYS
    for row in rows:
        if row.state == "trashed":
            trashed += row.runs
            continue
        total += row.runs
        in_progress += row.runs if row.state == "in_progress" else 0
        if 1 <= row.day <= DAYS:
            days[row.day - 1] += row.runs
    return Activity(total, in_progress, trashed, tuple(days))
