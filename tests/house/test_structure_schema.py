"""The committed JSON Schema of a structure is the one that the models give."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.change_examples import example

from keepstep.core.change import VARIANTS
from keepstep.core.jsonvalue import dumps
from keepstep.core.structure import dump, json_schema

PAGE = Path(__file__).parents[2] / "docs/structure.schema.json"
KINDS = [variant.kind for variant in VARIANTS]


def committed() -> dict[str, object]:
    schema: dict[str, object] = json.loads(PAGE.read_text(encoding="utf-8"))
    return schema


def test_the_committed_schema_is_the_one_of_the_models() -> None:
    remedy = "write keepstep.core.structure.json_schema() to docs/structure.schema.json, indented by 1"
    assert committed() == json_schema(), remedy


def test_the_committed_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(committed())


@pytest.mark.parametrize("kind", KINDS)
def test_a_structure_as_it_is_written_fits_the_schema(kind: str) -> None:
    _, new, _ = example(kind)
    Draft202012Validator(committed()).validate(json.loads(dumps(dump(new))))
