"""What no single member of a structure can see: duplicates, unknown languages, sizes, empty ranges, patterns that do not compile.

What breaks one of these cannot be worked with and is refused on parsing; what is merely unwise is for `faults`.
"""

import re
from collections.abc import Iterator
from typing import Final

from keepstep.core.issue import Issue, pointer
from keepstep.core.structure_model import MAX_OPTION_SETS, Constraints, OptionSet, Structure, TextConstraints, choices_of
from keepstep.core.structure_texts import localised, walk


def faults_in(structure: Structure) -> Iterator[Issue]:
    """What no single member can see: duplicate ids, keys and values, unknown languages, sizes, patterns that do not compile."""
    yield from _language_faults(structure)
    yield from _duplicates(structure)
    if len(structure.option_sets) > MAX_OPTION_SETS:
        yield Issue("/steps", "too-many-option-sets", f"A wizard has at most {MAX_OPTION_SETS} option sets; split it.")
    for path, option_set in walk(structure):
        yield from _option_set_faults(path, option_set)


def _language_faults(structure: Structure) -> Iterator[Issue]:
    if structure.default_language not in structure.languages:
        yield Issue("/default_language", "language-unknown", "The default language must be one of the languages.")
    if len(set(structure.languages)) != len(structure.languages):
        yield Issue("/languages", "duplicate-language", "Each language is named once.")
    known = set(structure.languages)
    for path, text in localised(structure):
        unknown = [language for language in text if language not in known] if isinstance(text, dict) else []
        if unknown:
            yield Issue(path, "language-unknown", f"{unknown[0]!r} is not among the languages of this wizard; add it there first.")


def _duplicates(structure: Structure) -> Iterator[Issue]:
    ids: set[str] = set()
    keys: set[str] = set()
    step_keys: set[str] = set()
    for index, step in enumerate(structure.steps):
        yield from _once(ids, step.id, f"/steps/{index}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(step_keys, step.key, f"/steps/{index}/key", "duplicate-key", "Another step has this key.")
    for path, option_set in walk(structure):
        yield from _once(ids, option_set.id, f"{path}/id", "duplicate-id", "Each step and option set needs an id of its own.")
        yield from _once(keys, option_set.key, f"{path}/key", "duplicate-key", "Another option set has this key (or had it, as an alias).")
        for number, alias in enumerate(option_set.key_aliases):
            yield from _once(keys, alias, f"{path}/key_aliases/{number}", "duplicate-key", "Another option set has this key.")


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
    for low, high in (("min", "max"), ("min_length", "max_length"), ("min_choices", "max_choices")):
        yield from _order_fault(path, constraints, low, high)
    if isinstance(constraints, TextConstraints) and constraints.pattern is not None:
        yield from _pattern_fault(f"{path}/constraints/pattern", constraints.pattern)
    for name in constraints.messages:
        if name not in type(constraints).model_fields and name not in ("is_required", "type"):
            yield Issue(path + pointer("constraints", "messages", name), "constraint-unknown", "No constraint has this name.")


def _order_fault(path: str, constraints: Constraints, low: str, high: str) -> Iterator[Issue]:
    least, most = getattr(constraints, low, None), getattr(constraints, high, None)
    if least is None or most is None or (isinstance(least, str) and least[:1] in "tn") or (isinstance(most, str) and most[:1] in "tn"):
        return
    if least > most:
        yield Issue(f"{path}/constraints/{low}", "empty-range", f"{low} is greater than {high}: no answer would fit.")


# A quantified group that is itself quantified can take time exponential in the length of a respondent's answer.
_NESTED_QUANTIFIER: Final = re.compile(r"\([^()]*[+*}][^()]*\)\s*[+*{]")


def _pattern_fault(path: str, pattern: str) -> Iterator[Issue]:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield Issue(path, "pattern-invalid", f"Not a regular expression: {error}.")
        return
    if _NESTED_QUANTIFIER.search(pattern):
        yield Issue(
            path, "pattern-too-slow", "A repeated group inside a repeated group can take for ever; write it without the inner repeat."
        )
