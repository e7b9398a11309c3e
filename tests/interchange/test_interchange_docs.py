"""docs/interchange.md names every type and function that the import understands."""

from pathlib import Path

import pytest

from keepstep.interchange.formats import MAX_BYTES, MAX_OTHER_TAGS, MAX_TAGS, MAX_UNPACKED, MAX_XLS
from keepstep.interchange.xlsform_types import TYPES
from keepstep.interchange.xlsform_workbook import MAX_CELLS, MAX_ROWS
from keepstep.interchange.xpath_functions import FUNCTIONS

DOCS = (Path(__file__).parents[2] / "docs" / "interchange.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(TYPES))
def test_each_type_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS


def test_the_limits_are_documented() -> None:
    assert f"up to {MAX_BYTES // 2**20} MiB, unpacked {MAX_UNPACKED // 2**20} MiB" in DOCS
    assert f"{MAX_ROWS['survey']:,} rows of questions, {MAX_ROWS['choices']:,} of choices" in DOCS
    assert f"{MAX_CELLS:,} cells; of an .xlsx {MAX_TAGS['worksheet']:,} XML tags in its sheets, {MAX_TAGS['sst']:,} in its" in DOCS
    assert f"{MAX_OTHER_TAGS:,} in its other parts, of an .xls\n{MAX_XLS // 2**20} MiB" in DOCS
