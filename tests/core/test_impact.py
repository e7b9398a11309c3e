"""The report on changes: exact numbers, the class here, mentions, and what a confirmation still covers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from keepstep.core import edits as e
from keepstep.core.clock import Clock
from keepstep.core.confirm import needs_confirmation, shown_in, still_covered
from keepstep.core.counts import Counts, RunTally, Tally
from keepstep.core.diff import diff
from keepstep.core.edit import apply
from keepstep.core.edits import Draft, Edit
from keepstep.core.impact import Report, groups_to_count, option_sets_to_count, report_on, stored_under
from keepstep.core.structure import Structure, parse

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
CLOCK = Clock(NOW)
NAME, EMAIL, COLOR, AGE = (f"018f0000-0000-7000-9000-00000000000{number}" for number in range(4))
TABLE = {"values": {"blue": 1}}
INFO, PREFERENCES = (f"018f0000-0000-7000-8000-00000000000{number}" for number in range(2))


def survey() -> Structure:
    """The Customer Survey, with a question of age that a condition reads."""
    colors = [{"value": "blue", "label": "Blue"}, {"value": "red", "label": "Red"}]
    is_red = {"==": [{"var": COLOR}, "red"]}
    info = [
        {"id": NAME, "key": "full-name", "name": "Full Name", "selection_type": "text_input"},
        {"id": EMAIL, "key": "email", "name": "Email", "selection_type": "text_input"},
    ]
    preferences = [
        {"id": COLOR, "key": "favorite-color", "name": "Favorite Color", "selection_type": "single_select", "options": colors},
        {"id": AGE, "key": "age", "name": "Age", "selection_type": "number", "visible_if": is_red},
    ]
    steps = [
        {"id": INFO, "key": "info", "name": "Personal Info", "option_sets": info},
        {"id": PREFERENCES, "key": "preferences", "name": "Preferences", "option_sets": preferences},
    ]
    return parse({"name": "Customer Survey", "steps": steps})


def tally(value: Any, count: int = 1, **members: Any) -> Tally:
    return Tally(value, count, members.pop("status", "completed"), members.pop("version_number", 1), **members)


def counts(answers: dict[str, list[Tally]] | None = None, *, runs: int = 1, together: dict[frozenset[str], int] | None = None) -> Counts:
    groups = {group: (RunTally(number, "completed", 1),) for group, number in (together or {}).items()}
    of_wizard = (RunTally(runs, "completed", 1),) if runs else ()
    return Counts(NOW, {item: tuple(tallies) for item, tallies in (answers or {}).items()}, of_wizard, groups)


RUN_123 = counts({NAME: [tally("John Doe")], EMAIL: [tally("john@example.com")], COLOR: [tally("blue")]})


def report(edit: Edit, stored: Counts = RUN_123) -> Report:
    old = survey()
    new = apply(Draft(old), edit).draft.structure
    return report_on(diff(old, new), stored, old=old, new=new, clock=CLOCK)


def changing(option_set_id: str, **fields: Any) -> Edit:
    return e.ChangeOptionSet(option_set_id=option_set_id, fields=fields)


def classes(shown: Report) -> list[tuple[str, str, str]]:
    return [(each.rule.code, each.rule.severity, each.effective) for each in shown.changes]


# --- the five scenarios --------------------------------------------------------------------------------------------


def test_deleting_an_answered_question_counts_its_runs_and_answers() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL))
    impact = shown.to_json()["impact"]
    assert classes(shown) == [("Q4", "lossy", "lossy")]
    assert impact["runs"] == {"completed": 1, "in_progress": 0, "abandoned": 0}
    assert (impact["answers"], impact["distinct_values"]) == (1, [{"value": "john@example.com", "count": 1}])
    assert impact["by_version"] == [{"version_number": 1, "runs": 1}]
    assert needs_confirmation(shown)


def test_deleting_a_step_is_one_change_that_counts_each_question() -> None:
    stored = counts({item: [tally("x")] for item in (NAME, EMAIL)}, together={frozenset({NAME, EMAIL}): 1})
    shown = report(e.DeleteStep(step_id=INFO), stored)
    assert classes(shown) == [("P4", "lossy", "lossy")]
    assert shown.changes[0].impact.by_option_set == ((NAME, 1), (EMAIL, 1))
    assert shown.impact.to_json()["runs"]["completed"] == 1
    assert not shown.impact.at_most


def test_another_type_is_judged_by_the_conversion_matrix() -> None:
    assert classes(report(changing(COLOR, selection_type="multiple_select"))) == [("Q10", "safe", "safe")]
    assert classes(report(changing(EMAIL, selection_type="number"))) == [("Q10", "convertible", "convertible")]
    assert classes(report(changing(EMAIL, selection_type="file"))) == [("Q10", "blocking", "blocking")]


def test_another_type_asks_even_where_every_answer_converts() -> None:
    assert needs_confirmation(report(changing(COLOR, selection_type="multiple_select")))
    assert not needs_confirmation(report(changing(COLOR, selection_type="multiple_select"), counts()))


def test_another_type_shows_what_becomes_of_each_stored_value() -> None:
    stored = counts({EMAIL: [tally("12", 3), tally("3.4", 2), tally("abc")]}, runs=6)
    shown = report(changing(EMAIL, selection_type="integer"), stored).to_json()["changes"][0]
    whole, fraction, word = shown["impact"]["distinct_values"]
    assert whole == {"value": "12", "count": 3, "becomes": 12}
    assert [each["value"] for each in (fraction, word) if set(each["conflict"]) == {"code", "detail"}] == ["3.4", "abc"]
    assert shown["conversion"] == {"rule": "C6/1", "kind": "C", "needs": [], "tried": False, "converted": 3, "conflicts": 3}


def test_one_choice_becomes_a_list_of_one() -> None:
    shown = report(changing(COLOR, selection_type="multiple_select")).to_json()["changes"][0]
    assert shown["impact"]["distinct_values"] == [{"value": "blue", "count": 1, "becomes": ["blue"]}]
    assert shown["conversion"] == {"rule": "L13/1", "kind": "L", "needs": [], "tried": False, "converted": 1, "conflicts": 0}


def test_values_that_are_not_shown_are_converted_and_counted_too() -> None:
    stored = counts({EMAIL: [tally(str(number)) for number in range(30)] + [tally(f"x{number}", 2) for number in range(5)]}, runs=40)
    shown = report(changing(EMAIL, selection_type="integer"), stored).to_json()["changes"][0]
    assert (len(shown["impact"]["distinct_values"]), shown["impact"]["more_distinct_values"]) == (20, 15)
    assert (shown["conversion"]["converted"], shown["conversion"]["conflicts"]) == (30, 10)


def test_a_type_without_a_conversion_and_one_that_needs_a_table_say_so() -> None:
    none = report(changing(EMAIL, selection_type="file")).to_json()["changes"][0]
    assert (none["conversion"]["rule"], none["conversion"]["kind"], none["conversion"]["conflicts"]) == (None, "-", 1)
    assert none["impact"]["distinct_values"][0]["conflict"]["code"] == "no-conversion"
    table = report(changing(COLOR, selection_type="number")).to_json()["changes"][0]
    assert table["conversion"] == {"rule": "M15/1", "kind": "M", "needs": [["values"]], "tried": False, "converted": 0, "conflicts": 1}
    assert table["impact"]["distinct_values"][0]["conflict"]["code"] == "parameter-missing"


def test_what_was_tried_at_a_change_of_type_is_what_its_answers_are_counted_with() -> None:
    stored = replace(counts({COLOR: [tally("blue", 3), tally("red", 2)]}, runs=5), tried={(COLOR, "single_select", "number"): TABLE})
    shown = report(changing(COLOR, selection_type="number"), stored)
    assert classes(shown) == [("Q10", "blocking", "convertible")]
    (change,) = shown.to_json()["changes"]
    assert (change["conversion"]["tried"], change["conversion"]["converted"], change["conversion"]["conflicts"]) == (True, 3, 2)
    assert [(each["value"], each.get("becomes")) for each in change["impact"]["distinct_values"]] == [("blue", 1), ("red", None)]


def test_what_was_tried_for_other_types_counts_for_nothing() -> None:
    stored = replace(RUN_123, tried={(COLOR, "single_select", "integer"): TABLE, (EMAIL, "single_select", "number"): TABLE})
    (change,) = report(changing(COLOR, selection_type="number"), stored).changes
    assert change.preview is not None
    assert (change.effective, change.preview.is_tried, change.preview.conflicts) == ("blocking", False, 1)


def test_only_another_type_is_a_conversion() -> None:
    assert "conversion" not in report(e.DeleteOptionSet(option_set_id=EMAIL)).to_json()["changes"][0]


def test_a_new_required_question_counts_the_runs_that_lack_it() -> None:
    node = {"id": AGE[:-1] + "9", "key": "phone", "name": "Phone", "selection_type": "phone", "is_required": True}
    shown = report(e.AddOptionSet(step_id=INFO, node=node))
    assert classes(shown) == [("Q2", "blocking", "blocking")]
    assert shown.impact.to_json()["runs"]["completed"] == 1


# --- counting ------------------------------------------------------------------------------------------------------


def test_a_stored_value_that_does_not_convert_makes_a_harmless_change_of_type_one_that_needs_a_look() -> None:
    stored = counts({COLOR: [tally("blue", 3), tally("never-an-option", 2)]}, runs=5)
    shown = report(changing(COLOR, selection_type="multiple_select"), stored)
    assert classes(shown) == [("Q10", "safe", "convertible")]
    assert shown.changes[0].preview is not None
    assert shown.changes[0].preview.conflicts == 2


def test_going_back_to_the_type_that_every_answer_was_given_in_is_safe_here() -> None:
    first = survey()
    live = apply(Draft(first), changing(COLOR, selection_type="multiple_select")).draft.structure
    stored = replace(counts({COLOR: [tally("blue", 3)]}, runs=3), versions={1: first})
    back = report_on(diff(live, first), stored, old=live, new=first, clock=CLOCK)
    (retyped,) = [each for each in back.changes if each.preview is not None]
    assert (retyped.rule.severity, retyped.effective) == ("convertible", "safe")


def test_what_nobody_answered_is_safe_here() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL), counts(runs=5))
    assert classes(shown) == [("Q4", "lossy", "safe")]
    assert shown.changes[0].meaning == "Safe here: no stored answer is touched."
    assert not needs_confirmation(shown)


def test_trashed_runs_are_counted_apart() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL), counts({EMAIL: [tally("a", 2, trashed=True)]}))
    impact = shown.impact.to_json()
    assert (impact["answers"], impact["trashed"]) == (0, 2)
    assert classes(shown) == [("Q4", "lossy", "safe")]


def test_a_narrower_range_counts_exactly_the_answers_outside() -> None:
    stored = counts({AGE: [tally(5, 3), tally(40, 4), tally(99, 2, status="in_progress")]}, runs=9)
    shown = report(changing(AGE, constraints={"min": 18, "max": 60}), stored)
    assert classes(shown) == [("Q14", "convertible", "convertible")]
    assert shown.impact.to_json()["runs"] == {"completed": 3, "in_progress": 2, "abandoned": 0}
    assert [entry["value"] for entry in shown.impact.to_json()["distinct_values"]] == [5, 99]


def test_a_wider_range_touches_nothing() -> None:
    old = apply(Draft(survey()), changing(AGE, constraints={"max": 60})).draft.structure
    new = apply(Draft(old), changing(AGE, constraints={"max": 90})).draft.structure
    shown = report_on(diff(old, new), counts({AGE: [tally(50)]}), old=old, new=new, clock=CLOCK)
    assert classes(shown) == [("Q13", "safe", "safe")]
    assert shown.impact.is_nothing


def test_a_question_that_comes_back_says_how_many_answers_belong_to_it_again() -> None:
    back = survey()
    gone = apply(Draft(back), e.DeleteOptionSet(option_set_id=EMAIL)).draft.structure
    stored = counts({EMAIL: [tally("john@example.com", 3)]}, runs=5)
    (added,) = report_on(diff(gone, back), stored, old=gone, new=back, clock=CLOCK).changes
    assert added.meaning.startswith("Answers given to it before belong to it again: 3 stored")
    (new,) = report_on(diff(gone, back), counts(runs=5), old=gone, new=back, clock=CLOCK).changes
    assert new.meaning.startswith("Stored runs were not asked.")


def test_a_step_that_comes_back_counts_the_answers_to_all_its_questions() -> None:
    back = survey()
    gone = apply(Draft(back), e.DeleteStep(step_id=INFO)).draft.structure
    stored = counts({NAME: [tally("Ann", 2)], EMAIL: [tally("a@example.com")]}, runs=2)
    (added,) = report_on(diff(gone, back), stored, old=gone, new=back, clock=CLOCK).changes
    assert "3 stored" in added.meaning


def test_another_type_converts_each_answer_from_what_it_was_given_in_and_not_from_what_is_live() -> None:
    first = survey()
    live = apply(Draft(first), changing(COLOR, selection_type="integer")).draft.structure
    stored = counts({COLOR: [tally("blue", 3), tally(7, version_number=2)]}, runs=4)
    back = report_on(diff(live, first), replace(stored, versions={1: first}), old=live, new=first, clock=CLOCK).changes
    (retyped,) = [each for each in back if each.preview is not None]
    assert retyped.preview is not None
    assert (retyped.preview.converted, retyped.preview.conflicts) == (3, 1)
    shown = retyped.to_json()["impact"]["distinct_values"]
    assert [(each["value"], "becomes" in each) for each in shown] == [("blue", True), (7, False)]


def test_a_removed_option_counts_those_who_chose_it() -> None:
    stored = counts({COLOR: [tally("blue", 7), tally("red", 2)]}, runs=9)
    shown = report(e.DeleteOption(option_set_id=COLOR, value="red"), stored)
    assert classes(shown) == [("O3", "blocking", "blocking")]
    assert shown.impact.answers == 2


def test_an_option_chosen_among_several_counts_too() -> None:
    old = apply(Draft(survey()), changing(COLOR, selection_type="multiple_select")).draft.structure
    new = apply(Draft(old), e.DeleteOption(option_set_id=COLOR, value="red")).draft.structure
    stored = counts({COLOR: [tally(["blue", "red"], 3), tally(["blue"], 5)]}, runs=8)
    assert report_on(diff(old, new), stored, old=old, new=new, clock=CLOCK).impact.answers == 3


def test_making_a_question_required_counts_the_runs_without_an_answer() -> None:
    shown = report(changing(EMAIL, is_required=True), counts({EMAIL: [tally("a", 3)]}, runs=5))
    assert shown.impact.to_json()["runs"]["completed"] == 2
    assert classes(shown) == [("Q11", "convertible", "convertible")]


def test_only_the_most_frequent_values_are_shown_and_the_rest_is_a_number() -> None:
    stored = counts({NAME: [tally(f"name {number:02}") for number in range(30)]}, runs=30)
    impact = report(e.DeleteOptionSet(option_set_id=NAME), stored).to_json()["impact"]
    assert (len(impact["distinct_values"]), impact["more_distinct_values"]) == (20, 10)


def test_a_run_touched_in_two_questions_counts_once() -> None:
    old = survey()
    new = apply(apply(Draft(old), e.DeleteOptionSet(option_set_id=NAME)).draft, e.DeleteOptionSet(option_set_id=EMAIL)).draft.structure
    changes = diff(old, new)
    assert groups_to_count(changes, new) == {frozenset({NAME, EMAIL})}
    assert option_sets_to_count(changes, new) == {NAME, EMAIL}
    stored = counts({NAME: [tally("a", 2)], EMAIL: [tally("b", 2)]}, runs=3, together={frozenset({NAME, EMAIL}): 3})
    total = report_on(changes, stored, old=old, new=new, clock=CLOCK).impact
    assert (total.to_json()["runs"]["completed"], total.answers, total.at_most) == (3, 4, False)


def test_a_number_that_only_each_run_could_tell_is_called_an_upper_bound() -> None:
    shown = report(changing(COLOR, visible_if={"==": [{"var": NAME}, "x"]}))
    assert classes(shown) == [("Q19", "convertible", "convertible")]
    assert shown.impact.at_most


def test_retiring_is_safe_and_still_says_how_much_is_stored() -> None:
    shown = report(e.RetireOptionSet(option_set_id=EMAIL))
    assert classes(shown) == [("Q4", "safe", "safe")]
    assert shown.impact.answers == 1
    assert not needs_confirmation(shown)


# --- mentions ------------------------------------------------------------------------------------------------------


def test_conditions_that_read_a_deleted_question_are_mentioned() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=COLOR))
    assert [mention["kind"] for mention in shown.to_json()["impact"]["mentions"]] == ["condition"]


def test_an_option_is_mentioned_where_a_condition_compares_with_it() -> None:
    assert len(report(e.DeleteOption(option_set_id=COLOR, value="red")).impact.mentions) == 1
    assert report(e.DeleteOption(option_set_id=COLOR, value="blue")).impact.mentions == ()


# --- confirming ----------------------------------------------------------------------------------------------------


def test_more_of_the_same_is_still_covered() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL))
    later = report(e.DeleteOptionSet(option_set_id=EMAIL), counts({EMAIL: [tally("a", 4), tally("b")]}, runs=5))
    assert still_covered(shown_in(shown), later) == ()


def test_a_class_that_rose_is_not_covered() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL), counts())
    (reason,) = still_covered(shown_in(shown), report(e.DeleteOptionSet(option_set_id=EMAIL)))
    assert reason.startswith("This was safe when it was shown and is lossy now")


def test_a_class_that_fell_is_covered() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL))
    assert still_covered(shown_in(shown), report(e.DeleteOptionSet(option_set_id=EMAIL), counts())) == ()


def test_a_change_that_was_not_shown_is_not_covered() -> None:
    shown = report(e.DeleteOptionSet(option_set_id=EMAIL))
    assert len(still_covered(shown_in(shown), report(e.DeleteStep(step_id=INFO)))) == 1


def test_a_value_that_was_not_shown_refuses_another_type() -> None:
    edit = changing(EMAIL, selection_type="number")
    shown = report(edit, counts({EMAIL: [tally("1"), tally("2")]}))
    assert still_covered(shown_in(shown), report(edit, counts({EMAIL: [tally("2", 3)]}))) == ()
    assert len(still_covered(shown_in(shown), report(edit, counts({EMAIL: [tally("3")]})))) == 1


def test_many_values_are_covered_only_as_the_same_set() -> None:
    edit = changing(EMAIL, selection_type="number")
    many = [tally(str(number)) for number in range(150)]
    shown = shown_in(report(edit, counts({EMAIL: many}, runs=150)))
    assert len(shown["values"][f"type-changed:{EMAIL}"]) == 1
    assert still_covered(shown, report(edit, counts({EMAIL: many[::-1]}, runs=150))) == ()
    assert len(still_covered(shown, report(edit, counts({EMAIL: [*many, tally("x")]}, runs=151)))) == 1


def test_what_is_stored_under_a_question_is_what_its_removal_touches() -> None:
    stored = counts({COLOR: [tally("blue", 2), tally("red", version_number=3), tally("red", 5, trashed=True)]}, runs=9)
    removal = report(e.DeleteOptionSet(option_set_id=COLOR), stored).impact
    found = stored_under(stored, [COLOR], mentions=removal.mentions)
    assert found == removal
    assert found.answers_by_version == {1: 2, 3: 1}


def test_what_is_stored_under_an_option_is_what_chose_it() -> None:
    stored = counts({COLOR: [tally("blue", 2), tally(["red", "blue"]), tally("red", 4)]}, runs=9)
    assert stored_under(stored, [COLOR], "blue").answers == 3
