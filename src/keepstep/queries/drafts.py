"""Drafts as values: the structure under construction with its shelf, its log of edits, and what the wizard ever used.

Must not know how an edit is made: that is `core.edit`.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Row, String, and_, bindparam, case, func, select

from keepstep.core.edits import Draft, draft_from_json, from_json, touches
from keepstep.core.keys import Reserved
from keepstep.core.permissions import Actor, Permission
from keepstep.core.revert import Revert
from keepstep.core.shelf import NodeKind
from keepstep.db.tables import draft_edits, nodes, option_values, reserved_keys, users, wizards
from keepstep.db.transaction import Read
from keepstep.errors import NodeNotFound
from keepstep.queries.kept_drafts import KEPT, STAMP, Kept
from keepstep.queries.wizards import Wizard, admitted, lock_wizard, no_wizard, not_removed, referred, wizard_of_row, wizard_select

# How far back undo looks. The log itself is kept whole.
UNDO_DEPTH: Final = 500
# Edits that an answer about a stale state names; a client that is further behind reads the draft anew anyway.
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class WizardDraft:
    """A wizard and its draft at `wizard.draft_revision`."""

    wizard: Wizard
    draft: Draft

    @property
    def etag(self) -> str:
        return str(self.wizard.draft_revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEdit:
    """One line of a draft's log. `undoes`: the revision of the edit that an undo takes back or a redo makes again."""

    revision: int
    kind: Literal["edit", "undo", "redo"]
    name: str
    undoes: int | None
    actor: str | None
    at: datetime

    @property
    def origin(self) -> int:
        """The revision of the edit that this line is about."""
        return self.revision if self.undoes is None else self.undoes


@dataclass(frozen=True, slots=True)
class NodeOwner:
    """Where a node id belongs: the wizard that it was first seen in."""

    wizard_id: str
    kind: Literal["step", "option_set"]


# --- the draft -----------------------------------------------------------------------------------------------------

DRAFT_SELECT: Final = wizard_select(wizards.c.draft, wizards.c.shelf)
# As DRAFT_SELECT, but without the documents where the row is still the one whose draft is kept (queries/kept_drafts.py).
_IS_KEPT: Final = bindparam("known", type_=String) == STAMP
_UNLESS_KEPT: Final = wizard_select(
    STAMP.label("stamp"),
    case((_IS_KEPT, None), else_=wizards.c.draft).label("draft"),
    case((_IS_KEPT, None), else_=wizards.c.shelf).label("shelf"),
)


async def get_draft(tx: Read, actor: Actor, ref: str, permission: Permission = "view") -> WizardDraft:
    """The wizard's draft as it is now. Raises WizardNotFound, WizardRemoved, Forbidden."""
    kept = KEPT.get(ref)
    known = {"known": kept.stamp if kept is not None else ""}
    row = None if "\x00" in ref else await tx.one_or_none(_UNLESS_KEPT.where(referred(ref)), known)
    if row is None:
        raise no_wizard(ref)
    wizard = not_removed(admitted(wizard_of_row(row), actor, ref, permission))
    if kept is not None and kept.stamp == row.stamp:
        return WizardDraft(wizard, kept.draft)
    # In a thread, as it may be of any size.
    draft = await asyncio.to_thread(draft_of_row, row)
    KEPT.put(ref, Kept(row.stamp, draft))
    return WizardDraft(wizard, draft)


async def get_draft_locked(tx: Read, actor: Actor, ref: str) -> WizardDraft:
    """As `get_draft`, with the lock that a change of the draft needs; runs may start meanwhile. For editors."""
    await lock_wizard(tx, ref, "draft")
    return await get_draft(tx, actor, ref, "edit")


def draft_of_row(row: Row[Any]) -> Draft:
    """The draft in the columns `draft` and `shelf`."""
    return draft_from_json({"structure": row.draft, "shelf": row.shelf})


# --- the log -------------------------------------------------------------------------------------------------------

_LINE: Final = (draft_edits.c.revision, draft_edits.c.kind, draft_edits.c.name, draft_edits.c.undoes, draft_edits.c.actor, draft_edits.c.at)


async def recent_edits(tx: Read, wizard_id: str, revision: int) -> tuple[LoggedEdit, ...]:
    """The last edits up to this revision, oldest first: as many as undo looks at."""
    wanted = (draft_edits.c.wizard_id == wizard_id, draft_edits.c.revision <= revision, draft_edits.c.revision > revision - UNDO_DEPTH)
    rows = await tx.rows(select(*_LINE).where(*wanted).order_by(draft_edits.c.revision))
    return tuple(_logged(row) for row in rows)


def _logged(row: Row[Any]) -> LoggedEdit:
    return LoggedEdit(revision=row.revision, kind=row.kind, name=row.name, undoes=row.undoes, actor=row.actor, at=row.at)


async def inverse_at(tx: Read, wizard_id: str, revision: int) -> Revert:
    """What takes back the edit that led to this revision."""
    statement = select(draft_edits.c.inverse).where(draft_edits.c.wizard_id == wizard_id, draft_edits.c.revision == revision)
    return _reverting(await tx.scalar(statement))


async def inverses_since(tx: Read, wizard_id: str, revision: int) -> Sequence[Revert]:
    """What takes back the edits after this revision, the newest first."""
    wanted = (draft_edits.c.wizard_id == wizard_id, draft_edits.c.revision > revision)
    rows = await tx.rows(select(draft_edits.c.inverse).where(*wanted).order_by(draft_edits.c.revision.desc()))
    return [_reverting(row.inverse) for row in rows]


async def touched_at(tx: Read, wizard_id: str, revisions: Collection[int]) -> Mapping[int, frozenset[str]]:
    """What each of these edits touched, by revision."""
    if not revisions:
        return {}
    wanted = (draft_edits.c.wizard_id == wizard_id, draft_edits.c.revision.in_(sorted(revisions)))
    rows = await tx.rows(select(draft_edits.c.revision, draft_edits.c.inverse).where(*wanted))
    return {row.revision: touches(_reverting(row.inverse)) for row in rows}


def _reverting(data: Any) -> Revert:
    inverse = from_json(data)
    assert isinstance(inverse, Revert)  # what `core.edit.apply` gives, always
    return inverse


async def edits_since(
    tx: Read, wizard_id: str, revision: int, *, most: int = MOST_NAMED, until: int | None = None
) -> Sequence[Mapping[str, Any]]:
    """What was done after this revision, or until another one, and by whom, newest first: `{revision, edit, by, at}`; at most so many."""
    columns = (draft_edits.c.revision, draft_edits.c.name, draft_edits.c.actor, draft_edits.c.at, users.c.name.label("by"))
    joined = draft_edits.outerjoin(users, users.c.id == draft_edits.c.actor)
    wanted = [draft_edits.c.wizard_id == wizard_id, draft_edits.c.revision > revision]
    if until is not None:
        wanted.append(draft_edits.c.revision <= until)
    statement = select(*columns).select_from(joined).where(*wanted).order_by(draft_edits.c.revision.desc()).limit(most)
    return [{"revision": row.revision, "edit": row.name, "by": _by(row), "at": row.at} for row in await tx.rows(statement)]


async def edit_at(tx: Read, wizard_id: str, revision: int) -> Mapping[str, Any] | None:
    """The edit that led to this revision, as `edits_since` tells it."""
    found = await edits_since(tx, wizard_id, revision - 1, until=revision)
    return found[0] if found else None


def _by(row: Row[Any]) -> Mapping[str, Any] | None:
    return None if row.actor is None else {"id": row.actor, "name": row.by}


async def tried_conversions(tx: Read, wizard_id: str) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
    """The parameters that were tried at changes of type, the last ones: by question, former type and new type."""
    edit = draft_edits.c.edit
    former = edit["conversion"]["from"].astext
    wanted = (draft_edits.c.wizard_id == wizard_id, edit["edit"].astext == "change-option-set", former.is_not(None))
    rows = await tx.rows(select(edit).where(*wanted).order_by(draft_edits.c.revision))
    made = [row.edit for row in rows]
    return {
        (each["option_set_id"], each["conversion"]["from"], each["fields"]["selection_type"]): each["conversion"]["params"] for each in made
    }


# --- what the wizard ever used -------------------------------------------------------------------------------------


async def reserved_of(tx: Read, wizard_id: str) -> Reserved:
    """Every key and option value that the wizard ever used, with its owner. Two queries."""
    keys = await tx.rows(select(reserved_keys.c.key, reserved_keys.c.option_set_id).where(reserved_keys.c.origin_wizard_id == wizard_id))
    owned = option_values.join(nodes, nodes.c.id == option_values.c.option_set_id)
    # Grouped there: a row for each value of a large wizard takes longer than everything else that an edit looks up.
    used = func.array_agg(option_values.c.value).label("used")
    statement = select(option_values.c.option_set_id, used).select_from(owned).where(nodes.c.origin_wizard_id == wizard_id)
    rows = await tx.rows(statement.group_by(option_values.c.option_set_id))
    values = {row.option_set_id: frozenset(row.used) for row in rows}
    return Reserved({row.key: row.option_set_id for row in keys}, values)


async def owners_of(tx: Read, ids: Collection[str]) -> Mapping[str, NodeOwner]:
    """The owner of each of these ids that any wizard ever used."""
    if not ids:
        return {}
    rows = await tx.rows(select(nodes.c.id, nodes.c.origin_wizard_id, nodes.c.kind).where(nodes.c.id.in_(sorted(ids))))
    return {row.id: NodeOwner(row.origin_wizard_id, row.kind) for row in rows}


async def wizard_of_node(tx: Read, node_id: str, kind: NodeKind) -> str:
    """The id of the wizard that this step or option set belongs to, on the shelf or not. Raises NodeNotFound."""
    owner = (await owners_of(tx, {node_id})).get(node_id)
    if owner is None or owner.kind != kind:
        raise NodeNotFound(f"There is no {kind.replace('_', ' ')} {node_id}.")
    return owner.wizard_id


async def find_adding(tx: Read, wizard_id: str, identity: str, option_set_id: str | None) -> Any | None:
    """The logged edit (JSON) that added the step or option set of this id, or the option of this value to `option_set_id`."""
    edit = draft_edits.c.edit
    if option_set_id is None:
        wanted = (edit["edit"].astext.in_(["add-step", "add-option-set"]), edit["node"]["id"].astext == identity)
    else:
        option = and_(edit["option_set_id"].astext == option_set_id, edit["node"]["value"].astext == identity)
        wanted = (edit["edit"].astext == "add-option", option)
    statement = select(edit).where(draft_edits.c.wizard_id == wizard_id, *wanted).order_by(draft_edits.c.revision.desc()).limit(1)
    return await tx.scalar(statement)
