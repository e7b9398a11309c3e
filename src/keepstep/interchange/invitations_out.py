"""The links of invitations as a table: CSV that a spreadsheet program shows and never runs. Must not know where the links come from."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from keepstep.interchange.cells import guarded

HEADINGS: Final = ("respondent", "note", "link")


def links_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """One line for each row of respondent, note and link, below a heading; with the mark by which spreadsheet programs know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()
