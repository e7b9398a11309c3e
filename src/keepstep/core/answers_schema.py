"""The JSON Schema (2020-12) of a run's answers in one version: what a client may send, as far as JSON Schema can say it.

Conditions and rules by expression are beyond it; `validate` has the last word.
"""

from typing import Any

from keepstep.core.selection import value_schema
from keepstep.core.structure import Calculated, ChoiceFields, OptionSet, Statement, Structure
from keepstep.core.text import text_in


def answers_schema(structure: Structure, *, title: str) -> dict[str, Any]:
    """An object with a member for each option set that takes an answer, by its key. A bare value and an envelope both fit."""
    answered = [item for item in structure.option_sets if not isinstance(item, Statement)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": {item.key: _member(item, structure) for item in answered},
        "additionalProperties": False,
    }


def _member(option_set: OptionSet, structure: Structure) -> dict[str, Any]:
    value = {"anyOf": [value_schema(option_set), {"type": "null"}]}
    envelope: dict[str, Any] = {"type": "object", "properties": {"value": value}, "required": ["value"], "additionalProperties": False}
    if isinstance(option_set, ChoiceFields) and option_set.allow_other:
        envelope["properties"]["other"] = {"type": "string"}
    member: dict[str, Any] = {
        "title": text_in(option_set.name, structure.default_language, structure.default_language),
        "anyOf": [*value["anyOf"], envelope],
        "x-option-set-id": option_set.id,
        "x-selection-type": option_set.selection_type,
        "x-required": option_set.is_required,
    }
    if isinstance(option_set, Calculated):
        member["readOnly"] = True
    if option_set.retired or structure.step_of[option_set.id].retired:
        member["deprecated"] = True
    return member
