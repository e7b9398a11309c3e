"""docs/database.md says what the database is: every table with its columns and privileges, every guard, every view."""

from pathlib import Path

import pytest

from keepstep.db.guards import TRIGGERS, Trigger
from keepstep.db.roles import APP_PRIVILEGES, ERASER_PRIVILEGES, ROLES
from keepstep.db.tables import metadata
from keepstep.db.views import VIEWS

TEXT = (Path(__file__).parents[2] / "docs" / "database.md").read_text()
LETTERS = {"SELECT": "S", "INSERT": "I", "UPDATE": "U", "DELETE": "D"}


def _letters(privileges: frozenset[str]) -> str:
    return "".join(letter for name, letter in LETTERS.items() if name in privileges) or "–"


@pytest.mark.parametrize("name", metadata.tables)
def test_each_table_is_documented_with_its_columns_and_privileges(name: str) -> None:
    columns = ", ".join(f"`{column.name}`{'?' if column.nullable else ''}" for column in metadata.tables[name].columns)
    privileges = f"{_letters(APP_PRIVILEGES[name])} | {_letters(ERASER_PRIVILEGES.get(name, frozenset()))}"
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
    assert line.endswith(f" | {columns} | {privileges} |")


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: f"{trigger.name}-{trigger.table}")
def test_each_guard_is_documented_with_the_table_it_watches(trigger: Trigger) -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith(f"| `{trigger.name}` |")]
    assert any(f"`{trigger.table}`" in line or "those, and" in line for line in lines)


def test_views_and_roles_are_documented() -> None:
    assert [name for name in (*ROLES, *(view.name for view in VIEWS)) if f"`{name}`" not in TEXT] == []
