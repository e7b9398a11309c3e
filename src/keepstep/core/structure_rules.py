"""What no single member of a structure can see: duplicates, unknown languages, sizes, empty ranges, patterns that do not compile.

What breaks one of these cannot be worked with and is refused on parsing; what is merely unwise is for `faults`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from keepstep.core.issue import Issue, pointer
from keepstep.core.logic_values import as_date, as_datetime, as_time
from keepstep.core.patterns import fault_in_pattern
from keepstep.core.structure_model import (
    MAX_ALL_OPTIONS,
    MAX_OPTION_SETS,
    Constraints,
    DateTimeConstraints,
    Frozen,
    OptionSet,
    Structure,
    TextConstraints,
    TimeConstraints,
    choices_of,
)
from keepstep.core.structure_texts import option_set_texts, texts_around, walk
from keepstep.core.text import Text


def faults_in(structure: Structure) -> Iterator[Issue]:
    """What no single member can see: duplicate ids, keys and values, unknown languages, sizes, patterns that do not compile."""
    yield from _language_faults(structure)
    yield from _duplicates(structure)
    if len(structure.option_sets) > MAX_OPTION_SETS:
        yield Issue("/steps", "too-many-option-sets", f"A wizard has at most {MAX_OPTION_SETS} questions; split it.")
    if sum(len(choices_of(option_set)) for option_set in structure.option_sets) > MAX_ALL_OPTIONS:
        yield Issue("/steps", "too-many-options", f"A wizard has at most {MAX_ALL_OPTIONS:,} options in all; split it.")
    for path, option_set in walk(structure):
        if not _looked_at(option_set, None):
            found = tuple(_option_set_faults(path, option_set))
            yield from found
            _remember(option_set, None, found)


def _language_faults(structure: Structure) -> Iterator[Issue]:
    if structure.default_language not in structure.languages:
        yield Issue("/default_language", "language-unknown", "The default language must be one of the languages.")
    if len(set(structure.languages)) != len(structure.languages):
        yield Issue("/languages", "duplicate-language", "Each language is named once.")
    known = frozenset(structure.languages)
    yield from _text_faults(texts_around(structure), known)
    for path, option_set in walk(structure):
        if not _looked_at(option_set, known):
            found = tuple(_text_faults(option_set_texts(path, option_set), known))
            yield from found
            _remember(option_set, known, found)


def _text_faults(texts: Iterable[tuple[str, Text]], known: frozenset[str]) -> Iterator[Issue]:
    for path, text in texts:
        if text == {}:
            yield Issue(path, "text-missing", "A text is given in at least one language.")
        unknown = [language for language in text if language not in known] if isinstance(text, dict) else []
        if unknown:
            yield Issue(path, "language-unknown", f"{unknown[0]!r} is not among the languages of this wizard; add it there first.")


# Option sets in which nothing was wrong, by identity: a value never changes, and an edit of a large wizard shares all but one of
# them with the structure before. `None` stands for the rules that know no languages.
_sound: Final[WeakValueDictionary[tuple[int, frozenset[str] | None], Frozen]] = WeakValueDictionary()


def _looked_at(option_set: OptionSet, known: frozenset[str] | None) -> bool:
    return _sound.get((id(option_set), known)) is option_set


def _remember(option_set: OptionSet, known: frozenset[str] | None, found: tuple[Issue, ...]) -> None:
    if not found:
        _sound[id(option_set), known] = option_set


def _duplicates(structure: Structure) -> Iterator[Issue]:
    ids: set[str] = set()
    keys: set[str] = set()
    step_keys: set[str] = set()
    for index, step in enumerate(structure.steps):
        yield from _once(ids, step.id, f"/steps/{index}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(step_keys, step.key, f"/steps/{index}/key", "duplicate-key", "Another step has this key.")
    ending_keys: set[str] = set()
    for index, ending in enumerate(structure.endings):
        yield from _once(ending_keys, ending.key, f"/endings/{index}/key", "duplicate-key", "Another ending has this key.")
    for path, option_set in walk(structure):
        yield from _once(ids, option_set.id, f"{path}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(keys, option_set.key, f"{path}/key", "duplicate-key", "Another question has this key (or had it, as an alias).")
        for number, alias in enumerate(option_set.key_aliases):
            yield from _once(keys, alias, f"{path}/key_aliases/{number}", "duplicate-key", "Another question has this key.")


def _once(seen: set[str], item: str, path: str, code: str, detail: str) -> Iterator[Issue]:
    if item in seen:
        yield Issue(path, code, detail)
    seen.add(item)


def _option_set_faults(path: str, option_set: OptionSet) -> Iterator[Issue]:
    values: set[str] = set()
    for index, option in enumerate(choices_of(option_set)):
        yield from _once(
            values, option.value, f"{path}/options/{index}/value", "duplicate-value", "Another option of this set has this value."
        )
    constraints = option_set.constraints
    yield from _range_faults(f"{path}/constraints", constraints)
    if isinstance(constraints, TextConstraints) and constraints.pattern is not None:
        yield from _pattern_fault(f"{path}/constraints/pattern", constraints.pattern)
    for name in constraints.messages:
        if name not in type(constraints).model_fields and name not in ("is_required", "type"):
            yield Issue(path + pointer("constraints", "messages", name), "constraint-unknown", "No constraint has this name.")


def _range_faults(path: str, constraints: Constraints) -> Iterator[Issue]:
    for low, high in (("min", "max"), ("min_length", "max_length"), ("min_choices", "max_choices")):
        bounds = []
        for name in (low, high):
            bound = getattr(constraints, name, None)
            read = _read_bound(bound, constraints)
            if bound is not None and read is None:
                yield Issue(f"{path}/{name}", "bound-invalid", f"There is no such date or time as {bound!r}.")
            bounds.append(read)
        least, most = bounds
        if least is not None and most is not None and least.kind == most.kind and least.value > most.value:
            yield Issue(f"{path}/{low}", "empty-range", f"{low} is greater than {high}: no answer would fit.")


class _Bound(NamedTuple):
    """A limit of a range; only two of one kind can be compared beforehand."""

    kind: str
    value: Any


def _read_bound(bound: Any, constraints: Constraints) -> _Bound | None:
    if bound is None or not isinstance(bound, str):
        return None if bound is None else _Bound("number", bound)
    if isinstance(constraints, DateTimeConstraints):
        return _bound("moment", datetime.min.replace(tzinfo=UTC) if bound == "now" else as_datetime(bound), relative=bound == "now")
    if isinstance(constraints, TimeConstraints):
        return _bound("time", as_time(bound), relative=False)
    if bound.startswith("today"):
        return _Bound("days from today", int(bound.removeprefix("today") or 0))
    return _bound("date", as_date(bound), relative=False)


def _bound(kind: str, value: Any, *, relative: bool) -> _Bound | None:
    return None if value is None else _Bound(f"relative {kind}" if relative else kind, value)


def _pattern_fault(path: str, pattern: str) -> Iterator[Issue]:
    reason = fault_in_pattern(pattern)
    if reason is not None:
        yield Issue(path, "pattern-invalid", f"No regular expression that can be used: {reason}.")
