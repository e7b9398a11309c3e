"""What a wizard ever used, on record for ever: ids of nodes, values of options, keys (semantics 11, 13, 14).

Ids are written with every draft, values and keys when they are published: before that nobody can have answered with the
one or exported the other, and an addition that was undone must not keep its name for ever. Must not know which edit was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert

from keepstep.actions.context import Context
from keepstep.core.structure import OptionSet, Structure, choices_of
from keepstep.db.tables import nodes, option_values, reserved_keys
from keepstep.db.transaction import Write
from keepstep.errors import IdConflict, IdTaken
from keepstep.queries.drafts import owners_of

# Below it, one statement for all rows is cheaper; above it, COPY.
_FEW: Final = 50


async def register(ctx: Context, tx: Write, wizard_id: str, *, old: Structure | None, new: Structure) -> None:
    """Puts on record the ids that `new` uses and `old` did not. Raises IdTaken for another wizard's, IdConflict for another kind's."""
    kinds = dict(_kinds(new))
    former = dict(_kinds(old)) if old is not None else {}
    unseen = {node_id: kind for node_id, kind in kinds.items() if former.get(node_id) != kind}
    await _register_nodes(ctx, tx, wizard_id, unseen, _places(new) if unseen else {})


async def reserve(tx: Write, wizard_id: str, *, old: Structure | None, new: Structure) -> None:
    """Puts on record the values and keys that the published `new` uses and the version before did not: they are taken from now on."""
    pairs = [(None if old is None else old.option_set_by_id.get(item.id), item) for item in new.option_sets]
    changed = [(before, after) for before, after in pairs if before is not after]
    await _store(tx, option_values, [row for before, after in changed for row in _new_values(before, after)])
    await _store(tx, reserved_keys, [row for before, after in changed for row in _new_keys(wizard_id, before, after)])


def _new_values(before: OptionSet | None, after: OptionSet) -> list[dict[str, str]]:
    known = {option.value for option in choices_of(before)} if before is not None else set()
    return [{"option_set_id": after.id, "value": option.value} for option in choices_of(after) if option.value not in known]


def _new_keys(wizard_id: str, before: OptionSet | None, after: OptionSet) -> list[dict[str, str]]:
    known = {before.key, *before.key_aliases} if before is not None else set()
    keys = [key for key in (after.key, *after.key_aliases) if key not in known]
    return [{"origin_wizard_id": wizard_id, "key": key, "option_set_id": after.id} for key in keys]


async def _register_nodes(ctx: Context, tx: Write, wizard_id: str, unseen: Mapping[str, str], places: Mapping[str, str]) -> None:
    owners = await owners_of(tx, unseen.keys())
    foreign = [node_id for node_id, owner in owners.items() if owner.wizard_id != wizard_id]
    if foreign:
        detail = "This id belongs to another wizard. A copy of a structure gets new ids: leave them out, or import it."
        errors = [{"pointer": places[node_id], "code": "id-taken", "detail": detail} for node_id in foreign[:200]]
        raise IdTaken(f"{foreign[0]}{f' and {len(foreign) - 1} more' if foreign[1:] else ''}: {detail}", errors=errors)
    for node_id, owner in owners.items():
        if owner.kind != unseen[node_id]:
            raise IdConflict(f"{node_id} was the id of {_WORDS[owner.kind]} in this wizard; it cannot become {_WORDS[unseen[node_id]]}.")
    rows = [
        {"id": node_id, "kind": kind, "origin_wizard_id": wizard_id, "first_seen": ctx.now}
        for node_id, kind in unseen.items()
        if node_id not in owners
    ]
    if rows:
        # Not "on conflict do nothing": another wizard may be taking the same id at this moment, and only one may have it.
        await _insert(tx, nodes, rows)


_WORDS: Final = {"step": "a step", "option_set": "an option set"}


def _kinds(structure: Structure) -> Iterator[tuple[str, str]]:
    yield from ((step.id, "step") for step in structure.steps)
    yield from ((item.id, "option_set") for item in structure.option_sets)


def _places(structure: Structure) -> dict[str, str]:
    """A JSON pointer for each node's id."""
    places = {step.id: f"/steps/{index}/id" for index, step in enumerate(structure.steps)}
    for index, step in enumerate(structure.steps):
        places |= {item.id: f"/steps/{index}/option_sets/{at}/id" for at, item in enumerate(step.option_sets)}
    return places


async def _insert(tx: Write, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) > _FEW:
        columns = list(rows[0])
        await tx.copy(table, columns, [[row[name] for name in columns] for row in rows])
    else:
        await tx.execute(insert(table).values(list(rows)))


async def _store(tx: Write, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that may be there already: a value that comes back from the shelf was on record before."""
    for start in range(0, len(rows), 1_000):
        await tx.execute(insert(table).values(list(rows[start : start + 1_000])).on_conflict_do_nothing())
