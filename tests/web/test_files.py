"""Files over HTTP: uploaded to a wizard, named in an answer, downloaded from the run."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.bucket_kit import S3
from tests.factories import new_id, option_set, published, step, wizard
from tests.tampering import tamper

from keepstep.config import Resources
from keepstep.web.app import create_app

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


async def test_the_name_of_a_file_holds_no_coded_breaks_and_ends_as_its_content_is(editor: httpx.AsyncClient, survey: str) -> None:
    made = await upload(editor, survey, name='../../passwd%0D%0AX: "_ <b>.png.exe%22')
    assert (made.status_code, made.json()["name"], made.json()["media_type"]) == (201, "passwd_X_ __ _b_.png", "image/png")
    assert (await upload(editor, survey, name="50%25 off%20now.png")).json()["name"] == "50%25 off%20now.png"


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


def in_store(home: Path, sha256: str) -> Path:
    (path,) = home.rglob(sha256)
    return path


async def downloaded(client: httpx.AsyncClient, wizard_id: str, *, alter: Callable[[Path], object], home: Path) -> httpx.Response:
    """The answer to a download after something was done to the bytes in the store."""
    made = (await upload(client, wizard_id)).json()
    run_id = (await answered(client, wizard_id, [made])).json()["id"]
    alter(in_store(home, made["sha256"]))
    return await client.get(f"/api/v1/runs/{run_id}/files/{made['file_id']}")


async def test_bytes_that_are_not_those_of_the_upload_are_not_sent(editor: httpx.AsyncClient, survey: str, tmp_path: Path) -> None:
    for content in (PNG[:-1] + b"\x01", PNG[:-1], PNG + b"\x00", b""):
        got = await downloaded(editor, survey, alter=lambda path, content=content: path.write_bytes(content), home=tmp_path)  # type: ignore[misc] # the default binds it
        assert (got.status_code, got.json()["code"]) == (500, "file-damaged")


async def test_bytes_that_are_gone_are_a_problem_and_no_broken_connection(editor: httpx.AsyncClient, survey: str, tmp_path: Path) -> None:
    got = await downloaded(editor, survey, alter=Path.unlink, home=tmp_path)
    assert (got.status_code, got.json()["code"], got.json()["detail"]) == (
        404,
        "file-not-found",
        "The content of this file is not in the store.",
    )


async def test_a_row_that_names_other_bytes_than_the_answer_gives_none(
    editor: httpx.AsyncClient, survey: str, superuser_engine: AsyncEngine
) -> None:
    first, other = [(await upload(editor, survey, content)).json() for content in (PNG, PNG + b"\x01")]
    run_id = (await answered(editor, survey, [first])).json()["id"]
    await tamper(
        superuser_engine,
        "UPDATE files SET sha256 = decode(:other, 'hex') WHERE id = :id",
        {"other": other["sha256"], "id": first["file_id"]},
    )
    got = await editor.get(f"/api/v1/runs/{run_id}/files/{first['file_id']}")
    assert (got.status_code, got.json()["code"]) == (500, "file-damaged")


async def test_a_download_needs_the_run_and_the_right_to_view_it(
    editor: httpx.AsyncClient, survey: str, sign_in: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    made = (await upload(editor, survey)).json()
    run_id = (await answered(editor, survey, [made])).json()["id"]
    submitter = await sign_in("editor", scopes=frozenset({"submit"}))
    assert (await submitter.get(f"/api/v1/runs/{run_id}/files/{made['file_id']}")).status_code == 403
    assert (await editor.get(f"/api/v1/runs/{run_id}/files/{new_id()}")).json()["code"] == "file-not-found"


async def test_over_a_bucket_a_file_is_stored_sent_found_altered_and_erased(
    s3: S3, resources: Resources, admin: httpx.AsyncClient, survey: str
) -> None:
    bucketed = replace(resources, settings=replace(resources.settings, bucket=s3.bucket("over-http")))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(bucketed)), base_url="http://keepstep.test", headers=admin.headers)
    async with client:
        made = (await upload(client, survey)).json()
        run = (await answered(client, survey, [made])).json()["id"]
        got = await client.get(f"/api/v1/runs/{run}/files/{made['file_id']}")
        assert (got.content, got.headers["content-length"]) == (PNG, str(len(PNG)))
        (path,) = s3.files("over-http")
        path.write_bytes(b"x" * len(PNG))
        damaged = await client.get(f"/api/v1/runs/{run}/files/{made['file_id']}")
        assert (damaged.status_code, damaged.json()["code"]) == (500, "file-damaged")
        assert (await client.post(f"/api/v1/runs/{run}/erase", json={"reason": "asked for"})).json()["files"] == 1
    assert s3.files("over-http") == []
    assert not (resources.settings.home / "files").exists()
