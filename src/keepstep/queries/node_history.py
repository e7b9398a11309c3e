"""What became of one node from version to version: when it was first asked, retired, renamed, retyped, left out, and brought back.

Read from the versions as they were published. Must not know the draft.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal

from sqlalchemy import text

from keepstep.core.text import Text
from keepstep.db.transaction import Read

Turn = Literal["first", "retired", "back", "gone", "reworded", "retyped"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A node in one version. `present`: the version has it; `selection_type` is None for steps and options."""

    number: int
    at: datetime
    present: bool
    retired: bool = False
    wording: Text | None = None
    selection_type: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A turn that a version brought. `wording` and `selection_type` are those since then."""

    turn: Turn
    seen: Seen


# One line for each version, the node as its snapshot has it; a step's comes from any of its option sets.
_OPTION_SET: Final = text("""
  SELECT version.version_number, version.created_at, item.option_set_snapshot AS node
  FROM wizard_versions AS version
  LEFT JOIN version_option_sets AS item ON item.version_id = version.id AND item.option_set_id = CAST(:node_id AS uuid)
  WHERE version.origin_wizard_id = CAST(:wizard_id AS uuid)
  ORDER BY version.version_number
""")
_STEP: Final = text("""
  SELECT version.version_number, version.created_at, item.node
  FROM wizard_versions AS version
  LEFT JOIN LATERAL (
    SELECT step.node FROM jsonb_array_elements(version.structure -> 'steps') AS step (node) WHERE step.node ->> 'id' = :node_id
  ) AS item ON true
  WHERE version.origin_wizard_id = CAST(:wizard_id AS uuid)
  ORDER BY version.version_number
""")


async def history_of(
    tx: Read, wizard_id: str, node_id: str, kind: Literal["step", "option_set", "option"], value: str | None = None
) -> Sequence[Event]:
    """The turns of a step or option set, or with `value` of its option, oldest first. One query."""
    rows = await tx.rows(_STEP if kind == "step" else _OPTION_SET, {"wizard_id": wizard_id, "node_id": node_id})
    seen = [_seen(row.version_number, row.created_at, row.node, value) for row in rows]
    return tuple(_events(seen))


def _seen(number: int, at: datetime, node: Mapping[str, Any] | None, value: str | None) -> Seen:
    if node is None:
        return Seen(number, at, present=False)
    if value is None:
        return Seen(number, at, True, bool(node.get("retired")), node["name"], node.get("selection_type"))
    option = next((each for each in node.get("options") or () if each["value"] == value), None)
    if option is None:
        return Seen(number, at, present=False)
    return Seen(number, at, True, bool(node.get("retired") or option.get("retired")), option["label"])


def _events(seen: Iterable[Seen]) -> Iterator[Event]:
    known = list(seen)
    first = next((index for index, one in enumerate(known) if one.present), None)
    if first is None:
        return
    yield Event("first", known[first])
    for before, after in pairwise(known[first:]):
        yield from (Event(turn, after) for turn in _turns(before, after))


def _turns(before: Seen, after: Seen) -> Iterator[Turn]:
    if not after.present:
        if before.present:
            yield "gone"
        return
    if after.retired != before.retired or not before.present:
        yield "retired" if after.retired else "back"
    if before.present and before.wording != after.wording:
        yield "reworded"
    if before.present and before.selection_type != after.selection_type:
        yield "retyped"
