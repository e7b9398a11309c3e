"""Which values fit each selection type: one function per shape of answer, yielding every finding on a value that is not empty.

Must not know runs, revisions, conditions, or what is required.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from keepstep.core.clock import Clock
from keepstep.core.issue import Issue, pointer
from keepstep.core.jsonvalue import exact, unstorable_text
from keepstep.core.logic import EXACT, as_date, as_datetime, as_time, to_text
from keepstep.core.patterns import fits_pattern
from keepstep.core.structure import (
    ChoiceFields,
    ChoicesConstraints,
    Date,
    DateTime,
    File,
    NumberConstraints,
    OptionSet,
    Phone,
    Rating,
    TextConstraints,
    Time,
    choices_of,
)
from keepstep.core.text import text_in

MAX_ANSWER_TEXT: Final = 100_000
"""Characters of one text answer. A long narrative fits many times over; a pasted file does not."""


class Context(NamedTuple):
    """What a check may look at besides the value: the option set, the time, and the language for own messages."""

    option_set: OptionSet
    clock: Clock
    language: str
    default_language: str


Findings = Iterator[Issue]


def _own_message(context: Context, name: str, message: str) -> str:
    text = context.option_set.constraints.messages.get(name)
    return message if text is None else text_in(text, context.language, context.default_language) or message


def _fails(context: Context, name: str, message: str, code: str | None = None, at: str = "") -> Issue:
    return Issue(at, code or name.replace("_", "-"), _own_message(context, name, message))


def _wrong_type(context: Context, message: str) -> Issue:
    return _fails(context, "type", message, "type")


def text_shape(value: Any) -> Findings:
    if not isinstance(value, str):
        yield Issue("", "type", "Give a text.")
    elif (reason := unstorable_text(value)) is not None:
        yield Issue("", "text-unstorable", reason)
    elif len(value) > MAX_ANSWER_TEXT:
        yield Issue("", "max-length", f"Use at most {MAX_ANSWER_TEXT:,} characters.")


# --- text ----------------------------------------------------------------------------------------------------------


def check_area(value: Any, context: Context) -> Findings:
    faults = list(text_shape(value))
    yield from faults
    constraints = context.option_set.constraints
    if faults or not isinstance(constraints, TextConstraints):
        return
    if constraints.min_length is not None and len(value) < constraints.min_length:
        yield _fails(context, "min_length", f"Use at least {constraints.min_length} characters; this has {len(value)}.")
    if constraints.max_length is not None and len(value) > constraints.max_length:
        yield _fails(context, "max_length", f"Use at most {constraints.max_length} characters; this has {len(value)}.")
    if constraints.pattern is not None and not fits_pattern(value, constraints.pattern):
        yield _fails(context, "pattern", "This does not have the expected form.")


def check_line(value: Any, context: Context) -> Findings:
    yield from check_area(value, context)
    # The sentinel makes a line break at the very end count.
    if isinstance(value, str) and len((value + "|").splitlines()) > 1:
        yield _fails(context, "type", "Write this on one line.", "line-break")


def check_email(value: Any, context: Context) -> Findings:
    if not isinstance(value, str):
        yield _wrong_type(context, "Give an e-mail address, such as name@example.com.")
        return
    if not _is_email(value):
        yield _fails(context, "type", "Give an e-mail address, such as name@example.com.", "email")
    yield from check_area(value, context)


# RFC 5321: 64 characters, "@" and 255; what is longer need not be looked at.
_LONGEST_EMAIL: Final = 320


def _is_email(value: str) -> bool:
    try:
        validate_email(value[: _LONGEST_EMAIL + 1], check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return len(value) <= _LONGEST_EMAIL


E164: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def check_phone(value: Any, context: Context) -> Findings:
    if not isinstance(value, str) or not E164.fullmatch(value) or not _is_possible_phone(value):
        yield _fails(context, "type", "Give a phone number with its country code, such as +41446681800.", "phone")
        return
    assert isinstance(context.option_set, Phone)
    regions = context.option_set.constraints.regions
    if regions and not set(regions) & set(_regions(value)):
        yield _fails(context, "regions", f"Give a phone number of {', '.join(regions)}.")


def _is_possible_phone(value: str) -> bool:
    """Possible, not valid: number plans change with every release of the library, stored answers do not."""
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return False


def _regions(value: str) -> tuple[str, ...]:
    return tuple(phonenumbers.region_codes_for_country_code(phonenumbers.parse(value).country_code or 0))


def check_url(value: Any, context: Context) -> Findings:
    if not isinstance(value, str) or not _is_web_address(value):
        yield _fails(context, "type", "Give a web address that starts with https:// or http://.", "url")
        return
    yield from check_area(value, context)


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        # Reading the port is what finds that it is none.
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and not re.search(r"[\s\x00-\x20\x7f<>\"]", value)


# --- choices -------------------------------------------------------------------------------------------------------


def check_single(value: Any, context: Context) -> Findings:
    if not isinstance(value, str):
        yield _wrong_type(context, "Choose one option: give its value.")
        return
    yield from check_choice(value, context, "")


def check_choice(value: str, context: Context, at: str) -> Findings:
    assert isinstance(context.option_set, ChoiceFields)
    option = context.option_set.option_by_value.get(value)
    if option is None:
        yield _fails(context, "type", f"{value[:60]!r} is not one of the options: {_offered(context)}.", "option-unknown", at)
    elif option.retired:
        yield _fails(context, "type", f"{value[:60]!r} is no longer offered; choose one of: {_offered(context)}.", "option-retired", at)


def _offered(context: Context) -> str:
    values = [option.value for option in choices_of(context.option_set) if not option.retired]
    more = f" and {len(values) - 12} more" if len(values) > 12 else ""
    return (", ".join(values[:12]) or "none") + more


# Findings on the choices of one answer. Each names what is offered, which of 5,000 options takes its time.
_MOST_SAID: Final = 20


def check_multiple(value: Any, context: Context) -> Findings:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield _wrong_type(context, "Give a list of option values.")
        return
    found = (issue for index, item in enumerate(value) for issue in check_choice(item, context, pointer(index)))
    yield from islice(found, _MOST_SAID)
    if len(set(value)) != len(value):
        yield _fails(context, "type", "Name each option once.", "duplicate-choice")
    yield from check_choice_counts(value, context)


def check_choice_counts(value: list[str], context: Context) -> Findings:
    constraints = context.option_set.constraints
    assert isinstance(constraints, ChoicesConstraints)
    assert isinstance(context.option_set, ChoiceFields)
    if constraints.min_choices is not None and len(value) < constraints.min_choices:
        yield _fails(context, "min_choices", f"Choose at least {constraints.min_choices}.")
    if constraints.max_choices is not None and len(value) > constraints.max_choices:
        yield _fails(context, "max_choices", f"Choose at most {constraints.max_choices}.")
    known = context.option_set.option_by_value
    alone = [item for item in value if item in known and known[item].exclusive]
    if alone and len(value) > 1:
        yield _fails(context, "type", f"{alone[0]!r} cannot be combined with another option.", "exclusive")


# --- numbers -------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def check_number(value: Any, context: Context) -> Findings:
    if not _is_number(value):
        yield _wrong_type(context, "Give a number, such as 12.5.")
        return
    try:
        number = exact(value)
    except ValueError as error:
        yield _fails(context, "type", f"{str(error)[:1].upper()}{str(error)[1:]}.", "number-too-large")
        return
    yield from check_range(number, context)
    constraints = context.option_set.constraints
    places = constraints.max_decimals if isinstance(constraints, NumberConstraints) else None
    # A whole number is an int here, which this format would write with six decimals.
    if places is not None and isinstance(number, Decimal) and len(format(number, "f").partition(".")[2]) > places:
        yield _fails(context, "max_decimals", f"Use at most {places} decimal places.")


def check_range(value: int | Decimal, context: Context) -> Findings:
    constraints: Any = context.option_set.constraints
    if constraints.min is not None and value < constraints.min:
        yield _fails(context, "min", f"Give {to_text(constraints.min)} or more.")
    if constraints.max is not None and value > constraints.max:
        yield _fails(context, "max", f"Give {to_text(constraints.max)} or less.")
    if constraints.step is not None and not _is_on_grid(value, constraints.min or 0, constraints.step):
        yield _fails(context, "step", f"Give a value in steps of {to_text(constraints.step)}.")


def _is_on_grid(value: int | Decimal, start: int | Decimal, step: int | Decimal) -> bool:
    """Exactly: the everyday context of decimals has 28 digits, and raises where a quotient has more."""
    return EXACT.remainder(EXACT.subtract(Decimal(value), Decimal(start)), Decimal(step)) == 0


def check_integer(value: Any, context: Context) -> Findings:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong_type(context, "Give a whole number, such as 12.")
        return
    yield from check_number(value, context)


def check_rating(value: Any, context: Context) -> Findings:
    assert isinstance(context.option_set, Rating)
    constraints = context.option_set.constraints
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong_type(context, "Give a whole number.")
    elif not constraints.min <= value <= constraints.max:
        yield _fails(context, "max", f"Give a whole number from {constraints.min} to {constraints.max}.", "range")


def check_boolean(value: Any, context: Context) -> Findings:
    if not isinstance(value, bool):
        yield _wrong_type(context, "Give true or false.")


# --- dates and times -----------------------------------------------------------------------------------------------


def check_date(value: Any, context: Context) -> Findings:
    assert isinstance(context.option_set, Date)
    day = as_date(value) if isinstance(value, str) and len(value) == 10 else None
    if day is None:
        yield _wrong_type(context, "Give a date as year-month-day, such as 2026-03-27.")
        return
    low, high = (_bound(text, context.clock) for text in (context.option_set.constraints.min, context.option_set.constraints.max))
    if low is not None and day < low:
        yield _fails(context, "min", f"Give {low.isoformat()} or a later date.")
    if high is not None and day > high:
        yield _fails(context, "max", f"Give {high.isoformat()} or an earlier date.")


def _bound(text: str | None, clock: Clock) -> date | None:
    """A limit of a date window: an ISO date, or `today`, `today+30`, `today-6570` (days)."""
    if text is None or not text.startswith("today"):
        return as_date(text)
    try:
        return clock.today + timedelta(days=int(text.removeprefix("today") or 0))
    except OverflowError:
        return None


def check_time(value: Any, context: Context) -> Findings:
    assert isinstance(context.option_set, Time)
    moment, constraints = as_time(value), context.option_set.constraints
    if moment is None:
        yield _wrong_type(context, "Give a time as hours:minutes, such as 14:30.")
        return
    low, high = as_time(constraints.min), as_time(constraints.max)
    if low is not None and moment < low:
        yield _fails(context, "min", f"Give {constraints.min} or later.")
    if high is not None and moment > high:
        yield _fails(context, "max", f"Give {constraints.max} or earlier.")


def check_datetime(value: Any, context: Context) -> Findings:
    assert isinstance(context.option_set, DateTime)
    moment, constraints = as_datetime(value), context.option_set.constraints
    if moment is None:
        yield _wrong_type(context, "Give a date and time with its offset, such as 2026-03-27T14:30:00+01:00.")
        return
    low, high = _moment(constraints.min, context.clock), _moment(constraints.max, context.clock)
    if low is not None and moment < low:
        yield _fails(context, "min", f"Give {low.isoformat()} or later.")
    if high is not None and moment > high:
        yield _fails(context, "max", f"Give {high.isoformat()} or earlier.")


def _moment(text: str | None, clock: Clock) -> datetime | None:
    return clock.at if text == "now" else as_datetime(text)


# --- files, statements, calculations -------------------------------------------------------------------------------

FILE_MEMBERS: Final = {"file_id": str, "name": str, "size": int, "media_type": str, "sha256": str}


def check_file(value: Any, context: Context) -> Findings:
    assert isinstance(context.option_set, File)
    constraints = context.option_set.constraints
    if not isinstance(value, list) or not all(_is_file(item) for item in value):
        yield _wrong_type(context, "Give a list of uploaded files: {file_id, name, size, media_type, sha256} as the upload answered.")
        return
    if len(value) > constraints.max_files:
        yield _fails(context, "max_files", f"Give at most {constraints.max_files} file(s).")
    for index, item in enumerate(value):
        if constraints.max_size is not None and item["size"] > constraints.max_size:
            yield _fails(context, "max_size", f"{item['name'][:80]} is larger than {constraints.max_size:,} bytes.", at=pointer(index))
        if constraints.media_types and not any(_is_media(item["media_type"], wanted) for wanted in constraints.media_types):
            yield _fails(context, "media_types", f"{item['name'][:80]} is not of an accepted type.", at=pointer(index))


def _is_file(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == set(FILE_MEMBERS)
        and all(isinstance(item[name], kind) and not isinstance(item[name], bool) for name, kind in FILE_MEMBERS.items())
        and item["size"] >= 0
    )


def _is_media(media_type: str, wanted: str) -> bool:
    given = media_type.lower()
    return given == wanted or (wanted.endswith("/*") and given.startswith(wanted[:-1]))


def check_statement(value: Any, context: Context) -> Findings:
    yield _wrong_type(context, "A statement takes no answer.")


def check_calculated(value: Any, context: Context) -> Findings:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict | list) for item in value)):
        yield _wrong_type(context, "A calculated answer is a text, a number, true or false, or a list of these.")
