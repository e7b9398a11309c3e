"""Making a draft live: publish it as the next version, or publish an old version's structure again (rollback).

A version is written once, with one row for each of its option sets, and never again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import insert, update

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.actions.drafts import check_draft_seen, draft_to_edit, make_edit
from keepstep.core import edits as e
from keepstep.core.faults import problems_in
from keepstep.core.integrity import structure_digest
from keepstep.core.issue import to_errors
from keepstep.core.structure import Structure, dump
from keepstep.db.tables import version_option_sets, wizard_versions, wizards
from keepstep.db.transaction import UNIQUE, Write
from keepstep.errors import NothingToPublish, PolicyUnavailable, Stale, StructureInvalid
from keepstep.queries.drafts import WizardDraft
from keepstep.queries.history import last_version_number
from keepstep.queries.versions import Version, version_by_id, version_by_number
from keepstep.queries.wizards import Wizard

Policy = Literal["finish", "offer", "migrate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """How to publish: what to tell about it, and what becomes of runs in progress on older versions."""

    change_summary: str | None = None
    in_progress: Policy = "finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A new version. `draft_kept`: a rollback left a draft alone that had changes of its own."""

    wizard: Wizard
    version: Version
    draft_kept: bool = False


async def publish_draft(ctx: Context, tx: Write, wizard_ref: str, publishing: Publishing, seen: str | None) -> Published:
    """The draft as the next version, active from now on. Runs in progress finish on theirs.

    Raises NothingToPublish, StructureInvalid, PolicyUnavailable, ImpactUnconfirmed, Stale, PreconditionRequired.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    await check_draft_seen(tx, state, seen)
    _check_policy(publishing.in_progress)
    active = await active_version(tx, state.wizard)
    _check_differs(active, state.draft.structure)
    check_publishable(state.draft.structure)
    version = await _store_version(ctx, tx, state.wizard, state.draft.structure, _Row(publishing, active))
    return Published(wizard=_with_active(state.wizard, version), version=version)


async def active_version(tx: Write, wizard: Wizard) -> Version | None:
    return None if wizard.active_version_id is None else await version_by_id(tx, wizard.active_version_id)


def _check_policy(policy: Policy) -> None:
    if policy != "finish":
        raise PolicyUnavailable(f"Runs in progress can only finish on their version in this release; {policy!r} is not available.")


def _check_differs(active: Version | None, structure: Structure) -> None:
    if active is not None and active.structure == structure:
        raise NothingToPublish(f"Version {active.number} is active and has exactly this structure.")


def check_publishable(structure: Structure) -> None:
    """Raises StructureInvalid with every problem that stops publishing."""
    stops = [finding.issue for finding in problems_in(structure) if finding.severity == "stops"]
    if stops:
        more = f" ({len(stops) - 1} more)" if len(stops) > 1 else ""
        raise StructureInvalid(f"This cannot be published yet. {stops[0].detail}{more}", errors=to_errors(stops[:200]))


# --- store ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """What a version's row says besides its structure."""

    publishing: Publishing
    active: Version | None
    changes: Sequence[Any] = ()
    rolled_back_to: int | None = None


async def _store_version(ctx: Context, tx: Write, wizard: Wizard, structure: Structure, about: _Row) -> Version:
    dumped = dump(structure)
    number = await last_version_number(tx, wizard.id) + 1
    version = Version(ctx.make_id(), wizard.id, number, structure, structure_digest(dumped), ctx.now)
    row = {"id": version.id, "origin_wizard_id": wizard.id, "wizard_id": wizard.id, "version_number": number, "structure": dumped}
    row |= {"digest": version.digest, "change_summary": about.publishing.change_summary, "changes": list(about.changes)}
    row |= {"based_on": about.active.number if about.active else None, "rolled_back_to": about.rolled_back_to}
    row |= {"in_progress_policy": about.publishing.in_progress, "created_at": ctx.now, "created_by": ctx.actor.id}
    raced = Stale("Somebody published at the same moment; read the wizard again.")
    await tx.execute(insert(wizard_versions).values(**row), refused={UNIQUE: raced})
    await _store_option_sets(tx, version)
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(active_version_id=version.id, updated_at=ctx.now))
    await audit_wizard(ctx, tx, "wizard.published", wizard.id, version_number=number, rolled_back_to=about.rolled_back_to)
    return version


_OPTION_SET_COLUMNS: Final = ("version_id", "option_set_id", "step_id", "position", "key", "option_set_snapshot", "step_snapshot")


async def _store_option_sets(tx: Write, version: Version) -> None:
    rows = []
    for position, option_set in enumerate(version.structure.option_sets):
        step = version.structure.step_of[option_set.id]
        snapshot = {"id": step.id, "key": step.key, "name": step.name}
        rows.append((version.id, option_set.id, step.id, position, option_set.key, dump(option_set), snapshot))
    if rows:
        await tx.copy(version_option_sets, _OPTION_SET_COLUMNS, rows)


def _with_active(wizard: Wizard, version: Version) -> Wizard:
    return replace(wizard, active_version_id=version.id, active_version_number=version.number, updated_at=version.created_at)


# --- rollback ------------------------------------------------------------------------------------------------------


async def roll_back(ctx: Context, tx: Write, wizard_ref: str, number: int, publishing: Publishing, seen: str | None) -> Published:
    """Version `number`'s structure, published again as the next version. An unchanged draft follows it; a changed one stays.

    Raises VersionNotFound, and as `publish_draft`.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    await check_draft_seen(tx, state, seen)
    _check_policy(publishing.in_progress)
    old = await version_by_number(tx, state.wizard.id, number)
    active = await active_version(tx, state.wizard)
    _check_differs(active, old.structure)
    version = await _store_version(ctx, tx, state.wizard, old.structure, _Row(publishing, active, (), number))
    wizard = _with_active(state.wizard, version)
    kept = active is not None and active.structure != state.draft.structure
    if not kept:
        edit = e.FollowVersion(version_number=number, structure=dump(old.structure))
        wizard = (await make_edit(ctx, tx, WizardDraft(wizard, state.draft), edit)).state.wizard
    return Published(wizard=wizard, version=version, draft_kept=kept and state.draft.structure != old.structure)
