"""A selection type lives in one place for each thing that it is; its HTML is the template of its name."""

from pathlib import Path

from keepstep.core.structure import SELECTION_TYPES
from keepstep.web import rendering

FOLDER = Path(rendering.__file__).parent / "templates" / "option_sets"


def test_each_selection_type_has_a_template_and_each_template_a_selection_type() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{each}.html" for each in SELECTION_TYPES}
