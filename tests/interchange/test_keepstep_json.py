"""Keepstep's own JSON: out and in gives the same wizard; a copy gets ids of its own."""

from typing import Any

import pytest
from hypothesis import given
from tests.factories import new_id, option, option_set, step, wizard
from tests.interchange.xlsform_sheets import numbered_ids, workbook
from tests.structure_strategies import structures

from keepstep.core.jsonvalue import dump_bytes
from keepstep.core.structure import Structure, dump, empty_structure, parse
from keepstep.errors import FileUnreadable, MalformedJson, StructureInvalid, Unsupported
from keepstep.interchange.formats_wizard import WizardFormat, read_wizard
from keepstep.interchange.keepstep_json import account_of, keepstep_json, read_keepstep_json, with_new_ids
from keepstep.interchange.receipt import Receipt

KEPT = {"steps": 1, "questions": 1, "options": 2, "conditions": 1, "languages": 1}


@given(structures())
def test_law_out_and_in_gives_the_same_wizard(structure: Structure) -> None:
    assert read_keepstep_json(keepstep_json(structure)) == structure


@given(structures())
def test_law_new_ids_keep_everything_else(structure: Structure) -> None:
    renewed, ids = with_new_ids(structure, numbered_ids(10**20))
    back = {new: old for old, new in ids.items()}
    again, _ = with_new_ids(renewed, iter([back[node.id] for step in renewed.steps for node in (step, *step.option_sets)]).__next__)
    assert again == structure


def test_a_bare_structure_is_read() -> None:
    structure = empty_structure("Survey")
    assert read_keepstep_json(dump_bytes(dump(structure))) == structure


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"keepstep": "runs"}, FileUnreadable),
        ({"keepstep": "wizard"}, FileUnreadable),
        ({"title": "SurveyJS"}, FileUnreadable),
        ([1], FileUnreadable),
        ({"keepstep": "wizard", "structure": {"name": 5}}, StructureInvalid),
    ],
)
def test_other_json_is_refused(data: Any, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        read_keepstep_json(dump_bytes(data), "wizard.json")


def test_what_is_no_json_is_malformed() -> None:
    with pytest.raises(MalformedJson):
        read_keepstep_json(b'{"keepstep":')


def test_a_wizard_is_read_by_whatever_its_file_is() -> None:
    form, receipt = read_wizard(workbook("# survey\ntype | name\ntext | q"), "form.xlsx", make_id=numbered_ids())
    assert ([item.key for item in form.option_sets], receipt.cells) == (["q"], 2)
    structure = empty_structure("Survey")
    read, receipt = read_wizard(keepstep_json(structure), "w.json", make_id=numbered_ids())
    assert (read, receipt) == (structure, Receipt(kept={"wizard/languages": 1}))


def test_the_account_of_an_export_says_what_came_and_what_stops_it() -> None:
    asked = option_set("color", "single_select", visible_if={"==": [{"var": new_id()}, "x"]}, options=[option("red"), option("blue")])
    structure = parse(wizard(step("first", asked)))
    receipt = account_of(structure)
    assert dict(receipt.kept) == {f"wizard/{name}": count for name, count in KEPT.items()}
    assert [(line.place.name, line.cells) for line in receipt.questions] == [("color", 0)]


@pytest.mark.parametrize(
    ("data", "format_name", "problem"),
    [
        (b"{}", "surveyjs", Unsupported),
        (b"a,b\n", "keepstep", FileUnreadable),
        (b'{"a": 1}\n{"a": 2}', "auto", FileUnreadable),
        (b"{}", "xlsform", FileUnreadable),
    ],
)
def test_a_file_of_another_format_than_named_is_refused(data: bytes, format_name: WizardFormat, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        read_wizard(data, "file", format_name=format_name, make_id=numbered_ids())
