from datetime import UTC, datetime

import pytest
from tests.change_examples import example
from tests.small_structures import page, pid, question, wizard

from keepstep.core.change import VARIANTS
from keepstep.core.change_groups import FAMILIES, by_kind, by_step, classes_of, family_of, step_order
from keepstep.core.clock import Clock
from keepstep.core.counts import Counts
from keepstep.core.diff import diff
from keepstep.core.impact import Reported, report_on
from keepstep.core.severity import SEVERITIES
from keepstep.core.structure import Structure

NOW = datetime(2026, 3, 3, tzinfo=UTC)
OLD = wizard(page(1, question(1), question(2)), page(2, question(3)), page(3))
NEW = wizard(page(1, question(1, name="Else", is_required=True)), page(3, question(2)), page(4, question(4)), name="Other")


def reported(old: Structure, new: Structure) -> tuple[Reported, ...]:
    return report_on(diff(old, new), Counts(NOW), old=old, new=new, clock=Clock(NOW)).changes


@pytest.mark.parametrize("kind", [variant.kind for variant in VARIANTS])
def test_every_kind_of_change_has_a_family_and_a_step_or_the_wizard(kind: str) -> None:
    old, new, _ = example(kind)
    changes = reported(old, new)
    assert family_of(changes[0].change) in FAMILIES
    assert [len(group.changes) for group in by_step(changes, old, new)] == [1]


def test_changes_stand_under_their_steps_in_the_order_of_the_wizard() -> None:
    groups = by_step(reported(OLD, NEW), OLD, NEW)
    assert [(group.id, group.name) for group in groups] == [
        ("", ""), (pid(1), "Page 1"), (pid(2), "Page 2"), (pid(3), "Page 3"), (pid(4), "Page 4"),
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["step", "kind"])
def test_no_change_is_lost_or_told_twice(layout: str) -> None:
    changes = reported(OLD, NEW)
    groups = by_step(changes, OLD, NEW) if layout == "step" else by_kind(changes)
    listed = [each.change.id for group in groups for each in group.changes]
    assert sorted(listed) == sorted(each.change.id for each in changes)
    assert sum(count for _, count in classes_of(changes)) == len(changes)


def test_a_group_begins_with_the_gravest() -> None:
    for group in by_kind(reported(OLD, NEW)):
        grades = [SEVERITIES.index(each.effective) for each in group.changes]
        assert grades == sorted(grades, reverse=True)


def test_a_step_that_is_gone_stands_where_it_stood() -> None:
    assert step_order(OLD, NEW) == (pid(1), pid(2), pid(3), pid(4))
    assert step_order(wizard(page(1), page(2)), wizard(page(3))) == (pid(1), pid(2), pid(3))
