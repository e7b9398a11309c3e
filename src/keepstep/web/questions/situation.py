"""In which language, zone and company of other answers a question is shown. Must not know HTML, requests or storage."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from keepstep.core.flow import Answers, Evaluation
from keepstep.core.logic import Scope
from keepstep.core.piping import Shown, shown_answers
from keepstep.core.structure import Structure
from keepstep.core.text import Text, piped, text_in
from keepstep.web.texts import word_in

UTC: Final = ZoneInfo("UTC")


def _nothing(_option_set_id: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Situation:
    """`shown`: the answers that texts pipe. `scope` None: every option is offered, as in the builder."""

    language: str = "en"
    default_language: str = "en"
    zone: ZoneInfo = UTC
    shown: Shown = _nothing
    scope: Scope | None = None

    def text(self, text: Text | None) -> str:
        """A localised text in this language, with the answers that it pipes; an unanswered one leaves a gap."""
        return piped(text_in(text, self.language, self.default_language), self.shown)

    @property
    def locale(self) -> Locale:
        """How this language writes numbers and months; English for one that nobody described."""
        try:
            return Locale.parse(self.language.replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            return Locale("en", "GB")

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return str(self.locale.text_direction)


def piped_answers(structure: Structure, answers: Answers, asked: str, language: str) -> Shown:
    """What texts pipe, with yes and no as the language says them: the core knows no words."""
    shown = shown_answers(structure, answers, asked, language)

    def told(option_set_id: str) -> str:
        option_set, words = structure.option_set_by_id.get(option_set_id), shown(option_set_id)
        return word_in(language, words) if words and option_set is not None and option_set.selection_type == "boolean" else words

    return told


def situation_of(structure: Structure, answers: Answers, evaluation: Evaluation, *, language: str, zone: ZoneInfo = UTC) -> Situation:
    """The situation of one run: what was asked and answered so far decides what texts show and which options are offered."""
    values = {**answers, **{each: {"value": value} for each, value in evaluation.calculated.items()}}
    shown = piped_answers(structure, values, evaluation.asked, language)
    return Situation(language, structure.default_language, zone, shown, evaluation.scope)
