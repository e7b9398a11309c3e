"""Small XLSForms written as text, and what they become."""

import itertools
from collections.abc import Callable
from io import BytesIO
from uuid import UUID

from openpyxl import Workbook as Book

from keepstep.core.structure import OptionSet, Structure
from keepstep.interchange.receipt import Line, Receipt
from keepstep.interchange.xlsform import read_xlsform, structure_from_xlsform


def numbered_ids(start: int = 1) -> Callable[[], str]:
    numbers = itertools.count(start)
    return lambda: str(UUID(int=next(numbers)))


def workbook(text: str) -> bytes:
    """An .xlsx: a line "# name" begins a sheet, other lines are rows with cells parted by "|"."""
    book = Book(write_only=True)
    for line in text.strip().splitlines():
        if line.startswith("#"):
            sheet = book.create_sheet(line.lstrip("# ").strip())
        else:
            sheet.append([cell.strip() or None for cell in line.split("|")])
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def imported(text: str, start: int = 1) -> tuple[Structure, Receipt]:
    return structure_from_xlsform(read_xlsform(workbook(text), "form.xlsx"), numbered_ids(start))


def question(text: str, key: str) -> OptionSet:
    structure, _ = imported(text)
    return structure.option_set_by_id[structure.id_by_key[key]]


def codes(lines: tuple[Line, ...]) -> list[str]:
    return [line.code for line in lines]
