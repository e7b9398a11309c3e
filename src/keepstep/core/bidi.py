"""Texts of people within other texts: whatever direction they are written in, and whatever marks of direction they hold, ends with them."""

import re
from typing import Final

# Scripts that are written from the right, and every mark that changes a direction.
_TURNING: Final = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_OPENS_ISOLATE: Final = "\u2066\u2067\u2068"
_FIRST_STRONG, _ENDS_ISOLATE = "\u2068", "\u2069"


def isolated(text: str) -> str:
    """The text between Unicode's isolates, with everything closed that it opened; unchanged where nothing in it turns a direction.

    For places that know no elements: a sentence, the title of a window, a choice of a list.
    """
    if text.isascii() or not _TURNING.search(text) or is_isolated(text):
        return text
    # An end without a beginning would end the isolate around it. Embeddings and overrides end with their isolate (UAX 9, X6a).
    depth, kept = 0, []
    for each in text:
        if each in _OPENS_ISOLATE:
            depth += 1
        elif each == _ENDS_ISOLATE:
            if not depth:
                continue
            depth -= 1
        kept.append(each)
    return f"{_FIRST_STRONG}{''.join(kept)}{_ENDS_ISOLATE * depth}{_ENDS_ISOLATE}"


def apart(text: str) -> str:
    """As `isolated`, for a sentence that may be of either direction: a number with a hyphen, too, is turned around among Arabic words."""
    return f"{_FIRST_STRONG}{text if is_isolated(text) else isolated(text)}{_ENDS_ISOLATE}"


def is_isolated(text: str) -> bool:
    """Whether nothing in the text turns the direction of what follows it: what is opened is closed within isolates."""
    depth = 0
    for each in text:
        if each in _OPENS_ISOLATE:
            depth += 1
        elif each == _ENDS_ISOLATE:
            depth -= 1
            if depth < 0:
                return False
        elif not depth and _TURNING.match(each):
            return False
    return depth == 0
