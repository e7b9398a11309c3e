"""A text as every reading sees it: NFC, trimmed, inner blanks collapsed, full-width digits as digits; nothing else.

Must not know what the text says.
"""

import re
import unicodedata
from typing import Final

_FULL_WIDTH: Final = {0xFF10 + digit: str(digit) for digit in range(10)}
# Blanks within a line. A line break stays: "3" and "4" on two lines are not the number 34.
_BLANKS: Final = re.compile(r"[^\S\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
LINE_BREAK: Final = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def as_read(text: str) -> str:
    """The text as every reading sees it."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text).translate(_FULL_WIDTH)).strip()


def folded(text: str) -> str:
    """As `as_read`, without the difference of case; normalised again, since folding can take a text out of NFC."""
    return unicodedata.normalize("NFC", as_read(text).casefold())
