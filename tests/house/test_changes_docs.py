"""The catalogue of changes is complete: each variant is in it, and it says what the code says."""

import re
from pathlib import Path
from typing import get_args

from tests.change_examples import example

from keepstep.core import severity
from keepstep.core.change import VARIANTS
from keepstep.core.diff import diff
from keepstep.core.meaning import meaning_of
from keepstep.core.severity import Concern, Rule, rule_of
from keepstep.core.structure import SELECTION_TYPES
from keepstep.core.wording import CONCERNS, TYPE_NAMES, sentence_of

PAGE = Path(__file__).parents[2] / "docs/changes.md"
ROW = re.compile(r"^\| ([WPQO]\d+) \|(.*)\|$", re.MULTILINE)


def rows() -> list[tuple[str, set[str], str, str]]:
    """Code, kinds, class and concerns of each row."""
    cells = [(code, [cell.strip() for cell in rest.split("|")]) for code, rest in ROW.findall(PAGE.read_text(encoding="utf-8"))]
    return [(code, set(re.findall(r"`([a-z-]+)`", row[1])), row[2], row[3].replace(" ", "")) for code, row in cells]


def test_the_page_has_the_rows_of_the_code_with_class_and_concerns() -> None:
    declared = {(rule.code, rule.severity, rule.concerns) for rule in vars(severity).values() if isinstance(rule, Rule)}
    assert {(code, grave, concerns) for code, _, grave, concerns in rows()} == declared | {("Q10", "by matrix", "DRE")}


def test_the_page_names_every_kind_of_change_and_no_other() -> None:
    assert set().union(*(kinds for _, kinds, _, _ in rows())) == {variant.kind for variant in VARIANTS}


def test_every_change_has_a_sentence_a_meaning_and_a_row_that_names_its_kind() -> None:
    for variant in VARIANTS:
        old, new, _ = example(variant.kind)
        (change,) = diff(old, new)
        assert type(change) is variant
        assert sentence_of(change, old, new)
        assert meaning_of(change)
        assert any(variant.kind in kinds for code, kinds, _, _ in rows() if code == rule_of(change, old, new).code)


def test_kinds_are_unique() -> None:
    assert len({variant.kind for variant in VARIANTS}) == len(VARIANTS)


def test_everything_that_is_shown_has_a_name() -> None:
    assert set(TYPE_NAMES) == set(SELECTION_TYPES)
    assert set(CONCERNS) == set(get_args(Concern))
