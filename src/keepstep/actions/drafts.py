"""What people do to a draft: make an edit, replace the whole, undo, redo. Each is one named line in the draft's log.

Every way in ends in `store_edit`: new draft, log, registry and audit event in one transaction, revision + 1, compare-and-set.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import insert, update

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.actions.new_nodes import new_structure
from keepstep.actions.preconditions import require_seen
from keepstep.actions.registry import register
from keepstep.core import edits as e
from keepstep.core.edit import Applied, apply
from keepstep.core.edits import Draft, Edit, collide, draft_to_store, to_json
from keepstep.core.impact import Report
from keepstep.core.structure import Structure
from keepstep.core.text import text_in
from keepstep.db.tables import draft_edits, wizards
from keepstep.db.transaction import UNIQUE, Read, Write
from keepstep.errors import NothingToUndo, Stale, UndoBlocked, WizardTrashed
from keepstep.queries.drafts import (
    UNDO_DEPTH,
    LoggedEdit,
    WizardDraft,
    edit_at,
    edits_since,
    get_draft_locked,
    inverse_at,
    recent_edits,
    reserved_of,
    touched_at,
)
from keepstep.queries.kept_drafts import KEPT, STAMP, Kept
from keepstep.queries.wizards import Wizard

Back = Literal["undo", "redo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The draft after an edit, the edit and its name (None when it changed nothing), and what it touched, where that was counted."""

    state: WizardDraft
    name: str | None
    edit: Edit | None = None
    report: Report | None = None


async def draft_to_edit(ctx: Context, tx: Write, wizard_ref: str) -> WizardDraft:
    """The draft, locked for a change. Raises WizardTrashed, besides what `get_draft` raises."""
    state = await get_draft_locked(tx, ctx.actor, wizard_ref)
    if state.wizard.trashed_at is not None:
        raise WizardTrashed("This wizard is in the trash; restore it before it can be changed.")
    return state


async def check_draft_seen(tx: Read, state: WizardDraft, seen: str | None) -> None:
    """Raises PreconditionRequired, or Stale with what changed since and by whom."""
    behind = seen is not None and seen not in ("*", state.etag)
    edits = await edits_since(tx, state.wizard.id, _revision(seen)) if behind else ()
    require_seen(state.etag, seen, {"revision": state.wizard.draft_revision, "edits": list(edits)})


def _revision(seen: str | None) -> int:
    return int(seen) if seen is not None and seen.isascii() and seen.isdecimal() and len(seen) < 19 else 0


async def make_edit(ctx: Context, tx: Write, state: WizardDraft, edit: Edit) -> Edited:
    """The locked draft with the edit made and stored. Raises what `core.edit.apply` raises."""
    # In a thread: a whole structure of the largest size takes seconds, in which the server goes on answering others.
    applied = await asyncio.to_thread(apply, state.draft, edit, await reserved_of(tx, state.wizard.id))
    return await store_edit(ctx, tx, state, Made(edit, applied))


async def replace_draft(ctx: Context, tx: Write, wizard_ref: str, structure: Any, seen: str | None) -> Edited:
    """The whole document replaced: nodes that are gone go to the shelf, nodes that are back leave it. Publishing asks for everything."""
    state = await _seen_draft(ctx, tx, wizard_ref, seen)
    completed = new_structure(structure, ctx.make_id, state.draft.structure)
    return await make_edit(ctx, tx, state, e.ReplaceStructure(structure=completed))


# --- store ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """An edit and what it leads to, and how it stands in the log: an undo or redo names the edit that it is about."""

    edit: Edit
    applied: Applied
    kind: Literal["edit", "undo", "redo"] = "edit"
    undoes: int | None = None


async def store_edit(ctx: Context, tx: Write, state: WizardDraft, made: Made) -> Edited:
    """What was made, stored as the next revision of the locked draft. An edit that changes nothing leaves no trace."""
    draft = made.applied.draft
    if state.draft.structure == draft.structure and state.draft.shelf == draft.shelf:
        return Edited(state=state, name=None)
    await register(ctx, tx, state.wizard.id, old=state.draft.structure, new=draft.structure)
    wizard = await _store_draft(ctx, tx, state.wizard, draft)
    revision, name = wizard.draft_revision, made.applied.name
    row = {"wizard_id": wizard.id, "revision": revision, "kind": made.kind, "undoes": made.undoes, "name": name}
    row |= {"edit": to_json(made.edit), "inverse": to_json(made.applied.inverse), "actor": ctx.actor.id, "at": ctx.now}
    await tx.execute(insert(draft_edits).values(**row), refused={UNIQUE: _raced()})
    await audit_wizard(ctx, tx, _ACTIONS[made.kind], wizard.id, revision=revision, name=name)
    return Edited(state=WizardDraft(wizard, draft), name=name, edit=made.edit)


_ACTIONS: Final = {"edit": "draft.edited", "undo": "draft.undone", "redo": "draft.redone"}


async def _store_draft(ctx: Context, tx: Write, wizard: Wizard, draft: Draft) -> Wizard:
    after = replace(wizard, draft_revision=wizard.draft_revision + 1, name=name_of_wizard(draft.structure), updated_at=ctx.now)
    stored = draft_to_store(draft)
    values = {"draft": stored["structure"], "shelf": stored["shelf"], "draft_revision": after.draft_revision}
    values |= {"name": after.name, "updated_at": ctx.now}
    # The row is locked, so this holds; it is written as compare-and-set all the same, because a lock that is forgotten
    # somewhere must never cost anybody's work.
    unchanged = (wizards.c.id == wizard.id, wizards.c.draft_revision == wizard.draft_revision)
    stamp = await tx.scalar(update(wizards).where(*unchanged).values(**values).returning(STAMP))
    if stamp is None:
        raise _raced()
    # Whatever becomes of this transaction: nobody meets the stamp of a row that was never committed.
    for ref in filter(None, (after.id, after.slug)):
        KEPT.put(ref, Kept(stamp, draft))
    return after


def _raced() -> Stale:
    return Stale("Somebody changed the draft at the same moment; read it again, then repeat your change.")


def name_of_wizard(structure: Structure) -> str:
    """The wizard's name in lists: its structure's, in the default language. The structure is the one source."""
    return text_in(structure.name, structure.default_language, structure.default_language)


# --- undo and redo -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What undo or redo would do: the edit's own revision, the line of the log to take back, and its name."""

    origin: int
    line: LoggedEdit


async def undo_edit(ctx: Context, tx: Write, wizard_ref: str, seen: str | None, *, revision: int | None = None) -> Edited:
    """The draft without the caller's own last edit, or without the one that `revision` names, whoever made it.

    Raises NothingToUndo; UndoBlocked when later edits touch the same nodes.
    """
    state = await _seen_draft(ctx, tx, wizard_ref, seen)
    return await _go_back(ctx, tx, state, kind="undo", revision=revision)


async def redo_edit(ctx: Context, tx: Write, wizard_ref: str, seen: str | None, *, revision: int | None = None) -> Edited:
    """The draft with the edit made again that the caller undid last, or the one that `revision` names. Raises as `undo_edit`."""
    state = await _seen_draft(ctx, tx, wizard_ref, seen)
    return await _go_back(ctx, tx, state, kind="redo", revision=revision)


async def _seen_draft(ctx: Context, tx: Write, wizard_ref: str, seen: str | None) -> WizardDraft:
    state = await draft_to_edit(ctx, tx, wizard_ref)
    await check_draft_seen(tx, state, seen)
    return state


async def _go_back(ctx: Context, tx: Write, state: WizardDraft, *, kind: Back, revision: int | None) -> Edited:
    wizard = state.wizard
    log = await recent_edits(tx, wizard.id, wizard.draft_revision)
    step = next_step(log, ctx.actor.id, kind) if revision is None else _named_step(log, revision, kind)
    if step is None:
        raise NothingToUndo(f"You have nothing to {kind} in this draft. Another person's edit is named by its revision.")
    await _check_free(tx, wizard.id, log, step)
    inverse = await inverse_at(tx, wizard.id, step.line.revision)
    applied = apply(state.draft, inverse, await reserved_of(tx, wizard.id))
    return await store_edit(ctx, tx, state, Made(inverse, applied, kind, step.origin))


def next_step(log: Iterable[LoggedEdit], actor: str | None, kind: Back) -> Step | None:
    """What this person's next undo or redo would take back; None for nothing. A new edit ends what could be redone."""
    lines = tuple(log)
    newest = {line.origin: line for line in lines}
    mine = [line for line in newest.values() if line.actor == actor and (line.kind == "undo") == (kind == "redo")]
    if kind == "redo":
        last_edit = max((line.revision for line in lines if line.kind == "edit" and line.actor == actor), default=0)
        mine = [line for line in mine if line.revision > last_edit]
    found = max(mine, key=lambda line: line.revision, default=None)
    return None if found is None else Step(found.origin, found)


def _named_step(log: tuple[LoggedEdit, ...], revision: int, kind: Back) -> Step | None:
    """The step for the edit of this revision; the revision of its undo or redo stands for it as well."""
    origin = next((line.origin for line in log if line.revision == revision), None)
    if origin is None:
        raise NothingToUndo(f"The draft has no edit of revision {revision} among its last {UNDO_DEPTH}.")
    newest = next(line for line in reversed(log) if line.origin == origin)
    if (newest.kind == "undo") == (kind == "undo"):
        raise NothingToUndo(f"The edit of revision {origin} ({newest.name}) is {'already undone' if kind == 'undo' else 'not undone'}.")
    return Step(origin, newest)


async def _check_free(tx: Read, wizard_id: str, log: tuple[LoggedEdit, ...], step: Step) -> None:
    """Raises UndoBlocked when an edit that came into force or was taken back since touches the same nodes."""
    later = _in_between(log, step)
    touched = await touched_at(tx, wizard_id, {step.line.revision, *(line.revision for line in later)})
    for line in later:
        if collide(touched[step.line.revision], touched[line.revision]):
            made = await edit_at(tx, wizard_id, line.revision)
            who = f" by {made['by']['name']}" if made and made["by"] and made["by"]["name"] else ""
            detail = f"“{line.name}” (revision {line.revision}{who}) came later and touches the same place. Undo that first."
            raise UndoBlocked(detail, blocked_by={"revision": line.revision, "name": line.name, "by": line.actor})


def _in_between(log: tuple[LoggedEdit, ...], step: Step) -> list[LoggedEdit]:
    """The newest line of every other edit whose state is not what it was when the step's line was written.

    An edit that was undone and redone since, or made and undone, has left nothing behind.
    """
    before = {line.origin: line.kind != "undo" for line in log if line.revision < step.line.revision}
    after = {line.origin: line for line in log if line.revision > step.line.revision and line.origin != step.origin}
    return [line for origin, line in after.items() if (line.kind != "undo") != before.get(origin, False)]


def undo_names(log: Iterable[LoggedEdit], actor: str | None) -> Mapping[str, Mapping[str, Any] | None]:
    """`{undo, redo}`: the revision and the name of what this person's next undo and redo would be about."""
    lines = tuple(log)
    names = {line.revision: line.name for line in lines}
    kinds: tuple[Back, ...] = ("undo", "redo")
    steps = {kind: next_step(lines, actor, kind) for kind in kinds}
    return {
        kind: None if step is None else {"revision": step.origin, "name": names.get(step.origin, step.line.name)}
        for kind, step in steps.items()
    }
