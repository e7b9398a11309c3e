"""What people say about who may begin a wizard in public: the settings of its access, and a new link in place of the old one.

It holds at once and is no part of a version. Invitations are invitations.py; deciding about one visit is admission.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from keepstep.actions.audit import audit_wizard
from keepstep.actions.context import Context
from keepstep.core.access import Access, checked, from_settings
from keepstep.core.issue import to_errors
from keepstep.db.tables import wizards
from keepstep.db.transaction import Write
from keepstep.errors import RequestInvalid, WizardTrashed
from keepstep.queries.wizards import Wizard, get_wizard, lock_wizard


async def change_access(ctx: Context, tx: Write, wizard_ref: str, given: Mapping[str, Any]) -> Wizard:
    """The wizard with these fields of its access set (`core.access.checked`). Raises RequestInvalid with everything that is wrong."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    before = from_settings(wizard.settings)
    access = checked(before, given)
    if not isinstance(access, Access):
        raise RequestInvalid(access[0].detail, errors=to_errors(access))
    if access == before:
        return wizard
    stored, was = access.to_settings(), before.to_settings()
    changed = {name: stored.get(name) for name in sorted(stored.keys() | was.keys()) if stored.get(name) != was.get(name)}
    await audit_wizard(ctx, tx, "wizard.access_changed", wizard.id, changed=changed)
    return await _store(ctx, tx, wizard, access)


async def renew_link(ctx: Context, tx: Write, wizard_ref: str) -> Wizard:
    """The wizard with another link; the one before lets nobody begin any more. Runs that were begun with it go on."""
    wizard = await wizard_to_set(ctx, tx, wizard_ref)
    await audit_wizard(ctx, tx, "wizard.link_renewed", wizard.id)
    return await _store(ctx, tx, wizard, replace(from_settings(wizard.settings), link=ctx.make_id()))


async def wizard_to_set(ctx: Context, tx: Write, wizard_ref: str) -> Wizard:
    """The wizard, locked against other changes of its settings; starts go on meanwhile. Raises WizardTrashed, WizardRemoved."""
    await lock_wizard(tx, wizard_ref, "draft")
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "edit")
    if wizard.trashed_at is not None:
        raise WizardTrashed("This wizard is in the trash; restore it first.")
    return wizard


async def _store(ctx: Context, tx: Write, wizard: Wizard, access: Access) -> Wizard:
    settings = {name: value for name, value in (wizard.settings or {}).items() if name != "access"}
    stored = access.to_settings()
    settings |= {"access": stored} if stored else {}
    await tx.execute(update(wizards).where(wizards.c.id == wizard.id).values(settings=settings, updated_at=ctx.now))
    return replace(wizard, settings=settings, updated_at=ctx.now)
