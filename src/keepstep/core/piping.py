"""What a text that mentions other questions says in one run: `{{option_set_id}}` becomes the answer as people read it.

And what it says to its authors, who know a question by its name and write it by its key. Must not know where texts stand: that is
`places`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from keepstep.core.flow import ASKED, Answers
from keepstep.core.selection import display
from keepstep.core.structure import Structure
from keepstep.core.text import Text, piped, text_in, without_pipes

Shown = Callable[[str], str]
"""The answer to an option set, by its id, as people read it; "" for none."""


def shown_answers(structure: Structure, answers: Answers, asked: str, language: str) -> Shown:
    """The answers of a run in `language`. One that was not asked reads as unanswered, as in conditions."""
    places = {option_set.id: place for place, option_set in enumerate(structure.option_sets)}

    def shown(option_set_id: str) -> str:
        place = places.get(option_set_id)
        if place is None or asked[place] != ASKED:
            return ""
        return display(answers.get(option_set_id), structure.option_sets[place], language, structure.default_language)

    return shown


# --- for authors ---------------------------------------------------------------------------------------------------


def told(text: Text | None, structure: Structure, language: str = "") -> str:
    """A text where no run is at hand: where an answer would stand, the name of its question in brackets. In the default language for ""."""
    default = structure.default_language
    wording = text_in(text, language or default, default)
    if "{{" not in wording:
        return wording

    def named(option_set_id: str) -> str:
        option_set = structure.option_set_by_id.get(option_set_id)
        return "" if option_set is None else f"[{without_pipes(text_in(option_set.name, language or default, default)) or option_set.key}]"

    return piped(wording, named)


_KEYED: Final = re.compile(r"(\{\{\s*)([a-z0-9][a-z0-9_-]*)(\s*\}\})")


def with_keys(wording: str, structure: Structure) -> str:
    """The wording as its author reads and writes it: `{{key}}` for `{{option_set_id}}`. `with_ids` takes it back."""
    known = structure.option_set_by_id
    return _exchanged(wording, {option_set_id: item.key for option_set_id, item in known.items() if item.key not in known})


def with_ids(wording: str, structure: Structure) -> str:
    """The wording as it is stored. What is neither a key nor an id of the structure stays as it was written."""
    known = structure.option_set_by_id
    return _exchanged(wording, {key: option_set_id for key, option_set_id in structure.id_by_key.items() if key not in known})


def _exchanged(wording: str, names: Mapping[str, str]) -> str:
    return _KEYED.sub(lambda found: found[1] + names.get(found[2], found[2]) + found[3], wording) if "{{" in wording else wording


def unknown_keys(wording: str) -> tuple[str, ...]:
    """What looks like the key of a question in a stored wording: an answer is piped by an id, so respondents read this with its braces."""
    found = (name for _, name, _ in _KEYED.findall(wording)) if "{{" in wording else ()
    return tuple(name for name in dict.fromkeys(found) if not _ID.fullmatch(name))


_ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
