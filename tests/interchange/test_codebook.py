from typing import Any

import pytest
from tests.interchange.runs_samples import CHOICES, COLOUR, COLOURS, NAME, SMALL, question, sample_id, wizard

from keepstep.core.structure import Structure, dump, parse
from keepstep.interchange.codebook import WIDEST, codebook
from keepstep.interchange.columns import columns_of

OLD = wizard(question(1, "full-name", personal_data=True), question(4, "age", "text_input"), COLOUR)
NEW = wizard(NAME | {"is_required": True}, question(4, "age", "integer", unit="years", retired=True), COLOUR)


def entry(number: int, *versions: Structure) -> dict[str, Any]:
    numbered = list(enumerate(versions, 1))
    (found,) = [each for each in codebook(numbered)["option_sets"] if each["id"] == sample_id(number)]
    book: dict[str, Any] = found
    return book


def test_nothing_published_gives_the_run_columns_alone() -> None:
    empty = codebook([])
    assert (empty["versions"], empty["option_sets"], empty["columns"][0]) == ([], [], {"name": "run_id", "kind": "run"})


def test_former_keys_are_those_of_older_versions_and_aliases() -> None:
    renamed = wizard(NAME | {"key_aliases": ["called"]})
    found = entry(1, OLD, renamed)
    assert (found["key"], found["former_keys"]) == ("name", ["called", "full-name"])


def test_each_version_says_its_type_unit_need_and_retirement() -> None:
    versions = entry(4, OLD, NEW)["versions"]
    assert [(each["versions"], each["selection_type"], each["unit"], each["retired"]) for each in versions] == [
        ([1], "text_input", None, False),
        ([2], "integer", {"en": "years"}, True),
    ]
    assert [each["is_required"] for each in entry(1, OLD, NEW)["versions"]] == [False, True]


def test_versions_that_agree_stand_together_and_those_that_return_stand_apart() -> None:
    found = entry(4, OLD, OLD, NEW, OLD)["versions"]
    assert [each["versions"] for each in found] == [[1, 2], [3], [4]]


def test_personal_once_is_personal_for_ever() -> None:
    assert (entry(1, OLD, NEW)["personal_data"], entry(4, OLD, NEW)["personal_data"]) == (True, False)


def test_an_option_keeps_every_label_of_every_language_and_its_retirement() -> None:
    relabelled = [{"value": "red", "label": {"en": "Crimson", "de": "Rot"}, "retired": True}, *CHOICES[1:]]
    both = dump(wizard(COLOUR)) | {"languages": ["en", "de"]}
    both["steps"][0]["option_sets"][0]["options"] = relabelled
    found = entry(2, OLD, parse(both))["options"]
    assert found[0]["versions"] == [
        {"versions": [1], "label": {"en": "Red"}, "retired": False},
        {"versions": [2], "label": {"en": "Crimson", "de": "Rot"}, "retired": True},
    ]


def test_an_option_that_went_is_still_there() -> None:
    found = entry(2, OLD, wizard(COLOUR | {"options": CHOICES[:1]}))["options"]
    assert [(each["value"], each["versions"][0]["versions"]) for each in found][1] == ("green", [1])


@pytest.mark.parametrize("versions", [[(1, SMALL)], [(1, OLD), (2, NEW)], [(1, wizard(NAME)), (2, wizard(question(2, "name")))]])
def test_the_columns_are_those_of_the_export(versions: list[tuple[int, Structure]]) -> None:
    made = codebook(versions)
    told = [column["name"] for part in (made, *made["option_sets"]) for column in part["columns"]]
    assert sorted(told) == sorted(column.name for column in columns_of(versions, WIDEST))


def test_the_column_of_an_option_names_its_value() -> None:
    (found,) = codebook([(1, wizard(COLOURS))])["option_sets"]
    assert {"name": "colours/red", "kind": "choice", "option": "red"} in found["columns"]


def test_a_text_between_questions_is_listed_without_columns() -> None:
    (found,) = codebook([(1, wizard(question(1, "hint", "statement")))])["option_sets"]
    assert (found["key"], found["columns"]) == ("hint", [])
