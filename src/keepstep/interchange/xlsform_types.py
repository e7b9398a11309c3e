"""What the type column of an XLSForm says, and which selection type answers it here.

Must not know rows or structures.
"""

import re
from typing import Final, Literal, NamedTuple

from keepstep.interchange.xpath_terms import Kind

Role = Literal["question", "metadata", "begin", "end", "begin_repeat", "end_repeat", "external"]


class FormType(NamedTuple):
    """One type: what kind of row, the selection type, what its answer is in expressions, and how it differs (None: not at all)."""

    role: Role
    selection_type: str = "text_input"
    kind: Kind = "text"
    difference: str | None = None
    media: str | None = None


class TypeCell(NamedTuple):
    """The type column of one row. `name`: the type's one name; `list_name`: the list of choices it names."""

    name: str
    type: FormType
    list_name: str | None = None
    or_other: bool = False


def _as_text(how: str) -> FormType:
    return FormType("question", "text_input", difference=f"Asked as text here: {how}.")


TYPES: Final[dict[str, FormType]] = {
    "text": FormType("question", "text_input"),
    "integer": FormType("question", "integer", "number"),
    "decimal": FormType("question", "number", "number"),
    "date": FormType("question", "date", "date"),
    "time": FormType("question", "time", "time"),
    "datetime": FormType("question", "datetime", "datetime"),
    "select_one": FormType("question", "single_select"),
    "select_multiple": FormType("question", "multiple_select", "list"),
    "note": FormType("question", "statement"),
    "calculate": FormType("question", "calculated", "any"),
    "hidden": FormType("question", "text_input"),
    "acknowledge": FormType("question", "boolean", "trigger"),
    "range": FormType("question", "slider", "number"),
    "image": FormType("question", "file", "file", media="image/*"),
    "audio": FormType("question", "file", "file", media="audio/*"),
    "video": FormType("question", "file", "file", media="video/*"),
    "file": FormType("question", "file", "file"),
    # A set of chosen options has no order here, and a ranking is nothing but its order.
    "rank": _as_text("the codes in order, separated by blanks; no choices are shown"),
    "barcode": _as_text("nothing is scanned"),
    "geopoint": _as_text("latitude longitude altitude accuracy; no map is shown"),
    "geotrace": _as_text("points separated by semicolons; no map is shown"),
    "geoshape": _as_text("points separated by semicolons; no map is shown"),
    "osm": _as_text("no map is shown"),
    "select_one_external": _as_text("choices outside of the sheet 'choices' are not read"),
    "select_one_from_file": _as_text("choices in another file are not read"),
    "select_multiple_from_file": _as_text("choices in another file are not read"),
    "begin_group": FormType("begin"),
    "end_group": FormType("end"),
    "begin_repeat": FormType("begin_repeat"),
    "end_repeat": FormType("end_repeat"),
    "begin_loop": FormType("begin_repeat"),
    "end_loop": FormType("end_repeat"),
    "start": FormType("metadata", kind="datetime", difference="Every run carries the time when it was started."),
    "end": FormType("metadata", kind="datetime", difference="Every run carries the time when it was completed."),
    "today": FormType("metadata", kind="date", difference="Every run carries the time when it was started."),
} | {
    name: FormType("metadata")
    for name in (
        "deviceid", "username", "phonenumber", "email", "simserial", "subscriberid", "audit",
        "start-geopoint", "background-audio", "background-geopoint",
    )
} | {name: FormType("external") for name in ("csv-external", "xml-external")}  # fmt: skip
UNKNOWN: Final = _as_text("this type is unknown")
_EARLIER_ANSWERS: Final = _as_text("choices from earlier answers are not supported yet")

_ALIASES: Final = {
    alias: name
    for name, aliases in {
        "text": "string",
        "integer": "int",
        "datetime": "date_time",
        "acknowledge": "trigger",
        "image": "photo",
        "geopoint": "gps location",
        "select_one": "select1 select_one_from select_one_using add_select_one_prompt_using",
        "select_multiple": "select_all_that_apply select_all_that_apply_from select_multiple_from select_multiple_using "
        "add_select_multiple_prompt_using",
        "start": "start_time",
        "end": "end_time",
        "deviceid": "imei device_id",
        "phonenumber": "phone_number",
        "simserial": "sim_id",
        "subscriberid": "subscriber_id",
        "begin_repeat": "begin_lgroup begin_looped_group begin_loop_over",
        "end_repeat": "end_lgroup end_looped_group",
    }.items()
    for alias in aliases.split()
}
_LISTED: Final = (
    "select_one",
    "select_multiple",
    "rank",
    "select_one_external",
    "osm",
    "select_one_from_file",
    "select_multiple_from_file",
)
_OTHER: Final = re.compile(r"\s+(or_other|or other|or specify other)\s*$", re.IGNORECASE)


def type_of(text: str) -> TypeCell:
    """What a cell of the type column says; an unknown type is asked as text."""
    other = _OTHER.search(text)
    words = (text[: other.start()] if other else text).split()
    for length in range(len(words), 0, -1):
        name = _name(words[:length])
        if name in TYPES and (length == len(words) or name in _LISTED or name.startswith("begin_")):
            list_name = " ".join(words[length:]) or None
            if name in ("select_one", "select_multiple") and list_name and list_name.startswith("${"):
                return TypeCell(name, _EARLIER_ANSWERS, list_name)
            return TypeCell(name, TYPES[name], list_name, or_other=other is not None)
    return TypeCell(text.strip(), UNKNOWN)


def _name(words: list[str]) -> str:
    joined = "_".join(words).lower()
    for prefix in ("", "q_", "add_", "get_", "uri:"):
        if joined.startswith(prefix):
            name = joined[len(prefix) :].removesuffix("_prompt") if prefix == "add_" else joined[len(prefix) :]
            name = _ALIASES.get(name, name)
            if name in TYPES:
                return name
    return joined.replace("_", "-") if joined.replace("_", "-") in TYPES else joined
