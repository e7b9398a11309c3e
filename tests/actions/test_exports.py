"""Exports from the database: one row for each run over all versions, nothing left out, and what was exported can be read again."""

import csv
import io
import json
from io import BytesIO
from typing import Any

import pytest
from tests.actions_kit import ADMIN, Desk, Survey

from keepstep.actions.confirm import Consent
from keepstep.actions.exports import ExportRequest, export_runs, export_wizard
from keepstep.actions.nodes import edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.actions.runs import RunRequest, save_answers, start_run, trash_run
from keepstep.actions.wizards import remove_wizard, report_of_deletion
from keepstep.core import edits as e
from keepstep.db.transaction import open_read
from keepstep.errors import Forbidden, NothingPublished, VersionNotFound
from keepstep.interchange.columns import TableOptions
from keepstep.interchange.keepstep_json import read_keepstep_json
from keepstep.queries.drafts import get_draft
from keepstep.queries.runs import load_run


async def exported(desk: Desk, wizard: str, **request: Any) -> tuple[bytes, int]:
    """The bytes of an export and the number of trashed runs that it left out."""
    async with open_read(desk.engine) as tx:
        export = await export_runs(desk.context(), tx, wizard, ExportRequest(**request))
        return b"".join([piece async for piece in export.pieces]), export.trashed


async def table(desk: Desk, wizard: str, **request: Any) -> list[dict[str, str]]:
    data, _ = await exported(desk, wizard, **request)
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


async def publish(desk: Desk, survey: Survey) -> None:
    shown = await desk.do(report_of_publish, survey.wizard, Publishing())
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="*", confirm=shown.token))


async def delete_email(desk: Desk, survey: Survey) -> None:
    plan = fixed(e.DeleteOptionSet(option_set_id=survey.email))
    report = await desk.do(report_of_edit, survey.wizard, plan)
    await desk.do(edit_node, survey.wizard, plan, Consent(seen="*", confirm=report.token))
    await publish(desk, survey)


async def test_a_deleted_question_keeps_its_column_and_says_where_it_was_not(desk: Desk) -> None:
    survey = await desk.survey()
    old = await desk.run(survey.wizard, full_name="John", email="j@example.com", favorite_color="blue")
    await delete_email(desk, survey)
    new = await desk.run(survey.wizard, full_name="Jane", favorite_color="red")
    rows = {row["run_id"]: row for row in await table(desk, survey.wizard)}
    assert (rows[old]["email"], rows[old]["email.state"], rows[old]["version"]) == ("j@example.com", "answered", "1")
    assert (rows[new]["email"], rows[new]["email.state"], rows[new]["version"]) == ("", "not_in_version", "2")


async def test_a_working_copy_is_exported_and_what_it_has_not_come_to_is_not_asked(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, complete=False, full_name="John")
    (row,) = await table(desk, survey.wizard)
    assert (row["status"], row["full-name"], row["email.state"], row["revision"]) == ("in_progress", "John", "not_asked", "0")


async def test_an_edited_run_shows_its_head(desk: Desk) -> None:
    survey = await desk.survey()
    run_id = await desk.run(survey.wizard, full_name="John")
    await desk.do(save_answers, run_id, {"full-name": "Jack"}, "1.0")
    (row,) = await table(desk, survey.wizard)
    assert (row["full-name"], row["revision"], row["first_version"]) == ("Jack", "2", "1")


async def test_trashed_runs_are_left_out_and_counted(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="John")
    await desk.do(trash_run, await desk.run(survey.wizard, full_name="Jane"))
    for name in ("csv", "jsonl"):
        data, trashed = await exported(desk, survey.wizard, format_name=name)
        assert (b"John" in data, b"Jane" in data, trashed) == (True, False, 1)


async def test_runs_of_a_removed_wizard_are_exported_by_its_id(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="John")
    admin = desk.as_(ADMIN)
    report = await admin.do(report_of_deletion, survey.wizard, permanent=True)
    await admin.do(remove_wizard, survey.wizard, report.token)
    assert [row["full-name"] for row in await table(desk, survey.wizard)] == ["John"]


async def test_one_version_can_be_exported_alone(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="John", email="j@example.com")
    await delete_email(desk, survey)
    await desk.run(survey.wizard, full_name="Jane")
    latest, first = await table(desk, survey.wizard, versions="latest"), await table(desk, survey.wizard, versions=1)
    assert [(row["full-name"], "email" in row) for row in (*latest, *first)] == [("Jane", False), ("John", True)]
    with pytest.raises(VersionNotFound):
        await table(desk, survey.wizard, versions=3)


async def test_more_runs_than_a_batch_are_all_there_once(desk: Desk) -> None:
    survey = await desk.survey()
    rows = "".join(f"uuid:{number},N{number}\r\n" for number in range(230))
    await desk.do(import_runs, survey.wizard, RunsFile(stream=BytesIO(("meta-instanceID,full-name\r\n" + rows).encode())))
    names = [row["full-name"] for row in await table(desk, survey.wizard)]
    assert sorted(names) == sorted(f"N{number}" for number in range(230))


async def test_a_wizard_without_runs_gives_the_header_alone_and_no_line(desk: Desk) -> None:
    survey = await desk.survey()
    assert (await exported(desk, survey.wizard))[0].startswith(b"run_id,")
    assert await exported(desk, survey.wizard, format_name="jsonl") == (b"", 0)


async def test_a_wizard_without_a_version_has_nothing_to_export(desk: Desk) -> None:
    survey = await desk.survey(publish=False)
    with pytest.raises(NothingPublished):
        await exported(desk, survey.wizard)


async def test_an_other_text_that_no_version_ever_took_has_a_column_all_the_same(desk: Desk) -> None:
    survey = await desk.survey()
    line = json.dumps({"answers": {"full-name": {"value": "John", "other": "Johnny"}}})
    await desk.do(import_runs, survey.wizard, RunsFile(stream=BytesIO(line.encode())))
    assert [row["full-name.other"] for row in await table(desk, survey.wizard)] == ["Johnny"]


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
async def test_what_was_exported_is_found_again_by_an_import(desk: Desk, format_name: str) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="John", email="j@example.com", favorite_color="blue")
    await desk.run(survey.wizard, complete=False, full_name='Jane; "quoted", =1')
    await delete_email(desk, survey)
    data, _ = await exported(desk, survey.wizard, format_name=format_name)
    again = await desk.do(import_runs, survey.wizard, RunsFile(stream=BytesIO(data)))
    assert (again.progress.added.runs, again.progress.there.runs, again.progress.differing) == (0, 2, [])


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
async def test_a_copy_of_a_wizard_takes_its_runs_over_with_every_answer(desk: Desk, format_name: str) -> None:
    survey, copy = await desk.survey(), await desk.survey(slug="copy")
    run_id = await desk.run(survey.wizard, full_name="John", email="j@example.com", favorite_color="blue")
    data, _ = await exported(desk, survey.wizard, format_name=format_name)
    imported = await desk.do(import_runs, copy.wizard, RunsFile(stream=BytesIO(data)))
    assert imported.progress.added.runs == 1
    before, after = await table(desk, survey.wizard), await table(desk, copy.wizard)
    skipped = ("run_id", "updated_at")
    assert [{name: cell for name, cell in row.items() if name not in skipped} for row in after] == [
        {name: cell for name, cell in row.items() if name not in skipped} for row in before
    ]
    assert (await desk.read(load_run, run_id)).origin_wizard_id == survey.wizard


async def test_a_wizard_is_exported_and_read_again_as_it_is(desk: Desk) -> None:
    survey = await desk.survey()
    draft = (await desk.read(get_draft, desk.actor, survey.wizard)).draft.structure
    for number in (None, 1):
        async with open_read(desk.engine) as tx:
            assert read_keepstep_json(await export_wizard(desk.context(), tx, survey.wizard, number)) == draft


async def test_somebody_with_grants_elsewhere_exports_nothing(desk: Desk) -> None:
    survey = await desk.survey()
    stranger = desk.as_(type(ADMIN)(id=ADMIN.id, name="x", role="editor", channel="api", grants={"other": "editor"}))
    with pytest.raises(Forbidden):
        await exported(stranger, survey.wizard)


async def _with_personal_data(desk: Desk) -> Survey:
    """Runs of a first version without a mark and of a second one that marks the name; one of them with an imported column."""
    survey = await desk.survey()
    await desk.do(start_run, survey.wizard, RunRequest(answers={"full-name": "Ann Secret"}, respondent="ann@secret.example", complete=True))
    text = "meta-instanceID,full-name,favorite-color,device of ann\r\nuuid:1,Bob Secret,blue,secret-phone\r\n"
    await desk.do(import_runs, survey.wizard, RunsFile(stream=BytesIO(text.encode())))
    plan = fixed(e.ChangeOptionSet(option_set_id=survey.full_name, fields={"personal_data": True}))
    report = await desk.do(report_of_edit, survey.wizard, plan)
    await desk.do(edit_node, survey.wizard, plan, Consent(seen="*", confirm=report.token))
    await publish(desk, survey)
    return survey


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
@pytest.mark.parametrize("versions", ["all", 1])
async def test_without_personal_data_nothing_of_it_is_in_the_file(desk: Desk, format_name: str, versions: Any) -> None:
    survey = await _with_personal_data(desk)
    whole, _ = await exported(desk, survey.wizard, format_name=format_name, versions=versions)
    assert [whole.lower().count(word) > 0 for word in (b"ann secret", b"bob secret", b"ann@secret", b"secret-phone")] == [True] * 4
    data, _ = await exported(desk, survey.wizard, format_name=format_name, versions=versions, impersonal=True)
    assert b"secret" not in data.lower()
    assert b"device of" not in data
    assert (b"full-name" in data, b"favorite-color" in data, b"blue" in data) == (False, True, True)


async def test_without_personal_data_other_columns_and_ids_are_as_ever(desk: Desk) -> None:
    survey = await _with_personal_data(desk)
    split = TableOptions(split=True, labels="both")
    whole, rest = await table(desk, survey.wizard, table=split), await table(desk, survey.wizard, table=split, impersonal=True)
    gone = {"respondent", "full-name", "full-name.state", *(name for name in whole[0] if name.startswith("archive."))}
    assert rest == [{name: cell for name, cell in row.items() if name not in gone} for row in whole]
