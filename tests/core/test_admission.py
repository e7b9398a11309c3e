from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from keepstep.core.access import Access
from keepstep.core.admission import (
    FRESH,
    PATIENCE,
    WINDOW,
    Refused,
    Visit,
    is_proof,
    place_of,
    refused_by_limit,
    refused_by_starts,
    refused_by_time,
    refused_by_visit,
    refused_to_go_on,
)

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def _refusal(access: Access, visit: Visit, now: datetime = NOON) -> str | None:
    found = refused_by_visit(access, visit, now, link_token="the-token")
    return found.refusal if found else None


def test_it_opens_and_closes_at_the_very_moment() -> None:
    access = Access(opens_at=NOON, closes_at=NOON + timedelta(hours=1))
    assert refused_by_time(access, NOON - MOMENT) == Refused("not_yet_open", at=NOON)
    assert refused_by_time(access, NOON) is None
    assert refused_by_time(access, NOON + timedelta(hours=1) - MOMENT) is None
    assert refused_by_time(access, NOON + timedelta(hours=1)) == Refused("closed", at=NOON + timedelta(hours=1))


def test_a_moment_is_the_same_in_whatever_zone_the_clock_goes() -> None:
    access = Access(closes_at=datetime.fromisoformat("2026-03-29T03:00:00+02:00"))
    assert refused_by_time(access, datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)) is None
    assert refused_by_time(access, datetime(2026, 3, 29, 1, tzinfo=UTC)) is not None


def test_what_was_begun_may_be_finished_within_the_time_given_and_without_one_for_ever() -> None:
    late = NOON + timedelta(days=4000)
    assert refused_to_go_on(Access(closes_at=NOON), late) is None
    access = Access(closes_at=NOON, finish_within=30)
    assert refused_to_go_on(access, NOON + timedelta(minutes=30) - MOMENT) is None
    assert refused_to_go_on(access, NOON + timedelta(minutes=30)) == Refused("closed", at=NOON)
    assert refused_to_go_on(Access(closes_at=NOON, finish_within=0), NOON) == Refused("closed", at=NOON)


@pytest.mark.parametrize(
    ("access", "visit", "refusal"),
    [
        (Access(), Visit(), None),
        (Access(), Visit(honeypot="buy"), "looks_automated"),
        (Access(trap=False), Visit(honeypot="buy"), None),
        (Access(mode="link"), Visit(), "needs_link"),
        (Access(mode="link"), Visit(token="the-toke"), "needs_link"),
        (Access(mode="link"), Visit(token="thé-token"), "needs_link"),
        (Access(mode="link"), Visit(token="the-token"), None),
        (Access(mode="signed_in"), Visit(token="the-token"), "needs_sign_in"),
        (Access(mode="signed_in"), Visit(user_id="u"), None),
        (Access(mode="invitation"), Visit(user_id="u"), "needs_link"),
        (Access(mode="invitation"), Visit(token="anything"), None),
    ],
)
def test_each_mode_asks_for_what_it_needs(access: Access, visit: Visit, refusal: str | None) -> None:
    assert _refusal(access, visit) == refusal


def _worked(challenge: str) -> str:
    return next(str(n) for n in count() if is_proof(challenge, str(n)))


def test_a_proof_is_good_for_its_own_challenge_alone() -> None:
    proof = _worked("a")
    assert is_proof("a", proof)
    assert not is_proof("b", proof)
    assert not is_proof("a", proof + "0")
    assert not is_proof("a", "0" * 33)


def test_work_lets_in_at_once_and_patience_without_it() -> None:
    access = Access(proof_of_work=True)
    shown = Visit(shown_at=NOON, challenge="a")
    assert _refusal(access, Visit(shown_at=NOON, challenge="a", proof=_worked("a"))) is None
    assert _refusal(access, shown, NOON + PATIENCE - MOMENT) == "looks_automated"
    assert _refusal(access, shown, NOON + PATIENCE) is None
    waiting = refused_by_visit(access, shown, NOON + timedelta(seconds=5), link_token="")
    assert waiting == Refused("looks_automated", wait=timedelta(seconds=15))


@pytest.mark.parametrize("away", [-MOMENT, FRESH + MOMENT])
def test_a_form_from_the_future_or_of_yesterday_lets_nobody_in(away: timedelta) -> None:
    assert _refusal(Access(proof_of_work=True), Visit(shown_at=NOON, challenge="a", proof=_worked("a")), NOON + away) == "looks_automated"
    assert _refusal(Access(proof_of_work=True), Visit(proof=_worked("a"))) == "looks_automated"


def test_starts_are_counted_up_to_the_limit_and_the_wait_ends_with_the_hour() -> None:
    access = Access(starts_per_hour=2)
    assert refused_by_starts(access, 2, NOON, NOON) is None
    refused = refused_by_starts(access, 3, NOON, NOON + timedelta(minutes=20))
    assert refused == Refused("throttled", wait=WINDOW - timedelta(minutes=20))
    assert refused_by_starts(Access(starts_per_hour=None), 10**9, NOON, NOON) is None


def test_the_last_place_is_given_and_no_further_one() -> None:
    assert refused_by_limit(Access(max_runs=2), 1) is None
    assert refused_by_limit(Access(max_runs=2), 2) == Refused("full")
    assert refused_by_limit(Access(), 10**9) is None


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_whole_ipv6_network_is_one_place(address: str, place: str) -> None:
    assert place_of(address) == place
