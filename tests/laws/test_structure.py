"""Laws of structures: one canonical form, nothing crashes on reading, and what is called unreachable is never reached."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import json_values
from tests.small_structures import CLOCK, choice, page, pid, qid, question, var, wizard
from tests.structure_strategies import structures

from keepstep.core.faults import mentions, problems_in
from keepstep.core.flow import cycles_in, evaluate, flow_of, steps_asked
from keepstep.core.integrity import structure_digest
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.structure import Structure, dump, parse
from keepstep.errors import StructureInvalid


@given(structures())
def test_parsing_what_was_dumped_gives_the_structure_back(structure: Structure) -> None:
    assert parse(dump(structure)) == structure
    assert parse(loads(dumps(dump(structure)))) == structure


@given(structures())
def test_storage_as_json_changes_no_digest(structure: Structure) -> None:
    assert structure_digest(loads(dumps(dump(structure)))) == structure_digest(dump(structure))


@given(structures(), structures())
def test_two_structures_are_equal_exactly_if_their_digests_are(one: Structure, other: Structure) -> None:
    assert (structure_digest(dump(one)) == structure_digest(dump(other))) is (one == other)


def taken_or_refused(data: Any) -> Structure | None:
    """The structure, or None when it was refused with at least one reason; anything else that is raised fails the law."""
    try:
        return parse(data)
    except StructureInvalid as problem:
        if not problem.errors:
            raise
        return None


@given(json_values())
def test_any_json_at_all_is_a_structure_or_is_refused(data: Any) -> None:
    taken = taken_or_refused(data)
    assert taken is None or parse(dump(taken)) == taken


def paths_in(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, value in items for found in paths_in(value, (*path, key)))]


def with_value_at(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = with_value_at(data[path[0]], path[1:], value)
    return copy


@given(structures(), json_values(), st.data())
def test_a_structure_with_anything_in_any_place_is_taken_or_refused(structure: Structure, value: Any, data: st.DataObject) -> None:
    document = dump(structure)
    spoiled = with_value_at(document, data.draw(st.sampled_from(paths_in(document))), value)
    taken = taken_or_refused(spoiled)
    if taken is not None:
        assert parse(dump(taken)) == taken
        problems_in(taken)


@given(structures())
def test_problems_have_places_and_sentences(structure: Structure) -> None:
    known = {"", *structure.step_by_id, *structure.option_set_by_id}
    for finding in problems_in(structure):
        assert finding.node_id in known
        assert finding.issue.detail.endswith(".")
        assert not finding.issue.pointer or finding.issue.pointer.startswith("/")


# --- conditions ----------------------------------------------------------------------------------------------------

QUESTIONS = 6
reads = st.integers(1, QUESTIONS)
conditions: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    reads.map(lambda number: {"==": [var(number), "yes"]}),
    reads.map(lambda number: {"!": var(number)}),
    st.tuples(reads, reads).map(lambda pair: {"and": [var(pair[0]), {"!=": [var(pair[1]), "no"]}]}),
)
questions = st.tuples(conditions, st.booleans(), st.booleans())


@st.composite
def logical(draw: st.DrawFn) -> Structure:
    """Three pages of two questions that read each other at will."""
    nodes = []
    for number, (condition, retired, calculated) in enumerate(draw(st.lists(questions, min_size=QUESTIONS, max_size=QUESTIONS)), 1):
        members = {"visible_if": condition, "retired": retired}
        nodes.append(question(number, "calculated", expression=draw(conditions), **members) if calculated else choice(number, **members))
    pages = [page(number, *nodes[2 * number - 2 : 2 * number], visible_if=draw(conditions)) for number in range(1, 4)]
    return wizard(*pages)


given_values = st.dictionaries(st.integers(1, QUESTIONS).map(qid), st.sampled_from(["yes", "no", None]).map(lambda value: {"value": value}))


@given(logical(), given_values)
def test_a_step_called_unreachable_is_never_reached(structure: Structure, answers: Any) -> None:
    unreachable = {finding.node_id for finding in problems_in(structure) if finding.issue.code == "step-unreachable"}
    shown = {step.id for step in steps_asked(structure, evaluate(structure, answers, CLOCK).asked)}
    assert not unreachable & shown


@given(logical(), given_values)
def test_a_question_called_never_asked_is_never_asked(structure: Structure, answers: Any) -> None:
    never = {finding.node_id for finding in problems_in(structure) if finding.issue.code == "never-asked"}
    asked = evaluate(structure, answers, CLOCK).asked
    assert not never & {item.id for item, bit in zip(structure.option_sets, asked, strict=True) if bit == "1"}


@given(logical())
def test_there_is_a_circle_exactly_where_no_order_exists(structure: Structure) -> None:
    circles = cycles_in(structure)
    assert bool(circles) is bool(flow_of(structure).cycles)
    assert {node_id for circle in circles for node_id in circle} <= set(flow_of(structure).cycles)
    assert len({node_id for circle in circles for node_id in circle}) == sum(len(circle) for circle in circles)


@given(logical(), reads)
def test_a_question_is_mentioned_exactly_where_it_is_an_input(structure: Structure, number: int) -> None:
    inputs = {node.id for node in flow_of(structure).nodes if qid(number) in node.inputs}
    assert {mention.node_id for mention in mentions(structure, qid(number))} == inputs
    assert pid(number % 3 + 1) in structure.step_by_id
