"""A new wizard from a template: its structure under ids of its own. From then on it has nothing to do with the template."""

from keepstep.actions.context import Context
from keepstep.actions.wizards import Created, NewWizard, create_wizard
from keepstep.core.permissions import require
from keepstep.core.structure import dump
from keepstep.db.transaction import Write
from keepstep.interchange.keepstep_json import with_new_ids
from keepstep.interchange.wizard_templates import wizard_template


async def create_from_template(ctx: Context, tx: Write, name: str, *, wizard_id: str | None = None) -> Created:
    """The wizard at revision 1. Raises TemplateNotFound, and what `create_wizard` raises."""
    require(ctx.actor, "edit")
    structure, _ = with_new_ids(wizard_template(name), ctx.make_id)
    return await create_wizard(ctx, tx, NewWizard(id=wizard_id, structure=dump(structure)))
