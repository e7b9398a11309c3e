from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keepstep.core.access import Access, checked, from_settings, origin_of

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def _codes(given: dict[str, Any], before: Access | None = None) -> list[tuple[str, str]]:
    found = checked(before or Access(), given)
    return [] if isinstance(found, Access) else [(issue.pointer, issue.code) for issue in found]


def test_a_wizard_about_which_nobody_said_anything_is_open_and_stores_nothing() -> None:
    assert from_settings(None) == from_settings({}) == from_settings({"abandon_after": 9}) == Access()
    assert Access().to_settings() == {}


def test_what_is_set_is_stored_and_read_back_equal() -> None:
    given = {
        "mode": "invitation",
        "opens_at": "2026-03-03T13:00:00+01:00",
        "closes_at": "2026-04-03T12:00:00Z",
        "finish_within": 0,
        "max_runs": 500,
        "starts_per_hour": None,
        "trap": False,
        "proof_of_work": True,
        "embed_on": ["https://Example.org/", "https://example.org", "http://localhost:3000"],
    }
    access = checked(Access(link="x"), given)
    assert isinstance(access, Access)
    assert (access.opens_at, access.embed_on, access.link) == (NOON, ("https://example.org", "http://localhost:3000"), "x")
    assert from_settings({"access": access.to_settings()}) == access


def test_a_setting_of_a_later_release_is_passed_over() -> None:
    assert from_settings({"access": {"mode": "link", "moon": "full"}}) == Access(mode="link")


def test_null_goes_back_to_the_default_or_takes_the_limit_away() -> None:
    before = Access(mode="link", closes_at=NOON, max_runs=3, starts_per_hour=5, trap=False, proof_of_work=True, embed_on=("https://a.b",))
    nothing = dict.fromkeys(("mode", "closes_at", "max_runs", "starts_per_hour", "trap", "proof_of_work", "embed_on"))
    assert checked(before, nothing) == Access(starts_per_hour=None)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"mode": "everybody"}, "mode-unknown"),
        ({"mode": []}, "mode-unknown"),
        ({"closes_at": "2026-03-03"}, "not-a-time"),
        ({"closes_at": "2026-03-03T12:00:00"}, "not-a-time"),
        ({"opens_at": 5}, "not-a-time"),
        ({"opens_at": "9999-12-31T23:59:59-12:00"}, "not-a-time"),
        ({"max_runs": 0}, "out-of-range"),
        ({"max_runs": True}, "out-of-range"),
        ({"max_runs": 1.5}, "out-of-range"),
        ({"finish_within": -1}, "out-of-range"),
        ({"trap": "yes"}, "not-a-boolean"),
        ({"embed_on": "https://a.b"}, "not-a-list"),
        ({"embed_on": ["https://a.b"] * 51}, "not-a-list"),
        ({"link": "mine"}, "setting-unknown"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(given: dict[str, Any], code: str) -> None:
    assert _codes(given) == [("/" + next(iter(given)), code)]


def test_it_closes_after_it_opens_also_when_one_of_the_two_was_set_before() -> None:
    assert _codes({"closes_at": "2026-03-03T12:00:00Z"}, Access(opens_at=NOON)) == [("/closes_at", "closes-before-opening")]
    assert _codes({"closes_at": "2026-03-03T12:00:01Z"}, Access(opens_at=NOON)) == []


def test_the_time_to_finish_is_counted_from_closing() -> None:
    assert Access(finish_within=5).finishes_at is None
    assert Access(closes_at=NOON).finishes_at is None
    assert Access(closes_at=NOON, finish_within=30).finishes_at == NOON + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("https://example.org", "https://example.org"),
        (" HTTPS://Example.org:8443/ ", "https://example.org:8443"),
        ("https://*.example.org", "https://*.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_the_address_of_a_site_is_taken_as_a_policy_names_it(site: str, origin: str) -> None:
    assert origin_of(site) == origin


@pytest.mark.parametrize(
    "site",
    [
        "",
        "*",
        "https://*",
        "https://*.org'",
        "example.org",
        "http://example.org",
        "https://example.org/path",
        "https://example.org?x",
        "https://user@example.org",
        "https://example.org; script-src *",
        "https://example.org https://evil.example",
        "https://exam\nple.org",
        "https://example.org,evil.org",
        "https://-a.org",
        "https://a..org",
        "https://example.org:99999",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://[::1",
        "https://ex\u00e4mple.org",
    ],
)
def test_nothing_else_gets_into_the_header(site: str) -> None:
    assert origin_of(site) is None
