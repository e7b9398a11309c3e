"""Words that somebody looks for in stored answers, as one path over a document of answers. Works on values alone.

An answer holds the codes of options and people look for their labels: the codes of every option whose label has the words count too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from json import dumps
from typing import Final

from keepstep.core.conversion import Derived
from keepstep.core.readings import number_in, plain_decimal
from keepstep.core.reference import end_of_id
from keepstep.core.structure import Structure, choices_of
from keepstep.core.text import texts_of

# A word such as "yes" is a label of hundreds of questions in a large form. Each is a comparison in every document.
MOST_LABELS: Final = 400


@dataclass(frozen=True, slots=True)
class Search:
    """`path` holds for a document (`answers` or `archive` of a run) in which the words stand. `id_end`: how the id of a run ends
    whose reference the words are.
    """

    words: str
    path: str
    id_end: str | None = None


def search_of(words: str, structures: Sequence[Structure]) -> Search | None:
    """The search for these words, without difference of case; None without any. `structures`: those whose options may be meant."""
    plain = words.strip()
    if not plain:
        return None
    return Search(plain, f"$ ? ({' || '.join(_tests(plain, structures))})", end_of_id(plain))


def _tests(words: str, structures: Sequence[Structure]) -> Iterator[str]:
    # "q" takes the words as they are, and not as a pattern.
    for place in ("@.*.value[*]", "@.*.other", "@.*.value[*].name"):
        yield f'{place} like_regex {dumps(words)} flag "iq"'
    number = number_in(words)
    if isinstance(number, Derived) and isinstance(number.value, int | Decimal):
        yield f"@.*.value[*] == {plain_decimal(number.value)}"
    for option_set_id, value in list(dict.fromkeys(_labelled(words.casefold(), structures)))[:MOST_LABELS]:
        yield f"@.{dumps(option_set_id)}.value[*] == {dumps(value)}"


def _labelled(words: str, structures: Iterable[Structure]) -> Iterator[tuple[str, str]]:
    for structure in structures:
        for option_set in structure.option_sets:
            for option in choices_of(option_set):
                if any(words in label.casefold() for label in texts_of(option.label)):
                    yield option_set.id, option.value
