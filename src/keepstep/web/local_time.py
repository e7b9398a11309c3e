"""A time as a form without a script takes it (`2026-03-27T14:30`, in the zone of the installation), and back."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from keepstep.errors import RequestInvalid
from keepstep.web.texts import message

_NO_TIME: Final = message("A day and a time, such as 2026-03-27T14:30.")
_NO_SUCH: Final = message("This time does not exist: the clocks go forward that night. Choose one before or after.")
_FORMS: Final = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


def local_text(moment: datetime | None, zone: str) -> str:
    """To the minute; "" without a time."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime(_FORMS[0])


def moment_in(name: str, text: str, zone: str) -> datetime | None:
    """The moment; None for "". Of a time that comes twice in a night, the first. Raises RequestInvalid, at the field of this name."""
    if not text:
        return None
    for form in _FORMS:
        try:
            typed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return _placed(name, typed, zone)
    raise _wrong(name, _NO_TIME)


def _placed(name: str, typed: datetime, zone: str) -> datetime:
    place = ZoneInfo(zone)
    try:
        moment = typed.replace(tzinfo=place).astimezone(UTC)
        exists = moment.astimezone(place).replace(tzinfo=None) == typed
    except OverflowError:
        raise _wrong(name, _NO_TIME) from None
    if not exists:
        raise _wrong(name, _NO_SUCH)
    return moment


def _wrong(name: str, detail: str) -> RequestInvalid:
    return RequestInvalid(detail, errors=[{"pointer": f"/{name}", "code": "not-a-time", "detail": detail}])
