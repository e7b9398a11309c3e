"""docs/selection-types.md names every selection type, member, constraint and finding, and its examples fit."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from tests.small_structures import CLOCK, alone

from keepstep.core.jsonvalue import loads
from keepstep.core.selection import ENTRIES, check_value
from keepstep.core.structure import OPTION_SET_BY_TYPE, SELECTION_TYPES, ChoiceFields, Constraints, Option, OptionSetFields

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/selection-types.md").read_text(encoding="utf-8")
TYPES = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| `(.+)` \|$", PAGE, re.MULTILINE)}
COLORS = [{"value": "red", "label": "Red"}, {"value": "blue", "label": "Blue"}]
SHARED = set(Constraints.model_fields)


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def named_in(title: str) -> list[str]:
    """The first cells of the table of a section."""
    return re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE)


def constraints_of(selection_type: str) -> list[str]:
    model: Any = OPTION_SET_BY_TYPE[selection_type].model_fields["constraints"].annotation
    return [name for name in model.model_fields if name not in SHARED]


def test_the_page_the_models_and_the_entries_name_the_same_types() -> None:
    assert list(TYPES) == list(SELECTION_TYPES) == list(ENTRIES)


@pytest.mark.parametrize("selection_type", SELECTION_TYPES)
def test_a_type_is_described_with_its_constraints_and_an_answer_that_fits(selection_type: str) -> None:
    _, constraints, example = TYPES[selection_type]
    members = {"options": COLORS} if issubclass(OPTION_SET_BY_TYPE[selection_type], ChoiceFields) else {}
    assert re.findall(r"`(\w+)`", constraints) == constraints_of(selection_type)
    assert check_value(loads(example), alone(selection_type, **members), CLOCK) == ()


def test_every_member_of_an_option_set_is_described() -> None:
    assert set(named_in("What every option set has")) == {*OptionSetFields.model_fields, "selection_type", "constraints"}
    special = {name for model in OPTION_SET_BY_TYPE.values() for name in model.model_fields} - set(named_in("What every option set has"))
    for name in special | set(Option.model_fields):
        assert f"`{name}`" in section("What every option set has"), name


def test_every_constraint_is_described_once() -> None:
    every = [name for selection_type in SELECTION_TYPES for name in constraints_of(selection_type)]
    assert sorted(named_in("Constraints")) == sorted({*every, *SHARED})


def issue_codes(module: str) -> set[str]:
    """The codes that a module gives to findings: literals passed as code to Issue or to the two shorthands of `selection`."""
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / "src/keepstep/core" / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    found: set[str] = set()
    for call in calls:
        name = getattr(call.func, "id", "")
        place = {"Issue": 1, "_fails": 3}.get(name)
        if place is not None and len(call.args) > place and isinstance(code := call.args[place], ast.Constant):
            found.add(str(code.value))
    return found


def test_every_code_of_a_finding_is_listed() -> None:
    listed = set(re.findall(r"`([a-z-]+)`", section("Findings on an answer")))
    limits = {name.replace("_", "-") for name in named_in("Constraints")}
    assert (issue_codes("selection_checks.py") | issue_codes("selection.py")) - limits <= listed
    assert {"rule", "required", "missing-required", "option-not-offered", "differs-from-calculation"} <= listed
