"""Who may begin a wizard in public, from when and until when, and how many: what `wizards.settings` says under `access`, as a value.

Live and not part of a version: it holds at once. Must not know who asks; core/admission.py decides about one visit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

from keepstep.core.clock import utc_text
from keepstep.core.issue import Issue
from keepstep.core.logic_values import as_datetime

Mode = Literal["open", "link", "signed_in", "invitation"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

# A school or an office begins from one address; who sends in thousands stands out against that.
STARTS_PER_HOUR: Final = 300
MAX_RUNS: Final = 100_000_000
LONGEST_GRACE: Final = 525_600
MAX_STARTS: Final = 100_000
MAX_SITES: Final = 50
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What holds for beginning a run in public. The defaults are those of a wizard about which nobody said anything.

    `finish_within`: minutes after closing in which a run that was begun before may still be saved and completed; None: without end.
    `max_runs` and `starts_per_hour` (from one address) None: without limit. `embed_on`: origins whose pages may frame the player.
    `link`: what the token of the link is made from, empty as long as there is none; renewing the link changes it.
    """

    mode: Mode = "open"
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    finish_within: int | None = None
    max_runs: int | None = None
    starts_per_hour: int | None = STARTS_PER_HOUR
    trap: bool = True
    proof_of_work: bool = False
    embed_on: tuple[str, ...] = ()
    link: str = ""

    @property
    def finishes_at(self) -> datetime | None:
        """Until when runs that were begun may be finished; None: without end."""
        if self.closes_at is None or self.finish_within is None:
            return None
        return self.closes_at + timedelta(minutes=self.finish_within)

    def to_settings(self) -> dict[str, Any]:
        """As it is stored: only what differs from the defaults."""
        default = Access()
        stored = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != getattr(default, each.name)}
        return {name: _stored(value) for name, value in stored.items()}


def from_settings(settings: Mapping[str, Any] | None) -> Access:
    """What the settings of a wizard say. They were checked when they were stored; what is unknown here belongs to a later release."""
    stored = (settings or {}).get("access", {})
    known = {each.name for each in fields(Access)}
    values = {name: _from_stored(name, value) for name, value in stored.items() if name in known}
    return Access(**values)


def checked(before: Access, given: Mapping[str, Any]) -> Access | tuple[Issue, ...]:
    """`before` with these fields set; or everything that is wrong with them. Null is no limit, and for the rest the default."""
    issues = [Issue(f"/{name}", "setting-unknown", f"There is no {name[:80]!r} here.") for name in given if name not in _CHECKS]
    values: dict[str, Any] = {each.name: getattr(before, each.name) for each in fields(before)}
    for name, value in given.items():
        if name in _CHECKS:
            found = _CHECKS[name](name, value)
            issues += [found] if isinstance(found, Issue) else []
            values[name] = found
    if not issues:
        issues += _together(values)
    return tuple(issues) if issues else Access(**values)


def _together(values: Mapping[str, Any]) -> list[Issue]:
    opens, closes = values["opens_at"], values["closes_at"]
    if opens is not None and closes is not None and closes <= opens:
        return [Issue("/closes_at", "closes-before-opening", "It has to close after it opens.")]
    return []


# --- one field each --------------------------------------------------------------------------------------------------


def _mode(name: str, value: Any) -> Mode | Issue:
    if value is None:
        return "open"
    return cast("Mode", value) if value in MODES else Issue(f"/{name}", "mode-unknown", f"One of {', '.join(MODES)}.")


def _moment(name: str, value: Any) -> datetime | Issue | None:
    if value is None:
        return None
    moment = as_datetime(value)
    try:
        if moment is not None and _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    return Issue(f"/{name}", "not-a-time", "A time with its offset, such as 2026-03-27T14:30:00Z.")


def _whole(least: int, most: int) -> Callable[[str, Any], int | Issue | None]:
    """Null is no limit."""

    def check(name: str, value: Any) -> int | Issue | None:
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        return Issue(f"/{name}", "out-of-range", f"A whole number from {least} to {most:,}, or null.")

    return check


def _yes_or_no(default: Literal["yes", "no"]) -> Callable[[str, Any], bool | Issue]:
    def check(name: str, value: Any) -> bool | Issue:
        if value is None:
            return default == "yes"
        return value if isinstance(value, bool) else Issue(f"/{name}", "not-a-boolean", "True or false.")

    return check


def _sites(name: str, value: Any) -> tuple[str, ...] | Issue:
    given = [] if value is None else value
    if not isinstance(given, list) or len(given) > MAX_SITES:
        return Issue(f"/{name}", "not-a-list", f"A list of up to {MAX_SITES} addresses of sites.")
    found: list[str] = []
    for site in given:
        origin = origin_of(site) if isinstance(site, str) else None
        if origin is None:
            detail = f"{str(site)[:80]!r} is not the address of a site: give it as https://www.example.org, without a path."
            return Issue(f"/{name}", "not-a-site", detail)
        found += [] if origin in found else [origin]
    return tuple(found)


def origin_of(site: str) -> str | None:
    """The address of a site as a policy names it, such as `https://www.example.org` or `https://*.example.org`; None for anything else.

    Strict, since it is written into a header: nothing passes that could end the directive or begin another one.
    """
    parts = _parts_of(site.strip().rstrip("/").lower())
    if parts is None:
        return None
    scheme, host, port = parts
    is_own = host in {"localhost", "127.0.0.1"}
    labels = host.removeprefix("*.").split(".")
    if not all(_is_label(label) for label in labels) or (len(labels) < 2 and not is_own) or len(host) > 253:
        return None
    if scheme == "http" and not is_own:
        return None
    return f"{scheme}://{host}{port}"


def _parts_of(site: str) -> tuple[str, str, str] | None:
    """Scheme, host and port (with its colon, or nothing) of an address that has nothing else."""
    try:
        parts = urlsplit(site)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    host = parts.hostname or ""
    written = f":{port}" if port is not None else ""
    return (parts.scheme, host, written) if site == f"{parts.scheme}://{host}{written}" else None


def _is_label(label: str) -> bool:
    plain = label.replace("-", "a")
    return 0 < len(label) <= 63 and plain.isascii() and plain.isalnum() and not label.startswith("-") and not label.endswith("-")


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "mode": _mode,
    "opens_at": _moment,
    "closes_at": _moment,
    "finish_within": _whole(0, LONGEST_GRACE),
    "max_runs": _whole(1, MAX_RUNS),
    "starts_per_hour": _whole(1, MAX_STARTS),
    "trap": _yes_or_no("yes"),
    "proof_of_work": _yes_or_no("no"),
    "embed_on": _sites,
}


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    return list(value) if isinstance(value, tuple) else value


def _from_stored(name: str, value: Any) -> Any:
    if name in {"opens_at", "closes_at"} and value is not None:
        return datetime.fromisoformat(value)
    return tuple(value) if name == "embed_on" else value
