"""Keepstep's own JSON: out and in gives the same wizard; a copy gets ids of its own."""

from typing import Any

import pytest
from hypothesis import given
from tests.interchange.xlsform_sheets import numbered_ids, workbook
from tests.structure_strategies import structures

from keepstep.core.jsonvalue import dump_bytes
from keepstep.core.structure import Structure, dump, empty_structure
from keepstep.errors import FileUnreadable, MalformedJson, StructureInvalid, Unsupported
from keepstep.interchange.formats_wizard import WizardFormat, read_wizard
from keepstep.interchange.keepstep_json import keepstep_json, read_keepstep_json, with_new_ids
from keepstep.interchange.receipt import Receipt


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
    assert read_wizard(keepstep_json(structure), "w.json", make_id=numbered_ids()) == (structure, Receipt())


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
