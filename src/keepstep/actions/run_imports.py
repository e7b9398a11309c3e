"""Runs from a file, all of them or none: an import refuses no value, it flags what does not fit and archives what has no question.

Each run becomes a first revision with the cause `import`. A run that is stored already stays as it is, so the same file
twice adds nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import text

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.actions.imported_runs import ImportedRuns, Progress, Share
from keepstep.actions.imports import plain_name
from keepstep.actions.revisions import COLUMNS, NewRevision, revision_values, stored_answers
from keepstep.core.clock import Clock
from keepstep.core.flow import evaluate
from keepstep.core.issue import Issue
from keepstep.core.selection import check_other, check_value
from keepstep.core.structure import OptionSet
from keepstep.core.validate import same_answer, verdict_on
from keepstep.db.tables import RunStatus, run_revisions, wizard_runs
from keepstep.db.transaction import UNIQUE, Write
from keepstep.errors import IdConflict, NothingPublished, Unsupported, VersionNotFound, WizardTrashed
from keepstep.interchange.cells import cell_text
from keepstep.interchange.runs_in import ImportedRun, ReadOptions, RunsReading, read_runs_csv, run_id_of
from keepstep.interchange.runs_in_jsonl import JsonlOptions, JsonlReading, read_runs_jsonl
from keepstep.queries.imports import KnownRun, known_runs
from keepstep.queries.versions import Version, versions_of
from keepstep.queries.wizards import Wizard, get_wizard

RunsFormat = Literal["auto", "csv", "jsonl"]
# Runs that are worked on and stored together: enough that the database is asked seldom, few enough for memory and for
# other requests, which wait for the interpreter meanwhile.
_BATCH: Final = 100
_MOST_COLUMNS: Final = 1_000
_RUN_COLUMNS: Final = (
    "id",
    "origin_wizard_id",
    "wizard_id",
    "wizard_version_id",
    "status",
    "revision",
    "save_number",
    "working_answers",
    "language",
    "respondent",
    "saved_by",
    "started_at",
    "updated_at",
    "completed_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsFile:
    """A file with runs in it. `stream` is seekable and read twice. The other members are those of `ReadOptions`.

    `version_number`: all runs are taken for this version; None: each for the one that it names, else for the active one.
    """

    stream: BinaryIO
    filename: str = ""
    format_name: RunsFormat = "auto"
    version_number: int | None = None
    lenient: bool = False
    guarded: bool = False
    delimiter: str | None = None
    encoding: str | None = None
    blanks: tuple[str, ...] = ("n/a",)
    told: Callable[[int], None] | None = field(default=None, repr=False)
    """Told how many runs are done, after each batch."""


async def import_runs(ctx: Context, tx: Write, wizard_ref: str, file: RunsFile) -> ImportedRuns:
    """The runs of the file, stored, with the account of every non-empty cell.

    Raises FileUnreadable before anything is stored, naming the line and the remedy; WizardTrashed, NothingPublished, VersionNotFound.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "edit")
    if wizard.trashed_at is not None:
        raise WizardTrashed("This wizard is in the trash; restore it before runs can be imported.")
    # Between two statements a large file is being read; the database must not take that for a session that was forgotten.
    await tx.execute(text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)"))
    into = _into(wizard, file, await versions_of(tx, wizard.id))
    reading = await asyncio.to_thread(_reading, ctx, into, file)
    runs = reading.unsettled()
    progress = Progress()
    while batch := await asyncio.to_thread(lambda: list(islice(runs, _BATCH))):
        new = await _new_ones(tx, into, batch, progress)
        added = {run.line for run in new}
        for run in batch:
            reading.settle(run, there=run.line not in added)
        await _store(ctx, tx, into, new, progress)
        if file.told:
            file.told(progress.added.runs + progress.there.runs)
    return await _finished(ctx, tx, file, _account(into, progress, reading))


# --- what is read for what -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Into:
    """Where runs go: `target` is the version of a run that names none, `by_number` those that a run may name.

    `as_text`: they come from a table, which cannot tell a number from the text that spells it.
    """

    wizard: Wizard
    target: Version
    by_number: Mapping[int, Version]
    by_version: bool
    as_text: bool

    def version_of(self, run: ImportedRun) -> Version:
        named = self.by_number.get(run.version_number or 0) if self.by_version else None
        return named or self.target


def _into(wizard: Wizard, file: RunsFile, versions: Sequence[Version]) -> _Into:
    if not versions:
        raise NothingPublished("This wizard has no published version yet; publish it before runs are imported.")
    by_number = {version.number: version for version in versions}
    number = file.version_number or wizard.active_version_number or versions[-1].number
    if number not in by_number:
        raise VersionNotFound(f"This wizard has no version {number}.")
    return _Into(wizard, by_number[number], by_number, by_version=file.version_number is None, as_text=_format_of(file) == "csv")


def _reading(ctx: Context, into: _Into, file: RunsFile) -> RunsReading | JsonlReading:
    older = {number: version.structure for number, version in into.by_number.items()}
    if not into.as_text:
        lines = JsonlOptions(ctx.clock, wizard_id=into.wizard.id, by_version=into.by_version)
        return read_runs_jsonl(file.stream, into.target.structure, lines, older=older)
    options = ReadOptions(
        ctx.clock,
        wizard_id=into.wizard.id,
        blanks=file.blanks,
        lenient=file.lenient,
        by_version=into.by_version,
        guarded=file.guarded,
        delimiter=file.delimiter,
        encoding=file.encoding,
    )
    return read_runs_csv(file.stream, into.target.structure, options, older=older)


def _format_of(file: RunsFile) -> Literal["csv", "jsonl"]:
    """By the content: a line of JSON begins with a brace, which no header of a table does."""
    if file.format_name != "auto":
        return file.format_name
    file.stream.seek(0)
    start = file.stream.read(4_096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        raise Unsupported("This is one JSON array. Give JSON Lines: one run, as an object, on each line.")
    return "jsonl" if start.startswith(b"{") else "csv"


# --- what is there already -----------------------------------------------------------------------------------------


async def _new_ones(tx: Write, into: _Into, batch: Sequence[ImportedRun], progress: Progress) -> list[ImportedRun]:
    """The runs of the batch that are not stored yet. An id that is a run's of another wizard becomes one of this wizard's own."""
    wizard_id = into.wizard.id
    named = [run.id for run in batch if run.id is not None]
    known = await known_runs(tx, {*named, *(run_id_of(wizard_id, name) for name in named)})
    new = []
    for run in batch:
        if run.id is not None and run.id in known and known[run.id].origin_wizard_id != wizard_id:
            run = replace(run, id=run_id_of(wizard_id, run.id))  # noqa: PLW2901 - the same run under another id
        stored = known.get(run.id or "")
        if stored is None:
            new.append(run)
        else:
            _note_known(run, stored, progress, as_text=into.as_text)
    return new


def _note_known(run: ImportedRun, stored: KnownRun, progress: Progress, *, as_text: bool) -> None:
    progress.there = Share(progress.there.runs + 1, progress.there.cells + run.cells)
    if stored.erased:
        # What was erased for good must not come back with an old file.
        progress.erased += 1
    elif not _says_the_same(run, stored, as_text=as_text):
        progress.differing.append(run.id or "")


def _says_the_same(run: ImportedRun, stored: KnownRun, *, as_text: bool) -> bool:
    """Whether everything that the file says of the run is what is stored; what was answered besides is no contradiction."""
    for name, envelope in (*run.answers.items(), *run.archive.items()):
        known = stored.answers.get(name) or stored.archive.get(name)
        if not same_answer(envelope, known) and not (as_text and _same_text(envelope, known or {})):
            return False
    return True


def _same_text(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(cell_text(one.get(name)) == cell_text(other.get(name)) for name in ("value", "other"))


# --- store ---------------------------------------------------------------------------------------------------------


async def _store(ctx: Context, tx: Write, into: _Into, runs: Sequence[ImportedRun], progress: Progress) -> None:
    if not runs:
        return
    revisions = await asyncio.to_thread(lambda: [_revision(ctx, into, run) for run in runs])
    raced = IdConflict("Somebody stored a run of this file at the same moment. Nothing was imported; try again.")
    rows = [_run_row(ctx, run, new) for run, new in zip(runs, revisions, strict=True)]
    await tx.copy(wizard_runs, _RUN_COLUMNS, rows, refused={UNIQUE: raced})
    salted = await asyncio.to_thread(lambda: [revision_values(new, ctx.make_salt()) for new in revisions])
    await tx.copy(run_revisions, COLUMNS, salted, refused={UNIQUE: raced})
    _note_added(runs, revisions, progress)


def _note_added(runs: Sequence[ImportedRun], revisions: Sequence[NewRevision], progress: Progress) -> None:
    cells = progress.added.cells + sum(run.cells for run in runs)
    progress.added = Share(progress.added.runs + len(runs), cells)
    for new in revisions:
        progress.statuses[new.status] += 1
        progress.versions[new.version.number] += 1
        for option_set_id, envelope in new.answers.items():
            for flag in envelope.get("flags", ()):
                progress.flags[option_set_id, flag["code"]] += 1


def _run_row(ctx: Context, run: ImportedRun, new: NewRevision) -> tuple[Any, ...]:
    """In the order of _RUN_COLUMNS. `updated_at` is now, so that whoever keeps in step by it sees the import."""
    finished = new.status == "completed"
    wizard_id = new.version.origin_wizard_id
    return (
        new.run_id,
        wizard_id,
        wizard_id,
        new.version.id,
        new.status,
        new.revision,
        0,
        None if finished else new.answers,
        new.language,
        run.respondent,
        ctx.actor.id,
        run.started_at or new.evaluated_at,
        ctx.now,
        (run.completed_at or new.evaluated_at) if finished else None,
    )


def _revision(ctx: Context, into: _Into, run: ImportedRun) -> NewRevision:
    """The run as its first revision, evaluated at the time when it was answered."""
    version = into.version_of(run)
    at = _evaluated_at(ctx, run)
    evaluation = evaluate(version.structure, run.answers, Clock(at, ctx.zone))
    verdict = verdict_on(run.answers, version.structure, evaluation, "import")
    flags = _all_flags(ctx, version, run, verdict.flags)
    return NewRevision(
        run_id=run.id or ctx.make_id(),
        revision=1,
        version=version,
        language=run.language,
        status=_status(run.status),
        answers=stored_answers(run.answers, version.structure, evaluation, flags),
        archive=run.archive,
        asked=evaluation.asked,
        evaluated_at=at,
        zone=ctx.zone,
        cause="import",
        actor=ctx.actor.id,
        at=ctx.now,
        previous_digest=None,
    )


def _status(status: str) -> RunStatus:
    return "completed" if status == "completed" else "abandoned" if status == "abandoned" else "in_progress"


def _evaluated_at(ctx: Context, run: ImportedRun) -> datetime:
    """`today` of a finished run is the day it was finished on; a run that goes on is asked as of now."""
    told = run.completed_at or run.started_at if run.status == "completed" else None
    return (told or ctx.now).astimezone(ZoneInfo(ctx.zone))


def _all_flags(ctx: Context, version: Version, run: ImportedRun, found: Mapping[str, tuple[Issue, ...]]) -> Mapping[str, tuple[Issue, ...]]:
    """What was found on the whole run, and before it what the file itself says of an answer.

    What reading found on a value by itself is left out: it was judged as of today, and is found again as of the run's own time.
    """
    flags = dict(found)
    for option_set_id, envelope in run.answers.items():
        if "flags" in envelope:
            own = tuple(_told_flags(ctx, version.structure.option_set_by_id[option_set_id], envelope))
            known = {issue.code for issue in own}
            flags[option_set_id] = (*own, *(issue for issue in found.get(option_set_id, ()) if issue.code not in known))
    return flags


def _told_flags(ctx: Context, option_set: OptionSet, envelope: Mapping[str, Any]) -> Iterator[Issue]:
    issues = check_value(envelope.get("value"), option_set, ctx.clock)
    if envelope.get("other"):
        issues = (*issues, *check_other(envelope["other"], option_set))
    judged = {issue.code for issue in issues}
    for flag in envelope["flags"]:
        if flag["code"] not in judged:
            yield Issue("", flag["code"], flag.get("detail", ""))


# --- account -------------------------------------------------------------------------------------------------------


def _account(into: _Into, progress: Progress, reading: RunsReading | JsonlReading) -> ImportedRuns:
    questions: dict[str, OptionSet] = {}
    for number in sorted(into.by_number, reverse=True):
        questions = into.by_number[number].structure.option_set_by_id | questions
    return ImportedRuns(
        wizard=into.wizard,
        version=into.target,
        progress=progress,
        receipt=reading.receipt,
        questions=into.target.structure.option_set_by_id | questions,
    )


async def _finished(ctx: Context, tx: Write, file: RunsFile, imported: ImportedRuns) -> ImportedRuns:
    done = imported.progress
    details = {"filename": plain_name(file.filename), "version_number": imported.version.number, "cells": imported.receipt.cells}
    details |= {"added": done.added.runs, "already_there": done.there.runs}
    # Headings are no answers. Columns without a cell are in no run's archive, so this is where they stay on record.
    details["archived_columns"] = [column.name for column in imported.receipt.columns if column.role == "archive"][:_MOST_COLUMNS]
    await audit_wizard(ctx, tx, "wizard.runs_imported", imported.wizard.id, **details)
    return imported
