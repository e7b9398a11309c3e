"""Exports over HTTP: streamed, named, honest about what they leave out and what they cannot do."""

import csv
import io
import json

import httpx
import pytest
from sqlalchemy import QueuePool
from starlette.types import Message
from tests.factories import JOHN, customer_survey, option_set, published, step, wizard

from keepstep.config import Resources
from keepstep.web.app import create_app


@pytest.fixture
async def survey(resources: Resources, editor: httpx.AsyncClient) -> str:
    wizard_id = await published(resources, customer_survey())
    for name in ("John Doe", "=cmd()"):
        answers = JOHN | {"full-name": name}
        made = await editor.post(f"/api/v1/wizards/{wizard_id}/runs", json={"answers": answers, "complete": True})
        assert made.status_code == 201
    return wizard_id


async def rows(client: httpx.AsyncClient, wizard: str, **query: str) -> list[dict[str, str]]:
    answer = await client.get(f"/api/v1/wizards/{wizard}/export.csv", params=query)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_a_table_is_an_attachment_that_says_what_it_leaves_out(analyst: httpx.AsyncClient, survey: str) -> None:
    answer = await analyst.get(f"/api/v1/wizards/{survey}/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="customer-survey.csv"'
    assert answer.headers["keepstep-trashed-runs"] == "0"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_codes_labels_states_and_guards_are_chosen_in_the_query(analyst: httpx.AsyncClient, survey: str) -> None:
    plain, chosen = await rows(analyst, survey), await rows(analyst, survey, labels="labels", states="none", excel_safe="true")
    assert [(row["favorite-color"], row["full-name"], row["email.state"]) for row in plain] == [
        ("blue", "John Doe", "answered"),
        ("blue", "=cmd()", "answered"),
    ]
    assert [(row["favorite-color"], row["full-name"], "email.state" in row) for row in chosen] == [
        ("Blue", "John Doe", False),
        ("Blue", "'=cmd()", False),
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
async def test_personal_data_is_left_out_where_that_is_asked_and_the_name_of_the_file_says_so(
    resources: Resources, editor: httpx.AsyncClient, analyst: httpx.AsyncClient, ending: str
) -> None:
    wizard_id = await published(resources, wizard(step("only", option_set("name", personal_data=True), option_set("colour"))))
    given = {"answers": {"name": "Ann", "colour": "red"}, "respondent": "ann@example.org", "complete": True}
    assert (await editor.post(f"/api/v1/wizards/{wizard_id}/runs", json=given)).status_code == 201
    answer = await analyst.get(f"/api/v1/wizards/{wizard_id}/export.{ending}?without_personal_data=true")
    assert answer.headers["content-disposition"].endswith(f'-without-personal-data.{ending}"')
    assert ("Ann" in answer.text, "ann@" in answer.text, "red" in answer.text) == (False, False, True)


async def test_json_lines_hold_a_run_on_each_line(analyst: httpx.AsyncClient, survey: str) -> None:
    answer = await analyst.get(f"/api/v1/wizards/{survey}/export.jsonl")
    runs = [json.loads(line) for line in answer.text.splitlines()]
    assert [run["responses"][0]["response_value"]["value"] for run in runs] == ["John Doe", "=cmd()"]
    assert answer.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("export.xlsx", 415, "unsupported"),
        ("export.parquet", 415, "unsupported"),
        ("export.docx", 404, "not-found"),
        ("export.csv?versions=some", 422, "request-invalid"),
        ("export.csv?versions=7", 404, "version-not-found"),
        ("export.csv?labels=names", 422, "request-invalid"),
        ("export.csv?language=%00", 422, "request-invalid"),
    ],
)
async def test_what_cannot_be_exported_is_a_problem_before_any_byte(
    analyst: httpx.AsyncClient, survey: str, path: str, status: int, code: str
) -> None:
    answer = await analyst.get(f"/api/v1/wizards/{survey}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_only_formats_that_are_written_stand_in_the_description(analyst: httpx.AsyncClient) -> None:
    paths = (await analyst.get("/api/openapi.json")).json()["paths"]
    assert sorted(path.rpartition("/")[2] for path in paths if path.startswith("/api/v1/wizards/") and "/export" in path) == [
        "export.csv",
        "export.jsonl",
    ]


async def test_nobody_exports_without_a_token_or_an_unknown_wizard(
    anonymous: httpx.AsyncClient, analyst: httpx.AsyncClient, survey: str
) -> None:
    assert (await anonymous.get(f"/api/v1/wizards/{survey}/export.csv")).status_code == 401
    assert (await analyst.get("/api/v1/wizards/none/export.csv")).status_code == 404


async def test_a_reader_that_goes_away_leaves_no_connection_behind(resources: Resources, editor: httpx.AsyncClient, survey: str) -> None:
    app = create_app(resources)
    headers = [(name.lower().encode(), value.encode()) for name, value in editor.headers.items()]
    scope = {"type": "http", "method": "GET", "path": f"/api/v1/wizards/{survey}/export.csv", "query_string": b"", "headers": headers}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the connection is gone")

    for _ in range(30):
        await app({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}, "state": {}}, receive, send)
    pool = resources.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0


async def test_the_codebook_names_the_columns_of_the_export(analyst: httpx.AsyncClient, survey: str) -> None:
    book = (await analyst.get(f"/api/v1/wizards/{survey}/codebook")).json()
    header = set((await rows(analyst, survey, labels="both", split="true"))[0])
    assert {column["name"] for part in (book, *book["option_sets"]) for column in part["columns"]} == header
    assert (book["wizard"]["slug"], book["versions"], len(book["option_sets"])) == ("customer-survey", [1], 3)


async def test_a_wizard_in_the_trash_and_a_removed_one_keep_their_codebook(admin: httpx.AsyncClient, survey: str) -> None:
    before = (await admin.get(f"/api/v1/wizards/{survey}/codebook")).json()["option_sets"]
    for query in ({}, {"permanent": "true"}):
        report = (await admin.delete(f"/api/v1/wizards/{survey}", params={**query, "dry_run": "true"})).json()
        gone = await admin.delete(f"/api/v1/wizards/{survey}", params={**query, "confirm": report["confirm"]})
        assert gone.status_code == 200
        assert (await admin.get(f"/api/v1/wizards/{survey}/codebook")).json()["option_sets"] == before


async def test_the_codebook_of_what_was_never_published_is_empty(editor: httpx.AsyncClient) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    assert (await editor.get(f"/api/v1/wizards/{made['id']}/codebook")).json()["option_sets"] == []
    assert (await editor.get("/api/v1/wizards/none/codebook")).status_code == 404
