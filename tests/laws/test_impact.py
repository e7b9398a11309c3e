"""Laws of reports: whatever differs and whatever is stored, the report is whole, consistent and covers itself."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.structure_strategies import VALUES, structures

from keepstep.core.change import Change
from keepstep.core.clock import Clock
from keepstep.core.confirm import needs_confirmation, shown_in, still_covered
from keepstep.core.counts import STATUSES, Counts, RunTally, Tally, total
from keepstep.core.diff import diff
from keepstep.core.impact import Report, groups_to_count, option_sets_to_count, report_on
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.severity import graver
from keepstep.core.structure import Structure

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
values = st.one_of(st.sampled_from((*VALUES, 1, 5, 99, True, "2030-05-05")), st.lists(st.sampled_from(VALUES), min_size=1, unique=True))


@st.composite
def counts(draw: st.DrawFn, changes: tuple[Change, ...], new: Structure) -> Counts:
    """Counts of a wizard with one answer for each run and option set, at the most."""
    runs = [RunTally(10, status, version) for status in STATUSES for version in (1, 2)]
    tally = st.builds(Tally, values, st.integers(1, 3), st.sampled_from(STATUSES), st.integers(1, 2), trashed=st.booleans())
    answers = {item: tuple(draw(st.lists(tally, max_size=3))) for item in sorted(option_sets_to_count(changes, new))}
    together = {group: tuple(runs) for group in groups_to_count(changes, new)}
    return Counts(NOW, answers, (*runs, RunTally(9, "completed", 1, trashed=True)), together)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    old, new = draw(structures()), draw(structures())
    changes = diff(old, new)
    return report_on(changes, draw(counts(changes, new)), old=old, new=new, clock=Clock(NOW))


@given(reports())
def test_a_report_is_json_and_names_every_change_once(report: Report) -> None:
    data = loads(dumps(report.to_json()))
    assert len({change["id"] for change in data["changes"]}) == len(report.changes)
    assert all(change["summary"] and change["meaning"] for change in data["changes"])


@given(reports())
def test_a_class_here_is_that_of_the_change_or_safe_and_of_another_type_what_the_stored_values_say(report: Report) -> None:
    for each in report.changes:
        stored = None if each.preview is None else each.preview.severity
        assert each.effective == ("safe" if each.impact.is_nothing else stored or each.rule.severity)
        # What is safe in general asks for a look where a stored value does not convert, and for nothing more.
        assert each.preview is not None or not graver(each.effective, each.rule.severity)
        assert each.preview is None or not each.preview.conflicts or each.impact.is_nothing or each.effective != "safe"


@given(reports())
def test_no_change_touches_more_than_all_of_them_together(report: Report) -> None:
    for each in report.changes:
        assert each.impact.answers <= report.impact.answers
        assert total(each.impact.runs) <= 60


@given(reports())
def test_what_a_report_showed_covers_the_same_report(report: Report) -> None:
    assert still_covered(loads(dumps(shown_in(report))), report) == ()


@given(reports())
def test_a_report_that_asks_for_nothing_touches_nothing_gravely(report: Report) -> None:
    if not needs_confirmation(report):
        assert all(each.effective == "safe" for each in report.changes)
