"""What a page prefills: parameters that codes and labels suggest, for a person to confirm. Must not know stored values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from keepstep.core.conversion import Conversion, Derived, Params, Result
from keepstep.core.convert_matrix import cell_of
from keepstep.core.read_text import folded
from keepstep.core.readings import PLAIN_WORDS, WORDS, boolean_in
from keepstep.core.structure import ChoiceFields, Option, Phone, choices_of
from keepstep.core.text import texts_of

Rules = Mapping[int, Callable[[Any, Conversion, Params], Result]]


def suggested(conversion: Conversion, rules: Rules) -> Params:
    """Suggestions by the name of the parameter; empty where nothing suggests itself."""
    proposals = {name: _PROPOSALS[name](conversion, rules) for name in conversion.accepts if name in _PROPOSALS}
    return {name: value for name, value in proposals.items() if value}


def _words(conversion: Conversion) -> Mapping[str, Any]:
    language = conversion.language.partition("-")[0].lower()
    return {language: {name: list(words) for name, words in WORDS.get(language, PLAIN_WORDS).items()}}


def _values(conversion: Conversion, rules: Rules) -> Mapping[str, Any]:
    """Rules 15–17: what the code, else the label, plainly says. Rule 30: the one option that means true, and the one for false."""
    if conversion.rule == 30:
        return _options_for_booleans(conversion)
    if conversion.rule not in (15, 16, 17):
        return {}
    # A text would be read by this rule, and an option's code and label are texts.
    as_text = replace(conversion, rule=cell_of("text_input", conversion.target.selection_type).rule)
    read = {option.value: _reading(option, as_text, rules) for option in choices_of(conversion.source)}
    return {code: value for code, value in read.items() if value is not None}


def _reading(option: Option, as_text: Conversion, rules: Rules) -> Any:
    for text in (option.value, *texts_of(option.label)):
        result = rules[as_text.rule](text, as_text, {"words": _words(as_text)})
        if isinstance(result, Derived) and (as_text.rule != 11 or _is_address(text)):
            return result.value
    return None


def _is_address(text: str) -> bool:
    return "@" in text or text.startswith(("https://", "http://"))


def _options_for_booleans(conversion: Conversion) -> Mapping[str, str]:
    words = _words(conversion)
    meanings: dict[bool, list[str]] = {True: [], False: []}
    for option in choices_of(conversion.target):
        read = [boolean_in(text, words) for text in (option.value, *texts_of(option.label))]
        for meaning in {result.value for result in read if isinstance(result, Derived)}:
            meanings[meaning].append(option.value)
    return {"true" if meaning else "false": codes[0] for meaning, codes in meanings.items() if len(codes) == 1}


def _options(conversion: Conversion, rules: Rules) -> Mapping[str, str]:
    """For codes that the target does not have: the one option there with the same label."""
    if conversion.rule not in (1, 13, 18) or not isinstance(conversion.target, ChoiceFields):
        return {}
    missing = {code: label for code, label in conversion.labels.items() if code not in conversion.target.option_by_value}
    alike = {code: conversion.codes_by_label.get(folded(label), ()) for code, label in missing.items()}
    return {code: codes[0] for code, codes in alike.items() if len(codes) == 1}


def _region(conversion: Conversion, rules: Rules) -> str | None:
    regions = conversion.target.constraints.regions if isinstance(conversion.target, Phone) else ()
    return regions[0] if len(regions) == 1 else None


_PROPOSALS: Final[Mapping[str, Callable[[Conversion, Rules], Any]]] = {
    "delimiter": lambda _, __: ";",
    "file_as": lambda _, __: "names",
    "locale": lambda _, __: {"decimal": ".", "group": ""},
    "options": _options,
    "region": _region,
    "values": _values,
    "words": lambda conversion, _: _words(conversion),
}
