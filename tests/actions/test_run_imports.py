"""Imports of runs as stored: revisions, flags, times, ids, all or nothing."""

import asyncio
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.actions_kit import START, Desk, Survey, new_id

from keepstep.actions.confirm import Consent
from keepstep.actions.imported_runs import ImportedRuns
from keepstep.actions.nodes import edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.actions.runs import save_answers, trash_run
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.core import edits as e
from keepstep.db.tables import wizard_runs
from keepstep.db.transaction import Read
from keepstep.errors import FileUnreadable, IdConflict, NothingPublished
from keepstep.interchange.runs_in import run_id_of
from keepstep.queries.integrity import verify
from keepstep.queries.runs import RunState, load_run

HEADER = "meta-instanceID,SubmissionDate,full-name,email,favorite-color,note\r\n"
JOHN = "uuid:1,2026-03-02T10:00:00Z,John Doe,john@example.com,blue,tall\r\n"


async def take(desk: Desk, wizard: str, *rows: str, header: str = HEADER, **options: Any) -> ImportedRuns:
    stream = BytesIO((header + "".join(rows)).encode())
    return await desk.do(import_runs, wizard, RunsFile(stream=stream, filename="runs.csv", **options))


async def run_of(desk: Desk, survey: Survey, name: str = "uuid:1") -> RunState:
    return await desk.read(load_run, run_id_of(survey.wizard, name))


async def stored_runs(desk: Desk) -> int:
    async def count(tx: Read) -> int:
        return int(await tx.scalar(select(func.count()).select_from(wizard_runs)))

    return await desk.read(count)


async def test_an_imported_run_is_a_first_revision_with_its_cause(desk: Desk) -> None:
    survey = await desk.survey()
    await take(desk, survey.wizard, JOHN)
    state = await run_of(desk, survey)
    assert (state.status, state.revision, state.cause, state.actor) == ("completed", 1, "import", desk.actor.id)
    assert state.answers[survey.color] == {"value": "blue", "source": "import"}
    assert state.archive["note"] == {"value": "tall", "source": "import"}
    assert (await desk.read(verify)).is_intact


async def test_a_run_keeps_its_own_times_and_is_judged_as_of_them(desk: Desk) -> None:
    survey = await desk.survey()
    await take(desk, survey.wizard, JOHN)
    state = await run_of(desk, survey)
    submitted = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert (state.started_at, state.completed_at, state.evaluated_at) == (submitted, submitted, submitted)
    assert state.updated_at > START


async def test_today_of_an_imported_run_is_its_own_day(desk: Desk) -> None:
    born = {"key": "seen", "name": "Seen", "selection_type": "date", "constraints": {"max": "today"}}
    made = await desk.do(create_wizard, NewWizard(structure={"name": "W", "steps": [{"name": "S", "option_sets": [born]}]}))
    await desk.do(publish_draft, made.wizard.id, Publishing(), Consent(seen="1"))
    rows = ("uuid:1,2026-03-02T10:00:00Z,2026-03-02\r\n", "uuid:2,2026-03-01T10:00:00Z,2026-03-02\r\n")
    imported = await take(desk, made.wizard.id, *rows, header="meta-instanceID,SubmissionDate,seen\r\n")
    assert sum(imported.progress.flags.values()) == 1


async def test_required_questions_without_an_answer_are_noted_and_refuse_nothing(desk: Desk) -> None:
    structure = {"name": "W", "steps": [{"name": "S", "option_sets": [_text("a", is_required=True), _text("b")]}]}
    made = await desk.do(create_wizard, NewWizard(structure=structure))
    await desk.do(publish_draft, made.wizard.id, Publishing(), Consent(seen="1"))
    imported = await take(desk, made.wizard.id, "x\r\n", header="b\r\n")
    assert imported.to_json()["flags"] == {"missing-required": 1}


def _text(key: str, **members: Any) -> dict[str, Any]:
    return {"key": key, "name": key, "selection_type": "text_input", **members}


async def test_a_calculation_is_stored_as_given_and_flagged_where_it_differs(desk: Desk) -> None:
    a = {"id": new_id(), "key": "a", "name": "A", "selection_type": "integer"}
    double = {"key": "b", "name": "B", "selection_type": "calculated", "expression": {"*": [2, {"var": a["id"]}]}}
    made = await desk.do(create_wizard, NewWizard(structure={"name": "W", "steps": [{"name": "S", "option_sets": [a, double]}]}))
    await desk.do(publish_draft, made.wizard.id, Publishing(), Consent(seen="1"))
    imported = await take(desk, made.wizard.id, "uuid:1,2,4\r\n", "uuid:2,2,5\r\n", header="meta-instanceID,a,b\r\n")
    assert imported.to_json()["flags"] == {"differs-from-calculation": 1}
    state = await desk.read(load_run, run_id_of(made.wizard.id, "uuid:2"))
    assert [envelope["value"] for envelope in state.answers.values()] == [2, 5]


async def test_a_flawed_file_stores_nothing_at_all(desk: Desk) -> None:
    survey = await desk.survey()
    with pytest.raises(FileUnreadable, match="Line 3"):
        await take(desk, survey.wizard, JOHN, "too,few\r\n")
    assert await stored_runs(desk) == 0


async def test_a_failure_in_a_later_batch_takes_the_earlier_ones_along(desk: Desk) -> None:
    survey = await desk.survey()
    rows = [f"uuid:{number},,N,,blue,\r\n" for number in range(250)]

    def stop(done: int) -> None:
        if done > 150:
            raise RuntimeError("somebody pulled the plug")

    with pytest.raises(RuntimeError):
        await take(desk, survey.wizard, *rows, told=stop)
    assert await stored_runs(desk) == 0


async def test_progress_is_told_after_each_batch(desk: Desk) -> None:
    survey = await desk.survey()
    told: list[int] = []
    await take(desk, survey.wizard, *(f"uuid:{number},,N,,blue,\r\n" for number in range(250)), told=told.append)
    assert told == [100, 200, 250]


async def test_a_run_that_was_edited_or_trashed_since_stays_as_it_is(desk: Desk) -> None:
    survey = await desk.survey()
    await take(desk, survey.wizard, JOHN)
    state = await run_of(desk, survey)
    await desk.do(save_answers, state.id, {"favorite-color": "red"}, state.etag)
    await desk.do(trash_run, state.id)
    again = await take(desk, survey.wizard, JOHN)
    assert (again.progress.there.runs, again.progress.differing) == (1, [state.id])
    after = await run_of(desk, survey)
    assert (after.revision, after.answers[survey.color]["value"], after.trashed_at is not None) == (2, "red", True)


async def test_a_run_of_another_wizard_is_taken_over_under_an_id_of_its_own_and_only_once(desk: Desk) -> None:
    first, second = await desk.survey(), await desk.survey(slug="copy")
    run_id = await desk.run(first.wizard, full_name="John", favorite_color="blue")
    line = json.dumps({"id": run_id, "answers": {"full-name": "John"}})
    for added in (1, 0):
        imported = await take(desk, second.wizard, header=line)
        assert imported.progress.added.runs == added
    assert (await desk.read(load_run, run_id_of(second.wizard, run_id))).origin_wizard_id == second.wizard


async def test_a_row_without_an_id_gets_a_new_run_at_each_import(desk: Desk) -> None:
    survey = await desk.survey()
    for _ in range(2):
        await take(desk, survey.wizard, "John\r\n", header="full-name\r\n")
    assert await stored_runs(desk) == 2


async def test_every_cell_is_accounted_for_over_added_and_known_runs(desk: Desk) -> None:
    survey = await desk.survey()
    await take(desk, survey.wizard, JOHN)
    runs = (await take(desk, survey.wizard, JOHN, "uuid:2,,Jane,,,\r\n")).to_json()
    assert (runs["runs"]["cells_added"], runs["runs"]["cells_already_there"], runs["totals"]["cells"]) == (2, 6, 8)


async def test_a_wizard_without_a_version_takes_no_runs(desk: Desk) -> None:
    survey = await desk.survey(publish=False)
    with pytest.raises(NothingPublished):
        await take(desk, survey.wizard, JOHN)


async def test_runs_go_to_the_version_they_name_or_to_the_one_that_is_given(desk: Desk) -> None:
    survey = await desk.survey()
    await _publish_without_email(desk, survey)
    header = "run_id,version,first_version,revision,email\r\n"
    named, given = new_id(), new_id()
    await take(desk, survey.wizard, f"{named},1,1,1,john@example.com\r\n", header=header)
    await take(desk, survey.wizard, f"{given},1,1,1,john@example.com\r\n", header=header, version_number=2)
    one, two = await desk.read(load_run, named), await desk.read(load_run, given)
    assert (one.version.number, one.answers[survey.email]["value"]) == (1, "john@example.com")
    assert (two.version.number, two.archive[survey.email]["value"]) == (2, "john@example.com")


async def _publish_without_email(desk: Desk, survey: Survey) -> None:
    plan = fixed(e.DeleteOptionSet(option_set_id=survey.email))
    report = await desk.do(report_of_edit, survey.wizard, plan)
    await desk.do(edit_node, survey.wizard, plan, Consent(seen="*", confirm=report.token))
    shown = await desk.do(report_of_publish, survey.wizard, Publishing())
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="*", confirm=shown.token))


async def test_two_imports_of_one_file_at_the_same_time_store_its_runs_once(desk: Desk) -> None:
    survey = await desk.survey()
    both = await asyncio.gather(*(take(desk, survey.wizard, JOHN) for _ in range(2)), return_exceptions=True)
    added = [each.progress.added.runs for each in both if isinstance(each, ImportedRuns)]
    refused = [each for each in both if isinstance(each, BaseException)]
    assert sum(added) == 1
    assert all(isinstance(each, IdConflict) for each in refused)
    assert await stored_runs(desk) == 1
