"""Rules 1, 2, 5–12, 21, 29, 32 and 35: from a text, and to a text. Must not know envelopes; the target's own checks run later."""

from typing import Any

from keepstep.core.conversion import Conversion, Derived, Params, Refusal, Result, is_number
from keepstep.core.read_text import LINE_BREAK, as_read
from keepstep.core.readings import PLAIN_LOCALE, PLAIN_WORDS, boolean_in, joined, number_in, phone_in, plain_decimal, whole_in
from keepstep.core.time_readings import date_in, moment_in, time_in


def kept(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rules 1, 24, 25, 32: the value as it is."""
    return Derived(value)


def one_line(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 2: the text, if it has one line; the target looks at the length."""
    if LINE_BREAK.search(value):
        return Refusal("line-break", "The text has several lines, and the target takes one.")
    return Derived(value)


def number_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 5."""
    return number_in(value, params.get("locale", PLAIN_LOCALE))


def whole_from(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rules 6, 7 and 23: a whole number, of a text or of a number; range and grid are the target's own checks."""
    read = Derived(value) if is_number(value) else number_from(value, conversion, params)
    if isinstance(read, Refusal):
        return read
    whole = whole_in(read.value)
    return whole if isinstance(whole, Refusal) else Derived(whole.value, read.used)


def boolean_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 8."""
    return boolean_in(value, params.get("words", {"": PLAIN_WORDS}))


def date_or_time_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 9."""
    read = date_in if conversion.target.selection_type == "date" else time_in
    return read(value, params.get("pattern"))


def moment_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 10."""
    return moment_in(value, params.get("pattern"), params.get("zone"))


def as_typed(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 11: the text as read; whether it is an address is the target's own check."""
    return Derived(as_read(value))


def phone_from(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 12, of a text or of a whole number."""
    return phone_in(str(value), params.get("region"))


def decimal_text(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 21."""
    return Derived(plain_decimal(value))


def word_for(value: bool, conversion: Conversion, params: Params) -> Result:  # noqa: FBT001  the value under conversion, no flag
    """Rule 29."""
    spelling = params.get("spelling")
    word = "true" if value else "false"
    return Derived(spelling[word], {"spelling": dict(spelling)}) if spelling else Derived(word)


def files_as_text(value: list[dict[str, Any]], conversion: Conversion, params: Params) -> Result:
    """Rule 35: the names, or links that stay the same for ever, as text. Nothing is fetched, and no file goes anywhere."""
    prefix = params.get("link_prefix")
    links = conversion.target.selection_type == "url" or params.get("file_as") == "links"
    texts = [f"{prefix}{item['file_id']}" if links else item["name"] for item in value]
    used = {name: params[name] for name in ("file_as", "link_prefix", "delimiter") if name in params}
    if len(texts) == 1:
        return Derived(texts[0], used, lossy=True)
    if conversion.target.selection_type == "url":
        return Refusal("more-than-one", f"There are {len(texts)} files, and the target takes one address.")
    if "delimiter" not in params:
        return Refusal("parameter-missing", f"There are {len(texts)} files; say by which character their names are joined.")
    return Derived(joined(texts, params["delimiter"]), used, lossy=True)
