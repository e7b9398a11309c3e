"""Laws of what respondents are told when their run goes to another version: all that they see change, and nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.laws.test_moving import subjects
from tests.structure_strategies import structures

from keepstep.core.flow import is_answered
from keepstep.core.moving import Subject
from keepstep.core.offered import Side, changes_seen, side_of
from keepstep.core.plan_making import made_plan
from keepstep.core.structure import Structure
from keepstep.core.ways import Prepared, prepared


@st.composite
def offers(draw: st.DrawFn) -> tuple[Subject, Side, Side, Prepared]:
    """A run, what it sees now, and what it would see; the structures share questions where ids say so."""
    source: Structure = draw(structures())
    target: Structure = draw(st.just(source) | structures())
    run = draw(subjects(source, "v1"))
    moved = draw(subjects(target, "v2"))
    plan = prepared(made_plan({"v1": source}, "v2", target), {"v1": source}, target)
    return run, side_of(run, source), side_of(moved, target), plan


@given(offers())
def test_a_question_is_named_once_and_only_where_it_is_seen_and_not_what_it_was(case: tuple[Subject, Side, Side, Prepared]) -> None:
    _, before, after, plan = case
    found = changes_seen(before, after, plan, "v1")
    places = [("new", each.new.id) for each in found if each.new is not None]
    places += [("old", each.old.id) for each in found if each.old is not None and each.new is None]
    assert len(places) == len(set(places)) == len(found)
    for each in found:
        assert each.kinds
        assert len(set(each.kinds)) == len(each.kinds)
        assert each.new is None or after.sees(each.new)
        assert each.old is None or before.sees(each.old)
        assert ("added" in each.kinds, "removed" in each.kinds) == (each.old is None, each.new is None)
        assert each.old is None or each.old != each.new


@given(offers())
def test_whatever_is_new_before_their_eyes_or_was_answered_and_is_gone_is_told(case: tuple[Subject, Side, Side, Prepared]) -> None:
    run, before, after, plan = case
    found = changes_seen(before, after, plan, "v1")
    told = {each.new.id for each in found if each.new is not None}
    led = {way.target.id for way in plan.ways["v1"] if way.target is not None and before.sees(way.source)}
    known = led | {each.id for each in before.structure.option_sets if before.sees(each)}
    assert {each.id for each in after.structure.option_sets if after.sees(each)} - known <= told
    gone = {each.old.id for each in found if each.new is None and each.old is not None}
    assert all(is_answered(run.answers.get(name)) for name in gone)
    seen = {each.id for each in after.structure.option_sets if after.sees(each)}
    answered = {each.id for each in before.structure.option_sets if before.sees(each) and is_answered(run.answers.get(each.id))}
    assert answered - seen - {way.source.id for way in plan.ways["v1"] if way.target is not None and after.sees(way.target)} <= gone


@given(offers())
def test_to_the_same_structure_asked_alike_nothing_changes(case: tuple[Subject, Side, Side, Prepared]) -> None:
    run, before, _, _ = case
    structure = before.structure
    plan = prepared(made_plan({"v1": structure}, "v2", structure), {"v1": structure}, structure)
    assert changes_seen(before, side_of(replace(run, version_id="v2"), structure), plan, "v1") == ()
