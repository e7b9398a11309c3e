"""A document of headings and lines as a PDF: whatever script it is written in, and never with a character missing in silence.

Takes words that are ready to be read. Must not know runs, languages of pages, or where bytes go.
"""

import json
import logging
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

FONTS: Final = Path(__file__).parent / "fonts"
# The characters of each further font, in the order in which they are asked (assets/fonts.py).
_COVERAGE: Final = "coverage.json"
_FAMILY: Final = "Keepstep"
_INK, _MUTED, _LINE = (25, 34, 46), (86, 98, 112), (195, 203, 214)
_LABEL_WIDTH: Final = 60
# fonttools tells of every table that it leaves out of a subset.
logging.getLogger("fontTools").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class PdfLine:
    """A label, what stands beside it, and notes under that; `muted` for what was not asked."""

    label: str
    text: str
    notes: tuple[str, ...] = ()
    muted: bool = False


@dataclass(frozen=True, slots=True)
class PdfSection:
    """A heading with its lines."""

    title: str
    lines: Sequence[PdfLine]


@dataclass(frozen=True, slots=True)
class PdfDocument:
    """`about`: lines under the title. `foot`: on every page before its number. `missing` says what `<U+…>` means, where there is one.

    `from_right`: the lines of its language begin at the right.
    """

    title: str
    about: Sequence[str]
    sections: Sequence[PdfSection]
    language: str
    made_at: datetime
    foot: str
    missing: str
    from_right: bool = False


def pdf(document: PdfDocument) -> bytes:
    """The bytes. Takes some milliseconds for a page: for a thread."""
    made = _Pdf(document)
    made.write()
    return bytes(made.output())


class _Pdf(FPDF):
    """The pages while they are written."""

    def __init__(self, document: PdfDocument) -> None:
        super().__init__(format="A4")
        self._document = document
        self._from_right = document.from_right
        self._substituted = False
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, 20)
        self.add_font(_FAMILY, "", FONTS / "DejaVuSans.ttf")
        self.add_font(_FAMILY, "B", FONTS / "DejaVuSans-Bold.ttf")
        cmaps: list[Any] = [set(font.cmap) for font in self.fonts.values() if isinstance(font, TTFFont)]
        self._known = frozenset(cmaps[0] & cmaps[1] | _SHAPELESS)
        self._add_further(document)
        self.set_title(self._text(document.title))
        self.set_creation_date(document.made_at)
        self.set_lang(document.language)

    def _add_further(self, document: PdfDocument) -> None:
        """The fonts that have what is missing in the first one; the others are not opened, since one of them takes a third of a second."""
        missing = {ord(each) for text in _texts_of(document) for each in text} - self._known
        in_bold = {ord(each) for text in _bold_texts_of(document) for each in text}
        added = []
        for name, characters in further_fonts().items():
            if found := missing & characters:
                self.add_font(name, "", FONTS / name)
                bold = (FONTS / name).with_stem(f"{Path(name).stem}-Bold")
                if found & in_bold and bold.exists():
                    self.add_font(name, "B", bold)
                added.append(name)
                missing -= found
                self._known |= found
        if added:
            self.set_fallback_fonts(added, exact_match=False)

    def footer(self) -> None:
        self.set_y(-14)
        self._style(8, _MUTED)
        self._shape(self._document.foot, "rtl" if self._from_right else None)
        self.cell(0, 5, f"{self._text(self._document.foot)} · {self.page_no()} / {{nb}}", align="C")

    def write(self) -> None:  # type: ignore[override]  # the library's `write` puts one text; nothing here calls it
        self.add_page()
        self._paragraph(self._document.title, 17, bold=True)
        for each in self._document.about:
            self._paragraph(each, 9, _MUTED, direction="rtl" if self._from_right else None)
        for section in self._document.sections:
            self._section(section)
        if self._substituted:
            self.ln(4)
            self._paragraph(self._document.missing, 8, _MUTED)

    def _section(self, section: PdfSection) -> None:
        self.ln(5)
        if self.will_page_break(22):
            self.add_page()
        self._paragraph(section.title, 12, bold=True)
        for line in section.lines:
            self._line(line)

    def _line(self, line: PdfLine) -> None:
        """Label and answer beside each other, in the order of the language; either may go on over several pages."""
        self.set_draw_color(*_LINE)
        if self.will_page_break(10):
            self.add_page()
        top, page = self.get_y() + 1, self.page
        self.line(self.l_margin, top - 0.5, self.w - self.r_margin, top - 0.5)
        ink = _MUTED if line.muted else _INK
        self.set_y(top)
        with self._column(first=True):
            self._paragraph(line.label, 9, ink, bold=not line.muted)
        after = (self.page, self.get_y())
        self.page = page
        self.set_y(top)
        with self._column(first=False):
            if line.text:
                self._paragraph(line.text, 9.5, ink)
            for note in line.notes:
                self._paragraph(note, 8, _MUTED)
        self.page, bottom = max((self.page, self.get_y()), after)
        self.set_xy(self.l_margin, bottom)

    @contextmanager
    def _column(self, *, first: bool) -> Iterator[None]:
        """Between the margins of the column of labels, which is the first one as the language is read, or of what is beside it."""
        left, right, top = self.l_margin, self.r_margin, self.get_y()
        beside = _LABEL_WIDTH + 4
        rest = self.w - left - right - _LABEL_WIDTH
        before, behind = (0.0, rest) if first else (float(beside), 0.0)
        if self._from_right:
            before, behind = behind, before
        self.set_left_margin(left + before)
        self.set_right_margin(right + behind)
        self.set_xy(self.l_margin, top)
        yield
        self.set_left_margin(left)
        self.set_right_margin(right)

    def _paragraph(
        self, text: str, size: float, ink: tuple[int, int, int] = _INK, *, bold: bool = False, direction: str | None = None
    ) -> None:
        self._style(size, ink, bold=bold)
        self._shape(text, direction)
        # Half as high again as the letters; sizes are in points, heights in millimetres.
        self.multi_cell(0, size * 0.53, self._text(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="R" if self._from_right else "L")

    def _shape(self, text: str, direction: str | None = None) -> None:
        """`direction` None: that of its first letter which has one, as a page shows what people typed.

        Letters that join and lines from the right need shaping, which takes thirty times as long: a form of 500 questions took 20 s.
        """
        self.set_text_shaping(_needs_shaping(text), direction=direction)

    def _style(self, size: float, ink: tuple[int, int, int], *, bold: bool = False) -> None:
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*ink)

    def _text(self, text: str) -> str:
        shown = "".join(_drawable(text, self._known))
        self._substituted |= shown != text.expandtabs(4)
        return shown


@cache
def further_fonts() -> Mapping[str, frozenset[int]]:
    """The characters of each font beside the first one, by its file."""
    stored = json.loads((FONTS / _COVERAGE).read_text(encoding="utf-8"))
    return {name: frozenset(each for first, last in ranges for each in range(first, last + 1)) for name, ranges in stored.items()}


def _texts_of(document: PdfDocument) -> Iterator[str]:
    yield from (document.title, document.foot, *document.about)
    for section in document.sections:
        yield section.title
        for line in section.lines:
            yield from (line.label, line.text, *line.notes)


def _bold_texts_of(document: PdfDocument) -> Iterator[str]:
    yield document.title
    for section in document.sections:
        yield section.title
        yield from (line.label for line in section.lines if not line.muted)


def _needs_shaping(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(each) in ("R", "AL", "NSM") or _is_indic(each) for each in text)


def _is_indic(character: str) -> bool:
    """Of a script of South or South-East Asia, whose letters join or move about: Devanagari to Myanmar, Khmer."""
    return "\u0900" <= character <= "\u109f" or "\u1780" <= character <= "\u17ff"


# Joiners and marks of direction and of the form of an emoji: they have no shape of their own.
_SHAPELESS: Final = frozenset((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, *range(0x2066, 0x206A), 0xFE0E, 0xFE0F))


def _drawable(text: str, known: frozenset[int]) -> Iterable[str]:
    """The text; a character that the fonts do not have as `<U+6F22>`, so that it is seen to be there."""
    for character in text.expandtabs(4):
        yield character if character == "\n" or ord(character) in known else f"<U+{ord(character):04X}>"
