"""The main job: a form and its runs are imported, the form is changed, published and rolled back, and every run reads as before."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from keepstep.actions.confirm import Consent
from keepstep.actions.imported_runs import ImportedRuns
from keepstep.actions.imports import ImportedWizard, WizardFile, import_wizard, read_wizard_file
from keepstep.actions.nodes import Adding, Plan, add_node, changing_option_set, edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Published, Publishing, publish_draft, report_of_publish, report_of_rollback, roll_back
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.cli.demo_digest import Read, read_back
from keepstep.cli.runs import told
from keepstep.cli.stage import Stage, heading, require_same, say, say_report, working
from keepstep.cli.wizards import receipt_lines
from keepstep.core import edits as e
from keepstep.core.places import mentions
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.text import Text, text_in
from keepstep.interchange.keepstep_json import keepstep_json
from keepstep.interchange.sample_form import sample_form
from keepstep.interchange.sample_runs import sample_runs
from keepstep.queries.drafts import get_draft

REAL_FORM: Final = "who-va-1.5.2.xlsx"
REAL_RUNS: Final = "who-va-runs.csv"
SAMPLE_RUNS: Final = 500
# Any number: the same one gives the same runs.
_SEED: Final = 20_260_105


@dataclass(frozen=True, slots=True)
class Material:
    """A form and runs to perform with, as files."""

    form: bytes
    form_name: str
    runs: bytes
    runs_name: str
    slug: str


@dataclass(frozen=True, slots=True)
class Performed:
    """What the performance came to. `before` and `after`: all runs, before the first change and after the last.

    `import_seconds`: processor time of importing the runs.
    """

    wizard: ImportedWizard
    runs: ImportedRuns
    import_seconds: float
    versions: int
    before: Read
    after: Read


def material(inputs: Path, make_id: Callable[[], str]) -> Material:
    """The real form and its submissions where they are at hand, else those that Keepstep makes itself."""
    form, runs = inputs / REAL_FORM, inputs / REAL_RUNS
    if form.is_file() and runs.is_file():
        return Material(form.read_bytes(), REAL_FORM, runs.read_bytes(), REAL_RUNS, "verbal-autopsy")
    structure = sample_form(make_id)
    answered = sample_runs(structure, Random(_SEED), SAMPLE_RUNS)  # noqa: S311 - samples, no secrets
    return Material(keepstep_json(structure), "household-survey.json", answered, "household-survey.csv", "household-survey")


async def perform_job(stage: Stage, given: Material, address: str) -> Performed:
    """The whole of it. `address`: where the server will answer. Raises IntegrityBroken if a run reads otherwise afterwards."""
    wizard = await _import_form(stage, given)
    began = time.process_time()
    runs = await _import_runs(stage, given)
    seconds = time.process_time() - began
    say(*found_at(runs, address))
    with working("Reading every run back"):
        before = await read_back(stage, given.slug)
    say(f"All {before.runs:,} runs read back; digest over everything they say: {before.digest[:16]}…")
    await _change(stage, given.slug, before)
    rolled_back = await _roll_back(stage, given.slug)
    with working("Reading every run back"):
        after = await read_back(stage, given.slug)
    require_same(before.digest, after.digest)
    say(f"All {after.runs:,} runs read exactly as before (digest {after.digest[:16]}…).")
    return Performed(wizard, runs, seconds, rolled_back.version.number, before, after)


# --- in ------------------------------------------------------------------------------------------------------------


async def _import_form(stage: Stage, given: Material) -> ImportedWizard:
    heading(f"A form: {given.form_name}")
    file = WizardFile(data=given.form, filename=given.form_name, slug=given.slug, publish=True)
    with working("Importing the form"):
        read = await read_wizard_file(stage.resources.context(stage.actor), file)
        imported = await stage.do(import_wizard, read)
    found = imported.wizard
    structure = (await stage.look(get_draft, found.id)).draft.structure
    languages = ", ".join(structure.languages)
    say(f"{found.name}: {len(structure.steps)} steps, {len(structure.option_sets)} questions ({languages}), version 1 is live.")
    say(*receipt_lines(imported.receipt)[:1])
    return imported


async def _import_runs(stage: Stage, given: Material) -> ImportedRuns:
    heading(f"Its runs: {given.runs_name}")
    with working("Importing the runs"):
        imported = await stage.do(import_runs, given.slug, RunsFile(stream=BytesIO(given.runs), filename=given.runs_name))
    say(*told(imported))
    return imported


def found_at(imported: ImportedRuns, address: str) -> list[str]:
    """How to find what did not fit, and what had no question here: calls of the API, and the export."""
    receipt = imported.to_json()
    lines = ["", "Where they are (TOKEN is printed at the end):"]
    codes = {"option-unknown", "rule"}
    for question in receipt["questions"]:
        lines += [_call(address, question["find"][code]) for code in question["flags"] if code in codes]
    lines += [_call(address, column["find"]) for column in receipt["archived"] if column["cells"]]
    empty = [column["name"] for column in receipt["archived"] if not column["cells"]]
    if empty:
        lines.append(f"  Columns without a question and without a value: {', '.join(empty)}")
    lines += ["  All of them as a table, in columns archive.*:", _call(address, f"/api/v1/wizards/{imported.wizard.slug}/export.csv")]
    return lines


def _call(address: str, path: str) -> str:
    return f"  curl -H 'Authorization: Bearer TOKEN' '{address}{path}'"


# --- change --------------------------------------------------------------------------------------------------------


async def _change(stage: Stage, slug: str, read: Read) -> None:
    heading("The form changes, twice")
    structure = (await stage.look(get_draft, slug)).draft.structure
    chosen = _free_questions(structure, read)
    reworded, retyped, deleted, *retired = chosen
    wizard_id = await _wizard_id(stage, slug)
    wording = {"name": _reworded(reworded.name, structure)}
    await _confirmed(stage, wizard_id, changing_option_set(reworded.id, wording, "same"))
    added = {"name": "May we call you back?", "selection_type": "boolean"}
    await stage.do(add_node, wizard_id, Adding(kind="option_set", parent=structure.steps[-1].id, node=added), Consent(seen="*"))
    await _publish(stage, slug, "A question reworded, another one added")
    for option_set in retired:
        await _confirmed(stage, wizard_id, fixed(e.RetireOptionSet(option_set_id=option_set.id)))
    await _confirmed(stage, wizard_id, fixed(e.DeleteOptionSet(option_set_id=deleted.id)))
    await _confirmed(stage, wizard_id, changing_option_set(retyped.id, {"selection_type": "multiple_select"}, None))
    await _publish(stage, slug, "Two questions retired, one deleted, one made a multiple choice")


async def _wizard_id(stage: Stage, slug: str) -> str:
    return (await stage.look(get_draft, slug)).wizard.id


def _free_questions(structure: Structure, read: Read) -> list[OptionSet]:
    """The five single choices that most runs answered and that no rule reads, since a rule about a deleted question cannot be published."""
    choices = [item for item in structure.option_sets if item.selection_type == "single_select" and read.answered[item.id]]
    by_answers = sorted(choices, key=lambda item: -read.answered[item.id])
    return list(islice((item for item in by_answers if not _is_read(structure, item)), 5))


def _is_read(structure: Structure, option_set: OptionSet) -> bool:
    return any(mention.node_id != option_set.id for mention in mentions(structure, option_set.id))


def _reworded(name: Text, structure: Structure) -> Any:
    texts = {language: f"{text_in(name, language, structure.default_language)} *" for language in structure.languages}
    return texts if len(texts) > 1 else texts[structure.default_language]


async def _confirmed(stage: Stage, wizard_id: str, plan: Plan) -> None:
    """One edit, confirmed by the token of its report."""
    report = await stage.see(report_of_edit, wizard_id, plan)
    await stage.do(edit_node, wizard_id, plan, Consent(seen="*", confirm=report.token))


async def _publish(stage: Stage, slug: str, summary: str) -> None:
    publishing = Publishing(change_summary=summary)
    report = await stage.see(report_of_publish, slug, publishing)
    say_report(report.stored)
    published = await stage.do(publish_draft, slug, publishing, Consent(seen="*", confirm=report.token))
    say(f"Published as version {published.version.number}: {summary}.", "")


async def _roll_back(stage: Stage, slug: str) -> Published:
    heading("And back")
    publishing = Publishing(change_summary="Back to version 1", rolls_back_to=1)
    report = await stage.see(report_of_rollback, slug, publishing)
    say_report(report.stored)
    published = await stage.do(roll_back, slug, publishing, Consent(seen="*", confirm=report.token))
    say(f"Version 1 is live again, as version {published.version.number}.")
    return published
