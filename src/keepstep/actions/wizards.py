"""What people do to a wizard as a whole: create, rename, set, trash, restore, remove. Its content is edited in drafts.py."""

import asyncio
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from keepstep.actions.audit import audit_wizard
from keepstep.actions.confirm import Confirmable, confirmable, require_confirmed, wizard_report
from keepstep.actions.context import Context
from keepstep.actions.drafts import draft_to_edit, make_edit, name_of_wizard
from keepstep.actions.new_nodes import new_structure
from keepstep.actions.registry import register
from keepstep.actions.retention import issues_of_retention, require_retention
from keepstep.core import edits as e
from keepstep.core.issue import Issue, to_errors
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.keys import free_key
from keepstep.core.permissions import Permission, require
from keepstep.core.question_pages import Pages, pages_of, with_pages
from keepstep.core.structure import Structure, dump, empty_structure, parse
from keepstep.db.tables import grants, invitations, wizards
from keepstep.db.transaction import UNIQUE, Read, Write
from keepstep.errors import IdConflict, RequestInvalid, SlugTaken, WizardTrashed
from keepstep.queries.drafts import owners_of
from keepstep.queries.wizards import (
    Wizard,
    admitted,
    find_wizard,
    get_wizard,
    is_id,
    lock_wizard,
    not_removed,
    request_of_creation,
    taken_slugs,
)

SLUG_PATTERN: Final = r"[a-z0-9]+(-[a-z0-9]+)*"
MAX_SLUG: Final = 80
# What `wizards.settings` may hold, with the value that counts where none is set: days without a save.
DEFAULT_SETTINGS: Final[Mapping[str, Any]] = {"abandon_after": 30}
# Off where it is not set; admins alone change it, who have seen what is due by it (actions/retention.py).
_SETTINGS: Final = (*DEFAULT_SETTINGS, "retention")
_LONGEST_WAIT: Final = 3_650


def setting_of(settings: Mapping[str, Any] | None, name: str) -> Any:
    """What counts for a wizard with these settings (`wizards.settings`, None for a removed one)."""
    return {**DEFAULT_SETTINGS, **(settings or {})}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWizard:
    """A wizard to create. `name` wins over the structure's; ids and keys that the structure leaves out are made."""

    name: Any = None
    id: str | None = None
    slug: str | None = None
    structure: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardPatch:
    """What to set; None leaves it. A name as text is the default language's. A setting of null goes back to its default. `pages`: what
    stands on one page, which is part of the draft as the name is.
    """

    name: Any = None
    pages: Pages | None = None
    slug: str | None = None
    settings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A wizard, and whether this very request made it (else it was there already)."""

    wizard: Wizard
    created: bool


# --- create --------------------------------------------------------------------------------------------------------


async def create_wizard(ctx: Context, tx: Write, new: NewWizard) -> Created:
    """A new wizard with its draft at revision 1; or the one that this very request made before.

    Raises StructureInvalid, IdTaken, SlugTaken, IdConflict.
    """
    if new.id is not None and (known := await find_wizard(tx, new.id)) is not None:
        return Created(await _same_wizard(ctx, tx, admitted(known, ctx.actor, new.id, "edit"), new), created=False)
    require(ctx.actor, "edit")
    if new.id is not None and await owners_of(tx, {new.id}):
        raise IdConflict("This id belongs to a step or an option set; use a new one.")
    # In a thread: the largest structure takes two seconds, in which the server goes on answering others.
    structure = await asyncio.to_thread(_structure_of, ctx, new)
    wizard = await _insert_wizard(ctx, tx, new, structure)
    await register(ctx, tx, wizard.id, old=None, new=structure)
    await _grant_to_creator(ctx, tx, wizard)
    await audit_wizard(ctx, tx, "wizard.created", wizard.id, name=wizard.name, slug=wizard.slug, request=_digest(ctx, new))
    return Created(wizard, created=True)


def _structure_of(ctx: Context, new: NewWizard) -> Structure:
    if (new.structure is None and new.name is None) or (isinstance(new.name, str) and not new.name.strip()):
        detail = "Give the wizard a name, or a structure that has one."
        raise RequestInvalid(detail, errors=to_errors((Issue("/name", "missing", detail),)))
    if new.structure is None:
        return parse(dump(empty_structure("")) | {"name": new.name})
    named = new.structure
    if new.name is not None and isinstance(named, Mapping):
        named = {**named, "name": new.name}
    return parse(new_structure(named, ctx.make_id))


async def _same_wizard(ctx: Context, tx: Write, wizard: Wizard, new: NewWizard) -> Wizard:
    if not_removed(wizard).trashed_at is not None:
        raise WizardTrashed("A wizard with this id is in the trash.")
    made_by = await request_of_creation(tx, wizard.id)
    if made_by is None or not hmac.compare_digest(made_by, _digest(ctx, new)):
        raise IdConflict("A wizard with this id was created by another request.")
    return wizard


def _digest(ctx: Context, new: NewWizard) -> str:
    body = [new.id, new.name, new.slug, new.structure]
    return hmac.digest(ctx.secret, b"wizard" + canonical_bytes(body), "sha256").hex()


async def _insert_wizard(ctx: Context, tx: Write, new: NewWizard, structure: Structure) -> Wizard:
    wizard_id = new.id or ctx.make_id()
    name = name_of_wizard(structure)
    row = {"id": wizard_id, "name": name, "draft": dump(structure), "shelf": [], "draft_revision": 1, "settings": {}}
    row |= {"created_at": ctx.now, "created_by": ctx.actor.id, "updated_at": ctx.now}
    await _insert_with_slug(tx, row, new.slug)
    wizard = await find_wizard(tx, wizard_id)
    assert wizard is not None  # just stored
    return wizard


async def _insert_with_slug(tx: Write, row: Mapping[str, Any], wanted: str | None) -> None:
    """Stores the row under this slug, or a free one. One that somebody takes at this very moment is tried again with the next number."""
    if wanted is not None:
        await tx.execute(insert(wizards).values(**row, slug=checked_slug(wanted)))
        return
    stem = free_key(row["name"], (), "wizard").replace("_", "-")[: MAX_SLUG - 8].strip("-")
    for _ in range(5):
        slug = free_key(stem, await taken_slugs(tx, stem), "wizard")
        if await tx.execute(upsert(wizards).values(**row, slug=slug).on_conflict_do_nothing(index_elements=[wizards.c.slug])):
            return
    raise SlugTaken("No free slug was found for this name; give one.")


def checked_slug(slug: str) -> str:
    """Raises RequestInvalid. A slug that looks like an id would hide the wizard of that id."""
    if re.fullmatch(SLUG_PATTERN, slug) and len(slug) <= MAX_SLUG and not is_id(slug):
        return slug
    detail = f"A slug has up to {MAX_SLUG} small letters and digits in words joined by single hyphens, such as customer-survey."
    raise RequestInvalid(detail, errors=to_errors((Issue("/slug", "slug-invalid", detail),)))


async def _grant_to_creator(ctx: Context, tx: Write, wizard: Wizard) -> None:
    """Somebody who works by grants alone would not see what they have just made."""
    if ctx.actor.id is None or ctx.actor.role == "admin" or not ctx.actor.grants:
        return
    row = {"user_id": ctx.actor.id, "wizard_id": wizard.id, "role": ctx.actor.role, "granted_at": ctx.now, "granted_by": ctx.actor.id}
    await tx.execute(insert(grants).values(**row))


# --- change --------------------------------------------------------------------------------------------------------


async def change_wizard(ctx: Context, tx: Write, wizard_ref: str, patch: WizardPatch, confirm: str | None = None) -> Wizard:
    """The wizard with another name, slug or settings. The name is an edit of the draft, undoable like any other.

    A retention rule takes an admin and `confirm`, the token of `preview_retention`: else raises Forbidden, ImpactUnconfirmed.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    wizard = state.wizard
    fields = _of_draft(state.draft.structure, patch)
    if fields:
        wizard = (await make_edit(ctx, tx, state, e.ChangeWizard(fields=fields))).state.wizard
    values: dict[str, Any] = {}
    if patch.slug is not None and patch.slug != wizard.slug:
        values["slug"] = checked_slug(patch.slug)
    if patch.settings is not None:
        settings = _new_settings(wizard.settings or {}, patch.settings)
        await require_retention(ctx, tx, wizard, settings.get("retention"), confirm)
        values |= {"settings": settings} if settings != (wizard.settings or {}) else {}
    if not values:
        return wizard
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(**values, updated_at=ctx.now), refused={UNIQUE: SlugTaken()})
    await audit_wizard(ctx, tx, "wizard.changed", wizard.id, **_told(wizard, values, patch))
    return replace(wizard, **values, updated_at=ctx.now)


def _told(wizard: Wizard, values: Mapping[str, Any], patch: WizardPatch) -> dict[str, Any]:
    """What the audit trail keeps of a change: what was asked for and is other now. The rest of the settings holds the secret of a link."""
    if "settings" not in values:
        return dict(values)
    before, after = wizard.settings or {}, values["settings"]
    return {**values, "settings": {name: after.get(name) for name in patch.settings or () if after.get(name) != before.get(name)}}


def _of_draft(structure: Structure, patch: WizardPatch) -> dict[str, Any]:
    """What of the patch is an edit of the draft."""
    name = {} if patch.name is None else {"name": _new_name(structure, patch.name)}
    is_other = patch.pages is not None and patch.pages != pages_of(structure)
    return name | ({"presentation": with_pages(structure, patch.pages)} if is_other and patch.pages else {})


def _new_name(structure: Structure, name: Any) -> Any:
    """A bare text is the default language's; the other languages keep theirs."""
    if isinstance(name, str) and isinstance(structure.name, dict):
        return {**structure.name, structure.default_language: name}
    return name


def _new_settings(settings: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    issues = [
        Issue(f"/settings/{name}", "setting-unknown", f"There is no setting {name[:80]!r}. Known: {', '.join(_SETTINGS)}.")
        for name in given
        if name not in _SETTINGS
    ]
    days = given.get("abandon_after")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _LONGEST_WAIT):
        issues.append(Issue("/settings/abandon_after", "out-of-range", f"A whole number of days from 1 to {_LONGEST_WAIT}."))
    issues += issues_of_retention(given.get("retention"))
    if issues:
        raise RequestInvalid(issues[0].detail, errors=to_errors(tuple(issues)))
    return {name: value for name, value in {**settings, **given}.items() if value is not None}


# --- trash and removal ---------------------------------------------------------------------------------------------


async def report_of_deletion(ctx: Context, tx: Read, wizard_ref: str, *, permanent: bool) -> Confirmable:
    """Everything that is stored under the wizard, with the token that trashing or removing it takes; nothing changes."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "administer" if permanent else "edit")
    return await _deletion(ctx, tx, wizard, "remove" if permanent else "trash")


async def _deletion(ctx: Context, tx: Read, wizard: Wizard, deed: str) -> Confirmable:
    return confirmable(ctx, wizard, (deed, wizard.id), await wizard_report(ctx, tx, wizard.id))


async def _whole_wizard(ctx: Context, tx: Write, wizard_ref: str, permission: Permission) -> Wizard:
    """Nobody starts a run meanwhile: what is on its way is waited for and counted, what comes later finds the wizard gone."""
    await lock_wizard(tx, wizard_ref, "whole")
    return await get_wizard(tx, ctx.actor, wizard_ref, permission)


def _require_consent(ctx: Context, now: Confirmable, confirm: str | None) -> None:
    """Asked whenever there are runs at all: those in the trash can come back, and count here as well."""
    if now.report.impact.runs:
        require_confirmed(ctx, now, confirm)


async def trash_wizard(ctx: Context, tx: Write, wizard_ref: str, confirm: str | None = None) -> Wizard:
    """The wizard, moved to the trash: no new runs, no edits; started runs may finish. Trashing twice changes nothing.

    Raises ImpactUnconfirmed when it has runs, unless `confirm` is the token of `report_of_deletion`.
    """
    wizard = await _whole_wizard(ctx, tx, wizard_ref, "edit")
    if wizard.trashed_at is not None:
        return wizard
    now = await _deletion(ctx, tx, wizard, "trash")
    _require_consent(ctx, now, confirm)
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(trashed_at=ctx.now, updated_at=ctx.now))
    await audit_wizard(ctx, tx, "wizard.trashed", wizard.id, runs=sum(run.count for run in now.report.impact.runs))
    return replace(wizard, trashed_at=ctx.now, updated_at=ctx.now)


async def remove_wizard(ctx: Context, tx: Write, wizard_ref: str, confirm: str | None = None) -> Wizard:
    """The wizard, removed for good: draft and settings emptied, the slug free. Its versions and runs stay, by its id. For admins.

    Raises ImpactUnconfirmed as `trash_wizard`.
    """
    wizard = await _whole_wizard(ctx, tx, wizard_ref, "administer")
    now = await _deletion(ctx, tx, wizard, "remove")
    _require_consent(ctx, now, confirm)
    emptied = {"slug": None, "settings": None, "removed_at": ctx.now, "updated_at": ctx.now}
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(draft=None, shelf=None, **emptied))
    # They name people, and nobody can begin any more.
    await tx.execute(delete(invitations).where(invitations.c.wizard_id == wizard.id))
    runs = sum(run.count for run in now.report.impact.runs)
    await audit_wizard(ctx, tx, "wizard.removed", wizard.id, slug=wizard.slug, name=wizard.name, runs=runs)
    return replace(wizard, slug=None, settings=None, removed_at=ctx.now, updated_at=ctx.now)


async def restore_wizard(ctx: Context, tx: Write, wizard_ref: str) -> Wizard:
    """The wizard, back from the trash as it was. Restoring one that is not there changes nothing."""
    wizard = await _whole_wizard(ctx, tx, wizard_ref, "edit")
    if wizard.trashed_at is None:
        return wizard
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(trashed_at=None, updated_at=ctx.now))
    await audit_wizard(ctx, tx, "wizard.restored", wizard.id)
    return replace(wizard, trashed_at=None, updated_at=ctx.now)
