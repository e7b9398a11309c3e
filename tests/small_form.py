"""A small XLSForm with what an import keeps, approximates and does not support."""

import io
from collections.abc import Mapping, Sequence

import openpyxl

Sheets = Mapping[str, Sequence[Sequence[str]]]
FORM: Sheets = {
    "survey": [
        ["type", "name", "label", "relevant"],
        ["text", "nickname", "What do they call you?", ""],
        ["begin repeat", "visits", "Visits", ""],
        ["text", "why", "Why?", ""],
        ["end repeat", "", "", ""],
        ["text", "other", "Anything else?", "${nobody} = 'x'"],
    ],
    "settings": [["form_title"], ["Visits <script>alert(1)</script>"]],
}


def workbook(sheets: Sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    stored = io.BytesIO()
    book.save(stored)
    return stored.getvalue()


def small_form() -> bytes:
    return workbook(FORM)
