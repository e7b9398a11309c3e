"""From a file or a pasted list to the people to invite: one on each line, with a heading or without. Every bad line is named by its number.

Must not know who is invited already.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from keepstep.core.invitee import BadLine, Invitee, invitee
from keepstep.errors import FileUnreadable, TooLarge
from keepstep.interchange.runs_in_file import Record, Understood, encoding_of, form_of, records_in, stream_of

MOST_LINES: Final = 50_000
_MOST_COLUMNS: Final = 1_000
# The first of these that a heading has is who is invited, the first of those what is noted about them.
_RESPONDENT: Final = (
    "respondent",
    "email",
    "e-mail",
    "email address",
    "e-mail address",
    "mail",
    "participant",
    "person",
    "name",
    "full name",
    "fullname",
)
_NOTE: Final = ("note", "notes", "comment", "name", "full name", "fullname")
_ADDRESS: Final = frozenset({"email", "e-mail", "email address", "e-mail address", "mail"})
_NOBODY: Final = "Nobody stands in this list. Write one person on each line."


@dataclass(frozen=True, slots=True)
class InvitationList:
    """The people of a file, the lines that name nobody, and the headings of columns that were passed over."""

    invitees: tuple[Invitee, ...]
    bad: tuple[BadLine, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a record things stand; None: nowhere."""

    respondent: int
    note: int | None
    ignored: tuple[str, ...] = ()
    has_heading: bool = False
    are_addresses: bool = False


def invitations_in(source: bytes | BinaryIO) -> InvitationList:
    """Everybody in a CSV file (comma, semicolon or tab; UTF-8, or as its mark says). Raises FileUnreadable, TooLarge."""
    stream = stream_of(source)
    _require_somebody(stream)
    form = form_of(stream, encoding_of(stream, None), None, Understood(_is_heading, _known))
    found: list[Invitee | BadLine] = []
    columns: _Columns | None = None
    for number, record in enumerate(records_in(stream, form)):
        if number > MOST_LINES:
            raise TooLarge(f"A list has up to {MOST_LINES:,} lines. Divide it.", limit=MOST_LINES)
        if not any(cell.strip() for cell in record.cells):
            continue
        if columns is None:
            columns = _columns(record)
            if columns.has_heading:
                continue
        found.append(_invitee(record, columns))
    if not found:
        raise FileUnreadable(_NOBODY)
    if columns is not None and (columns.are_addresses or _are_addresses(found)):
        found = [each if _has_address(each) else BadLine(each.line, "no-address") for each in found]
    return distinct(found, columns.ignored if columns else ())


def _are_addresses(found: Sequence[Invitee | BadLine]) -> bool:
    """Whether a list without such a heading is one of addresses all the same: most of its people are. A list of names or codes is none."""
    people = [each for each in found if isinstance(each, Invitee)]
    return 2 * sum("@" in each.respondent for each in people) > len(people)


def _has_address(read: Invitee | BadLine) -> bool:
    """A line with another fault keeps that."""
    return isinstance(read, BadLine) or "@" in read.respondent


def distinct(read: Iterable[Invitee | BadLine], ignored: tuple[str, ...] = ()) -> InvitationList:
    """Everybody once; who comes a second time is a bad line."""
    people: dict[str, Invitee] = {}
    bad: list[BadLine] = []
    for each in read:
        if isinstance(each, BadLine):
            bad.append(each)
        elif people.setdefault(each.key, each) is not each:
            bad.append(BadLine(each.line, "twice"))
    return InvitationList(tuple(people.values()), tuple(bad), ignored)


def _require_somebody(stream: BinaryIO) -> None:
    stream.seek(0)
    if not stream.read(4_096).strip():
        raise FileUnreadable(_NOBODY)


def _invitee(record: Record, columns: _Columns) -> Invitee | BadLine:
    note = "" if columns.note is None or columns.note >= len(record.cells) else record.cells[columns.note]
    who = record.cells[columns.respondent] if columns.respondent < len(record.cells) else ""
    return invitee(record.line, who, note)


def _columns(first: Record) -> _Columns:
    """By the heading; without one the first column is who is invited and the second the note."""
    if len(first.cells) > _MOST_COLUMNS:
        raise FileUnreadable(
            f"Line {first.line}: there are {len(first.cells):,} columns. A list has one with the people, and one for a note."
        )
    names = [_plain(cell) for cell in first.cells]
    respondent = _first(names, _RESPONDENT)
    if respondent is None:
        return _Columns(0, 1)
    note = _first([*names[:respondent], "", *names[respondent + 1 :]], _NOTE)
    ignored = tuple(cell.strip()[:80] for place, cell in enumerate(first.cells) if place not in (respondent, note) and cell.strip())
    return _Columns(respondent, note, ignored, has_heading=True, are_addresses=names[respondent] in _ADDRESS)


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _is_heading(cells: Sequence[str]) -> bool:
    return _known(cells) > 0


def _known(cells: Sequence[str]) -> int:
    return sum(_plain(cell) in (*_RESPONDENT, *_NOTE) for cell in cells)


def _plain(cell: str) -> str:
    return " ".join(cell.lower().replace("_", " ").split())
