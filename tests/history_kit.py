"""What tests of review, versions and audit share: reading what a page says about changes, and counting with SQL of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bs4 import Tag
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.pages_kit import Page

_NUMBER = re.compile(r"([\d,]+)\s+(answers?|runs?)(?:\s+in\s+(\d+)\s+versions?)?")


@dataclass(frozen=True)
class ShownChange:
    """One change as the page tells it. `touched` is what its pill says aloud: how many, of what, in how many versions."""

    what: str
    touched: tuple[int, str, int] | None
    badges: tuple[str, ...]


def squeezed(tag: Tag) -> str:
    return " ".join(tag.get_text(" ", strip=True).split())


def shown_changes(page: Page) -> list[ShownChange]:
    return [_shown(each) for each in page.tree.select(".ks-change")]


def _shown(row: Tag) -> ShownChange:
    what = row.select_one(".ks-change-what")
    assert what is not None
    return ShownChange(squeezed(what), pill_of(row), tuple(squeezed(badge) for badge in row.select(".ks-badge")))


def pill_of(tag: Tag) -> tuple[int, str, int] | None:
    """What the one pill in here says to a screen reader; None without a pill."""
    pills = tag.select(".ks-pill .visually-hidden")
    assert len(pills) <= 1
    if not pills:
        return None
    found = _NUMBER.fullmatch(squeezed(pills[0]))
    assert found, squeezed(pills[0])
    return int(found[1].replace(",", "")), found[2].rstrip("s"), int(found[3] or 0)


async def sql_answers(engine: AsyncEngine, option_set_id: str, chosen: str | None = None) -> tuple[int, int]:
    """How many runs that are not in the trash hold an answer to this question (to this option), and in how many versions: counted
    from the rows alone, run by run.
    """
    async with engine.connect() as connection:
        rows = (await connection.execute(_HELD)).all()
    held = [(row.version, row.answers.get(option_set_id)) for row in rows]
    versions = [version for version, envelope in held if envelope is not None and _is_answer(envelope, chosen)]
    return len(versions), len(set(versions))


_HELD = text("""
  SELECT run.wizard_version_id::text AS version, coalesce(run.working_answers, (
    SELECT revision.answers FROM run_revisions AS revision WHERE revision.run_id = run.id ORDER BY revision.revision DESC LIMIT 1
  )) AS answers
  FROM wizard_runs AS run WHERE run.trashed_at IS NULL
""")


def _is_answer(envelope: Mapping[str, Any], chosen: str | None) -> bool:
    value = envelope.get("value")
    if chosen is not None:
        return bool(value == chosen or (isinstance(value, list) and chosen in value))
    return value not in (None, "", []) or "other" in envelope


class Statements:
    """The statements that the application sends to its database, one after the other."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.sent: list[str] = []
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: self.sent.append(given[2]))

    async def during(self, work: Any) -> int:
        """How many there were during this."""
        self.sent.clear()
        await work
        return len(self.sent)
