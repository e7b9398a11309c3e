"""A question as its template needs it: option set + answer + findings + situation → one frozen value. Must not know HTML or requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.issue import Issue, pointer
from keepstep.core.logic import compile_expression, truth
from keepstep.core.structure import ChoiceFields, File, Option, OptionSet, Rating, Slider, Statement, Structure
from keepstep.core.text import Text
from keepstep.web.questions.controls import CONTROLS, Texts, filled, first, other_code, points_of
from keepstep.web.questions.posted import field_name
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.wording import Said, said, types_of
from keepstep.web.texts import message, size_words


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name (also its id), what it holds, and whether a finding is about it."""

    name: str
    text: str
    faulty: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One radio button, box or entry of a list. `text` where a word of the catalogue is the label."""

    id: str
    value: str
    label: str
    chosen: bool
    exclusive: bool = False
    text: str = ""

    @property
    def is_none(self) -> bool:
        """Whether choosing it takes the answer away, which no radio button does by itself."""
        return not self.value and bool(self.text)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was sent before."""

    file_id: str
    name: str
    size: str


# Without a help text they show how it is written.
_WITH_EXAMPLE: Final = frozenset({"date", "datetime", "time"})


@dataclass(frozen=True, slots=True)
class Question:
    """All that a template of templates/option_sets/ shows. `id` is that of its first input, which the summary of errors leads to."""

    id: str
    option_set_id: str
    kind: str
    label: str
    help: str
    unit: str
    is_required: bool
    errors: tuple[Said, ...]
    inputs: Mapping[str, Input]
    choices: tuple[Choice, ...]
    other: Choice | None
    files: tuple[Stored, ...]
    limits: Mapping[str, Any]
    text: str
    direction: str
    removed: tuple[str, ...] = ()

    @property
    def first_id(self) -> str:
        """Where a link to this question leads: to the first faulty input."""
        faulty = next((each.name for each in self.inputs.values() if each.faulty), None)
        return faulty or (next(iter(self.inputs.values())).name if self.inputs else self.id)

    @property
    def described_by(self) -> str:
        """The ids of the hint, the limit and the error, for aria-describedby."""
        parts = {"hint": self.help or self.kind in _WITH_EXAMPLE, "limit": self.has_limit, "error": self.errors}
        return " ".join(f"{self.id}-{part}" for part, is_there in parts.items() if is_there)

    @property
    def has_limit(self) -> bool:
        """Whether a limit is told beforehand."""
        if self.kind == "file":
            return self.limits["max_files"] > 1 or bool(self.limits["max_size"] or self.limits["types"])
        is_long_scale = self.kind in ("slider", "rating") and not self.choices
        return is_long_scale or not self.limits.keys().isdisjoint(("max_length", "min_choices", "max_choices"))

    @property
    def autocomplete(self) -> str:
        return {"email": "email", "phone": "tel", "url": "url"}.get(self.kind, "off")


def question_view(
    option_set: OptionSet,
    situation: Situation,
    envelope: Mapping[str, Any] | None = None,
    *,
    issues: Iterable[Issue] = (),
    typed: Texts | None = None,
) -> Question:
    """`typed` is what its inputs held when it was sent, which goes before what is stored."""
    texts = filled(option_set, envelope, situation) if typed is None else typed
    errors = tuple(said(issue, option_set, situation) for issue in issues)
    name = field_name(option_set.id)
    return Question(
        id=name,
        option_set_id=option_set.id,
        kind=option_set.selection_type,
        label=situation.text(option_set.name),
        help=situation.text(option_set.help),
        unit=situation.text(option_set.unit),
        is_required=option_set.is_required,
        errors=errors,
        inputs=_inputs(option_set, texts, errors),
        choices=_choices(option_set, texts, situation),
        other=_other(option_set, texts, envelope),
        files=files_in(envelope, situation),
        limits=_limits(option_set, situation),
        text=_text(option_set, situation, envelope),
        direction=situation.direction,
        removed=texts.get("remove", ()),
    )


def _inputs(option_set: OptionSet, texts: Texts, errors: tuple[Said, ...]) -> dict[str, Input]:
    parts = CONTROLS[option_set.selection_type].parts
    named = {part for error in errors for part in error.parts}
    about_all = bool(errors) and not named & set(parts)
    return {
        part: Input(field_name(option_set.id, part), first(texts, part), part in named or (about_all and part != "other")) for part in parts
    }


# --- choices -------------------------------------------------------------------------------------------------------

_BOOLEAN: Final = (("true", message("Yes")), ("false", message("No")))


def _choices(option_set: OptionSet, texts: Texts, situation: Situation) -> tuple[Choice, ...]:
    """What can be chosen, and besides whatever is chosen: a retired option or an imported code stays until somebody chooses anew."""
    chosen = texts.get("", ())
    offered = list(_offered(option_set, chosen, situation))
    known = {value for value, *_ in offered} | {other_code(option_set), ""}
    is_open = isinstance(option_set, ChoiceFields) or option_set.selection_type == "boolean" or bool(points_of(option_set))
    if not is_open:
        return ()
    offered += [(value, value, False, "") for value in dict.fromkeys(chosen) if value not in known]
    name = field_name(option_set.id)
    made = [
        Choice(f"{name}-{index}" if index else name, value, label, value in chosen, alone, text)
        for index, (value, label, alone, text) in enumerate(offered)
    ]
    has_answer = any(each.chosen for each in made) or bool(first(texts, "other"))
    if has_answer and not option_set.is_required and option_set.selection_type not in ("multiple_select", "dropdown"):
        made.append(Choice(f"{name}-none", "", "", "" in chosen, text=message("No answer")))
    return tuple(made)


def _offered(option_set: OptionSet, chosen: tuple[str, ...], situation: Situation) -> Iterable[tuple[str, str, bool, str]]:
    """(value, label, exclusive, word of the catalogue) of each."""
    if isinstance(option_set, ChoiceFields):
        for option in option_set.options:
            if option.value in chosen or _is_offered(option, situation):
                yield option.value, situation.text(option.label), option.exclusive, ""
    elif option_set.selection_type == "boolean":
        yield from ((value, "", False, word) for value, word in _BOOLEAN)
    else:
        yield from ((str(point), str(point), False, "") for point in points_of(option_set))


def _is_offered(option: Option, situation: Situation) -> bool:
    if option.retired:
        return False
    return option.visible_if is None or situation.scope is None or truth(compile_expression(option.visible_if)(situation.scope))


def _other(option_set: OptionSet, texts: Texts, envelope: Mapping[str, Any] | None) -> Choice | None:
    if not isinstance(option_set, ChoiceFields) or not (option_set.allow_other or (envelope or {}).get("other")):
        return None
    code = other_code(option_set)
    return Choice(field_name(option_set.id, "is-other"), code, "", code in texts.get("", ()), text=message("Other"))


# --- the rest ------------------------------------------------------------------------------------------------------


def files_in(envelope: Mapping[str, Any] | None, situation: Situation) -> tuple[Stored, ...]:
    """The files that an answer names."""
    stored = (envelope or {}).get("value")
    if not isinstance(stored, list):
        return ()
    return tuple(
        Stored(str(each.get("file_id", "")), str(each.get("name", "")), size_words(each["size"], situation.locale))
        for each in stored
        if isinstance(each, dict) and isinstance(each.get("size"), int)
    )


def _limits(option_set: OptionSet, situation: Situation) -> dict[str, Any]:
    """What a hint says beforehand, and what an input is told, by the name of the constraint."""
    constraints = option_set.constraints
    if isinstance(option_set, Slider | Rating):
        return {"min": option_set.constraints.min, "max": option_set.constraints.max, "step": getattr(constraints, "step", 1)}
    if isinstance(option_set, File):
        limit = option_set.constraints
        size = None if limit.max_size is None else size_words(limit.max_size, situation.locale)
        return {"max_files": limit.max_files, "max_size": size, "accept": ",".join(limit.media_types), "types": types_of(option_set)}
    names = ("max_length", "min_choices", "max_choices")
    return {name: found for name in names if (found := getattr(constraints, name, None)) is not None}


def _text(option_set: OptionSet, situation: Situation, envelope: Mapping[str, Any] | None) -> str:
    """What a statement says, or a calculation came to."""
    words: Text | None = option_set.text if isinstance(option_set, Statement) else None
    if option_set.selection_type == "calculated":
        return shown_answer(envelope, option_set, situation)
    return situation.text(words)


def issues_by_option_set(issues: Iterable[Issue], structure: Structure) -> dict[str, tuple[Issue, ...]]:
    """Findings as `core.validate` places them, by the id of the option set that they are about."""
    found: dict[str, tuple[Issue, ...]] = {}
    issues = tuple(issues)
    if not issues:
        return found
    ids = {pointer(key): option_set_id for key, option_set_id in structure.id_by_key.items()}
    for issue in issues:
        option_set_id = ids.get("/" + issue.pointer.split("/")[1]) if issue.pointer.startswith("/") else None
        if option_set_id is not None:
            found[option_set_id] = (*found.get(option_set_id, ()), issue)
    return found
