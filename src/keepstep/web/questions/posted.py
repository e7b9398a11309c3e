"""Posted fields → answers: the inverse of what the templates of the option sets send. Nothing that was typed is lost on the way.

Only questions that the form showed are read, since an unticked box sends nothing. Must not know whether an answer fits: that is
`core.validate`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keepstep.core.flow import Answers
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.structure import ChoiceFields, OptionSet
from keepstep.web.questions.controls import CONTROLS, Reading, Texts, filled, other_code
from keepstep.web.questions.situation import Situation

SHOWN: Final = "shown"
"""The field that says which questions a form holds."""
Posted = Mapping[str, Sequence[Any]]
"""The fields of a form: name → what was sent under it, texts and uploads, in order."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a form says. `answers`: `{value, other?}` by option set id, of what changed or is new; `issues` are placed as those of
    `core.validate`. `typed` is what every question's inputs held, to be shown again. `uploads` are new files, still to be stored.
    """

    answers: Mapping[str, dict[str, Any]]
    issues: tuple[Issue, ...] = ()
    typed: Mapping[str, Texts] = field(default_factory=dict)
    uploads: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


def field_name(option_set_id: str, part: str = "") -> str:
    """The name of an input, which is the id of the (first) one as well: `q-<id>`, `q-<id>-day`."""
    return f"q-{option_set_id}-{part}" if part else f"q-{option_set_id}"


def given_in(form: Posted, option_sets: Iterable[OptionSet], situation: Situation, previous: Answers | None = None) -> Given:
    """The answers in a form to those of the option sets that it showed. What still reads as `previous` does is no new answer."""
    shown = {str(each) for each in form.get(SHOWN, ())}
    answers: dict[str, dict[str, Any]] = {}
    issues: list[Issue] = []
    typed: dict[str, Texts] = {}
    uploads: dict[str, tuple[Any, ...]] = {}
    for option_set in option_sets:
        if option_set.id not in shown or option_set.selection_type in ("statement", "calculated"):
            continue
        texts = typed[option_set.id] = texts_of(form, option_set)
        before = (previous or {}).get(option_set.id)
        fault = _unstorable(texts)
        if option_set.selection_type == "file":
            uploads[option_set.id] = _uploads(form, option_set)
            if before is None or texts["remove"]:
                answers[option_set.id] = {"value": _kept_files(texts, before)}
        elif fault is not None:
            issues.append(Issue(pointer(option_set.key), "text-unstorable", fault))
        else:
            is_same = before is not None and _same(texts, filled(option_set, before, situation), option_set)
            if is_same and not _was_typed(before):
                continue
            reading = _without_left_over(_read(texts, option_set, situation), texts, option_set, before)
            if not is_same:
                answers[option_set.id] = _answer(reading)
            issues.extend(_issues(reading, option_set))
    return Given(answers, tuple(issues), typed, {each: files for each, files in uploads.items() if files})


def texts_of(form: Posted, option_set: OptionSet) -> Texts:
    """What the inputs of one question held."""
    names = {part: field_name(option_set.id, part) for part in CONTROLS[option_set.selection_type].parts}
    return {part: tuple(each for each in form.get(name, ()) if isinstance(each, str)) for part, name in names.items()}


def _read(texts: Texts, option_set: OptionSet, situation: Situation) -> Reading:
    return CONTROLS[option_set.selection_type].read(texts, option_set, situation)


def _answer(reading: Reading) -> dict[str, Any]:
    return {"value": reading.value} | ({"other": reading.other} if reading.other is not None else {})


def _issues(reading: Reading, option_set: OptionSet) -> Iterable[Issue]:
    if reading.code is not None:
        yield Issue(pointer(option_set.key, *reading.parts), reading.code, "This cannot be read.")


def _was_typed(before: Mapping[str, Any] | None) -> bool:
    """Whether a respondent typed it and nothing has let it pass yet: what could not be read then is told again."""
    return before is not None and before.get("source") == "respondent" and not before.get("flags")


def _without_left_over(reading: Reading, texts: Texts, option_set: OptionSet, before: Mapping[str, Any] | None) -> Reading:
    """Who unticks "Other" leaves its text behind where no script empties it. A text that is new counts as ticked."""
    if not isinstance(option_set, ChoiceFields) or reading.other is None or other_code(option_set) in texts.get("", ()):
        return reading
    is_left_over = before is not None and reading.other == str(before.get("other") or "").strip()
    return reading._replace(other=None) if is_left_over else reading


def _unstorable(texts: Texts) -> str | None:
    return next((reason for each in texts.values() for text in each if (reason := unstorable_text(text))), None)


# --- unchanged -----------------------------------------------------------------------------------------------------

_BREAK: Final = re.compile(r"\r\n|\r|\n")


def _same(sent: Texts, shown: Texts, option_set: OptionSet) -> bool:
    return all(
        _as_compared(sent.get(part, ()), option_set, part) == _as_compared(shown.get(part, ()), option_set, part)
        for part in CONTROLS[option_set.selection_type].parts
    )


def _as_compared(texts: tuple[str, ...], option_set: OptionSet, part: str) -> list[str]:
    """What browsers do to a text is no edit: an input of one line takes line breaks out, some trim, a form sends breaks as CR LF.
    Empty inputs and absent ones are the same, and the order of ticked boxes is that of the page.
    """
    if isinstance(option_set, ChoiceFields) and part == "":
        return sorted(_BREAK.sub("\n", text) for text in texts if text != "")
    kept = "\n" if option_set.selection_type == "textarea" else ""
    return sorted(read for text in texts if (read := _BREAK.sub(kept, text).strip()))


# --- files ---------------------------------------------------------------------------------------------------------


def _kept_files(texts: Texts, before: Mapping[str, Any] | None) -> Any:
    """What is stored already, by the server's own record, without what is to be taken out."""
    stored = (before or {}).get("value")
    if not isinstance(stored, list):
        return stored
    return [each for each in stored if not (isinstance(each, dict) and each.get("file_id") in texts.get("remove", ()))] or None


def _uploads(form: Posted, option_set: OptionSet) -> tuple[Any, ...]:
    """A browser sends an upload without a name where no file was chosen."""
    sent = form.get(field_name(option_set.id), ())
    return tuple(each for each in sent if not isinstance(each, str) and getattr(each, "filename", None))
