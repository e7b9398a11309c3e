from dataclasses import replace
from typing import Any

import pytest
from tests.small_structures import answers, choice, one_page, qid, question
from tests.strategies import CLOCK

from keepstep.core.archive import envelope_in
from keepstep.core.conservation import fates
from keepstep.core.convert import Stored
from keepstep.core.manifest import Leaf, Manifest, root_of
from keepstep.core.moving import Subject, decide, decide_over
from keepstep.core.moving_back import Move, undone
from keepstep.core.plan import Archive, Carry, Constant, First, Joined, Plan, Route
from keepstep.core.plan_faults import faults_in_plan
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import Structure
from keepstep.core.ways import Prepared, prepared

RED_BLUE = [{"value": "red", "label": "Red"}, {"value": "blue", "label": "Blue"}]


def planned(source: Structure, target: Structure, routes: dict[int, Route] | None = None, **members: Any) -> Prepared:
    made = made_plan({"v1": source}, "v2", target)
    chosen = {**made.routes["v1"], **{qid(number): route for number, route in (routes or {}).items()}}
    plan = made.model_copy(update={"routes": {"v1": chosen}, **members})
    return prepared(plan, {"v1": source}, target)


def run_of(structure: Structure, version_id: str = "v1", **values: Any) -> Subject:
    return Subject(
        version_id=version_id,
        answers=answers(**values),
        archive={},
        asked="1" * len(structure.option_sets),
        is_completed=True,
        language="en",
        clock=CLOCK,
    )


def test_a_deleted_question_goes_to_the_archive_and_comes_back_with_the_question() -> None:
    one, two = one_page(question(1), question(2)), one_page(question(1))
    run = run_of(one, q1="a", q2="b")
    decision = decide(run, planned(one, two))
    assert decision.moved is not None
    assert (decision.outcome, set(decision.moved.answers), set(decision.moved.archive)) == ("loses", {qid(1)}, {qid(2)})
    assert envelope_in(decision.moved.archive[qid(2)]) == run.answers[qid(2)]
    again = prepared(made_plan({"v2": two}, "v3", one), {"v1": one, "v2": two}, one)
    returned = decide(decision.moved, again).moved
    assert returned is not None
    assert returned.answers == run.answers


def test_an_answer_that_no_rule_converts_keeps_the_run_whole_or_is_parked_or_archived_as_the_plan_says() -> None:
    text, whole = one_page(question(1), question(2)), one_page(question(1, "integer"), question(2))
    run = run_of(text, q1="many", q2="b")
    stays = decide(run, planned(text, whole))
    assert (stays.outcome, stays.moved, [reason.option_set_id for reason in stays.reasons]) == ("conflicts", None, [qid(1)])
    parked = decide(run, planned(text, whole, on_conflict="park")).moved
    archived = decide(run, planned(text, whole, on_conflict="archive"))
    assert parked is not None
    assert archived.moved is not None
    assert (parked.archive[qid(1)]["conflict"]["code"], archived.outcome) == (stays.reasons[0].code, "loses")
    assert "conflict" not in archived.moved.archive[qid(1)]
    assert fates(run, parked, planned(text, whole)) == {qid(1): "conflicted", qid(2): "carried"}


def test_a_removed_option_blocks_the_runs_that_chose_it_until_the_plan_says_what_it_becomes() -> None:
    one = one_page(choice(1, options=RED_BLUE))
    two = one_page(choice(1, options=RED_BLUE[:1]))
    assert decide(run_of(one, q1="red"), planned(one, two)).outcome == "carries"
    assert (decide(run_of(one, q1="blue"), planned(one, two, on_conflict="park"))).moved is None
    mapped = planned(one, two, {1: Carry(to=qid(1), params={"options": {"blue": "red"}})})
    run = run_of(one, q1="blue")
    moved = decide(run, mapped).moved
    assert moved is not None
    assert (moved.answers[qid(1)]["value"], fates(run, moved, mapped)) == ("red", {qid(1): "mapped"})
    assert undone(Move(run, moved), moved, mapped).back == run


@pytest.mark.parametrize(("policy", "moves", "completed"), [("stay", False, None), ("waive", True, True), ("reopen", True, False)])
def test_a_new_required_question_is_needed_waived_or_asked_again(policy: str, moves: bool, completed: bool | None) -> None:
    one, two = one_page(question(1)), one_page(question(1), question(2, is_required=True))
    decision = decide(run_of(one, q1="a"), planned(one, two, on_need=policy))
    assert decision.outcome == "needs-answer"
    assert (decision.moved is not None) == moves
    assert decision.moved is None or decision.moved.is_completed == completed
    filled = decide(run_of(one, q1="a"), planned(one, two, fills={qid(2): Constant(value="none")}))
    assert filled.outcome == "carries"
    assert filled.moved is not None
    assert filled.moved.answers[qid(2)]["value"] == "none"


def test_several_questions_become_one_by_the_rule_of_the_plan_and_go_back_exactly() -> None:
    one, two = one_page(question(1), question(2)), one_page(question(1))
    routes: dict[int, Route] = {2: Carry(to=qid(1))}
    run = run_of(one, q1="a", q2="b")
    first = planned(one, two, routes, merges={qid(1): First()})
    joined = planned(one, two, routes, merges={qid(1): Joined(delimiter=" / ")})
    for plan, value in ((first, "a"), (joined, "a / b")):
        moved = decide(run, plan).moved
        assert moved is not None
        assert moved.answers[qid(1)]["value"] == value
        assert "lost" not in fates(run, moved, plan).values()
        assert undone(Move(run, moved), moved, plan).back == run


def test_a_later_edit_goes_back_by_the_inverse_rule_or_waits_for_a_person() -> None:
    text, whole = one_page(question(1), question(2)), one_page(question(1, "integer"), choice(2, options=RED_BLUE))
    plan = planned(text, whole)
    run = run_of(text, q1="3", q2="red")
    moved = decide(run, plan).moved
    assert moved is not None
    edited = Subject(**{name: getattr(moved, name) for name in moved.__slots__} | {"answers": {**moved.answers, **answers(q1=4)}})
    back = undone(Move(run, moved), edited, plan).back
    assert back is not None
    assert (back.answers[qid(1)]["value"], back.answers[qid(2)]) == ("4", run.answers[qid(2)])


def test_text_to_one_choice_to_several_goes_to_the_last_version_and_back_to_the_first_exactly() -> None:
    text, single, multi = (
        one_page(each) for each in (question(1), choice(1, options=RED_BLUE), choice(1, "multiple_select", options=RED_BLUE))
    )
    versions = {"v1": text, "v2": single, "v3": multi}

    def hop(source: str, target: str) -> Prepared:
        return prepared(made_plan({source: versions[source]}, target, versions[target]), versions, versions[target])

    run = run_of(text, q1="Red")
    last = decide_over(run, (hop("v1", "v2"), hop("v2", "v3"))).moved
    assert last is not None
    assert last.answers[qid(1)]["value"] == ["red"]
    assert decide_over(last, (hop("v3", "v2"), hop("v2", "v1"))).moved == run


def test_what_is_wrong_with_a_plan_is_said_all_at_once() -> None:
    one = one_page(question(1), question(2), question(3), choice(4, options=RED_BLUE))
    two = one_page(question(1), question(5), choice(4, options=RED_BLUE[:1]))
    made = made_plan({"v1": one}, "v2", two)
    routes: dict[str, Any] = {**made.routes["v1"], qid(2): Carry(to=qid(1)), qid(3): Carry(to=qid(9)), qid(8): Archive()}
    plan = Plan(sources=("v1", "v7"), target="v2", routes={"v1": routes}, fills={qid(5): Constant(value=1)}, rule_set={"1": 9})
    used = {("v1", qid(4)): [Stored("blue", 2), Stored("red", 7)]}
    assert {fault.code for fault in faults_in_plan(plan, {"v1": one}, two, CLOCK, used=used)} == {
        "rules-changed",
        "version-unknown",
        "question-unknown",
        "question-removed",
        "merge-rule-missing",
        "option-unmapped",
        "type",
    }


def test_a_manifest_is_chained_and_its_root_is_of_the_runs_and_not_of_their_order() -> None:
    leaves = [Leaf(f"run-{number}", 2, bytes([number]) * 32) for number in range(5)]
    assert root_of(leaves) == root_of(reversed(leaves))
    assert root_of(leaves) != root_of([*leaves[:4], Leaf("run-4", 3, bytes([4]) * 32)])
    first, other = (
        Manifest(job_id="j", plan_digest=b"p" * 32, counts={"carries": 5}, before=root_of(leaves), after=root_of(leaves), previous=before)
        for before in (None, b"x" * 32)
    )
    assert first.record() == other.record()
    assert first.digest != other.digest


def test_what_a_move_reopened_is_complete_again_once_it_is_taken_back_also_after_an_edit() -> None:
    one, two = one_page(question(1)), one_page(question(1), question(2, is_required=True))
    plan, run = planned(one, two, on_need="reopen"), run_of(one, q1="a")
    moved = decide(run, plan).moved
    assert moved is not None
    assert not moved.is_completed
    edited = replace(moved, answers={**moved.answers, **answers(q1="b")})
    back = undone(Move(run, moved), edited, plan).back
    assert back is not None
    assert (back.is_completed, back.answers[qid(1)]["value"]) == (True, "b")
    sent = undone(Move(run, moved), replace(edited, is_completed=True), plan).back
    assert sent is not None
    assert sent.is_completed
