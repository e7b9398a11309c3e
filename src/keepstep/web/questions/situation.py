"""In which language, zone and company of other answers a question is shown. Must not know HTML, requests or storage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from keepstep.core.flow import Answers, Evaluation
from keepstep.core.logic import Scope
from keepstep.core.selection import display
from keepstep.core.structure import Structure
from keepstep.core.text import Text, text_in

UTC: Final = ZoneInfo("UTC")
_PIPED: Final = re.compile(r"\{\{\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*\}\}")


@dataclass(frozen=True, slots=True)
class Situation:
    """`shown`: the answers that texts pipe, by option set id. `scope` None: every option is offered, as in the builder."""

    language: str = "en"
    default_language: str = "en"
    zone: ZoneInfo = UTC
    shown: Mapping[str, str] = field(default_factory=dict)
    scope: Scope | None = None

    def text(self, text: Text | None) -> str:
        """A localised text in this language, with the answers that it pipes; an unanswered one leaves a gap."""
        wording = text_in(text, self.language, self.default_language)
        return _PIPED.sub(lambda found: self.shown.get(found[1], "…"), wording) if "{{" in wording else wording

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


def situation_of(structure: Structure, answers: Answers, evaluation: Evaluation, *, language: str, zone: ZoneInfo = UTC) -> Situation:
    """The situation of one run: what was asked and answered so far decides what texts show and which options are offered."""
    default = structure.default_language
    values = {**answers, **{each: {"value": value} for each, value in evaluation.calculated.items()}}
    asked = (option_set for option_set, bit in zip(structure.option_sets, evaluation.asked, strict=True) if bit == "1")
    shown = {each.id: display(values[each.id], each, language, default) for each in asked if each.id in values}
    return Situation(language, default, zone, {each: text for each, text in shown.items() if text}, evaluation.scope)
