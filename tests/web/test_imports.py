"""Files in over HTTP."""

import asyncio
from typing import Any, cast

import httpx
import pytest
from sqlalchemy.pool import QueuePool
from tests.factories import count_queries, customer_survey, new_id, published
from tests.interchange.xlsform_sheets import workbook

from keepstep.config import Resources
from keepstep.core.jsonvalue import dump_bytes

ROWS = "meta-instanceID,SubmissionDate,personal-info-full-name,email,favorite-color,note\r\n"
JOHN = "uuid:1,2026-03-02T10:00:00Z,John Doe,john@example.com,blue,tall\r\n"
JANE = "uuid:2,2026-03-02T11:00:00Z,Jane Roe,,purple,\r\n"


@pytest.fixture
async def survey(resources: Resources) -> str:
    return await published(resources, customer_survey())


async def send(client: httpx.AsyncClient, wizard: str, content: str | bytes, media_type: str = "text/csv", **query: Any) -> httpx.Response:
    path = f"/api/v1/wizards/{wizard}/runs/import"
    return await client.post(path, content=content, headers={"Content-Type": media_type}, params=query)


async def found(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def import_wizard(client: httpx.AsyncClient, structure: dict[str, Any], **form: str) -> httpx.Response:
    files = {"file": ("wizard.json", dump_bytes(structure), "application/json")}
    return await client.post("/api/v1/import", files=files, data=form)


async def test_runs_are_imported_and_everything_that_did_not_fit_is_found_by_its_address(editor: httpx.AsyncClient, survey: str) -> None:
    answer = await send(editor, survey, ROWS + JOHN + JANE)
    receipt = answer.json()
    assert (answer.status_code, receipt["runs"]["added"], receipt["totals"]["cells"]) == (201, 2, 10)
    (question,) = receipt["questions"]
    assert (question["key"], question["flags"]) == ("favorite-color", {"option-unknown": 1})
    (flagged,) = await found(editor, question["find"]["option-unknown"])
    assert flagged["answers"]["favorite-color"] == {"value": "purple"}
    (archived,) = [column for column in receipt["archived"] if column["name"] == "note"]
    assert [item["answers"]["full-name"]["value"] for item in await found(editor, archived["find"])] == ["John Doe"]


async def test_the_same_file_twice_adds_nothing_and_says_so(editor: httpx.AsyncClient, survey: str) -> None:
    await send(editor, survey, ROWS + JOHN)
    again = await send(editor, survey, ROWS + JOHN)
    assert (again.status_code, again.json()["runs"]["added"], again.json()["runs"]["already_there"]) == (200, 0, 1)
    assert len(await found(editor, f"/api/v1/wizards/{survey}/runs")) == 1


async def test_what_is_there_already_is_not_judged_again(editor: httpx.AsyncClient, survey: str) -> None:
    """It used to be accounted as answers, flagged and archived, though nothing was stored."""
    await send(editor, survey, ROWS + JANE)
    receipt = (await send(editor, survey, ROWS + JANE)).json()
    assert (receipt["totals"]["cells"], receipt["totals"]["already_there"], receipt["runs"]["cells_already_there"]) == (4, 4, 4)
    assert [receipt["totals"][fate] for fate in ("answers", "flagged", "metadata", "archived")] == [0, 0, 0, 0]
    assert (receipt["flags"], receipt["questions"], receipt["lines"]) == ({}, [], [])
    mixed = (await send(editor, survey, ROWS + JOHN + JANE)).json()["totals"]
    assert (mixed["cells"], mixed["already_there"], mixed["answers"]) == (10, 4, 3)


async def test_a_run_that_the_file_tells_otherwise_now_stays_and_is_named(editor: httpx.AsyncClient, survey: str) -> None:
    await send(editor, survey, ROWS + JOHN)
    (stored,) = await found(editor, f"/api/v1/wizards/{survey}/runs")
    receipt = (await send(editor, survey, ROWS + JOHN.replace("blue", "red"))).json()
    assert (receipt["runs"]["stored_otherwise"], receipt["runs"]["stored_otherwise_ids"]) == (1, [stored["id"]])
    assert (await found(editor, f"/api/v1/wizards/{survey}/runs"))[0]["answers"] == stored["answers"]


async def test_a_form_upload_and_a_raw_body_store_the_same_runs(editor: httpx.AsyncClient, survey: str) -> None:
    first = await send(editor, survey, ROWS + JOHN)
    files = {"file": ("runs.csv", (ROWS + JOHN).encode(), "text/csv")}
    second = await editor.post(f"/api/v1/wizards/{survey}/runs/import", files=files)
    assert (first.json()["runs"]["added"], second.json()["runs"]["already_there"]) == (1, 1)


async def test_json_lines_are_told_by_their_content(editor: httpx.AsyncClient, survey: str) -> None:
    lines = '{"answers": {"full-name": "Ann", "favorite-color": "blue"}}\n{"status": "in_progress", "answers": {"full-name": "Bo"}}\n'
    receipt = (await send(editor, survey, lines, "application/x-ndjson")).json()
    assert receipt["runs"]["by_status"] == {"completed": 1, "in_progress": 1}


async def test_an_imported_run_in_progress_can_be_completed(editor: httpx.AsyncClient, survey: str) -> None:
    await send(editor, survey, '{"status": "in_progress", "answers": {"full-name": "Bo", "gone": 7}}', "application/jsonl")
    (run,) = await found(editor, f"/api/v1/wizards/{survey}/runs")
    whole = await editor.get(f"/api/v1/runs/{run['id']}")
    done = await editor.post(f"/api/v1/runs/{run['id']}/complete", headers={"If-Match": whole.headers["ETag"]})
    assert (done.status_code, done.json()["status"], done.json()["revision"]) == (200, "completed", 2)
    assert [entry["name"] for entry in (await editor.get(f"/api/v1/runs/{run['id']}")).json()["archive"]] == ["gone"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code", "said"),
    [
        (ROWS + "a,b\r\n", "text/csv", 422, "file-unreadable", "Line 2"),
        (ROWS + JOHN + JOHN, "text/csv", 422, "file-unreadable", "second time"),
        ("", "text/csv", 422, "file-unreadable", "empty"),
        ("a,b\r\n1,2\r\n", "text/csv", 422, "file-unreadable", "no column is a question"),
        ("{broken\n", "application/x-ndjson", 422, "file-unreadable", "Line 1"),
        ("[]", "application/x-ndjson", 415, "unsupported", "JSON Lines"),
        (ROWS + JOHN, "application/json", 415, "unsupported", "multipart/form-data"),
        (ROWS.encode() + b"\xff\xfe,x,y,z,v,w\r\n", "text/csv", 422, "file-unreadable", "Line 2"),
        (b"PK\x03\x04" + bytes(60), "text/csv", 422, "file-unreadable", "workbook"),
        ("x" * (2 * 2**20 + 2**18), "text/csv", 413, "too-large", "MB"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_whole_with_its_place(
    editor: httpx.AsyncClient, survey: str, *, content: str | bytes, media_type: str, status: int, code: str, said: str
) -> None:
    answer = await send(editor, survey, content, media_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert said in answer.json()["detail"]
    assert await found(editor, f"/api/v1/wizards/{survey}/runs") == []


async def test_a_form_without_a_file_is_refused(editor: httpx.AsyncClient, survey: str) -> None:
    answer = await editor.post(f"/api/v1/wizards/{survey}/runs/import", files={"other": ("x", b"y")})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")


async def test_an_analyst_and_a_stranger_import_nothing(analyst: httpx.AsyncClient, anonymous: httpx.AsyncClient, survey: str) -> None:
    assert (await send(analyst, survey, ROWS + JOHN)).status_code == 403
    assert (await send(anonymous, survey, ROWS + JOHN)).status_code == 401
    assert (await import_wizard(analyst, customer_survey())).status_code == 403


async def test_a_trashed_wizard_takes_no_runs(editor: httpx.AsyncClient, survey: str) -> None:
    await editor.delete(f"/api/v1/wizards/{survey}")
    answer = await send(editor, survey, ROWS + JOHN)
    assert (answer.status_code, answer.json()["code"]) == (410, "wizard-trashed")


async def test_a_version_that_is_not_there_is_named(editor: httpx.AsyncClient, survey: str) -> None:
    assert (await send(editor, survey, ROWS + JOHN, version=7)).json()["code"] == "version-not-found"


async def test_an_import_of_many_runs_costs_as_many_queries_as_one_of_few(
    resources: Resources, editor: httpx.AsyncClient, survey: str
) -> None:
    async def queries(first: int, count: int) -> int:
        rows = "".join(JOHN.replace("uuid:1,", f"uuid:{number},") for number in range(first, first + count))
        with count_queries(resources.engine) as statements:
            assert (await send(editor, survey, ROWS + rows)).status_code == 201
        return len(statements)

    await queries(1, 1)
    assert await queries(10, 2) == await queries(20, 60)


# --- wizards -------------------------------------------------------------------------------------------------------


async def test_a_wizard_is_imported_and_published(editor: httpx.AsyncClient) -> None:
    answer = await import_wizard(editor, customer_survey() | {"schema_version": 1}, publish="true", slug="from-a-file")
    body = answer.json()
    assert (answer.status_code, body["wizard"]["slug"], body["version_number"], body["created"]) == (201, "from-a-file", 1, True)
    assert (await editor.get("/api/v1/wizards/from-a-file/versions/1")).json()["change_summary"] == "Imported from wizard.json"


async def test_ids_of_another_wizard_become_new_ones_with_their_map(editor: httpx.AsyncClient, survey: str) -> None:
    structure = (await editor.get(f"/api/v1/wizards/{survey}/draft")).json()["structure"]
    body = (await import_wizard(editor, structure)).json()
    copy = (await editor.get(f"/api/v1/wizards/{body['wizard']['id']}/draft")).json()["structure"]
    before, after = structure["steps"][0]["option_sets"][0]["id"], copy["steps"][0]["option_sets"][0]["id"]
    assert body["receipt"]["ids"][before] == after != before


async def test_publishing_what_touches_answers_waits_for_its_confirmation(editor: httpx.AsyncClient, survey: str) -> None:
    await send(editor, survey, ROWS + JOHN)
    structure = (await editor.get(f"/api/v1/wizards/{survey}/draft")).json()["structure"]
    structure["steps"][0]["option_sets"].pop()
    body = (await import_wizard(editor, structure, into=survey, publish="true")).json()
    assert (body["version_number"], body["unconfirmed"]["impact"]["answers"]) == (None, 1)
    path = f"/api/v1/wizards/{survey}/publish"
    seen = {"If-Match": f'"{body["wizard"]["draft_revision"]}"'}
    made = await editor.post(path, json={"confirm": body["unconfirmed"]["confirm"]}, headers=seen)
    assert (made.status_code, made.json()["version_number"]) == (201, 2)


async def test_the_same_edition_again_changes_nothing(editor: httpx.AsyncClient, survey: str) -> None:
    structure = (await editor.get(f"/api/v1/wizards/{survey}/draft")).json()["structure"]
    answer = await import_wizard(editor, structure, into=survey, publish="true")
    assert (answer.status_code, answer.json()["edit"], answer.json()["version_number"]) == (200, None, None)


async def test_another_wizards_edition_is_matched_by_keys(editor: httpx.AsyncClient, survey: str) -> None:
    stranger = customer_survey()
    stranger["steps"][0]["option_sets"][1]["name"] = "E-mail"
    body = (await import_wizard(editor, stranger, into=survey)).json()
    draft = (await editor.get(f"/api/v1/wizards/{survey}/draft")).json()["structure"]
    assert draft["steps"][0]["option_sets"][1]["name"] == "E-mail"
    assert body["receipt"]["ids"][stranger["steps"][0]["option_sets"][1]["id"]] == draft["steps"][0]["option_sets"][1]["id"]


async def test_a_stale_edition_is_refused(editor: httpx.AsyncClient, survey: str) -> None:
    files = {"file": ("wizard.json", dump_bytes(customer_survey()), "application/json")}
    answer = await editor.post("/api/v1/import", files=files, data={"into": survey}, headers={"If-Match": '"9"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file-unreadable"),
        (b"%PDF-1.7", 422, "file-unreadable"),
        (b'{"steps": [{"id": "x"}]}', 422, "structure-invalid"),
        (b'{"keepstep": "runs"}', 422, "file-unreadable"),
        (b"<survey/>", 422, "file-unreadable"),
    ],
)
async def test_a_file_that_is_no_wizard_is_refused(editor: httpx.AsyncClient, content: bytes, status: int, code: str) -> None:
    answer = await editor.post("/api/v1/import", files={"file": ("x\x00\x1f.xlsx", content)})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await editor.get("/api/v1/wizards")).json()["items"] == []


async def test_no_connection_is_held_while_a_workbook_is_read(resources: Resources, editor: httpx.AsyncClient) -> None:
    """A transaction that waited for a large one kept its connection, and with `into` the draft, from everybody else."""
    form = workbook("# survey\ntype | name | label\ntext | q | Q\n# other\n" + "a | b | c | d | e | f | g | h\n" * 4_000)
    held: list[int] = []
    sent = asyncio.create_task(editor.post("/api/v1/import", files={"file": ("form.xlsx", form)}))
    while not sent.done():
        await asyncio.sleep(0.02)
        held.append(cast("QueuePool", resources.engine.pool).checkedout())
    assert (await sent).status_code == 201
    assert len(held) > 10
    assert held.count(0) > len(held) * 0.6


async def test_a_file_of_somebody_who_may_not_edit_is_not_even_read(analyst: httpx.AsyncClient, survey: str) -> None:
    answer = await analyst.post("/api/v1/import", files={"file": ("form.xlsx", b"no workbook")}, data={"into": survey})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_surveyjs_is_said_not_to_be_read(editor: httpx.AsyncClient) -> None:
    assert (await import_wizard(editor, customer_survey(), format="surveyjs")).status_code == 415


async def test_an_import_leaves_its_audit_event(admin: httpx.AsyncClient, survey: str) -> None:
    await send(admin, survey, ROWS + JOHN)
    events = await found(admin, f"/api/v1/audit?wizard_id={survey}")
    assert events[0]["action"] == "wizard.runs_imported"
    assert events[0]["details"]["archived_columns"] == ["note"]


async def test_a_flag_filter_of_an_unknown_question_is_named(editor: httpx.AsyncClient, survey: str) -> None:
    answer = await editor.get(f"/api/v1/wizards/{survey}/runs", params={"flagged": new_id()})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/flagged")
