"""Options made of what is stored: one of each text that respondents wrote, so that every answer names its own. Must not know questions."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from keepstep.core.conversion_preview import Distinct
from keepstep.core.keys import free_key
from keepstep.core.read_text import as_read, folded
from keepstep.core.text import normal_text

# More, or longer ones, are no list that anybody chooses from.
MOST_OPTIONS: Final = 100
LONGEST_LABEL: Final = 200


def options_of(distinct: Sequence[Distinct], languages: Sequence[str], default: str, taken: Collection[str]) -> list[dict[str, Any]] | None:
    """The options in JSON, the most frequent first; spellings that a conversion reads as one make one. `taken`: values used before.

    None where the answers make no such list: there are too many, a long one, or one that is no text.
    """
    labels: dict[str, str] = {}
    for value, other, _ in distinct:
        if not isinstance(value, str) or other is not None or not as_read(value) or len(value) > LONGEST_LABEL:
            return None
        labels.setdefault(folded(value), as_read(value))
    if not labels or len(labels) > MOST_OPTIONS:
        return None
    written = {spelling: folded(value) for value, _, _ in distinct for spelling in (value, as_read(value))}
    values = _values(labels, written, taken)
    return [
        {"value": value, "label": normal_text({default: label}, tuple(languages), default)}
        for label, value in zip(labels.values(), values, strict=True)
    ]


def _values(labels: dict[str, str], written: dict[str, str], taken: Collection[str]) -> Iterator[str]:
    """A value for each: an answer that is another option's value would be read as that one."""
    used = set(taken)
    for reading, label in labels.items():
        others = {spelling for spelling, read_as in written.items() if read_as != reading}
        value = free_key(label, used | others, "option")
        used.add(value)
        yield value
