"""Restoring one question from an old version: an edit of the draft like any other, undoable, asked about where it touches answers.

The rest of the draft stays as it is; who wants all of an old version back rolls back (publishing.py).
"""

from keepstep.actions.context import Context
from keepstep.actions.nodes import Known, Plan
from keepstep.core.edits import Edit
from keepstep.core.restoring import restoring
from keepstep.db.transaction import Read
from keepstep.queries.versions import version_by_number


def restoring_from(number: int, option_set_id: str, step_id: str | None = None) -> Plan:
    """The option set as version `number` had it, under its own id. `step_id`: where to, if neither it nor its step is in the draft.

    For `edit_node` and `report_of_edit`. Raises VersionNotFound, NodeNotFound, RequestInvalid.
    """

    async def plan(_ctx: Context, tx: Read, known: Known) -> Edit:
        version = await version_by_number(tx, known.state.wizard.id, number)
        return restoring(known.state.draft, (number, version.structure), option_set_id, step_id=step_id, reserved=known.reserved)

    return plan
