"""What a run is asked, what its calculations come to, and which step is next."""

from typing import Any

import pytest
from tests.small_structures import CLOCK, answers, choice, evaluated, one_page, page, pid, qid, question, var, wizard

from keepstep.core.clock import Clock
from keepstep.core.flow import AS_STORED, Before, cycles_in, evaluate, flow_of, next_step, progress, reason_of, steps_asked
from keepstep.core.structure import Structure

YES: Any = {"==": [var(1), "yes"]}


def chain(length: int, *, backwards: bool = False) -> Structure:
    """Questions that each ask for the answer to the one before (or after) it."""
    step = 1 if backwards else -1
    first = length if backwards else 1
    return one_page(*(question(n, visible_if=None if n == first else var(n + step)) for n in range(1, length + 1)))


def test_everything_without_a_condition_is_asked() -> None:
    assert evaluated(wizard(page(1, question(1), question(2)), page(2, question(3)))).asked == "111"


@pytest.mark.parametrize(("given", "asked"), [("yes", "11"), ("no", "10"), (None, "10"), (True, "10")])
def test_a_condition_decides_what_is_asked(given: Any, asked: str) -> None:
    assert evaluated(one_page(choice(1), question(2, visible_if=YES)), q1=given).asked == asked


def test_what_is_not_asked_reads_as_unanswered_all_the_way_down() -> None:
    structure = chain(4)
    assert evaluated(structure, q1="a", q2="b", q3="c").asked == "1111"
    assert evaluated(structure, q2="b", q3="c").asked == "1000"


def test_the_order_of_the_pages_does_not_matter_for_conditions() -> None:
    assert evaluated(chain(4, backwards=True), q4="a", q3="b", q2="c").asked == "1111"


def test_a_step_condition_hides_its_questions_and_its_answers_from_others() -> None:
    structure = wizard(page(1, choice(1)), page(2, question(2), visible_if=YES), page(3, question(3, visible_if={"answered": var(2)})))
    assert evaluated(structure, q1="yes", q2="x").asked == "111"
    assert evaluated(structure, q1="no", q2="x").asked == "100"


def test_retired_nodes_are_never_asked_and_read_as_unanswered() -> None:
    structure = wizard(page(1, question(1, retired=True), question(2, visible_if=var(1))), page(2, question(3), retired=True))
    assert evaluated(structure, q1="x", q3="y").asked == "000"


def test_the_text_beside_a_choice_can_be_read() -> None:
    structure = one_page(choice(1, allow_other=True), question(2, visible_if={"other": qid(1)}))
    assert evaluated(structure, q1={"value": None, "other": "own"}).asked == "11"
    assert evaluated(structure, q1={"value": "yes"}).asked == "10"


def test_questions_in_a_circle_read_each_other_as_unanswered() -> None:
    structure = one_page(question(1, visible_if=var(2)), question(2, visible_if=var(1)), question(3))
    assert evaluated(structure, q1="x", q2="y").asked == "001"
    assert cycles_in(structure) == ((qid(1), qid(2)),)


def test_a_chain_of_four_thousand_conditions_is_no_circle_and_needs_no_stack() -> None:
    structure = chain(4_000, backwards=True)
    assert (flow_of(structure).cycles, cycles_in(structure)) == ((), ())
    assert evaluate(structure, {}, CLOCK).asked == "0" * 3_999 + "1"


def test_a_circle_of_four_thousand_is_found() -> None:
    structure = one_page(*(question(n, visible_if=var(n % 4_000 + 1)) for n in range(1, 4_001)))
    assert [len(circle) for circle in cycles_in(structure)] == [4_000]


# --- calculations --------------------------------------------------------------------------------------------------


def total(**members: Any) -> dict[str, Any]:
    return question(3, "calculated", expression={"+": [var(1), var(2)]}, **members)


SUM = one_page(question(1, "number"), question(2, "number"), total())
AGE = one_page(question(1), question(2, "calculated", expression={"cat": [var(1), " on ", {"today": []}]}))
LATER = Clock(CLOCK.at.replace(year=2031))


def test_a_calculation_is_the_value_of_its_expression() -> None:
    assert evaluated(SUM, q1=1, q2=2).calculated == {qid(3): 3}
    assert evaluated(SUM, q1=1).calculated == {qid(3): None}


def test_a_calculation_that_is_not_asked_is_not_calculated() -> None:
    structure = one_page(question(1, "number"), question(2, "number"), total(visible_if=False))
    assert evaluated(structure, q1=1, q2=2).calculated == {}


def test_a_calculation_is_computed_anew_only_when_an_input_changed() -> None:
    stored = answers(q1="Ann", q2={"value": "Ann on 2026-03-27", "source": "calculated"})
    assert evaluate(AGE, stored, LATER, Before("11", frozenset())).calculated == {qid(2): "Ann on 2026-03-27"}
    changed = stored | answers(q1="Bob")
    assert evaluate(AGE, changed, LATER, Before("11", frozenset({qid(1)}))).calculated == {qid(2): "Bob on 2031-03-27"}


def test_a_change_reaches_calculations_of_calculations() -> None:
    structure = one_page(question(1, "number"), question(2, "calculated", expression=var(1)), question(3, "calculated", expression=var(2)))
    stored = answers(q1=5, q2=4, q3=4)
    assert evaluate(structure, stored, CLOCK, Before("111", frozenset({qid(1)}))).calculated == {qid(2): 5, qid(3): 5}
    assert evaluate(structure, stored, CLOCK, Before("111", frozenset())).calculated == {qid(2): 4, qid(3): 4}


def test_a_calculation_that_is_asked_again_does_not_take_up_its_old_result() -> None:
    structure = one_page(choice(1), question(2, "number"), question(3, "calculated", expression=var(2), visible_if=YES))
    stored = answers(q1="yes", q2=7, q3={"value": 4, "source": "calculated"})
    assert evaluate(structure, stored, CLOCK, Before("110", frozenset({qid(1)}))).calculated == {qid(3): 7}


def test_a_calculation_without_a_result_stays_without_until_an_input_changes() -> None:
    structure = one_page(question(1, "calculated", expression={"today": []}))
    assert evaluate(structure, {}, CLOCK, Before("1", frozenset())).calculated == {qid(1): None}


def test_an_imported_calculation_is_kept_and_named_when_it_differs() -> None:
    imported = answers(q1=1, q2=2, q3={"value": 4, "source": "import"})
    evaluation = evaluate(SUM, imported, CLOCK)
    assert evaluation.calculated == {qid(3): 4}
    assert evaluation.differs == {qid(3)}
    assert evaluate(SUM, answers(q1=1, q2=3, q3={"value": 4, "source": "import"}), CLOCK).differs == frozenset()


def test_a_stored_state_is_looked_at_again_as_it_is() -> None:
    stored = answers(q1="Ann", q2={"value": "Ann on 2020-01-01", "source": "calculated"})
    assert evaluate(AGE, stored, LATER, AS_STORED).calculated == {qid(2): "Ann on 2020-01-01"}


def test_one_and_true_are_different_results() -> None:
    structure = one_page(
        question(1, "number"), question(2, "calculated", expression={"!!": var(1)}), question(3, "calculated", expression=var(2))
    )
    stored = answers(q1=5, q2=1, q3=1)
    assert evaluate(structure, stored, CLOCK, Before("111", frozenset({qid(1)}))).calculated[qid(3)] is True


def test_the_same_inputs_give_the_same_result_for_ever() -> None:
    assert evaluate(AGE, answers(q1="Ann"), CLOCK) == evaluate(AGE, answers(q1="Ann"), CLOCK)


# --- steps ---------------------------------------------------------------------------------------------------------

THREE = wizard(page(1, choice(1)), page(2, question(2), visible_if=YES), page(3, question(3, hidden=True), question(4, "statement")))


def test_a_step_is_shown_when_it_shows_something() -> None:
    hidden = wizard(page(1, question(1, hidden=True), question(2, "calculated", expression=1)), page(2, question(3, "statement")), page(3))
    assert [step.key for step in steps_asked(hidden, "111")] == ["p2"]


def test_the_next_step_skips_what_is_not_asked() -> None:
    assert [next_step(THREE, "1011", step) for step in (None, pid(1), pid(3))] == [THREE.steps[0], THREE.steps[2], None]
    assert next_step(THREE, "1111", pid(1)) == THREE.steps[1]
    assert next_step(wizard(), "", None) is None


def test_progress_counts_steps_with_nothing_required_left() -> None:
    structure = wizard(page(1, question(1, is_required=True), question(2)), page(2, question(3)))
    assert progress(structure, "111", answers(q2="x")) == (0, 2)
    assert progress(structure, "111", answers(q1="x")) == (1, 2)
    assert progress(structure, "111", answers(q1="x", q3=None)) == (2, 2)


def test_the_reason_names_what_the_conditions_read() -> None:
    structure = wizard(page(1, choice(1), choice(2)), page(2, question(3, visible_if=var(2)), question(4, retired=True), visible_if=YES))
    assert reason_of(structure, structure.option_sets[2]).by == (qid(1), qid(2))
    assert reason_of(structure, structure.option_sets[3]).kind == "retired"


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Clock(CLOCK.at.replace(tzinfo=None))
