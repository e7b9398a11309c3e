"""Which runs are due by a retention rule, and which rules there are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keepstep.core.retention import LONGEST, Retention, RunTimes, Then, faults_of, from_settings, is_due

NOW = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def run(**given: Any) -> RunTimes:
    """A run that was completed on the first of March and touched on the first of May."""
    march, may = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    times: dict[str, Any] = {"status": "completed", "completed_at": march, "updated_at": may, "trashed_at": None, "erased_at": None}
    return RunTimes(**{**times, **given})


def test_a_run_is_due_once_its_days_have_passed_and_not_at_the_last_moment_of_them() -> None:
    rule = Retention("completion", 30, "trash")
    edge = NOW - timedelta(days=30)
    assert is_due(rule, run(completed_at=edge - SECOND), NOW)
    assert not is_due(rule, run(completed_at=edge), NOW)


def test_what_was_done_to_a_run_after_its_completion_counts_for_last_activity_alone() -> None:
    assert is_due(Retention("completion", 60, "erase"), run(), NOW)
    assert not is_due(Retention("last_activity", 60, "erase"), run(), NOW)
    assert is_due(Retention("last_activity", 30, "erase"), run(), NOW)


@pytest.mark.parametrize("status", ["in_progress", "abandoned"])
def test_a_run_that_is_not_completed_is_due_by_its_last_activity_alone(status: str) -> None:
    # Reopened, it still knows when it was completed.
    for completed_at in (None, datetime(2026, 3, 1, tzinfo=UTC)):
        open_run = run(status=status, completed_at=completed_at)
        assert not is_due(Retention("completion", 1, "erase"), open_run, NOW)
        assert is_due(Retention("last_activity", 1, "erase"), open_run, NOW)


@pytest.mark.parametrize(("then", "in_trash", "erased"), [("trash", False, True), ("erase", True, False)])
def test_what_was_done_already_is_not_due_again_and_the_trash_is_no_shelter(then: Then, in_trash: bool, erased: bool) -> None:
    rule = Retention("completion", 1, then)
    assert is_due(rule, run(trashed_at=NOW), NOW) is in_trash
    assert is_due(rule, run(erased_at=NOW), NOW) is erased


def test_a_rule_is_stored_and_read_back_and_is_off_where_there_is_none() -> None:
    rule = Retention("last_activity", 90, "erase")
    assert from_settings({"abandon_after": 5, "retention": rule.to_settings()}) == rule
    assert [from_settings(each) for each in (None, {}, {"retention": None})] == [None, None, None]


@pytest.mark.parametrize("days", [1, LONGEST])
def test_the_shortest_and_the_longest_rule_are_fine_and_so_is_none(days: int) -> None:
    assert faults_of({"after": "completion", "days": days, "then": "trash"}) == ()
    assert faults_of(None) == ()
    assert Retention("completion", days, "trash").due_before(NOW) < NOW


@pytest.mark.parametrize("days", [0, -1, LONGEST + 1, True, 1.0, "30", None])
def test_days_are_whole_and_within_a_century(days: object) -> None:
    [fault] = faults_of({"after": "completion", "days": days, "then": "trash"})
    assert (fault.pointer, fault.code) == ("/days", "out-of-range")


def test_everything_that_is_wrong_is_named_at_its_place() -> None:
    faults = faults_of({"after": "noon", "then": ["erase"], "days": 5, "colour": 1})
    assert [(each.pointer, each.code) for each in faults] == [
        ("/colour", "setting-unknown"),
        ("/after", "choice-unknown"),
        ("/then", "choice-unknown"),
    ]
    assert [each.pointer for each in faults_of({})] == ["/days", "/after", "/then"]


@pytest.mark.parametrize("given", [[], "30 days", 30, True, False])
def test_a_rule_is_an_object(given: object) -> None:
    [fault] = faults_of(given)
    assert (fault.pointer, fault.code) == ("", "not-an-object")
