"""Everything of one respondent over HTTP: one file to take along, and an erasure after which nothing of them is left anywhere."""

import csv
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import new_id
from tests.factories import option_set, published, step, wizard

from keepstep.actions.access import renew_link
from keepstep.actions.run_edits import keep_edit, open_edit
from keepstep.actions.run_views import NewView, delete_run_view, save_run_view
from keepstep.actions.subjects import MOST_RUNS_AT_ONCE
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.config import Resources
from keepstep.core.access import from_settings
from keepstep.core.permissions import Actor
from keepstep.db.tables import audit_events
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.queries.integrity import verify

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
ANN = "ann.subject@example.org"
SECRETS = (ANN, "Ann-Answer-7", "Ann-Saved-8", "Ann-Edit-9", "Ann-Note-5", "ann-photo-bytes", "ann-photo.txt", "Ann-Before-6")
REASON = "asked for on 3 March"
EXPORT, ERASE = "/api/v1/subjects/export", "/api/v1/subjects/erase"


@pytest.fixture
async def two_wizards(resources: Resources) -> tuple[str, str]:
    """One with a photo, one without."""
    photos = await published(resources, wizard(step("only", option_set("photo", "file", constraints={"max_files": 3}), option_set("name"))))
    return photos, await published(resources, wizard(step("only", option_set("name")), name="Second"))


async def started(client: httpx.AsyncClient, wizard_id: str, respondent: str = ANN, *, complete: bool = True, **answers: Any) -> str:
    body = {"answers": answers, "complete": complete, "respondent": respondent}
    answer = await client.post(f"/api/v1/wizards/{wizard_id}/runs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def uploaded(client: httpx.AsyncClient, wizard_id: str, name: str = "ann-photo.txt", content: bytes = b"ann-photo-bytes") -> Any:
    files = {"file": (name, content, "text/plain")}
    return (await client.post(f"/api/v1/wizards/{wizard_id}/files", files=files)).json()


@pytest.fixture
async def ann(admin: httpx.AsyncClient, two_wizards: tuple[str, str], resources: Resources) -> dict[str, str]:
    """Ann's runs: completed and changed with a photo, saved only, in the trash, with an open edit; her invitation; and Bob's run."""
    first, second = two_wizards
    photo = await uploaded(admin, first)
    done = await started(admin, first, name="Ann-Before-6", photo=[photo])
    await admin.patch(f"/api/v1/runs/{done}/answers", json={"answers": {"name": "Ann-Answer-7"}}, headers={"If-Match": "*"})
    async with open_write(resources.engine) as tx:
        editor = Actor(id=admin.headers["X-User"], name="editor", role="admin", channel="web")
        opened = (await admin.get(f"/api/v1/runs/{done}")).json()
        name_id = next(each["option_set_id"] for each in opened["responses"] if each["key"] == "name")
        ctx = resources.context(editor)
        await keep_edit(ctx, tx, await open_edit(ctx, tx, done), {name_id: {"value": "Ann-Edit-9"}}, base=2)
    saved = await started(admin, second, complete=False, name="Ann-Saved-8")
    trashed = await started(admin, second, name="Ann-Answer-7")
    await admin.delete(f"/api/v1/runs/{trashed}")
    invited = {"invitations": [{"respondent": ANN, "note": "Ann-Note-5"}]}
    await admin.post(f"/api/v1/wizards/{second}/invitations", json=invited)
    bob = await started(admin, second, "bob@example.org", name="Bob-Answer")
    return {"done": done, "saved": saved, "trashed": trashed, "bob": bob, "digest": photo["sha256"]}


async def erased(client: httpx.AsyncClient, respondent: str = ANN, reason: str = REASON, **query: Any) -> httpx.Response:
    return await client.post(ERASE, json={"respondent": respondent, "reason": reason}, params=query)


async def erased_whole(client: httpx.AsyncClient, respondent: str = ANN) -> httpx.Response:
    listed = (await erased(client, respondent, dry_run=True)).json()
    return await erased(client, respondent, confirm=listed["confirm"])


async def everything_stored(engine: AsyncEngine) -> str:
    """Every row of every table, the queue's included, as one text."""
    async with open_read(engine) as tx:
        return await everything_in(tx)


async def everything_in(tx: Read) -> str:
    wanted = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information)'"
    tables = await tx.scalars(text(wanted))
    found = [await tx.scalar(text(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {table} AS t")) for table in tables]
    assert any("procrastinate_jobs" in table for table in tables)
    return "\n".join(found)


def kept_in(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def exported(client: httpx.AsyncClient, respondent: str = ANN) -> zipfile.ZipFile:
    answer = await client.get(EXPORT, params={"respondent": respondent})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip"), answer.text
    assert ANN not in str(answer.headers)
    return zipfile.ZipFile(io.BytesIO(answer.content))


# --- export --------------------------------------------------------------------------------------------------------


async def test_the_file_holds_runs_files_invitations_and_a_manifest(admin: httpx.AsyncClient, ann: dict[str, str]) -> None:
    found = await exported(admin)
    assert found.testzip() is None
    manifest = json.loads(found.read("manifest.json"))
    assert {run["id"] for run in manifest["runs"]} == {ann["done"], ann["saved"], ann["trashed"]}
    assert [run["id"] for run in manifest["runs"] if run["trashed_at"]] == [ann["trashed"]]
    (file,) = next(run["files"] for run in manifest["runs"] if run["id"] == ann["done"])
    assert (found.read(file["path"]), file["content"]) == (b"ann-photo-bytes", "kept")
    document = json.loads(found.read(f"runs/{ann['done']}.json"))
    assert (document["format"], len(document["revisions"])) == ("keepstep-run", 2)
    (invitation,) = json.loads(found.read("invitations.json"))["invitations"]
    assert (invitation["respondent"], invitation["note"]) == (ANN, "Ann-Note-5")
    assert set(found.namelist()) == {run["path"] for run in manifest["runs"]} | {file["path"], "invitations.json", "manifest.json"}
    assert b"Bob" not in b"".join(map(found.read, found.namelist()))


async def test_names_of_files_are_safe_and_lie_beside_each_other(
    admin: httpx.AsyncClient, two_wizards: tuple[str, str], engine: AsyncEngine
) -> None:
    first, _ = two_wizards
    photos = [await uploaded(admin, first, "same.txt", content) for content in (b"one", b"two")]
    long = await uploaded(admin, first, "ü" * 190 + ".txt", b"three")
    run_id = await started(admin, first, photo=[*photos, long], name="x")
    async with open_write(engine) as tx:
        # As a release could have stored it that knew no rule yet.
        copied = "INSERT INTO files SELECT (f).* FROM (SELECT jsonb_populate_record(f, CAST(:given AS jsonb)) AS f FROM files AS f"
        given = {"id": new_id(), "name": "../../con|.txt"}
        await tx.execute(text(f"{copied} WHERE id = CAST(:id AS uuid)) AS f"), {"given": json.dumps(given), "id": photos[0]["file_id"]})
    found = await exported(admin)
    names = [name for name in found.namelist() if name.startswith("files/")]
    assert [name.rsplit("/", 1)[0] for name in names] == [f"files/{run_id}"] * 4
    shown = [name.rsplit("/", 1)[1] for name in names]
    assert (shown[:2], shown[2].endswith("ü.txt"), shown[3]) == (["001-same.txt", "002-same.txt"], True, "004-con_.txt")
    assert max(len(name.encode()) for name in shown) < 200
    assert [found.read(name) for name in names] == [b"one", b"two", b"three", b"one"]


async def test_a_file_whose_bytes_are_gone_or_damaged_is_named_so(
    admin: httpx.AsyncClient, two_wizards: tuple[str, str], resources: Resources
) -> None:
    first, _ = two_wizards
    gone, damaged = [await uploaded(admin, first, f"{content.decode()}.txt", content) for content in (b"gone", b"hurt")]
    await started(admin, first, photo=[gone, damaged], name="x")
    await resources.blobs.delete(gone["sha256"])
    (path,) = (resources.settings.home / "files").rglob(damaged["sha256"])
    path.write_bytes(b"HURT")
    found = await exported(admin)
    (run,) = json.loads(found.read("manifest.json"))["runs"]
    assert [(each["name"], each["content"], each["path"]) for each in run["files"]] == [
        ("gone.txt", "missing", None),
        ("hurt.txt", "damaged", None),
    ]


async def test_an_export_is_on_record_without_the_name(admin: httpx.AsyncClient, ann: dict[str, str]) -> None:
    await exported(admin)
    newest = (await admin.get("/api/v1/audit")).json()["items"][0]
    assert (newest["action"], newest["details"]) == ("subject.exported", {"runs": 3, "files": 1, "invitations": 1})
    assert ANN not in json.dumps(newest)
    assert ann["done"] not in json.dumps(newest)


async def test_a_large_file_comes_in_pieces(admin: httpx.AsyncClient, two_wizards: tuple[str, str]) -> None:
    first, _ = two_wizards
    content = b"0123456789abcdef" * 60_000
    await started(admin, first, photo=[await uploaded(admin, first, "large.txt", content)], name="x")
    found = await exported(admin)
    (name,) = [each for each in found.namelist() if each.startswith("files/")]
    assert found.read(name) == content


# --- erasure -------------------------------------------------------------------------------------------------------


async def test_a_dry_run_lists_by_wizard_what_would_go_and_erases_nothing(
    admin: httpx.AsyncClient, ann: dict[str, str], engine: AsyncEngine
) -> None:
    before = await everything_stored(engine)
    listed = (await erased(admin, dry_run=True)).json()
    counts = [{name: each[name] for name in ("runs", "trashed", "files", "invitations")} for each in listed["wizards"]]
    assert sorted(map(str, counts)) == sorted(
        map(
            str,
            [
                {"runs": 1, "trashed": 0, "files": 1, "invitations": 0},
                {"runs": 2, "trashed": 1, "files": 0, "invitations": 1},
            ],
        )
    )
    assert [run["id"] for run in listed["runs"] if run["trashed"]] == [ann["trashed"]]
    assert not any(secret in json.dumps(listed) for secret in SECRETS)
    assert await everything_stored(engine) == before


async def test_a_name_in_a_view_goes_with_the_view_and_the_trail_keeps_no_secret_of_a_link(
    admin: httpx.AsyncClient, two_wizards: tuple[str, str], resources: Resources
) -> None:
    wizard_id = two_wizards[0]
    ctx = resources.context(Actor(id=admin.headers["X-User"], name="editor", role="admin", channel="web"))
    async with open_write(resources.engine) as tx:
        view = await save_run_view(ctx, tx, wizard_id, NewView(f"Runs of {ANN}", {}))
        assert ANN in await everything_in(tx)
        await delete_run_view(ctx, tx, wizard_id, view)
        assert ANN not in await everything_in(tx)
        link = from_settings((await renew_link(ctx, tx, wizard_id)).settings).link
        await change_wizard(ctx, tx, wizard_id, WizardPatch(settings={"abandon_after": 9}))
        kept = await tx.scalars(select(audit_events.c.details))
    assert {"settings": {"abandon_after": 9}} in kept
    assert link
    assert link not in str(kept)


async def test_nothing_is_left_of_the_respondent_anywhere(
    admin: httpx.AsyncClient, ann: dict[str, str], two_wizards: tuple[str, str], resources: Resources
) -> None:
    stored = await everything_stored(resources.engine)
    assert [secret for secret in SECRETS if secret not in stored] == ["ann-photo-bytes"]
    assert b"ann-photo-bytes" in kept_in(resources.settings.home / "files")
    done = await erased_whole(admin)
    assert (done.status_code, len(done.json()["runs"]), done.json()["files"], done.json()["invitations"]) == (200, 3, 1, 1)
    stored = await everything_stored(resources.engine)
    assert [secret for secret in SECRETS if secret in stored] == []
    assert b"ann-photo" not in kept_in(resources.settings.home / "files")
    out = [(await admin.get(f"/api/v1/wizards/{each}/export.{ending}")).text for each in two_wizards for ending in ("csv", "jsonl")]
    assert [secret for secret in SECRETS if secret in "".join(out)] == []
    assert "Bob-Answer" in "".join(out)
    async with open_read(resources.engine) as tx:
        assert (await verify(tx)).findings == []


async def test_lists_searches_and_the_audit_trail_find_nothing_of_them(
    admin: httpx.AsyncClient, ann: dict[str, str], two_wizards: tuple[str, str]
) -> None:
    await erased_whole(admin)
    lists = [
        (await admin.get(f"/api/v1/wizards/{each}/runs", params={"answer[name]": "Ann-Answer-7", "trashed": trashed})).json()["items"]
        for each in two_wizards
        for trashed in (True, False)
    ]
    assert lists == [[], [], [], []]
    audit = (await admin.get("/api/v1/audit", params={"limit": 200})).json()["items"]
    assert not any(secret in json.dumps(audit) for secret in SECRETS)
    assert audit[0]["action"] == "subject.erased"
    assert audit[0]["details"] == {"runs": 3, "answers": 6, "files": 1, "invitations": 1, "left": 0}
    assert sum(event["action"] == "run.erased" for event in audit) == 3
    read = (await admin.get(f"/api/v1/runs/{ann['done']}")).json()
    assert (read["respondent"], {each["state"] for each in read["responses"]}) == (None, {"erased"})


async def test_another_respondent_keeps_everything(admin: httpx.AsyncClient, ann: dict[str, str]) -> None:
    before = (await admin.get(f"/api/v1/runs/{ann['bob']}")).json()
    await erased_whole(admin)
    assert (await admin.get(f"/api/v1/runs/{ann['bob']}")).json() == before


async def test_what_is_erased_is_not_found_again(admin: httpx.AsyncClient, ann: dict[str, str]) -> None:
    await erased_whole(admin)
    for answer in (await erased(admin, dry_run=True), await erased(admin), await admin.get(EXPORT, params={"respondent": ANN})):
        assert (answer.status_code, answer.json()["code"]) == (404, "subject-not-found")
    assert ann["done"]


async def test_without_the_token_of_the_present_list_nothing_goes(
    admin: httpx.AsyncClient, ann: dict[str, str], two_wizards: tuple[str, str], engine: AsyncEngine
) -> None:
    listed = (await erased(admin, dry_run=True)).json()
    await admin.patch(f"/api/v1/runs/{ann['saved']}/answers", json={"answers": {"name": "later"}}, headers={"If-Match": "*"})
    before = await everything_stored(engine)
    other = (await erased(admin, "bob@example.org", dry_run=True)).json()["confirm"]
    for confirm in ("", "nonsense", listed["confirm"], other):
        refused = await erased(admin, confirm=confirm)
        assert (refused.status_code, refused.json()["code"]) == (409, "impact-unconfirmed")
        assert len(refused.json()["runs"]) == 3
    assert await everything_stored(engine) == before
    assert (await erased(admin, confirm=refused.json()["confirm"])).status_code == 200


async def test_a_run_that_came_since_is_not_erased_unseen(
    admin: httpx.AsyncClient, ann: dict[str, str], two_wizards: tuple[str, str]
) -> None:
    confirm = (await erased(admin, dry_run=True)).json()["confirm"]
    await started(admin, two_wizards[1], name="new")
    assert (await erased(admin, confirm=confirm)).status_code == 409
    assert (await erased_whole(admin)).json()["left"] == 0
    assert ann["done"]


@pytest.mark.parametrize("reason", ["", " ", f"for {ANN.upper()}, by mail", "x" * 2_001])
async def test_a_reason_that_is_none_or_names_the_respondent_erases_nothing(
    admin: httpx.AsyncClient, ann: dict[str, str], reason: str
) -> None:
    confirm = (await erased(admin, dry_run=True)).json()["confirm"]
    refused = await erased(admin, reason=reason, confirm=confirm)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert ANN.upper() not in refused.text
    assert (await admin.get(f"/api/v1/runs/{ann['done']}")).json()["respondent"] == ANN


async def test_a_short_name_is_no_part_of_other_words(admin: httpx.AsyncClient, two_wizards: tuple[str, str]) -> None:
    await started(admin, two_wizards[1], "a", name="x")
    confirm = (await erased(admin, "a", dry_run=True)).json()["confirm"]
    assert (await erased(admin, "a", "as a asked", confirm=confirm)).status_code == 422
    assert (await erased(admin, "a", "by law", confirm=confirm)).status_code == 200


async def test_names_differ_by_case_and_by_pattern_signs(admin: httpx.AsyncClient, two_wizards: tuple[str, str]) -> None:
    for respondent in ("Ann", "ann", "an_", "%"):
        await started(admin, two_wizards[1], respondent, name=f"of {respondent}")
    for respondent in ("Ann", "an_", "%"):
        assert len((await erased_whole(admin, respondent)).json()["runs"]) == 1
    listed = csv.DictReader(io.StringIO((await admin.get(f"/api/v1/wizards/{two_wizards[1]}/export.csv")).text))
    assert [row["name"] for row in listed if row["name"]] == ["of ann"]


async def test_many_runs_go_in_several_requests_and_the_invitation_with_the_last(
    admin: httpx.AsyncClient, ann: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_RUNS_AT_ONCE == 500
    monkeypatch.setattr("keepstep.actions.subjects.MOST_RUNS_AT_ONCE", 2)
    first, second = (await erased_whole(admin)).json(), (await erased_whole(admin)).json()
    assert [(len(each["runs"]), each["left"], each["invitations"]) for each in (first, second)] == [(2, 1, 0), (1, 0, 1)]
    assert {run["id"] for each in (first, second) for run in each["runs"]} == {ann["done"], ann["saved"], ann["trashed"]}


async def test_a_run_of_an_invitation_goes_though_it_has_no_name(
    admin: httpx.AsyncClient, ann: dict[str, str], engine: AsyncEngine
) -> None:
    async with open_write(engine) as tx:
        await tx.execute(text("UPDATE wizard_runs SET respondent = NULL WHERE id = CAST(:id AS uuid)"), {"id": ann["saved"]})
        used = "UPDATE invitations SET used_at = now(), run_id = CAST(:id AS uuid) WHERE respondent = :name"
        await tx.execute(text(used), {"id": ann["saved"], "name": ANN})
    assert ann["saved"] in {run["id"] for run in (await erased(admin, dry_run=True)).json()["runs"]}
    assert ann["saved"] in {run["id"] for run in (await erased_whole(admin)).json()["runs"]}


async def test_content_that_somebody_else_shares_stays(
    admin: httpx.AsyncClient, ann: dict[str, str], two_wizards: tuple[str, str], resources: Resources
) -> None:
    other = await uploaded(admin, two_wizards[0])
    run_id = await started(admin, two_wizards[0], "bob@example.org", photo=[other], name="Bob")
    await erased_whole(admin)
    kept = await admin.get(f"/api/v1/runs/{run_id}/files/{other['file_id']}")
    assert kept.content == b"ann-photo-bytes"
    await erased_whole(admin, "bob@example.org")
    assert not await resources.blobs.has(ann["digest"])


async def test_only_an_admin_exports_and_erases(editor: httpx.AsyncClient, sign_in: SignIn, ann: dict[str, str]) -> None:
    without_scope = await sign_in("admin", scopes=frozenset({"edit"}))
    for client in (editor, await sign_in("analyst"), without_scope):
        for respondent in (ANN, "nobody"):
            answers = [await erased(client, respondent, dry_run=dry_run) for dry_run in (True, False)]
            answers.append(await client.get(EXPORT, params={"respondent": respondent}))
            assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "forbidden")}
    assert ann["done"]


@pytest.mark.parametrize("respondent", ["", "  ", "a\x00b"])
async def test_nobody_in_particular_is_refused(admin: httpx.AsyncClient, respondent: str) -> None:
    for answer in (await erased(admin, respondent, dry_run=True), await admin.get(EXPORT, params={"respondent": respondent})):
        assert answer.status_code in (400, 422)


# --- as an answer ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def named(admin: httpx.AsyncClient, resources: Resources) -> dict[str, str]:
    """Runs without a respondent in which Ann's address is an answer, in a working copy or as another text too; a code is none."""
    asked = [
        option_set("mail", "email"),
        option_set("note"),
        option_set("pick", "single_select", options=[{"value": "ann", "label": "Ann"}]),
    ]
    ref = await published(resources, wizard(step("only", *asked)))
    found = {"ref": ref}
    for name, answers in {
        "mail": {"mail": ANN},
        "case": {"mail": ANN.title()},
        "text": {"note": ANN},
        "part": {"note": f"of {ANN}"},
    }.items():
        body = {"answers": answers, "complete": name != "case"}
        found[name] = (await admin.post(f"/api/v1/wizards/{ref}/runs", json=body)).json()["id"]
    await admin.patch(f"/api/v1/runs/{found['mail']}/answers", json={"answers": {"mail": "other@example.org"}}, headers={"If-Match": "*"})
    return found


async def test_runs_that_hold_it_as_an_answer_are_listed_apart_and_go_only_where_they_are_chosen(
    admin: httpx.AsyncClient, named: dict[str, str], resources: Resources
) -> None:
    listed = (await erased(admin, dry_run=True)).json()
    assert (listed["runs"], {each["id"] for each in listed["mentions"]}) == ([], {named["mail"], named["case"], named["text"]})
    assert ANN not in json.dumps(listed)
    assert (await erased(admin, confirm=listed["confirm"])).status_code == 404
    body = {"respondent": ANN, "reason": REASON, "runs": [named["mail"], named["case"]]}
    chosen = (await admin.post(ERASE, json=body, params={"dry_run": True})).json()
    assert {each["id"] for each in chosen["runs"]} == set(body["runs"])
    assert (await admin.post(ERASE, json=body | {"runs": []}, params={"confirm": chosen["confirm"]})).status_code == 404
    done = await admin.post(ERASE, json=body, params={"confirm": chosen["confirm"]})
    assert (done.status_code, len(done.json()["runs"])) == (200, 2)
    newest = next(each for each in (await admin.get("/api/v1/audit")).json()["items"] if each["action"] == "subject.erased")
    assert newest["details"]["by_answer"] == 2
    assert [each["id"] for each in (await erased(admin, dry_run=True)).json()["mentions"]] == [named["text"]]
    async with open_read(resources.engine) as tx:
        assert (await verify(tx)).findings == []


async def test_a_run_that_does_not_hold_it_is_no_choice(admin: httpx.AsyncClient, named: dict[str, str]) -> None:
    for run in (named["part"], new_id()):
        refused = await admin.post(ERASE, json={"respondent": ANN, "reason": REASON, "runs": [run]}, params={"dry_run": True})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "not-mentioned")
    assert (await admin.get(EXPORT, params={"respondent": ANN, "run": named["part"]})).status_code == 422


async def test_an_export_has_the_chosen_runs(admin: httpx.AsyncClient, named: dict[str, str]) -> None:
    assert (await admin.get(EXPORT, params={"respondent": ANN})).status_code == 404
    answer = await admin.get(EXPORT, params={"respondent": ANN, "run": [named["text"]]})
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert [each for each in names if each.startswith("runs/")] == [f"runs/{named['text']}.json"]


@pytest.mark.parametrize("word", ["ann", "a.*", "x@y", 'q"[@]\\'])
async def test_a_code_and_a_pattern_are_nobody(admin: httpx.AsyncClient, named: dict[str, str], word: str) -> None:
    assert (await erased(admin, word, dry_run=True)).status_code == 404
    assert named
