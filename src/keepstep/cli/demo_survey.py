"""The Customer Survey: a wizard that is changed in five ways after somebody answered it, and the run that stays as it was."""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.actions.confirm import Confirmable, Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import undo_edit
from keepstep.actions.nodes import Adding, Plan, add_node, changing_option_set, edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.runs import RunRequest, save_answers, start_run
from keepstep.actions.wizards import NewWizard, create_wizard, report_of_deletion, restore_wizard, trash_wizard
from keepstep.cli.demo_digest import run_digest
from keepstep.cli.stage import Stage, heading, require_same, say, say_report
from keepstep.cli.wizards import counted
from keepstep.core import edits as e
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.queries.drafts import get_draft
from keepstep.queries.runs import get_run

SLUG: Final = "customer-survey"
_COLORS: Final = [{"value": value, "label": value.capitalize()} for value in ("blue", "red", "green")]
_SURVEY: Final[Mapping[str, Any]] = {
    "name": "Customer Survey",
    "steps": [
        {
            "key": "personal-info",
            "name": "Personal Info",
            "option_sets": [
                {"key": "full-name", "name": "Full Name", "selection_type": "text_input", "is_required": True},
                {"key": "email", "name": "Email", "selection_type": "text_input"},
            ],
        },
        {
            "key": "preferences",
            "name": "Preferences",
            "option_sets": [{"key": "favorite-color", "name": "Favorite Color", "selection_type": "single_select", "options": _COLORS}],
        },
    ],
}
_JOHN: Final = {"full-name": "John Doe", "email": "john@example.com", "favorite-color": "blue"}


async def perform_survey(stage: Stage) -> str:
    """The id of run-123. Version 1 is answered, then email goes, the colour becomes a multiple choice and a telephone is asked for."""
    heading("The Customer Survey")
    wizard_id = await _published(stage)
    run = await stage.do(start_run, wizard_id, RunRequest(answers=dict(_JOHN), complete=True, respondent="run-123"))
    run_id = run.state.id
    before = await run_digest(stage, run_id)
    say("Version 1 is live, and run-123 is complete: John Doe, john@example.com, blue.", "", "Then the wizard changes:")
    await _change(stage, wizard_id)
    await _take_back(stage, wizard_id)
    await _trash(stage, wizard_id)
    require_same(before, await run_digest(stage, run_id))
    say("", f"run-123 reads as before, byte for byte (digest {before[:16]}…).")
    await _edit_old_run(stage, run_id)
    return run_id


async def _published(stage: Stage) -> str:
    created = await stage.do(create_wizard, NewWizard(structure=_SURVEY, slug=SLUG))
    await stage.do(publish_draft, created.wizard.id, Publishing(change_summary="Day 1"), Consent(seen="*"))
    return created.wizard.id


async def _change(stage: Stage, wizard_id: str) -> None:
    """Scenarios A, D and E: each report is shown before the change is made."""
    structure = await _structure(stage, wizard_id)
    ids = structure.id_by_key
    await _confirmed(stage, wizard_id, "A. Delete the question Email", fixed(e.DeleteOptionSet(option_set_id=ids["email"])))
    retyped = changing_option_set(ids["favorite-color"], {"selection_type": "multiple_select"}, None)
    await _confirmed(stage, wizard_id, "D. Make Favorite Color a multiple choice", retyped)
    say("E. Add a required Phone Number")
    phone = {"key": "phone-number", "name": "Phone Number", "selection_type": "phone", "is_required": True}
    await stage.do(add_node, wizard_id, Adding(kind="option_set", parent=structure.steps[0].id, node=phone), Consent(seen="*"))
    publishing = Publishing(change_summary="No e-mail, several colours, a phone number")
    report = await stage.see(report_of_publish, wizard_id, publishing)
    say("Publishing version 2 shows all of it together:")
    say_report(report.stored)
    await stage.do(publish_draft, wizard_id, publishing, Consent(seen="*", confirm=report.token))


async def _confirmed(stage: Stage, wizard_id: str, title: str, plan: Plan) -> None:
    report = await stage.see(report_of_edit, wizard_id, plan)
    say(title)
    say_report(report)
    await stage.do(edit_node, wizard_id, plan, Consent(seen="*", confirm=report.token))


async def _take_back(stage: Stage, wizard_id: str) -> None:
    """Scenario B: a step with answered questions inside, deleted and brought back by undo."""
    step = (await _structure(stage, wizard_id)).steps[0]
    await _confirmed(stage, wizard_id, "B. Delete the step Personal Info", fixed(e.DeleteStep(step_id=step.id)))
    undone = await stage.do(undo_edit, wizard_id, "*")
    say(f"   … and take it back: {undone.name}")


async def _trash(stage: Stage, wizard_id: str) -> None:
    """Scenario C."""
    report = await stage.see(_deletion, wizard_id)
    runs = sum(run.count for run in report.report.impact.runs)
    say(f"C. Move the wizard to the trash, where its {counted(runs, 'run')} can still be read, and restore it")
    await stage.do(trash_wizard, wizard_id, report.token)
    await stage.do(restore_wizard, wizard_id)


async def _deletion(ctx: Context, tx: Read, wizard_id: str) -> Confirmable:
    return await report_of_deletion(ctx, tx, wizard_id, permanent=False)


async def _edit_old_run(stage: Stage, run_id: str) -> None:
    """An old run stays editable in its own version, which has an e-mail and wants no telephone."""
    state = await stage.look(get_run, run_id)
    saved = await stage.do(save_answers, run_id, {"email": "john.doe@example.com"}, state.etag)
    say(f"It can still be edited in version {saved.state.version.number}: its e-mail changes, as revision {saved.state.revision}.")


async def _structure(stage: Stage, wizard_id: str) -> Structure:
    return (await stage.look(get_draft, wizard_id)).draft.structure
