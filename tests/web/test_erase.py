"""Erasure over HTTP (P10): listed first, an admin's act alone, never seen again anywhere, and integrity still holds."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.factories import JOHN, customer_survey, option_set, published, step, wizard

from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.queries.integrity import Verified, verify

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
REASON = {"reason": "asked for on 3 March"}


@pytest.fixture
async def survey(resources: Resources) -> str:
    return await published(resources, customer_survey())


async def started(client: httpx.AsyncClient, wizard_id: str, *, complete: bool = True, **answers: Any) -> str:
    body = {"answers": answers or JOHN, "complete": complete, "respondent": "john@example.com"}
    answer = await client.post(f"/api/v1/wizards/{wizard_id}/runs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def erased(client: httpx.AsyncClient, run_id: str, *names: str, reason: str = "", **query: Any) -> httpx.Response:
    body: dict[str, Any] = ({"reason": reason} if reason else REASON) | ({"option_sets": list(names)} if names else {})
    return await client.post(f"/api/v1/runs/{run_id}/erase", json=body, params=query)


async def verified(engine: AsyncEngine) -> Verified:
    async with open_read(engine) as tx:
        return await verify(tx)


async def everything_stored(engine: AsyncEngine) -> str:
    """Every row of every table, as one text."""
    found: list[str] = []
    async with open_read(engine) as tx:
        tables = await tx.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'")
        )
        for table in sorted(tables):
            found += await tx.scalars(text(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {table} AS t"))
    return "\n".join(found)


async def test_a_dry_run_lists_what_would_go_and_erases_nothing(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    before = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    listed = await erased(admin, run_id, "email", dry_run=True)
    assert (listed.status_code, listed.json()["erased"], listed.json()["number"]) == (200, False, None)
    assert [item["label"] for item in listed.json()["option_sets"]] == ["Email"]
    assert {name: listed.json()[name] for name in ("revisions", "answers", "saved", "files")} == {
        "revisions": [1],
        "answers": 1,
        "saved": 0,
        "files": 0,
    }
    assert "john@example.com" not in listed.text
    assert (await admin.get(f"/api/v1/runs/{run_id}")).json() == before


async def test_erasing_one_answer_leaves_the_rest_and_the_digest(admin: httpx.AsyncClient, survey: str, engine: AsyncEngine) -> None:
    run_id = await started(admin, survey)
    edit = {"answers": {"email": "new@example.com"}}
    await admin.patch(f"/api/v1/runs/{run_id}/answers", json=edit, headers={"If-Match": '"1.0"'})
    before = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    done = await erased(admin, run_id, "email")
    assert (done.status_code, done.json()["number"], done.json()["revisions"], done.json()["answers"]) == (200, 1, [1, 2], 2)
    after = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    assert [item["state"] for item in after["responses"]] == ["answered", "erased", "answered"]
    assert (after["digest"], after["responses"][1]["display"], after["erased_at"]) == (before["digest"], "", None)
    assert (await verified(engine)).findings == []
    assert "new@example.com" not in await everything_stored(engine)


async def test_erasing_a_run_leaves_nothing_personal_anywhere(admin: httpx.AsyncClient, survey: str, engine: AsyncEngine) -> None:
    run_id = await started(admin, survey)
    done = await erased(admin, run_id)
    assert (done.status_code, done.json()["answers"]) == (200, 3)
    stored = await everything_stored(engine)
    assert [value for value in (*JOHN.values(), "John") if value in stored and value != "blue"] == []
    read = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    assert {item["state"] for item in read["responses"]} == {"erased"}
    assert (read["respondent"], read["erased_at"] is not None, read["status"]) == (None, True, "completed")
    assert (await verified(engine)).findings == []


async def test_an_erased_run_takes_no_answers_and_cannot_be_erased_twice(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    await erased(admin, run_id)
    for answer in (
        await erased(admin, run_id),
        await erased(admin, run_id, dry_run=True),
        await admin.patch(f"/api/v1/runs/{run_id}/answers", json={"answers": {"email": "a@b.c"}}, headers={"If-Match": "*"}),
        await admin.post(f"/api/v1/runs/{run_id}/revisions/1/restore", headers={"If-Match": "*"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "run-erased")


async def test_a_run_that_lost_one_answer_can_be_edited_on(admin: httpx.AsyncClient, survey: str, engine: AsyncEngine) -> None:
    run_id = await started(admin, survey)
    await erased(admin, run_id, "email")
    edit = {"answers": {"email": "again@example.com"}}
    saved = await admin.patch(f"/api/v1/runs/{run_id}/answers", json=edit, headers={"If-Match": '"1.0"'})
    assert saved.status_code == 200, saved.text
    states = [item["state"] for item in (await admin.get(f"/api/v1/runs/{run_id}")).json()["responses"]]
    assert states == ["answered", "answered", "answered"]
    assert (await erased(admin, run_id, "email")).json()["revisions"] == [2]
    assert (await verified(engine)).findings == []


async def test_a_working_copy_is_erased_too(admin: httpx.AsyncClient, survey: str, engine: AsyncEngine) -> None:
    run_id = await started(admin, survey, complete=False)
    listed = (await erased(admin, run_id, "email", dry_run=True)).json()
    assert (listed["saved"], listed["answers"], [item["label"] for item in listed["option_sets"]]) == (1, 0, ["Email"])
    assert (await erased(admin, run_id, "email")).json()["saved"] == 1
    assert (await erased(admin, run_id)).status_code == 200
    read = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    assert {item["state"] for item in read["responses"]} == {"erased"}
    assert "john@example.com" not in await everything_stored(engine)
    assert (await verified(engine)).findings == []


async def test_lists_and_filters_never_find_an_erased_value(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    await erased(admin, run_id, "email")
    url = f"/api/v1/wizards/{survey}/runs"
    assert (await admin.get(url, params={"answer[email]": "john@example.com"})).json()["items"] == []
    (line,) = (await admin.get(url)).json()["items"]
    assert set(line["answers"]) == {"full-name", "favorite-color"}
    assert "john@example.com" not in (await admin.get(f"/api/v1/runs/{run_id}/revisions/1")).json()["responses"][1].values()


async def test_only_an_admin_erases(editor: httpx.AsyncClient, sign_in: SignIn, survey: str) -> None:
    run_id = await started(editor, survey)
    without_scope = await sign_in("admin", scopes=frozenset({"edit"}))
    for client in (editor, await sign_in("analyst"), without_scope):
        for dry_run in (True, False):
            answer = await erased(client, run_id, dry_run=dry_run)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/reason"),
        ({"reason": " "}, "/reason"),
        ({"reason": "a\x00b"}, None),
        ({"reason": "x" * 2_001}, "/reason"),
        (REASON | {"option_sets": []}, None),
        (REASON | {"option_sets": ["email", "nothing"]}, "/option_sets/1"),
        (REASON | {"option_sets": ["email"], "why": 1}, "/why"),
    ],
)
async def test_a_request_that_does_not_say_why_or_what_erases_nothing(
    admin: httpx.AsyncClient, survey: str, body: dict[str, Any], pointer: str | None
) -> None:
    run_id = await started(admin, survey)
    before = (await admin.get(f"/api/v1/runs/{run_id}")).json()
    refused = await admin.post(f"/api/v1/runs/{run_id}/erase", json=body)
    assert refused.status_code in {400, 422}
    assert pointer is None or pointer in {error["pointer"] for error in refused.json()["errors"]}
    assert (await admin.get(f"/api/v1/runs/{run_id}")).json() == before


@pytest.mark.parametrize(
    ("reason", "names", "code"),
    [
        ("asked by letter JOHN@example.com", [], "names-respondent"),
        ("asked by letter john@example.com", ["full-name"], "names-respondent"),
        ("John  Doe wrote to us", [], "holds-answer"),
        ("john doe wrote to us", ["full-name"], "holds-answer"),
    ],
)
async def test_a_reason_that_holds_what_goes_or_the_respondent_erases_nothing(
    admin: httpx.AsyncClient, survey: str, reason: str, names: list[str], code: str
) -> None:
    run_id = await started(admin, survey)
    for dry_run in (True, False):
        refused = await erased(admin, run_id, *names, reason=reason, dry_run=dry_run)
        assert refused.status_code == 422, refused.text
        assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/reason", code)]
    assert "John" in (await admin.get(f"/api/v1/runs/{run_id}")).text


async def test_a_reason_may_hold_an_answer_that_stays(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    body = {"reason": "John Doe did not want to be asked this", "option_sets": ["favorite-color"]}
    assert (await admin.post(f"/api/v1/runs/{run_id}/erase", json=body)).status_code == 200


async def test_a_run_that_is_not_there_is_said_so(admin: httpx.AsyncClient, survey: str) -> None:
    assert (await erased(admin, survey)).json()["code"] == "run-not-found"


async def test_a_trashed_run_and_one_of_a_removed_wizard_can_be_erased(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    await admin.delete(f"/api/v1/runs/{run_id}")
    assert (await erased(admin, run_id)).status_code == 200


async def test_the_audit_event_says_how_much_and_never_what(admin: httpx.AsyncClient, survey: str) -> None:
    run_id = await started(admin, survey)
    await erased(admin, run_id)
    events = (await admin.get("/api/v1/audit", params={"run_id": run_id})).json()["items"]
    (event,) = [event for event in events if event["action"] == "run.erased"]
    assert event["details"] == {"number": 1, "option_sets": None, "revisions": [1], "answers": 3, "files": 0}


# --- files ---------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


@pytest.fixture
async def photos(resources: Resources) -> str:
    return await published(resources, wizard(step("only", option_set("photo", "file"), option_set("name"))))


async def with_photo(client: httpx.AsyncClient, wizard_id: str, content: bytes = PNG) -> tuple[str, str, str]:
    """The ids of a run and of the file that its answer names, and the digest of the content."""
    made = (await client.post(f"/api/v1/wizards/{wizard_id}/files", files={"file": ("me.png", content, "image/png")})).json()
    run_id = await started(client, wizard_id, photo=[made], name="Ann")
    return run_id, made["file_id"], made["sha256"]


async def test_the_bytes_of_an_erased_file_are_removed(admin: httpx.AsyncClient, photos: str, resources: Resources) -> None:
    run_id, file_id, digest = await with_photo(admin, photos)
    assert (await erased(admin, run_id, "photo", dry_run=True)).json()["files"] == 1
    assert await resources.blobs.has(digest)
    assert (await erased(admin, run_id, "photo")).json()["files"] == 1
    assert not await resources.blobs.has(digest)
    assert (await admin.get(f"/api/v1/runs/{run_id}/files/{file_id}")).status_code == 404


async def test_bytes_that_another_file_shares_stay_until_the_last_one_goes(
    admin: httpx.AsyncClient, photos: str, resources: Resources
) -> None:
    (first, _, digest), (second, other, _) = [await with_photo(admin, photos) for _ in range(2)]
    await erased(admin, first)
    assert (await admin.get(f"/api/v1/runs/{second}/files/{other}")).content == PNG
    await erased(admin, second)
    assert not await resources.blobs.has(digest)


async def test_another_answer_keeps_its_file(admin: httpx.AsyncClient, photos: str, resources: Resources) -> None:
    run_id, _, digest = await with_photo(admin, photos)
    assert (await erased(admin, run_id, "name")).json()["files"] == 0
    assert await resources.blobs.has(digest)
