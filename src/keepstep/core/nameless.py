"""Whether a text that stays for ever, such as the reason of an erasure, holds what must not stay: a name, or an answer that goes.

Whole words in whatever case. Must not know why it stays, nor where answers are stored.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from keepstep.core.structure import OptionSet, choices_of

_SHORTEST: Final = 3
"""Of an answer that tells of somebody: two letters or three digits stand in every other sentence ("as", "letter 12")."""
_SHORTEST_NUMBER: Final = 4


def names(text: str, name: str) -> bool:
    """Whether `name` stands in `text` as a word of its own: somebody may be called by a number, or by one letter."""
    wanted = _folded(name)
    return any(map(str.isalnum, wanted)) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", _folded(text)) is not None


def holds_answer(text: str, envelope: Any, option_set: OptionSet | None) -> bool:
    """Whether `text` holds what somebody gave as this answer; the code of an option is the author's word and tells of nobody."""
    codes = {option.value for option in choices_of(option_set)} if option_set is not None else set()
    return any(each not in codes and _tells(each) and names(text, each) for each in _given(envelope))


def _given(value: Any) -> Iterator[str]:
    match value:
        case bool() | None:
            return
        case str():
            yield value
        case Mapping():
            yield from _given_in(value)
        case list() | tuple():
            yield from _each(value)
        case _:
            yield str(value)


def _given_in(value: Mapping[str, Any]) -> Iterator[str]:
    """Of a file its name: the rest is ours. Of an envelope its value: who gave it is no answer."""
    if "file_id" in value:
        yield from _given(value.get("name"))
    elif "value" in value:
        yield from _each([value["value"], value.get("other")])
    else:
        yield from _each(value.values())


def _each(values: Iterable[Any]) -> Iterator[str]:
    for each in values:
        yield from _given(each)


def _tells(given: str) -> bool:
    folded = _folded(given)
    return len(folded) >= (_SHORTEST_NUMBER if folded.isdecimal() else _SHORTEST)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
