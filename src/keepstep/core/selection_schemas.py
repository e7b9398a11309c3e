"""JSON Schema 2020-12 of the values that fit each selection type, as far as JSON Schema can say it. Must not know answers."""

from typing import Any

from keepstep.core.selection_checks import FILE_MEMBERS, MAX_ANSWER_TEXT


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def schema_text(option_set: Any, form: str | None = None) -> dict[str, Any]:
    rules = option_set.constraints
    pattern = f"^(?:{rules.pattern})$" if rules.pattern else None
    longest = MAX_ANSWER_TEXT if rules.max_length is None else rules.max_length
    return _given(type="string", minLength=rules.min_length, maxLength=longest, pattern=pattern, format=form)


def schema_choice(option_set: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [option.value for option in option_set.options if not option.retired]}


def schema_multiple(option_set: Any) -> dict[str, Any]:
    rules = option_set.constraints
    return _given(type="array", items=schema_choice(option_set), uniqueItems=True, minItems=rules.min_choices, maxItems=rules.max_choices)


def schema_number(option_set: Any, kind: str) -> dict[str, Any]:
    rules = option_set.constraints
    step = None if rules.min else rules.step
    return _given(type=kind, minimum=rules.min, maximum=rules.max, multipleOf=step)


def schema_rating(option_set: Any) -> dict[str, Any]:
    return {"type": "integer", "minimum": option_set.constraints.min, "maximum": option_set.constraints.max}


def schema_file(option_set: Any) -> dict[str, Any]:
    members: dict[str, Any] = {name: {"type": "integer" if kind is int else "string"} for name, kind in FILE_MEMBERS.items()}
    item = {"type": "object", "required": list(FILE_MEMBERS), "properties": members, "additionalProperties": False}
    return {"type": "array", "items": item, "maxItems": option_set.constraints.max_files}
