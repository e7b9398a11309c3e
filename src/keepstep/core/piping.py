"""What a text that mentions other questions says in one run: `{{option_set_id}}` becomes the answer as people read it.

Must not know where texts stand: that is `places`.
"""

from collections.abc import Callable

from keepstep.core.flow import ASKED, Answers
from keepstep.core.selection import display
from keepstep.core.structure import Structure

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
