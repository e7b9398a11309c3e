"""Files over HTTP: uploaded to a wizard, named in an answer, downloaded from the run."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.factories import new_id, option_set, published, step, wizard

from keepstep.config import Resources

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


@pytest.fixture
async def survey(resources: Resources) -> str:
    photo = option_set("photo", "file", constraints={"max_files": 2, "media_types": ["image/*"]})
    return await published(resources, wizard(step("only", photo, option_set("name"))))


async def upload(
    client: httpx.AsyncClient, wizard_id: str, content: bytes = PNG, name: str = "me.png", kind: str = "image/png"
) -> httpx.Response:
    return await client.post(f"/api/v1/wizards/{wizard_id}/files", files={"file": (name, content, kind)})


async def answered(client: httpx.AsyncClient, wizard_id: str, value: Any) -> httpx.Response:
    return await client.post(f"/api/v1/wizards/{wizard_id}/runs", json={"answers": {"photo": value}, "complete": True})


async def test_a_file_is_uploaded_answered_with_and_downloaded(editor: httpx.AsyncClient, survey: str) -> None:
    made = await upload(editor, survey)
    assert (made.status_code, made.json()["size"], made.json()["media_type"]) == (201, len(PNG), "image/png")
    run = await answered(editor, survey, [{"file_id": made.json()["file_id"]}])
    stored = (await editor.get(f"/api/v1/runs/{run.json()['id']}")).json()["responses"][0]["response_value"]["value"]
    assert stored == [made.json()]
    got = await editor.get(f"/api/v1/runs/{run.json()['id']}/files/{made.json()['file_id']}")
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    assert got.headers["content-disposition"].startswith("attachment")


async def test_what_a_client_claims_of_a_file_does_not_count(editor: httpx.AsyncClient, survey: str) -> None:
    made = await upload(editor, survey, b"<script>alert(1)</script>", "../../x.png", "image/png")
    assert (made.json()["name"], made.json()["media_type"]) == ("x.png", "text/plain")
    refused = await answered(editor, survey, [{"file_id": made.json()["file_id"], "media_type": "image/png"}])
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "media-types")


async def test_a_file_nobody_uploaded_is_named_as_such(editor: httpx.AsyncClient, survey: str) -> None:
    refused = await answered(editor, survey, [{"file_id": new_id()}])
    assert refused.json()["errors"][0] | {"detail": ""} == {"pointer": "/answers/photo/0", "code": "file-unknown", "detail": ""}
    assert (await answered(editor, survey, [{"file_id": "1"}])).status_code == 422


async def test_a_file_belongs_to_one_run(editor: httpx.AsyncClient, survey: str) -> None:
    made = (await upload(editor, survey)).json()
    await answered(editor, survey, [made])
    again = await answered(editor, survey, [made])
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "file-of-another-run")
    assert len((await editor.get(f"/api/v1/wizards/{survey}/runs")).json()["items"]) == 1


async def test_files_of_other_wizards_and_empty_or_large_files_are_refused(
    editor: httpx.AsyncClient, survey: str, resources: Resources
) -> None:
    other = await published(resources, wizard(step("only", option_set("photo", "file"))))
    made = (await upload(editor, other)).json()
    assert (await answered(editor, survey, [made])).json()["errors"][0]["code"] == "file-unknown"
    assert (await upload(editor, survey, b"")).status_code == 422
    assert (await upload(editor, survey, b"x" * (3 * 1024 * 1024))).status_code == 413


async def test_a_download_needs_the_run_and_the_right_to_view_it(
    editor: httpx.AsyncClient, survey: str, sign_in: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    made = (await upload(editor, survey)).json()
    run_id = (await answered(editor, survey, [made])).json()["id"]
    submitter = await sign_in("editor", scopes=frozenset({"submit"}))
    assert (await submitter.get(f"/api/v1/runs/{run_id}/files/{made['file_id']}")).status_code == 403
    assert (await editor.get(f"/api/v1/runs/{run_id}/files/{new_id()}")).json()["code"] == "file-not-found"
