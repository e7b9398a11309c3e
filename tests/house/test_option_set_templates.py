"""A selection type lives in one place for each thing that it is; its HTML is the template of its name."""

from pathlib import Path

from keepstep.core.structure import SELECTION_TYPES
from keepstep.web import rendering
from keepstep.web.assets import assets_in

FOLDER = Path(rendering.__file__).parent / "templates" / "option_sets"


def test_each_selection_type_has_a_template_and_each_template_a_selection_type() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{each}.html" for each in SELECTION_TYPES}


def test_the_respondents_side_stays_within_its_budgets() -> None:
    # Gzip, as it is sent: 12 KB of style, 8 KB of script (experience.md).
    sizes = {name: len(assets_in().by_name[name].zipped) for name in ("player.css", "player.js")}
    assert sizes["player.css"] <= 12_000
    assert sizes["player.js"] <= 8_000
