"""A whole run in one statement: what nearly every submission is. Whatever else it may be, `start_run` says in its own words.

docs/decisions/0010-driver-and-hot-path.md tells what this saves. Must not refuse anything.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, bindparam, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.actions.context import Context
from keepstep.actions.files import names_files
from keepstep.actions.revisions import COLUMNS, stored_answers
from keepstep.actions.runs import RunRequest, Saved, Start, in_body, new_run, row_of_state, run_row, with_revision
from keepstep.core.flow import evaluate
from keepstep.core.issue import Issue
from keepstep.core.permissions import may
from keepstep.core.validate import given_answers, verdict_on
from keepstep.db.prepared import Prepared
from keepstep.db.tables import run_revisions, wizard_runs, wizards
from keepstep.db.transaction import store_at_once
from keepstep.queries.runs import RunState, RunWizard
from keepstep.queries.versions import Version, likely_active

_RUN_COLUMNS: Final = (
    "id",
    "origin_wizard_id",
    "wizard_id",
    "wizard_version_id",
    "status",
    "revision",
    "save_number",
    "language",
    "respondent",
    "request_digest",
    "saved_by",
    "started_at",
    "updated_at",
    "completed_at",
)


def _parameters(table: Table, columns: tuple[str, ...], prefix: str) -> list[ColumnElement[Any]]:
    return [bindparam(prefix + name, type_=table.c[name].type) for name in columns]


def _statement() -> Prepared:
    """Stores nothing and gives no row when the wizard does not stand as it was known, or the run's id is taken."""
    own = wizards.c
    ref = bindparam("ref", type_=own.slug.type)
    stands = (
        own.id == bindparam("run_wizard_id", type_=own.id.type),
        own.active_version_id == bindparam("run_wizard_version_id", type_=own.id.type),
        own.trashed_at.is_(None),
        own.removed_at.is_(None),
        (own.slug == ref) | (own.id.cast(own.slug.type) == ref),
    )
    given = select(*_parameters(wizard_runs, _RUN_COLUMNS, "run_")).select_from(wizards).where(*stands)
    # The lock is the one that the run's foreign key takes anyway. Taken here, a wizard on its way to the trash is waited for.
    given = given.with_for_update(of=wizards, read=True, key_share=True)
    unless_taken = upsert(wizard_runs).from_select(_RUN_COLUMNS, given).on_conflict_do_nothing(index_elements=[wizard_runs.c.id])
    run = unless_taken.returning(wizard_runs.c.wizard_id).cte("run")
    first = select(*_parameters(run_revisions, COLUMNS, "revision_")).select_from(run)
    revision = insert(run_revisions).from_select(COLUMNS, first).cte("revision")
    return Prepared.of(select(own.slug, own.name).join_from(run, wizards, own.id == run.c.wizard_id).add_cte(revision))


_SUBMIT: Final = _statement()


@dataclass(frozen=True, slots=True)
class Submitted:
    """A stored run, and what its wizard is called."""

    saved: Saved
    wizard: RunWizard


async def submit_run(ctx: Context, engine: AsyncEngine, wizard_ref: str, request: RunRequest) -> Submitted | None:
    """The completed run of this request, stored; None when this way does not serve it, and nothing is stored then.

    It is checked against the version that was active a moment ago. The statement stores it only if that version still is,
    so a run never begins on another one; what does not fit that version is left to `start_run`, which asks for the active one.
    """
    version = likely_active(wizard_ref)
    if version is None or not request.complete or request.version_number is not None:
        return None
    if not may(ctx.actor, "submit", version.origin_wizard_id):
        return None
    checked = _checked(ctx, version, request)
    if checked is None:
        return None
    state, notes = checked
    row = row_of_state(ctx, state, "respondent", None)
    stored = await store_at_once(engine, _SUBMIT, _values(wizard_ref, run_row(ctx, state, request), row))
    if stored is None:
        return None
    wizard = RunWizard(version.origin_wizard_id, stored["slug"], stored["name"], removed=False, active_number=version.number)
    return Submitted(Saved(with_revision(ctx, state, row), notes, created=True), wizard)


def _checked(ctx: Context, version: Version, request: RunRequest) -> tuple[RunState, tuple[Issue, ...]] | None:
    """The run as it would be stored and what is to be said of it; None with any finding."""
    structure = version.structure
    language = request.language or structure.default_language
    given = given_answers(request.answers or {}, structure, "respondent")
    if language not in structure.languages or given.issues or names_files(version, given.answers):
        return None
    evaluation = evaluate(structure, given.answers, ctx.clock)
    verdict = verdict_on(given.answers, structure, evaluation, "complete", language=language)
    if verdict.errors:
        return None
    answers = stored_answers(given.answers, structure, evaluation, verdict.flags)
    start = Start(request.id or ctx.make_id(), language, evaluation.asked, answers)
    return new_run(ctx, version, request, start), in_body(verdict.notes)


def _values(wizard_ref: str, run: dict[str, Any], revision: dict[str, Any]) -> dict[str, Any]:
    values = {f"run_{name}": value for name, value in run.items()}
    return values | {f"revision_{name}": value for name, value in revision.items()} | {"ref": wizard_ref}
