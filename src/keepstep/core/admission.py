"""Whether one visit may begin a run, from the settings, the time, what is counted, and what the visitor brings. Pure.

actions/admission.py finds the facts out, takes the place, and stores nothing for a visit that is refused.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from keepstep.core.access import Access

Refusal = Literal[
    "closed",
    "not_yet_open",
    "full",
    "needs_link",
    "needs_sign_in",
    "invitation_used",
    "invitation_unknown",
    "throttled",
    "looks_automated",
]
REFUSALS: Final[tuple[Refusal, ...]] = get_args(Refusal)
WINDOW: Final = timedelta(hours=1)
"""How long the starts from one address are counted together."""
PROOF_BITS: Final = 16
"""How much work a proof is: 65,536 tries on average, a second on a slow phone."""
# Without a proof (no script): so long after the page was shown. And how long a page may lie open.
PATIENCE: Final = timedelta(seconds=20)
FRESH: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What somebody brings who wants to begin a run.

    `token`: of the link or of an invitation. `user_id`: of somebody signed in. `address`: where they come from, never stored.
    `honeypot`: what stands in the field that people do not see. `run_id`: the run that is to begin; the same run is admitted again.
    `shown_at` and `challenge`: when the form was shown and what `proof` is about, both from its signed field; None without one.
    """

    token: str | None = None
    user_id: str | None = None
    address: str | None = None
    honeypot: str = ""
    proof: str | None = None
    run_id: str | None = None
    shown_at: datetime | None = None
    challenge: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The run may begin. `respondent` is who answers as far as the wizard knows; None for anybody."""

    invitation_id: str | None = None
    respondent: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The run may not begin, and why. `at`: when it opens or has closed; `wait`: after what time another try is worth it."""

    refusal: Refusal
    at: datetime | None = None
    wait: timedelta | None = None


def refused_by_time(access: Access, now: datetime) -> Refused | None:
    """Open from `opens_at` on, closed from `closes_at` on: each moment belongs to what follows it."""
    if access.opens_at is not None and now < access.opens_at:
        return Refused("not_yet_open", at=access.opens_at)
    if access.closes_at is not None and now >= access.closes_at:
        return Refused("closed", at=access.closes_at)
    return None


def refused_to_go_on(access: Access, now: datetime) -> Refused | None:
    """For a run that was begun: whether its time to be finished is over."""
    if access.finishes_at is not None and now >= access.finishes_at:
        return Refused("closed", at=access.closes_at)
    return None


def refused_by_visit(access: Access, visit: Visit, now: datetime, *, link_token: str) -> Refused | None:
    """What can be told without asking the database. Who has no invitation that could be one learns nothing about others."""
    if access.trap and visit.honeypot:
        return Refused("looks_automated")
    if access.proof_of_work and (late := _refused_by_proof(visit, now)):
        return late
    if access.mode == "link" and not hmac.compare_digest((visit.token or "").encode(), link_token.encode()):
        return Refused("needs_link")
    if access.mode == "signed_in" and visit.user_id is None:
        return Refused("needs_sign_in")
    if access.mode == "invitation" and not visit.token:
        return Refused("needs_link")
    return None


def _refused_by_proof(visit: Visit, now: datetime) -> Refused | None:
    """A script has done the work meanwhile; without one, the same form is good after a little patience."""
    if visit.shown_at is None or visit.challenge is None or not timedelta(0) <= now - visit.shown_at <= FRESH:
        return Refused("looks_automated")
    if visit.proof and is_proof(visit.challenge, visit.proof):
        return None
    patience = visit.shown_at + PATIENCE - now
    return Refused("looks_automated", wait=patience) if patience > timedelta(0) else None


def is_proof(challenge: str, proof: str) -> bool:
    """Whether somebody worked for this: the SHA-256 of `challenge:proof` begins with that many zero bits."""
    if len(proof) > 32:
        return False
    digest = hashlib.sha256(f"{challenge}:{proof}".encode()).digest()
    return int.from_bytes(digest[:4]) >> (32 - PROOF_BITS) == 0


def place_of(address: str) -> str:
    """What counts as one place among addresses: an IPv4 address; of IPv6 the /64, since a single device has all of one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def refused_by_starts(access: Access, starts: int, since: datetime, now: datetime) -> Refused | None:
    """`starts`: from this address since then, this one included."""
    if access.starts_per_hour is None or starts <= access.starts_per_hour:
        return None
    return Refused("throttled", wait=since + WINDOW - now)


def refused_by_limit(access: Access, runs: int) -> Refused | None:
    """`runs`: those that count, without this one."""
    return Refused("full") if access.max_runs is not None and runs >= access.max_runs else None
