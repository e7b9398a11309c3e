"""Editing a stored run in the pages: what somebody types is kept step by step in a row of its own, and becomes one revision at the end.

A person has one open edit of a run (semantics 5). It holds what differs from the revision that it began on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.context import Context
from keepstep.actions.preconditions import require_there
from keepstep.actions.runs import Saved, save_answers
from keepstep.core.permissions import require
from keepstep.db.tables import edits
from keepstep.db.transaction import Read, Write
from keepstep.errors import RunInProgress
from keepstep.queries.runs import RunState, load_run, load_run_at


@dataclass(frozen=True, slots=True)
class OpenEdit:
    """The run as it is now, and what somebody typed so far: `{value, other?}` by option set id, over `on`, the revision they saw."""

    state: RunState
    on: RunState
    typed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def base(self) -> int:
        return self.on.revision

    @property
    def is_stale(self) -> bool:
        """Whether somebody stored a revision since this edit began."""
        return self.base != self.state.head_revision


async def open_edit(ctx: Context, tx: Read, run_id: str, *, base: int | None = None, locked: bool = False) -> OpenEdit:
    """This person's edit of the run; if there is none, one that begins on the revision `base` (None: on the newest).

    Raises Forbidden, RunInProgress, RunErased, RunTrashed, RevisionNotFound.
    """
    state = await load_run(tx, run_id, locked=locked)
    require(ctx.actor, "edit", state.origin_wizard_id)
    require_there(state, erased="The answers of this run were erased; it takes no new ones.")
    if state.status != "completed":
        raise RunInProgress("Whoever answers this run has not completed it yet, and may be writing in it now.")
    row = await tx.one_or_none(select(edits.c.base_revision, edits.c.answers).where(_own(ctx, run_id)))
    began = base or state.head_revision if row is None else row.base_revision
    on = state if began == state.head_revision else await load_run_at(tx, run_id, began)
    return OpenEdit(state, on, {} if row is None else row.answers)


def _own(ctx: Context, run_id: str) -> Any:
    return and_(edits.c.run_id == run_id, edits.c.actor == ctx.actor.id)


async def keep_edit(ctx: Context, tx: Write, edit: OpenEdit, answers: Mapping[str, Mapping[str, Any]], *, base: int) -> OpenEdit:
    """The edit with these answers taken over, on the revision `base`. Nothing of the run changes."""
    typed = {**edit.typed, **{name: dict(envelope) for name, envelope in answers.items()}}
    row = {"run_id": edit.state.id, "id": ctx.make_id(), "actor": ctx.actor.id, "base_revision": base, "answers": typed}
    statement = upsert(edits).values(**row, created_at=ctx.now, updated_at=ctx.now)
    changed = {"answers": typed, "base_revision": base, "updated_at": ctx.now}
    await tx.execute(statement.on_conflict_do_update(index_elements=[edits.c.run_id, edits.c.actor], set_=changed))
    return OpenEdit(edit.state, edit.state if base == edit.state.head_revision else edit.on, typed)


async def commit_edit(ctx: Context, tx: Write, run_id: str) -> Saved:
    """The edit as a new revision of the run, in the run's own version. Raises Stale, AnswersInvalid; the edit is kept then."""
    edit = await open_edit(ctx, tx, run_id, locked=True)
    saved = await save_answers(ctx, tx, run_id, edit.typed, f"{edit.base}.0")
    await tx.execute(delete(edits).where(_own(ctx, run_id)))
    return saved


async def drop_edit(ctx: Context, tx: Write, run_id: str) -> None:
    """What was typed, thrown away. The run is as it was."""
    await tx.execute(delete(edits).where(_own(ctx, run_id)))
