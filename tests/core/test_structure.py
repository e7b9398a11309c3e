"""Structures as JSON and back, and what is refused because nobody could work with it."""

import time
from decimal import Decimal
from typing import Any

import pytest
from tests.small_structures import YES_NO, alone, choice, one_page, page, pid, qid, question, wizard

from keepstep.actions.new_nodes import new_structure
from keepstep.core.structure import (
    MAX_OPTION_SETS,
    OPTION_SET_BY_TYPE,
    SELECTION_TYPES,
    dump,
    empty_structure,
    json_schema,
    parse,
    parse_option_set,
    parse_step,
)
from keepstep.errors import StructureInvalid


def refused(data: Any) -> list[tuple[str, str]]:
    """Pointers and codes of the findings for which this is refused."""
    with pytest.raises(StructureInvalid) as caught:
        parse(data)
    return [(error["pointer"], error["code"]) for error in caught.value.errors]


def with_question(**members: Any) -> dict[str, Any]:
    selection_type = members.pop("selection_type", "text_input")
    return {"name": "Survey", "steps": [page(1, question(1, selection_type, **members))]}


FIRST = "/steps/0/option_sets/0"


# --- form ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection_type", SELECTION_TYPES)
def test_every_selection_type_is_parsed_and_dumped(selection_type: str) -> None:
    structure = one_page(question(1, selection_type))
    assert type(structure.option_sets[0]) is OPTION_SET_BY_TYPE[selection_type]
    assert parse(dump(structure)) == structure


def test_the_example_of_the_data_model_is_dumped_as_it_was_written() -> None:
    data = dump(one_page(question(1, is_required=True, constraints={"max_length": 200}), choice(2)))
    assert data["steps"][0]["option_sets"][0] == {
        "id": qid(1), "key": "q1", "name": "Question 1", "help": None, "key_aliases": [], "is_required": True, "visible_if": None,
        "default": None, "selection_type": "text_input", "constraints": {"max_length": 200},
    }  # fmt: skip
    assert data["steps"][0]["option_sets"][1]["options"] == YES_NO
    assert {name: data[name] for name in ("schema_version", "name", "description", "languages", "default_language")} == {
        "schema_version": 1, "name": "Survey", "description": None, "languages": ["en"], "default_language": "en",
    }  # fmt: skip


def test_members_at_their_default_are_not_written_so_that_new_ones_change_no_digest() -> None:
    written = dump(one_page(choice(1)).option_sets[0])
    assert not {"retired", "hidden", "personal_data", "unit", "presentation", "source", "allow_other"} & written.keys()


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"is_required": "no"}, "/is_required"),
        ({"is_required": 1}, "/is_required"),
        ({"constraints": {"max_length": "3"}}, "/constraints/max_length"),
        ({"constraints": {"max_length": True}}, "/constraints/max_length"),
        ({"selection_type": "number", "constraints": {"min": "3"}}, "/constraints/min"),
        ({"selection_type": "number", "constraints": {"min": True}}, "/constraints/min"),
        ({"selection_type": "number", "constraints": {"max": Decimal("NaN")}}, "/constraints/max"),
        ({"selection_type": "number", "constraints": {"step": 0}}, "/constraints/step"),
        ({"selection_type": "number", "constraints": {"min": 10**60}}, "/constraints/min"),
        ({"selection_type": "slider", "constraints": {"step": 0}}, "/constraints/step"),
        ({"key": "Q1"}, "/key"),
        ({"key": "q1\n"}, "/key"),
        ({"id": qid(1).upper()}, "/id"),
        ({"unknown": 1}, "/unknown"),
        ({"default": 1.5}, "/default"),
        ({"default": "\ud800"}, "/default"),
        ({"name": "a\x00b"}, "/name"),
        ({"visible_if": {"==": [float("nan"), 1]}}, "/visible_if"),
    ],
)
def test_a_member_of_the_wrong_form_is_refused_at_its_place(members: dict[str, Any], pointer: str) -> None:
    assert {found for found, _ in refused(with_question(**members))} == {FIRST + pointer}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = refused({"name": 1, "steps": [page(1, question(1, key="?"), question(2, is_required="yes"))]})
    assert {pointer for pointer, _ in found} == {"/name", f"{FIRST}/key", "/steps/0/option_sets/1/is_required"}


def test_a_structure_of_a_later_format_is_refused_with_the_remedy() -> None:
    assert refused({"schema_version": 2, "name": "Survey"}) == [("/schema_version", "schema-version-unknown")]


@pytest.mark.parametrize(
    "data",
    [None, [], "text", 3, {"steps": "x"}, {"name": "n", "steps": [3]}, {"name": "n", "languages": "en"}, {"name": "n", "languages": []}],
)
def test_what_is_no_structure_at_all_is_refused_not_crashed_on(data: Any) -> None:
    with pytest.raises(StructureInvalid):
        parse(data)


def test_an_expression_may_be_nested_far_and_stays_readable_in_its_structure() -> None:
    deep: Any = True
    for _ in range(39):
        deep = {"!": [deep]}
    assert parse(dump(one_page(question(1, visible_if=deep)))).option_sets[0].visible_if == deep
    assert refused(with_question(visible_if={"!": [{"!": [deep]}]})) == [(f"{FIRST}/visible_if", "value-error")]


def test_single_nodes_are_parsed_with_the_languages_of_their_wizard() -> None:
    assert parse_option_set(question(1, name="Name"), ("en", "de"), "de").name == {"de": "Name"}
    assert parse_step(page(1, question(1, name={"en": "Name"})), ("en",), "en").option_sets[0].name == "Name"
    with pytest.raises(StructureInvalid):
        parse_step(page(1, question(1, key="?")), ("en",), "en")


def test_a_new_wizard_is_empty_in_its_language() -> None:
    assert parse(dump(empty_structure("Umfrage", "de"))) == empty_structure("Umfrage", "de")


# --- rules between members -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([page(1, question(1)), page(2, question(1, key="other"))], ("/steps/1/option_sets/0/id", "duplicate-id")),
        ([page(1, question(1)), page(2, question(2, key="q1"))], ("/steps/1/option_sets/0/key", "duplicate-key")),
        ([page(1, question(1, key_aliases=["q2"]), question(2))], ("/steps/0/option_sets/1/key", "duplicate-key")),
        ([page(1), page(2, key="p1")], ("/steps/1/key", "duplicate-key")),
        ([page(1), page(2, id=pid(1))], ("/steps/1/id", "duplicate-id")),
        ([page(1, choice(1, options=[YES_NO[0], YES_NO[0]]))], (f"{FIRST}/options/1/value", "duplicate-value")),
        ([page(1, question(1, name={"en": "a", "xx": "b"}))], (f"{FIRST}/name", "language-unknown")),
        ([page(1, question(1, name={}))], (f"{FIRST}/name", "text-missing")),
        (
            [page(1, question(1, constraints={"messages": {"maximum": "x"}}))],
            (f"{FIRST}/constraints/messages/maximum", "constraint-unknown"),
        ),
    ],
)
def test_what_no_single_member_can_see_is_refused(pages: list[dict[str, Any]], expected: tuple[str, str]) -> None:
    assert refused({"name": "Survey", "steps": pages}) == [expected]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"languages": ["en"], "default_language": "de"}, ("/default_language", "language-unknown")),
        ({"languages": ["en", "en"]}, ("/languages", "duplicate-language")),
        ({"endings": [{"key": "end", "name": "a"}, {"key": "end", "name": "b"}]}, ("/endings/1/key", "duplicate-key")),
    ],
)
def test_a_wizard_at_odds_with_itself_is_refused(members: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in refused({"name": {"en": "Survey"}, **members})


def test_as_many_questions_as_the_limit_are_taken_and_no_more() -> None:
    questions = [question(n) for n in range(1, MAX_OPTION_SETS + 2)]
    assert len(one_page(*questions[:-1]).option_sets) == MAX_OPTION_SETS
    assert refused({"name": "Survey", "steps": [page(1, *questions)]}) == [("/steps", "too-many-option-sets")]


def of_question(**members: Any) -> list[dict[str, Any]]:
    return [{"option_sets": [members]}]


HUGE: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "steps": ({"steps": [{}] * 100_000}, ("/steps", "too-many-steps")),
    "option sets": ({"steps": [{"option_sets": [{}] * 100_000}]}, ("/steps", "too-many-option-sets")),
    "options": ({"steps": of_question(options=[{}] * 100_000)}, (f"{FIRST}/options", "too-many-options")),
    "options in all": ({"steps": [{"option_sets": [{"options": [{}] * 5_000}] * 21}]}, ("/steps", "too-many-options")),
    "rules": ({"steps": of_question(constraints={"rules": [{}] * 100_000})}, (f"{FIRST}/constraints/rules", "too-many-rules")),
    "members": ({"steps": of_question(**dict.fromkeys(map(str, range(100_000))))}, (FIRST, "too-many-members")),
}


@pytest.mark.parametrize("what", HUGE)
def test_a_structure_of_any_size_is_refused_at_once(what: str) -> None:
    """Before anything is made of it: 100,000 steps without keys used to hold the whole server for minutes."""
    data, expected = HUGE[what]
    started = time.process_time()
    assert refused(data) == [expected]
    with pytest.raises(StructureInvalid):
        new_structure(data, lambda: pytest.fail("an id was made"))
    assert time.process_time() - started < 0.5


def test_a_thousand_findings_are_worked_out_and_the_rest_is_said() -> None:
    nameless = [{"id": qid(n), "key": f"q{n}", "selection_type": "text_input"} for n in range(1, 3_001)]
    with pytest.raises(StructureInvalid, match="at least 999 more"):
        parse({"name": "Survey", "steps": [page(1, *nameless)]})


@pytest.mark.parametrize(
    ("selection_type", "low", "high"),
    [
        ("number", 2, 1),
        ("integer", Decimal("1.5"), 1),
        ("slider", 10, 5),
        ("date", "2026-03-02", "2026-03-01"),
        ("date", "today+2", "today-2"),
        ("date", "today+1", "today"),
        ("time", "10:00:30", "10:00"),
        ("datetime", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00+02:00"),
    ],
)
def test_a_range_without_a_value_in_it_is_refused(selection_type: str, low: Any, high: Any) -> None:
    found = refused(with_question(selection_type=selection_type, constraints={"min": low, "max": high}))
    assert found == [(f"{FIRST}/constraints/min", "empty-range")]


@pytest.mark.parametrize(
    ("selection_type", "low", "high"),
    [
        ("number", 1, 1),
        ("date", "2026-03-01", "today-5"),
        ("date", "today-5", "today"),
        ("time", "10:00", "10:00:00"),
        ("datetime", "2026-03-01T10:00:00+02:00", "2026-03-01T09:30:00Z"),
        ("datetime", "2999-01-01T00:00:00Z", "now"),
    ],
)
def test_a_range_that_may_hold_a_value_is_taken(selection_type: str, low: Any, high: Any) -> None:
    constraints = {"min": low, "max": high}
    structure = parse(with_question(selection_type=selection_type, constraints=constraints))
    assert structure.option_sets[0] == alone(selection_type, constraints=constraints)


@pytest.mark.parametrize(("selection_type", "bound"), [("date", "2026-02-29"), ("time", "25:00"), ("datetime", "2026-01-01T99:00:00Z")])
def test_a_bound_that_is_no_date_or_time_is_refused(selection_type: str, bound: str) -> None:
    assert refused(with_question(selection_type=selection_type, constraints={"max": bound})) == [
        (f"{FIRST}/constraints/max", "bound-invalid")
    ]


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(?=a)b", "(a)\\1", "(x{1000}){1000}", "*"])
def test_a_pattern_that_cannot_be_matched_in_linear_time_is_refused(pattern: str) -> None:
    assert refused(with_question(constraints={"pattern": pattern})) == [(f"{FIRST}/constraints/pattern", "pattern-invalid")]


@pytest.mark.parametrize("pattern", ["(a+)+", "[A-Z]{2}\\d{4}", "\\p{Lu}\\p{Ll}*", "^x$"])
def test_a_pattern_of_any_other_form_is_taken(pattern: str) -> None:
    assert parse(with_question(constraints={"pattern": pattern})).option_sets[0] == alone("text_input", constraints={"pattern": pattern})


# --- texts and indexes ---------------------------------------------------------------------------------------------


def test_texts_are_normalised_wherever_they_stand() -> None:
    rules = {"rules": [{"expression": True, "message": "No"}], "messages": {"is_required": "Needed"}}
    structure = wizard(page(1, choice(1, constraints=rules, unit="kg")), endings=[{"key": "end", "name": "End"}], languages=["en", "de"])
    option_set, ending = structure.option_sets[0], structure.endings[0]
    texts = [structure.name, structure.steps[0].name, option_set.name, option_set.unit, ending.name]
    texts += [
        option_set.constraints.rules[0].message,
        option_set.constraints.messages["is_required"],
        dump(option_set)["options"][0]["label"],
    ]
    assert texts == [{"en": word} for word in ("Survey", "Page 1", "Question 1", "kg", "End", "No", "Needed", "Yes")]


def test_a_node_is_found_by_id_key_and_alias() -> None:
    structure = wizard(page(1, question(1)), page(2, question(2, key_aliases=["old"])))
    assert structure.id_by_key == {"q1": qid(1), "q2": qid(2), "old": qid(2)}
    assert structure.step_of[qid(2)] is structure.step_by_id[pid(2)]
    assert structure.index_of == {qid(1): 0, qid(2): 1}


def test_a_structure_never_changes() -> None:
    structure = one_page(question(1))
    with pytest.raises(ValueError, match="frozen"):
        structure.name = "Other"  # type: ignore[misc]  # what the type checker refuses is what is tried here


def test_the_schema_names_every_selection_type_and_refuses_unknown_members() -> None:
    schema = json_schema()
    tags = {each["properties"]["selection_type"]["const"] for each in schema["$defs"].values() if "selection_type" in each["properties"]}
    assert tags == set(SELECTION_TYPES)
    assert all(each["additionalProperties"] is False for each in schema["$defs"].values())
