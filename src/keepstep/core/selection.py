"""One entry per selection type: which values fit, which are empty, how one reads, and its JSON Schema.

A table, no inheritance. Must not know runs, revisions or conditions.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.issue import Issue
from keepstep.core.jsonvalue import dumps, exact
from keepstep.core.logic import answered, to_text
from keepstep.core.selection_checks import (
    E164,
    MAX_ANSWER_TEXT,
    Context,
    Findings,
    check_area,
    check_boolean,
    check_calculated,
    check_date,
    check_datetime,
    check_email,
    check_file,
    check_integer,
    check_line,
    check_multiple,
    check_number,
    check_phone,
    check_rating,
    check_single,
    check_statement,
    check_time,
    check_url,
    text_shape,
)
from keepstep.core.selection_schemas import schema_choice, schema_file, schema_multiple, schema_number, schema_rating, schema_text
from keepstep.core.structure import (
    OPTION_SET_BY_TYPE,
    ChoiceFields,
    Dropdown,
    MultipleSelect,
    OptionSet,
    SingleSelect,
)
from keepstep.core.text import text_in

__all__ = ["ENTRIES", "MAX_ANSWER_TEXT", "Entry", "check_other", "check_value", "display", "normal_value", "value_schema"]


class Entry(NamedTuple):
    """`check` yields every finding on a value that is not empty; `display` is its text in a language; `schema` its JSON Schema."""

    check: Callable[[Any, Context], Findings]
    display: Callable[[Any, OptionSet, str, str], str]
    schema: Callable[[Any], dict[str, Any]]


def check_value(value: Any, option_set: OptionSet, clock: Clock, *, language: str = "", default_language: str = "") -> tuple[Issue, ...]:
    """Every reason why `value` does not fit this option set; () for an empty value. Pointers are relative to the value."""
    if not answered(value) or _is_offered(value, option_set):
        return ()
    return tuple(ENTRIES[option_set.selection_type].check(value, Context(option_set, clock, language, default_language)))


def _is_offered(value: Any, option_set: OptionSet) -> bool:
    """Whether the value is one option on offer: nothing else is asked of it, and most answers of real forms are this."""
    if not isinstance(value, str) or not isinstance(option_set, SingleSelect | Dropdown):
        return False
    option = option_set.option_by_value.get(value)
    return option is not None and not option.retired


def check_other(other: Any, option_set: OptionSet) -> tuple[Issue, ...]:
    """Every reason why an "other" text does not fit this option set."""
    if not isinstance(option_set, ChoiceFields) or not option_set.allow_other:
        return (Issue("", "other-not-allowed", "This question takes no text of its own."),)
    return tuple(text_shape(other))


def display(envelope: Mapping[str, Any] | None, option_set: OptionSet, language: str, default_language: str) -> str:
    """An answer as people read it, in `language`; "" for none. A value that does not fit is shown as it was given."""
    if envelope is None:
        return ""
    value, other = envelope.get("value"), envelope.get("other")
    shown = ENTRIES[option_set.selection_type].display(value, option_set, language, default_language) if answered(value) else ""
    return ", ".join(part for part in (shown, other) if part)


def value_schema(option_set: OptionSet) -> dict[str, Any]:
    """JSON Schema 2020-12 of the values that fit, as far as JSON Schema can say it."""
    return ENTRIES[option_set.selection_type].schema(option_set)


def normal_value(value: Any, option_set: OptionSet) -> Any:
    """The canonical form of a value that fits: numbers without trailing zeros, choices in option order. Anything else unchanged."""
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(option_set, MultipleSelect) and isinstance(value, list):
        known = option_set.option_by_value
        if all(isinstance(item, str) and item in known for item in value):
            order = {option.value: index for index, option in enumerate(option_set.options)}
            return sorted(value, key=order.__getitem__)
    return value


# --- display -------------------------------------------------------------------------------------------------------


def _display_plain(value: Any, option_set: OptionSet, language: str, default: str) -> str:
    if isinstance(value, dict | list) and not _is_flat(value):
        return dumps(value)
    return to_text(value) or ""


def _is_flat(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _display_choice(value: Any, option_set: OptionSet, language: str, default: str) -> str:
    if not isinstance(option_set, ChoiceFields):
        return _display_plain(value, option_set, language, default)
    items = value if isinstance(value, list) else [value]
    known = option_set.option_by_value
    return ", ".join(
        text_in(known[item].label, language, default)
        if isinstance(item, str) and item in known
        else _display_plain(item, option_set, language, default)
        for item in items
    )


def _display_boolean(value: Any, option_set: OptionSet, language: str, default: str) -> str:
    return ("Yes" if value else "No") if isinstance(value, bool) else _display_plain(value, option_set, language, default)


def _display_file(value: Any, option_set: OptionSet, language: str, default: str) -> str:
    if not isinstance(value, list):
        return _display_plain(value, option_set, language, default)
    return ", ".join(
        str(item.get("name", "")) if isinstance(item, dict) else _display_plain(item, option_set, language, default) for item in value
    )


ENTRIES: Final[dict[str, Entry]] = {
    "text_input": Entry(check_line, _display_plain, schema_text),
    "textarea": Entry(check_area, _display_plain, schema_text),
    "email": Entry(check_email, _display_plain, lambda option_set: schema_text(option_set, "email")),
    "phone": Entry(check_phone, _display_plain, lambda _: {"type": "string", "pattern": rf"^{E164.pattern}$"}),
    "url": Entry(check_url, _display_plain, lambda option_set: schema_text(option_set, "uri")),
    "single_select": Entry(check_single, _display_choice, schema_choice),
    "dropdown": Entry(check_single, _display_choice, schema_choice),
    "multiple_select": Entry(check_multiple, _display_choice, schema_multiple),
    "number": Entry(check_number, _display_plain, lambda option_set: schema_number(option_set, "number")),
    "integer": Entry(check_integer, _display_plain, lambda option_set: schema_number(option_set, "integer")),
    "slider": Entry(check_integer, _display_plain, lambda option_set: schema_number(option_set, "integer")),
    "rating": Entry(check_rating, _display_plain, schema_rating),
    "boolean": Entry(check_boolean, _display_boolean, lambda _: {"type": "boolean"}),
    "date": Entry(check_date, _display_plain, lambda _: {"type": "string", "format": "date"}),
    "time": Entry(check_time, _display_plain, lambda _: {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"}),
    "datetime": Entry(check_datetime, _display_plain, lambda _: {"type": "string", "format": "date-time"}),
    "file": Entry(check_file, _display_file, schema_file),
    "statement": Entry(check_statement, lambda *_: "", lambda _: {"type": "null"}),
    "calculated": Entry(check_calculated, _display_plain, lambda _: {"type": ["string", "number", "boolean", "array"]}),
}
assert set(ENTRIES) == set(OPTION_SET_BY_TYPE), "each selection type has one entry"
