"""What stands around every page of migrations: the frame of the wizard, and for admins whether every answer can be shown."""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.db.transaction import Read
from keepstep.queries.drafts import get_draft
from keepstep.queries.health import last_check
from keepstep.queries.wizards import Wizard
from keepstep.web.pages.frame import frame_values
from keepstep.web.texts import message
from keepstep.web.visitor import Visitor

JOB_WORDS: Final[Mapping[str, str]] = {
    "queued": message("Waiting for a worker"),
    "running": message("Running"),
    "paused": message("Paused"),
    "completed": message("Completed"),
    "completed_with_conflicts": message("Completed, some runs wait"),
    "failed": message("Stopped by faults"),
    "cancelled": message("Cancelled"),
    "reverting": message("Being taken back"),
    "reverted": message("Taken back"),
}


async def framed(visitor: Visitor, tx: Read, wizard: Wizard) -> dict[str, Any]:
    """What stands around every page of migrations: the frame, and for admins the last check of what can be shown."""
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    check = await last_check(tx) if visitor.may("administer") else None
    return await frame_values(tx, wizard, draft) | {
        "check": check,
        "may_edit": visitor.may("edit", wizard.id),
        "job_words": JOB_WORDS,
        "active": wizard.active_version_number,
    }
