"""An answer as its respondent reads it again: labels, days and times in words, in their language. Must not know HTML or requests."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from babel.dates import format_time

from keepstep.core.logic import as_date, as_datetime, as_time
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet
from keepstep.web.questions.lenient import number_text
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.wording import day_text
from keepstep.web.texts import NO, YES, with_time, word_in


def shown_answer(envelope: Mapping[str, Any] | None, option_set: OptionSet, situation: Situation) -> str:
    """Nothing for none. What does not fit its question is shown as it was given."""
    value = (envelope or {}).get("value")
    shown = _in_words(value, option_set, situation)
    if shown is None:
        return display(envelope, option_set, situation.language, situation.default_language)
    return shown


def _in_words(value: Any, option_set: OptionSet, situation: Situation) -> str | None:
    """None where the words of the core are right."""
    kind = option_set.selection_type
    if kind == "boolean" and isinstance(value, bool):
        return word_in(situation.language, YES if value else NO)
    if kind == "date" and isinstance(value, str) and as_date(value) is not None:
        return day_text(value, situation)
    if kind == "datetime" and (moment := as_datetime(value)) is not None:
        local = moment.astimezone(situation.zone)
        return with_time(day_text(local.date().isoformat(), situation), local, situation.locale)
    if kind == "time" and (clock := as_time(value)) is not None:
        return str(format_time(clock, "HH:mm:ss" if clock.second else "HH:mm", locale=situation.locale))
    if kind in ("number", "integer", "slider", "calculated") and isinstance(value, int | Decimal) and not isinstance(value, bool):
        unit = situation.text(option_set.unit)
        return f"{number_text(value, situation.locale)} {unit}".strip()
    return None
