from typing import Any

import pytest
from tests.interchange.runs_samples import CHOICES, question, sample_id, wizard

from keepstep.core.structure import Structure, parse
from keepstep.interchange.runs_in_heading import Heading, headings_of

SOURCED = wizard(
    question(1, "id10007", source={"format": "xlsform", "name": "Id10007"}),
    question(2, "age-of-child", key_aliases=["child-age"]),
    question(3, "tools", "multiple_select", options=[*CHOICES, {"value": "a-b/c", "label": "x"}], allow_other=True),
    question(4, "age"),
)


def heading(name: str, structure: Structure = SOURCED) -> Heading:
    return headings_of([name], structure, {})[0]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Id10007", 1),
        ("consented-deceased_CRVS-Id10007", 1),
        ("consented/deceased/Id10007", 1),
        ("data:group:Id10007", 1),
        ("group.Id10007", 1),
        ("id10007", 1),
        ("ID10007", 1),
        ("group-age-of-child", 2),
        ("group-child-age", 2),
        ("age", 4),
        ("Age", 4),
    ],
)
def test_the_longest_end_of_a_heading_that_names_a_question_counts(name: str, number: int) -> None:
    assert (heading(name).role, heading(name).option_set_id) == ("answer", sample_id(number))


@pytest.mark.parametrize("name", ["agees", "group-", "group-unknown", "age-", "x_age", "-", "é", "age/red"])
def test_a_heading_that_names_nothing_is_archived(name: str) -> None:
    assert (heading(name).role, heading(name).why) == ("archive", "question-unknown")


@pytest.mark.parametrize(("name", "value"), [("tools/red", "red"), ("g/tools/red", "red"), ("g-tools/a-b/c", "a-b/c")])
def test_a_column_of_one_option_is_found(name: str, value: str) -> None:
    assert (heading(name).role, heading(name).option_set_id, heading(name).field) == ("choice", sample_id(3), value)


def test_a_column_of_an_option_is_not_the_question_of_that_name() -> None:
    structure = wizard(question(3, "tools", "multiple_select", options=CHOICES), question(5, "red"))
    assert heading("g/tools/red", structure).role == "choice"
    assert heading("g/red", structure).role == "answer"


def test_an_other_column_is_a_question_where_one_has_that_name() -> None:
    assert heading("tools_other").role == "other"
    both = wizard(question(3, "tools", "multiple_select", allow_other=True), question(5, "tools_other"))
    assert heading("tools_other", both).role == "answer"


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("SubmissionDate", "submitted_at"),
        ("meta-instanceID", "instance_id"),
        ("meta/instanceID", "instance_id"),
        ("KEY", "instance_key"),
        ("today", ""),
    ],
)
def test_metadata_is_recognised(name: str, member: str) -> None:
    assert (heading(name).role, heading(name).field) == ("metadata", member)


def test_a_question_with_the_name_of_metadata_is_a_question() -> None:
    assert heading("Status", wizard(question(1, "status"))).role == "answer"
    assert heading("KEY", wizard(question(1, "key"))).role == "metadata"


def in_two_groups() -> Structure:
    first = question(1, "name", source={"format": "xlsform", "name": "name"})
    second = question(2, "name-2", source={"format": "xlsform", "name": "name"})
    return wizard_of({"mother": first, "father": second})


def wizard_of(groups: dict[str, dict[str, Any]]) -> Structure:
    steps = [
        {"id": sample_id(700 + index), "key": name, "name": name, "option_sets": [node]}
        for index, (name, node) in enumerate(groups.items())
    ]
    return parse({"name": "Groups", "steps": steps})


def test_of_two_questions_of_one_name_the_group_in_the_heading_tells_which() -> None:
    found = headings_of(["form-mother-name", "form-father-name"], in_two_groups(), {})
    assert [each.option_set_id for each in found] == [sample_id(1), sample_id(2)]


def test_a_heading_that_could_be_two_questions_is_archived() -> None:
    assert heading("name", in_two_groups()).why == "column-ambiguous"


def test_of_two_columns_for_one_question_the_closer_one_counts() -> None:
    found = headings_of(["g-age", "h-age-of-child", "age-of-child"], SOURCED, {})
    assert [(each.role, each.why) for each in found] == [("answer", ""), ("archive", "column-ambiguous"), ("archive", "column-ambiguous")]


def test_equal_claims_to_one_question_are_all_archived() -> None:
    found = headings_of(["a-age", "b-age"], SOURCED, {})
    assert {each.why for each in found} == {"column-ambiguous"}


def test_names_that_differ_by_case_alone_are_told_apart() -> None:
    structure = wizard(*(question(n, f"q{n}", source={"format": "x", "name": name}) for n, name in enumerate(("Age", "AGE"), start=1)))
    found = headings_of(["AGE", "Age", "age"], structure, {})
    assert [each.option_set_id for each in found] == [sample_id(2), sample_id(1), None]


def test_a_heading_of_nothing_but_separators_is_resolved_at_once() -> None:
    assert heading("-/" * 2_000).role == "archive"
