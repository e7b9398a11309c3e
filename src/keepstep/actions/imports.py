"""A wizard from a file: a new one, or a newer edition of one on top of its draft. The receipt accounts for the whole file.

The import itself never asks, because publishing asks for everything (semantics 19).
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import insert

from keepstep.actions.audit import audit_wizard
from keepstep.actions.confirm import Confirmable, Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import check_draft_seen, draft_to_edit, make_edit
from keepstep.actions.publishing import Published, Publishing, active_version, publish_draft, report_of_publish
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.core import edits as e
from keepstep.core.copying import with_ids
from keepstep.core.permissions import may, require
from keepstep.core.structure import Structure, dump, parse
from keepstep.db.tables import import_receipts
from keepstep.db.transaction import Write
from keepstep.interchange.formats_wizard import WizardFormat, read_wizard
from keepstep.interchange.receipt import Receipt, joined
from keepstep.interchange.xlsform_merge import merge_into
from keepstep.queries.drafts import WizardDraft, owners_of
from keepstep.queries.wizards import Wizard

SUMMARY: Final = "Imported from {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardFile:
    """A file with a wizard in it. `into`: the wizard (id or slug) whose draft it is a newer edition of; `publish`: make it live at once.

    `seen`: the draft's ETag as the client knows it, "*" for any. `slug`, `id`: of a new wizard.
    """

    data: bytes
    filename: str
    format_name: WizardFormat = "auto"
    into: str | None = None
    publish: bool = False
    seen: str = "*"
    slug: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWizard:
    """What became of a file. `edit`: the name of the edit of the draft, None for a new wizard or when nothing changed.

    `import_id` names the stored receipt. `published`: the new version, if one was asked for and was made. `unconfirmed`: publishing
    was asked for and touches stored answers, so the draft waits; this report holds the token that publishing it takes.
    """

    wizard: Wizard
    receipt: Receipt
    created: bool
    import_id: str = ""
    edit: str | None = None
    published: Published | None = None
    unconfirmed: Confirmable | None = None

    def to_json(self) -> dict[str, Any]:
        """`{wizard, created, import_id, edit, version_number, unconfirmed, receipt}`."""
        names = ("id", "slug", "name", "draft_revision", "active_version_number")
        return {
            "wizard": {name: getattr(self.wizard, name) for name in names},
            "created": self.created,
            "import_id": self.import_id,
            "edit": self.edit,
            "version_number": None if self.published is None else self.published.version.number,
            "unconfirmed": None if self.unconfirmed is None else self.unconfirmed.to_json(),
            "receipt": self.receipt.to_json(),
        }


@dataclass(frozen=True, slots=True)
class ReadWizard:
    """A file that was read, and what it was asked for."""

    file: WizardFile
    structure: Structure
    receipt: Receipt


# One file after the other: the largest workbook that is read keeps a processor busy for half a minute, and several at once
# would take every thread from those who wait for a small thing.
_READER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wizard-file")


async def read_wizard_file(ctx: Context, file: WizardFile) -> ReadWizard:
    """The file, read before any transaction is open: neither a connection nor the draft is held meanwhile.

    Raises Forbidden, FileUnreadable, TooLarge, StructureInvalid, Unsupported.
    """
    granted = [] if file.into is None else [wizard for wizard in ctx.actor.grants if may(ctx.actor, "edit", wizard)]
    if not granted:
        require(ctx.actor, "edit")
    reading = partial(read_wizard, file.data, file.filename, format_name=file.format_name, make_id=ctx.make_id)
    structure, receipt = await asyncio.get_running_loop().run_in_executor(_READER, reading)
    return ReadWizard(file, structure, receipt)


async def import_wizard(ctx: Context, tx: Write, read: ReadWizard) -> ImportedWizard:
    """The wizard in the file, stored. Raises as creating and editing do."""
    file = read.file
    if file.into is None:
        require(ctx.actor, "edit")
        imported = await _as_new(ctx, tx, read)
    else:
        imported = await _as_newer_edition(ctx, tx, read, file.into)
    imported = replace(imported, import_id=ctx.make_id())
    await _keep_receipt(ctx, tx, imported, file)
    return await _published(ctx, tx, imported, file) if file.publish else imported


async def _keep_receipt(ctx: Context, tx: Write, imported: ImportedWizard, file: WizardFile) -> None:
    """The receipt, to be looked at later (queries/receipts.py), and its totals in the audit trail."""
    wizard_id, filename = imported.wizard.id, plain_name(file.filename)
    row = {"id": imported.import_id, "wizard_id": wizard_id, "at": ctx.now, "actor": ctx.actor.id, "filename": filename}
    row |= {"is_new": imported.created, "edit": imported.edit, "receipt": imported.receipt.to_json()}
    await tx.execute(insert(import_receipts).values(**row))
    details = {"filename": filename, "format": file.format_name, "import_id": imported.import_id, **imported.receipt.totals}
    await audit_wizard(ctx, tx, "wizard.imported", wizard_id, **details)


def plain_name(filename: str) -> str:
    """The name of a file as it can be stored: without control characters and lone surrogates, of bounded length."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", filename)[-200:]


async def _as_new(ctx: Context, tx: Write, read: ReadWizard) -> ImportedWizard:
    taken = await owners_of(tx, _ids(read.structure))
    structure, ids = _renewed(ctx, read.structure, _ids(read.structure) if taken else ())
    created = await create_wizard(ctx, tx, NewWizard(structure=dump(structure), slug=read.file.slug, id=read.file.id))
    return ImportedWizard(wizard=created.wizard, receipt=joined(read.receipt, Receipt(ids=ids)), created=True)


async def _as_newer_edition(ctx: Context, tx: Write, read: ReadWizard, into: str) -> ImportedWizard:
    state = await draft_to_edit(ctx, tx, into)
    await check_draft_seen(tx, state, read.file.seen)
    newer, merged = await _newer(ctx, tx, state, read.structure)
    edited = await make_edit(ctx, tx, state, e.ReplaceStructure(structure=dump(newer)))
    return ImportedWizard(wizard=edited.state.wizard, receipt=joined(read.receipt, merged), created=False, edit=edited.name)


async def _newer(ctx: Context, tx: Write, state: WizardDraft, imported: Structure) -> tuple[Structure, Receipt]:
    """The draft's structure as the file wants it. A file that knows this wizard's own ids speaks by them; any other one by keys."""
    owners = await owners_of(tx, _ids(imported))
    foreign = [node_id for node_id, owner in owners.items() if owner.wizard_id != state.wizard.id]
    imported, ids = _renewed(ctx, imported, foreign)
    if len(owners) > len(foreign):
        return imported, Receipt(ids=ids)
    newer, merged = merge_into(state.draft, imported)
    # From the id in the file to the one here, over the id in between.
    return newer, replace(merged, ids={**merged.ids, **{old: merged.ids.get(new, new) for old, new in ids.items()}})


def _ids(structure: Structure) -> tuple[str, ...]:
    return tuple(node.id for step in structure.steps for node in (step, *step.option_sets))


def _renewed(ctx: Context, structure: Structure, foreign: tuple[str, ...] | list[str]) -> tuple[Structure, dict[str, str]]:
    """The structure with new ids for these, every reference rewritten, and old id → new id (semantics 11)."""
    ids = {node_id: ctx.make_id() for node_id in foreign}
    return (parse(with_ids(dump(structure), ids)), ids) if ids else (structure, ids)


# --- publish at once -----------------------------------------------------------------------------------------------


async def _published(ctx: Context, tx: Write, imported: ImportedWizard, file: WizardFile) -> ImportedWizard:
    """The draft published, unless it is live already, or touches answers: then the report says which. Raises StructureInvalid."""
    state = await draft_to_edit(ctx, tx, imported.wizard.id)
    active = await active_version(tx, state.wizard)
    if active is not None and active.structure == state.draft.structure:
        return imported
    publishing = Publishing(change_summary=SUMMARY.format(plain_name(file.filename)))
    report = await report_of_publish(ctx, tx, state.wizard.id, publishing)
    if any(not reported.impact.is_nothing for reported in report.report.changes):
        return replace(imported, unconfirmed=report.stored)
    published = await publish_draft(ctx, tx, state.wizard.id, publishing, Consent(seen="*", confirm=report.token))
    return replace(imported, wizard=published.wizard, published=published)
