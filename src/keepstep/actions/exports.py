"""Everything that was answered under a wizard, as a file: bytes in pieces, made from one snapshot, never the whole in memory.

It stores nothing. It stands here because it joins what is stored with how it is written. Removed wizards are exported by
their id; runs in the trash are left out and counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Literal

from keepstep.actions.context import Context
from keepstep.core.archive import parked_in
from keepstep.core.flow import is_answered
from keepstep.core.personal import personal_option_sets
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.interchange.codebook import WIDEST, codebook
from keepstep.interchange.columns import Column, Question, TableOptions, columns_of, questions_of
from keepstep.interchange.impersonal import impersonal_columns, impersonal_run, left_out
from keepstep.interchange.keepstep_json import keepstep_json
from keepstep.interchange.runs_out import StoredRun, WriteOptions, csv_rows, jsonl_rows
from keepstep.queries.drafts import get_draft
from keepstep.queries.exports import Chosen, ExportedRun, Names, Versions, chosen_versions, count_trashed, exported_runs, stored_names
from keepstep.queries.run_lists import RunFilter
from keepstep.queries.runs import RunState
from keepstep.queries.versions import version_by_number, versions_of
from keepstep.queries.wizards import Wizard, get_wizard

ExportFormat = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export and how it is written; `table` and `write` are about CSV alone. `only`: some of the runs.

    `impersonal`: without who answered, option sets with personal data, and columns of imported files that no question stands for.
    """

    format_name: ExportFormat = "csv"
    versions: Versions = "all"
    only: RunFilter | None = None
    impersonal: bool = False
    table: TableOptions = field(default_factory=TableOptions)
    write: WriteOptions = field(default_factory=WriteOptions)


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is ready to be written: iterate `pieces` once, while the transaction is open. `trashed`: runs left out."""

    wizard: Wizard
    trashed: int
    pieces: AsyncIterator[bytes]
    impersonal: bool = False

    def filename(self, ending: str) -> str:
        """A name for the file, of plain characters."""
        return f"{self.wizard.slug or self.wizard.id}{'-without-personal-data' if self.impersonal else ''}.{ending}"


async def export_runs(ctx: Context, tx: Read, wizard_ref: str, request: ExportRequest) -> Export:
    """The export of a wizard's runs. Raises WizardNotFound, Forbidden, NothingPublished, VersionNotFound before the first byte."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    chosen = replace(await chosen_versions(tx, wizard, request.versions), only=request.only)
    personal = await _personal(tx, wizard) if request.impersonal else frozenset[str]()
    stay = _known(chosen) - personal if request.impersonal else None
    if request.format_name == "jsonl":
        return Export(wizard, await count_trashed(tx, chosen), _pieces(tx, chosen, _lines_of(chosen, personal), stay), request.impersonal)
    names = await stored_names(tx, chosen)
    columns = _columns(chosen, names, request.table)
    columns = impersonal_columns(columns, personal) if request.impersonal else columns
    return Export(wizard, names.trashed, _pieces(tx, chosen, _rows_of(columns, request.write), stay), request.impersonal)


def _columns(chosen: Chosen, names: Names, table: TableOptions) -> tuple[Column, ...]:
    versions = [(version.number, version.structure) for version in chosen.versions]
    return columns_of(versions, table, stored=names.stored, archived_beside=names.beside, others=names.others)


def _known(chosen: Chosen) -> frozenset[str]:
    return frozenset(option_set.id for version in chosen.versions for option_set in version.structure.option_sets)


async def _personal(tx: Read, wizard: Wizard) -> frozenset[str]:
    """By all versions, whichever of them are exported."""
    return personal_option_sets(version.structure for version in await versions_of(tx, wizard.id))


async def left_out_without_personal_data(tx: Read, wizard: Wizard) -> tuple[Question, ...]:
    """The questions that an export without personal data leaves out, besides who answered and what no question stands for."""
    versions = [(version.number, version.structure) for version in await versions_of(tx, wizard.id)]
    return left_out(questions_of(versions), personal_option_sets(structure for _, structure in versions))


async def codebook_of(ctx: Context, tx: Read, wizard_ref: str) -> dict[str, Any]:
    """What the columns of an export over all versions mean (interchange/codebook). Raises WizardNotFound, Forbidden.

    A wizard that was never published has an empty one.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    chosen = Chosen(wizard, await versions_of(tx, wizard.id))
    versions = [(version.number, version.structure) for version in chosen.versions]
    columns = _columns(chosen, await stored_names(tx, chosen), WIDEST)
    return {"wizard": {"id": wizard.id, "slug": wizard.slug, "name": wizard.name}, **await asyncio.to_thread(codebook, versions, columns)}


Write = Callable[[Iterable[StoredRun]], Iterator[bytes]]


def _lines_of(chosen: Chosen, personal: Collection[str]) -> Write:
    structures = {version.number: version.structure for version in chosen.versions}
    return lambda runs: jsonl_rows(runs, structures, personal)


def _rows_of(columns: Sequence[Column], options: WriteOptions) -> Write:
    """The header stands before the first rows alone."""
    header = iter(list(islice(csv_rows((), columns, options), 1)))
    return lambda runs: chain(header, islice(csv_rows(runs, columns, options), 1, None))


async def _pieces(tx: Read, chosen: Chosen, write: Write, stay: Collection[str] | None) -> AsyncIterator[bytes]:
    """`stay`: the option sets whose answers are written, None for everything that is stored."""
    async for batch in exported_runs(tx, chosen):
        # In a thread: a hundred runs of a large form take a tenth of a second to write.
        yield await asyncio.to_thread(_written, write, batch, stay)
    yield _written(write, (), None)


def _written(write: Write, batch: Sequence[ExportedRun], stay: Collection[str] | None) -> bytes:
    runs = [stored_run(exported.state, exported.first_version_number) for exported in batch]
    return b"".join(write(runs if stay is None else [impersonal_run(run, stay) for run in runs]))


def stored_run(state: RunState, first_version_number: int) -> StoredRun:
    """A run as tables take it, in a file or on a page."""
    return StoredRun(
        id=state.id,
        version_number=state.version.number,
        first_version_number=first_version_number,
        status="completed" if state.status == "completed" else "abandoned" if state.status == "abandoned" else "in_progress",
        revision=state.head_revision,
        language=state.language,
        respondent=state.respondent,
        started_at=state.started_at,
        completed_at=state.completed_at,
        updated_at=state.updated_at,
        asked=state.asked,
        answers=state.answers,
        archive=state.archive,
        erased=frozenset(state.erased),
        conflicts=frozenset(name for to, name, _ in parked_in(state.archive) if not is_answered(state.answers.get(to))),
    )


# --- the wizard itself ---------------------------------------------------------------------------------------------


async def export_wizard(ctx: Context, tx: Read, wizard_ref: str, version_number: int | None = None) -> bytes:
    """The wizard as Keepstep JSON: its draft, or a published version, which a removed wizard has as well."""
    return keepstep_json(await _structure(ctx, tx, wizard_ref, version_number))


async def _structure(ctx: Context, tx: Read, wizard_ref: str, version_number: int | None) -> Structure:
    if version_number is None:
        return (await get_draft(tx, ctx.actor, wizard_ref)).draft.structure
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    return (await version_by_number(tx, wizard.id, version_number)).structure
