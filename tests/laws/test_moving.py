"""Laws of moving a run by a plan: nothing is lost, the way back is exact, and the same run always has the same fate."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import values
from tests.strategies import CLOCK, values_for
from tests.structure_strategies import structures

from keepstep.core.archive import envelope_in
from keepstep.core.conservation import conservation, fates, is_conserved
from keepstep.core.flow import is_answered
from keepstep.core.moving import OUTCOMES, Subject, decide, decide_over
from keepstep.core.moving_back import Move, undone
from keepstep.core.plan import Archive, Carry, Default, Plan, dump_plan, parse_plan, plan_digest
from keepstep.core.plan_faults import faults_in_plan
from keepstep.core.plan_making import holds_answers, made_plan
from keepstep.core.structure import CHOICE_TYPES, OptionSet, Structure, choices_of
from keepstep.core.ways import Prepared, prepared


def envelopes(option_set: OptionSet) -> st.SearchStrategy[dict[str, Any]]:
    """An answer that fits the type (its limits perhaps not), or anything that an import may have stored."""
    offered = option_set.selection_type not in CHOICE_TYPES or any(not option.retired for option in choices_of(option_set))
    plain = offered and option_set.selection_type not in ("statement", "calculated", "slider", "rating")
    given_values = st.one_of(values_for(option_set), values()) if plain else values()
    return st.builds(
        lambda value, other, source: {"value": value, "source": source} | ({"other": other} if other else {}),
        given_values,
        st.sampled_from((None, None, "Pink")),
        st.sampled_from(("respondent", "import")),
    )


@st.composite
def subjects(draw: st.DrawFn, structure: Structure, version_id: str) -> Subject:
    """A run of this version with any answers, asked anything."""
    answers = {item.id: draw(envelopes(item)) for item in structure.option_sets if holds_answers(item) and draw(st.booleans())}
    bits = draw(st.lists(st.sampled_from("01"), min_size=len(structure.option_sets), max_size=len(structure.option_sets)))
    return Subject(
        version_id=version_id,
        answers=answers,
        archive={"column": {"value": 1, "source": "import"}} if draw(st.booleans()) else {},
        asked="".join(bits),
        is_completed=draw(st.booleans()),
        language=structure.default_language,
        clock=CLOCK,
    )


@st.composite
def plans(draw: st.DrawFn, source: Structure, target: Structure, names: tuple[str, str] = ("v1", "v2")) -> Prepared:
    """The plan that ids make, with decisions of a person on top that have no fault."""
    plan = made_plan({names[0]: source}, names[1], target)
    routes: dict[str, Carry | Archive] = dict(plan.routes[names[0]])
    for option_set_id, route in routes.items():
        if isinstance(route, Carry):
            decided = Carry(to=route.to, as_legacy=draw(st.booleans()), keeps_meaning=draw(st.booleans()))
            choices: tuple[Carry | Archive, ...] = (decided, route, Archive())
            routes[option_set_id] = draw(st.sampled_from(choices))
    fills = {item.id: Default() for item in target.option_sets if item.default is not None and draw(st.booleans())}
    policies = {
        "on_conflict": draw(st.sampled_from(("stay", "park", "archive"))),
        "on_need": draw(st.sampled_from(("stay", "waive", "reopen"))),
    }
    return prepared(plan.model_copy(update={"routes": {names[0]: routes}, "fills": fills, **policies}), {names[0]: source}, target)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Prepared, Subject]:
    source, target = draw(structures()), draw(structures())
    return draw(plans(source, target)), draw(subjects(source, "v1"))


@given(cases())
def test_a_run_that_moves_keeps_every_answer_in_its_place_or_in_its_archive(case: tuple[Prepared, Subject]) -> None:
    plan, run = case
    decision = decide(run, plan)
    if decision.moved is not None:
        found = fates(run, decision.moved, plan)
        assert "lost" not in found.values()
        answered = {name for name, envelope in run.answers.items() if is_answered(envelope)}
        assert {name for name, fate in found.items() if fate != "unanswered"} == answered
        assert is_conserved(conservation([(run, decision.moved)], plan))


@given(cases())
def test_an_undo_of_what_nobody_touched_gives_the_run_back_as_it_was(case: tuple[Prepared, Subject]) -> None:
    plan, run = case
    moved = decide(run, plan).moved
    if moved is not None:
        assert undone(Move(run, moved), moved, plan) == undone(Move(run, moved), replace(moved), plan)
        assert undone(Move(run, moved), moved, plan).back == run


@given(cases(), st.data())
def test_an_undo_after_an_edit_gives_back_what_was_not_edited_and_loses_no_edit(
    case: tuple[Prepared, Subject], data: st.DataObject
) -> None:
    plan, run = case
    moved = decide(run, plan).moved
    places = [item for item in plan.target.option_sets if holds_answers(item)]
    if moved is None or not places:
        return
    place = data.draw(st.sampled_from(places))
    edit = data.draw(envelopes(place)) | {"source": "editor"}
    head = replace(moved, answers={**moved.answers, place.id: edit})
    result = undone(Move(run, moved), head, plan)
    if result.back is None:
        resolved = undone(Move(run, moved), head, plan, {reason.option_set_id: "before" for reason in result.conflicts})
        assert resolved.back is not None
        result = resolved
    back = result.back
    assert back is not None
    touched = {way.source.id for way in plan.ways["v1"] if way.target is not None and way.target.id == place.id}
    assert {name: each for name, each in back.answers.items() if name not in touched} == {
        name: each for name, each in run.answers.items() if name not in touched
    }
    kept = [back.answers.get(name) for name in touched] + [envelope_in(entry) for entry in back.archive.values()]
    is_from_here = not is_answered(edit) or edit == moved.answers.get(place.id) or edit in kept
    assert is_from_here or any(each is not None and each.get("source") == "conversion" for each in kept)


@given(cases())
def test_a_decision_is_the_gravest_of_its_reasons_and_a_policy_alone_lets_a_grave_one_move(case: tuple[Prepared, Subject]) -> None:
    plan, run = case
    decision = decide(run, plan)
    assert decision == decide(run, plan)
    found = [OUTCOMES.index(reason.outcome) for reason in decision.reasons]
    assert OUTCOMES.index(decision.outcome) == max(found, default=0)
    stays = (
        decision.outcome == "blocked"
        or (decision.outcome == "conflicts" and plan.plan.on_conflict == "stay")
        or (any(reason.outcome == "needs-answer" for reason in decision.reasons) and plan.plan.on_need == "stay")
    )
    assert (decision.moved is None) == stays


@given(st.data())
def test_a_move_to_the_same_structure_changes_nothing_but_the_version(data: st.DataObject) -> None:
    structure = data.draw(structures())
    run = data.draw(subjects(structure, "v1"))
    plan = prepared(made_plan({"v1": structure}, "v2", structure), {"v1": structure}, structure)
    decision = decide(run, plan)
    if decision.outcome == "carries":
        assert decision.moved is not None
        expected = replace(run, version_id="v2") if run.is_completed else replace(run, version_id="v2", asked=decision.moved.asked)
        assert decision.moved == expected
    else:
        assert {reason.outcome for reason in decision.reasons} == {"needs-answer"}


@given(st.data())
def test_two_hops_decide_as_one_behind_the_other_and_a_run_never_moves_halfway(data: st.DataObject) -> None:
    first, second, third = (data.draw(structures()) for _ in range(3))
    hops = (data.draw(plans(first, second)), data.draw(plans(second, third, ("v2", "v3"))))
    run = data.draw(subjects(first, "v1"))
    middle = decide(run, hops[0]).moved
    decision = decide_over(run, hops)
    assert decision.moved == (None if middle is None else decide(middle, hops[1]).moved)
    assert decision.moved is None or decision.moved.version_id == "v3"


@given(st.data())
def test_a_plan_that_ids_make_has_no_fault_but_what_a_person_must_decide(data: st.DataObject) -> None:
    source, target = data.draw(structures()), data.draw(structures())
    plan = made_plan({"v1": source}, "v2", target)
    codes = {fault.code for fault in faults_in_plan(plan, {"v1": source}, target, CLOCK)}
    assert codes <= {"parameter-missing", "no-conversion"}
    assert faults_in_plan(plan, {"v1": source}, target, CLOCK) == faults_in_plan(plan, {"v1": source}, target, CLOCK)


@given(cases())
def test_a_plan_is_read_back_as_it_was_and_its_digest_tells_plans_apart(case: tuple[Prepared, Subject]) -> None:
    plan = case[0].plan
    assert parse_plan(dump_plan(plan)) == plan
    assert plan_digest(parse_plan(dump_plan(plan))) == plan_digest(plan)
    other = plan.model_copy(update={"on_need": "waive" if plan.on_need != "waive" else "stay"})
    assert plan_digest(other) != plan_digest(plan)
    assert isinstance(plan, Plan)
