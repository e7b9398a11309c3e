"""Laws of validation: total, idempotent, and a stored run is never locked."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import json_values, values
from tests.small_structures import CLOCK
from tests.strategies import ANSWERABLE, answers_for, option_sets
from tests.structure_strategies import structures

from keepstep.core.flow import AS_STORED, Before, evaluate
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.selection import check_value, display, normal_value
from keepstep.core.structure import SELECTION_TYPES, OptionSet, Structure
from keepstep.core.validate import Mode, given_answers, issues_in, merged, same_answer, verdict_on

MODES: tuple[Mode, ...] = ("save", "complete", "edit", "import")
option_sets_of_any_type = st.sampled_from(SELECTION_TYPES).flatmap(option_sets)


def _envelope(value: Any, other: str | None) -> dict[str, Any]:
    return {"value": value} | ({"other": other} if other else {})


ENVELOPES = st.builds(_envelope, st.one_of(values(), json_values()), st.none() | st.text(max_size=3))


@st.composite
def runs(draw: st.DrawFn) -> tuple[Structure, dict[str, Any]]:
    """A structure with any answers whatever, as an import or an old revision may hold them."""
    structure = draw(structures())
    ids = [option_set.id for option_set in structure.option_sets]
    return structure, draw(st.dictionaries(st.sampled_from(ids), ENVELOPES, max_size=5)) if ids else {}


@given(runs(), st.sampled_from(MODES))
def test_any_answers_at_all_get_a_verdict(run: tuple[Structure, dict[str, Any]], mode: Mode) -> None:
    structure, answers = run
    evaluation = evaluate(structure, answers, CLOCK)
    verdict = verdict_on(answers, structure, evaluation, mode)
    assert len(evaluation.asked) == len(structure.option_sets)
    assert set(verdict.flags) <= set(structure.option_set_by_id)


@given(runs(), st.sampled_from(("save", "edit")))
def test_a_run_that_is_saved_unchanged_is_never_refused(run: tuple[Structure, dict[str, Any]], mode: Mode) -> None:
    structure, answers = run
    evaluation = evaluate(structure, answers, CLOCK, Before("", frozenset()))
    assert verdict_on(answers, structure, evaluation, mode, answers).errors == ()
    assert issues_in(answers, structure, evaluation, answers) == ()


@given(runs(), runs())
def test_an_edit_is_refused_only_for_what_it_sets(run: tuple[Structure, dict[str, Any]], other: tuple[Structure, dict[str, Any]]) -> None:
    structure, before = run
    edit = {name: envelope for name, envelope in other[1].items() if name in structure.option_set_by_id}
    now = merged(before, edit)
    errors = verdict_on(now, structure, evaluate(structure, now, CLOCK), "edit", before).errors
    changed = {structure.option_set_by_id[name].key for name in edit if not same_answer(edit[name], before.get(name))}
    assert {issue.pointer.split("/")[1] for issue in errors} <= changed


@given(runs())
def test_an_import_refuses_nothing(run: tuple[Structure, dict[str, Any]]) -> None:
    structure, answers = run
    assert verdict_on(answers, structure, evaluate(structure, answers, CLOCK), "import").errors == ()


@given(runs())
def test_answers_to_what_is_not_asked_decide_nothing(run: tuple[Structure, dict[str, Any]]) -> None:
    structure, answers = run
    asked = evaluate(structure, answers, CLOCK).asked
    heard = {item.id: answers[item.id] for item, bit in zip(structure.option_sets, asked, strict=True) if bit == "1" and item.id in answers}
    assert evaluate(structure, heard, CLOCK).asked == asked


@given(runs())
def test_looking_again_at_a_stored_state_gives_the_same(run: tuple[Structure, dict[str, Any]]) -> None:
    structure, answers = run
    first = evaluate(structure, answers, CLOCK)
    stored = dict(answers) | {name: {"value": value, "source": "calculated"} for name, value in first.calculated.items()}
    assert evaluate(structure, stored, CLOCK, AS_STORED).asked == first.asked
    assert evaluate(structure, stored, CLOCK, Before(first.asked, frozenset())).calculated == first.calculated


@given(structures(), json_values())
def test_any_request_is_understood_or_named(structure: Structure, data: Any) -> None:
    given_now = given_answers(data, structure, "respondent")
    assert set(given_now.answers) <= set(structure.option_set_by_id)
    if isinstance(data, dict):
        assert len(given_now.answers) + len(given_now.issues) >= len(data)


@given(option_sets_of_any_type, st.one_of(values(), json_values()))
def test_any_value_is_checked_shown_and_normalised(option_set: OptionSet, value: Any) -> None:
    found = check_value(value, option_set, CLOCK)
    assert all(issue.detail.endswith(".") for issue in found)
    assert isinstance(display({"value": value}, option_set, "en", "en"), str)
    if not found:
        assert check_value(normal_value(value, option_set), option_set, CLOCK) == ()
        assert normal_value(normal_value(value, option_set), option_set) == normal_value(value, option_set)


@given(st.sampled_from(ANSWERABLE).flatmap(option_sets).flatmap(lambda option_set: st.tuples(st.just(option_set), answers_for(option_set))))
def test_an_answer_that_fits_still_fits_after_storage(pair: tuple[OptionSet, dict[str, Any]]) -> None:
    option_set, envelope = pair
    stored = loads(dumps(normal_value(envelope["value"], option_set)))
    assert check_value(stored, option_set, CLOCK) == ()
    assert same_answer({"value": stored}, {"value": normal_value(envelope["value"], option_set)})
