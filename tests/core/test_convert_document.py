"""docs/conversion.md says what the code does: the same table, rules and parameters."""

import re
from pathlib import Path

from keepstep.core.convert import MATRIX, PARAMETERS, RULES, TYPES, Cell

DOCUMENT = Path(__file__).parents[2].joinpath("docs/conversion.md").read_text(encoding="utf-8")


def written(cell: Cell) -> str:
    return cell.kind if cell.kind in ("·", "-") else f"{cell.kind}{cell.rule}"


def test_the_document_has_the_table_of_the_code() -> None:
    header, _, *rows = re.findall(r"^\|.*(?:\n\|.*)*", DOCUMENT, re.MULTILINE)[0].splitlines()
    assert header.split("|")[2:-1] == [f" {kind} " for kind in TYPES]
    assert rows == [f"| **{source}** | {' | '.join(written(MATRIX[source, target]) for target in TYPES)} |" for source in TYPES]


def test_the_document_has_every_rule_in_the_words_of_the_code() -> None:
    assert dict(re.findall(r"^- \*\*(\d+)\*\* (.*)$", DOCUMENT, re.MULTILINE)) == {str(rule): words for rule, words in RULES.items()}


def test_the_document_has_every_parameter() -> None:
    table = DOCUMENT[DOCUMENT.index("| parameter |") :]
    assert {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])} == set(
        PARAMETERS
    )
