"""Where in a JSON text something stands, and why a text is no JSON, for whoever typed it. Must not know what the values mean."""

import json
from collections.abc import Mapping
from typing import Final

_decoder: Final = json.JSONDecoder()
_BLANKS: Final = " \t\n\r"
# By how the decoder begins its message.
_REMEDIES: Final[Mapping[str, str]] = {
    "Expecting property name": "a name in double quotes is missing here: take out a comma before it, write double quotes for single ones.",
    "Illegal trailing comma": "a comma stands before a closing bracket: take it out.",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing before this.",
    "Expecting ':' delimiter": "a colon is missing after the name.",
    "Expecting value": "a value is missing here: a text in double quotes, a number, true, false, null, or something in [ ] or { }.",
    "Extra data": 'the expression has ended before this: take the rest out, or join both as {"and": [first, second]}.',
    "Unterminated string": "this text has no closing double quote.",
    "Invalid control character": "a line ends within this text: close it with a double quote first.",
    "Invalid \\": "a backslash stands alone in this text: write it twice.",
}
_UNKNOWN: Final = "this cannot be read."


def place(text: str, at: int) -> str:
    """`Line 2, column 5`, both from 1, of a position in the text."""
    return f"Line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def fault_in(text: str) -> str | None:
    """Why this is no JSON, with its place and what to do about it; None for JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        remedy = next((remedy for start, remedy in _REMEDIES.items() if error.msg.startswith(start)), _UNKNOWN)
        return f"{place(text, error.pos)}: {remedy}"
    except (RecursionError, ValueError):
        return None
    return None


def position(text: str, pointer: str) -> int:
    """Where in this JSON text the value of a JSON pointer begins; where there is none, the one around it."""
    at = _after_blanks(text, 0)
    for part in pointer.split("/")[1:]:
        following = _member(text, at, part.replace("~1", "/").replace("~0", "~"))
        if following is None:
            break
        at = following
    return at


def _member(text: str, at: int, name: str) -> int | None:
    """The position of this member of an object, or of this item of a list, at a position."""
    if text[at] not in "{[":
        return None
    named = text[at] == "{"
    at, index = _after_blanks(text, at + 1), 0
    while at < len(text) and text[at] not in "}]":
        here = str(index)
        if named:
            here, at = _decoder.raw_decode(text, at)
            at = _after_blanks(text, _after_blanks(text, at) + 1)
        if here == name:
            return at
        at = _after_blanks(text, _decoder.raw_decode(text, at)[1])
        at, index = (_after_blanks(text, at + 1), index + 1) if text[at] == "," else (at, index)
    return None


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
