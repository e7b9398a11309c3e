"""A question of written answers gets options and takes over what was written: in one edit, which one undo takes back."""

from keepstep.actions.context import Context
from keepstep.actions.nodes import Known, Plan
from keepstep.core import edits as e
from keepstep.core.counts import distinct_values
from keepstep.core.edits import Edit
from keepstep.core.issue import Issue, to_errors
from keepstep.core.nodes import option_set_in
from keepstep.core.stored_options import options_of
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.impact import stored_counts

STORED = "stored"
"""What a form says in `options_of`."""


def with_stored_options(plan: Plan, said: str) -> Plan:
    """The plan of a change of type, where the form said so with an option for each text that is stored now. Raises RequestInvalid."""

    async def planned(ctx: Context, tx: Read, known: Known) -> Edit:
        edit = await plan(ctx, tx, known)
        if said != STORED or not isinstance(edit, e.ChangeOptionSet):
            return edit
        structure, wanted = known.state.draft.structure, edit.option_set_id
        if edit.fields.get("selection_type") in (None, option_set_in(structure, wanted).selection_type):
            # Pressed again after Back: it has them.
            return edit
        counts = await stored_counts(tx, known.state.wizard.id, {wanted}, as_of=ctx.now)
        distinct = distinct_values(counts.answers.get(wanted, ()))
        used = known.reserved.values.get(wanted, frozenset())
        options = options_of(distinct, structure.languages, structure.default_language, used)
        if options is None:
            detail = "The stored answers make no list of options any more. Look at them again."
            raise RequestInvalid(detail, errors=to_errors((Issue("/options", "not-a-list", detail),)))
        return edit.model_copy(update={"fields": {**edit.fields, "options": options}})

    return planned
