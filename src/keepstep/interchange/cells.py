"""How one value stands in one cell of a table, and which value a cell's text gives. Must not know files, headings or runs.

Nothing is guessed: a text that does not plainly spell a value of its question's type stays the text that it is.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from keepstep.core.conversion import Derived
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.readings import joined, number_in, parts_in, plain_decimal
from keepstep.core.selection import normal_value
from keepstep.core.structure import MultipleSelect, OptionSet
from keepstep.errors import MalformedJson

CHOICE_DELIMITER: Final = ";"
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "ok": True, "false": False, "no": False, "0": False}
"""What spreadsheets and collection tools write; "OK" is an acknowledged question of an XLSForm."""
# What a spreadsheet program takes for the start of a formula (OWASP's list for CSV injection), and the guard itself.
# The wide forms as well, which spreadsheet programs of East Asia take for the plain ones.
_FORMULA_START: Final = frozenset("=+-@\t\r\n'＝＋－＠")
_GUARD: Final = "'"


def cell_text(value: Any, option_set: OptionSet | None = None) -> str:
    """The text of a value: "" for none, plain decimals, true/false, choices joined by `;`, and JSON for anything else."""
    if isinstance(value, str):
        return value
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return plain_decimal(value)
    if isinstance(option_set, MultipleSelect) and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return joined(value, CHOICE_DELIMITER)
    return dumps(value)


def guarded(text: str) -> str:
    """The text as a spreadsheet program shows it and never runs it: an apostrophe before what could start a formula."""
    return _GUARD + text if text[:1] in _FORMULA_START and text and not _is_number(text) else text


def unguarded(text: str) -> str:
    """The inverse of `guarded`."""
    return text.removeprefix(_GUARD)


def _is_number(text: str) -> bool:
    return text[0] in "+-" and text[1:2].isdigit() and isinstance(number_in(text), Derived) and text == text.strip()


# --- reading -------------------------------------------------------------------------------------------------------


def value_in(text: str, option_set: OptionSet) -> Any:
    """The value that a cell of another tool's table gives for this option set."""
    return normal_value(_FOREIGN.get(option_set.selection_type, _as_given)(text, option_set), option_set)


def own_value_in(text: str, option_set: OptionSet) -> Any:
    """The value in a cell that `cell_text` wrote."""
    return normal_value(_OWN.get(option_set.selection_type, _as_given)(text, option_set), option_set)


def boolean_in_cell(text: str) -> bool | None:
    """True or False where the text says so, else None."""
    return BOOLEANS.get(text.strip().casefold())


def _as_given(text: str, _: OptionSet) -> Any:
    return text


def _number(text: str, _: OptionSet) -> Any:
    read = number_in(text)
    return read.value if isinstance(read, Derived) else text


def _boolean(text: str, _: OptionSet) -> Any:
    read = boolean_in_cell(text)
    return text if read is None else read


def _files(text: str, _: OptionSet) -> Any:
    return _json_list(text) if text.startswith("[") else text


def _json_list(text: str) -> Any:
    try:
        return loads(text)
    except MalformedJson:
        return text


def _calculated(text: str, _: OptionSet) -> Any:
    """A number only where the text is that number's one canonical spelling: "007" stays a text."""
    read = number_in(text)
    return read.value if isinstance(read, Derived) and plain_decimal(read.value) == text else text


def _own_calculated(text: str, option_set: OptionSet) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return _json_list(text) if text.startswith("[") else _calculated(text, option_set)


def _own_choices(text: str, option_set: OptionSet) -> Any:
    """Joined choices; a JSON list only where it holds something that is no text, which is how such a misfit was written."""
    assert isinstance(option_set, MultipleSelect)
    parts = parts_in(text, CHOICE_DELIMITER)
    if isinstance(parts, Derived) and all(part in option_set.option_by_value for part in parts.value):
        return parts.value
    read = _json_list(text) if text.startswith("[") else text
    if isinstance(read, list) and not all(isinstance(item, str) for item in read):
        return read
    return parts.value if isinstance(parts, Derived) else text


def _choices(text: str, option_set: OptionSet) -> Any:
    """One choice, choices joined by `;`, or separated by blanks as ODK does. Several words of which none is an option stay a text."""
    assert isinstance(option_set, MultipleSelect)
    known = option_set.option_by_value
    if text in known:
        return [text]
    read = parts_in(text, CHOICE_DELIMITER)
    parts = read.value if CHOICE_DELIMITER in text and isinstance(read, Derived) else text.split()
    parts = [part for part in parts if part]
    return parts if len(parts) == 1 or any(part in known for part in parts) else text


_NUMBERS: Final[dict[str, Callable[[str, OptionSet], Any]]] = dict.fromkeys(("number", "integer", "slider", "rating"), _number)
_FOREIGN: Final = _NUMBERS | {"boolean": _boolean, "file": _files, "calculated": _calculated, "multiple_select": _choices}
_OWN: Final = _FOREIGN | {"calculated": _own_calculated, "multiple_select": _own_choices}
