"""Everything that was answered under a wizard, as a file: bytes in pieces, made from one snapshot, never the whole in memory.

It stores nothing. It stands here because it joins what is stored with how it is written. Removed wizards are exported by
their id; runs in the trash are left out and counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Literal

from keepstep.actions.context import Context
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.interchange.codebook import WIDEST, codebook
from keepstep.interchange.columns import Column, TableOptions, columns_of
from keepstep.interchange.keepstep_json import keepstep_json
from keepstep.interchange.runs_out import StoredRun, WriteOptions, csv_rows, jsonl_rows
from keepstep.queries.drafts import get_draft
from keepstep.queries.exports import Chosen, ExportedRun, Versions, chosen_versions, count_trashed, exported_runs, stored_names
from keepstep.queries.run_lists import RunFilter
from keepstep.queries.runs import RunState
from keepstep.queries.versions import version_by_number, versions_of
from keepstep.queries.wizards import Wizard, get_wizard

ExportFormat = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export and how it is written; `table` and `write` are about CSV alone. `only`: some of the runs."""

    format_name: ExportFormat = "csv"
    versions: Versions = "all"
    only: RunFilter | None = None
    table: TableOptions = field(default_factory=TableOptions)
    write: WriteOptions = field(default_factory=WriteOptions)


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is ready to be written: iterate `pieces` once, while the transaction is open. `trashed`: runs left out."""

    wizard: Wizard
    trashed: int
    pieces: AsyncIterator[bytes]

    def filename(self, ending: str) -> str:
        """A name for the file, of plain characters."""
        return f"{self.wizard.slug or self.wizard.id}.{ending}"


async def export_runs(ctx: Context, tx: Read, wizard_ref: str, request: ExportRequest) -> Export:
    """The export of a wizard's runs. Raises WizardNotFound, Forbidden, NothingPublished, VersionNotFound before the first byte."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    chosen = replace(await chosen_versions(tx, wizard, request.versions), only=request.only)
    if request.format_name == "jsonl":
        return Export(wizard, await count_trashed(tx, chosen), _pieces(tx, chosen, _lines_of(chosen)))
    names = await stored_names(tx, chosen)
    versions = [(version.number, version.structure) for version in chosen.versions]
    columns = columns_of(versions, request.table, stored=names.stored, archived_beside=names.beside, others=names.others)
    return Export(wizard, names.trashed, _pieces(tx, chosen, _rows_of(columns, request.write)))


async def codebook_of(ctx: Context, tx: Read, wizard_ref: str) -> dict[str, Any]:
    """What the columns of an export over all versions mean (interchange/codebook). Raises WizardNotFound, Forbidden.

    A wizard that was never published has an empty one.
    """
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    chosen = Chosen(wizard, await versions_of(tx, wizard.id))
    names = await stored_names(tx, chosen)
    versions = [(version.number, version.structure) for version in chosen.versions]
    columns = columns_of(versions, WIDEST, stored=names.stored, archived_beside=names.beside, others=names.others)
    return {"wizard": {"id": wizard.id, "slug": wizard.slug, "name": wizard.name}, **await asyncio.to_thread(codebook, versions, columns)}


Write = Callable[[Iterable[StoredRun]], Iterator[bytes]]


def _lines_of(chosen: Chosen) -> Write:
    structures = {version.number: version.structure for version in chosen.versions}
    return lambda runs: jsonl_rows(runs, structures)


def _rows_of(columns: Sequence[Column], options: WriteOptions) -> Write:
    """The header stands before the first rows alone."""
    header = iter(list(islice(csv_rows((), columns, options), 1)))
    return lambda runs: chain(header, islice(csv_rows(runs, columns, options), 1, None))


async def _pieces(tx: Read, chosen: Chosen, write: Write) -> AsyncIterator[bytes]:
    async for batch in exported_runs(tx, chosen):
        # In a thread: a hundred runs of a large form take a tenth of a second to write.
        yield await asyncio.to_thread(_written, write, batch)
    yield _written(write, ())


def _written(write: Write, batch: Sequence[ExportedRun]) -> bytes:
    return b"".join(write([stored_run(exported.state, exported.first_version_number) for exported in batch]))


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
