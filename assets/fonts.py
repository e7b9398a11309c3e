"""Puts the fonts of PDFs beside what writes them, with a list of the characters that each has, by which one is chosen without opening it.

Taken from what npm and the package index hold, by the digests of the locks. Knows files, not documents.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

# No machine has the same fonts as another (docs/decisions/0023). These are drawn with first, in two weights.
FIRST: Final = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
# For what those do not have: packages, and which of their fonts, in the order in which they are asked. Those that vary are cut in both
# weights; of Chinese and Korean the packages have one, in which headings stand too.
FURTHER: Final = (
    ("manimgx_fonts", ("NotoSans[wght].ttf", "NotoSansArabic*", "NotoSans[B-Z]*[wght].ttf", "NotoEmoji[wght].ttf")),
    ("pylopdf_fonts_zh_cn", ("NotoSansSC-Regular.otf",)),
    ("pylopdf_fonts_ko", ("NotoSansKR-Regular.otf",)),
)
_WEIGHTS: Final = {"": 400, "-Bold": 700}


def put_fonts(folder: Path, dejavu: Path) -> None:
    """All of them and `coverage.json`: the name of each further font with its characters, as ranges."""
    folder.mkdir(exist_ok=True)
    for name in FIRST:
        shutil.copyfile(dejavu / name, folder / name)
    coverage = {path.name: _ranges(_put(path, folder / path.name.replace("[wght]", ""))) for path in _further()}
    coverage = {name.replace("[wght]", ""): ranges for name, ranges in coverage.items()}
    (folder / "coverage.json").write_text(json.dumps(coverage, separators=(",", ":")), encoding="utf-8")


def _further() -> Iterator[Path]:
    for package, names in FURTHER:
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        folder = Path(spec.submodule_search_locations[0])
        for name in names:
            # The brackets of a variable font's name are no pattern.
            yield from sorted(folder.glob(name.replace("[wght]", "[[]wght[]]")))


def _put(source: Path, target: Path) -> Collection[int]:
    """The characters of a font, once it is there in each of its weights: a PDF cannot hold one that varies."""
    with TTFont(source) as font:
        characters = set(font.getBestCmap())
        if "fvar" not in font:
            shutil.copyfile(source, target)
            return characters
        limits = {axis.axisTag: (axis.minValue, axis.maxValue) for axis in font["fvar"].axes}
    for suffix, weight in _WEIGHTS.items():
        if "wght" in limits or not suffix:
            _cut(source, target.with_stem(target.stem + suffix), limits, weight)
    return characters


def _cut(source: Path, target: Path, limits: Mapping[str, tuple[float, float]], weight: int) -> None:
    wanted = {"wght": weight, "wdth": 100}
    with TTFont(source) as font:
        axes = {tag: min(max(wanted[tag], least), most) for tag, (least, most) in limits.items()}
        instantiateVariableFont(font, axes, inplace=True)
        font.save(target)


def _ranges(characters: Collection[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for each in sorted(characters):
        if ranges and ranges[-1][1] == each - 1:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    return ranges
