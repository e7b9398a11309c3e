"""Files without a script: kept while other things are wrong, taken out again, sent twice, too many, too large, empty, of a stranger."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, begun, finished, form_in, run_id_of, send_raw, sent, title
from tests.web.pages.conftest import OpenBrowser
from tests.web.pages.test_player import answers_of

from keepstep.config import Resources
from keepstep.db.tables import files
from keepstep.db.transaction import open_read

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
SCAN = {"Scan": ("scan.png", PNG, "image/png")}


def with_file(**constraints: Any) -> dict[str, Any]:
    return wizard(step("one", option_set("scan", "file", constraints=constraints), option_set("name", is_required=True)), name="Files")


async def stored_files(resources: Resources) -> int:
    async with open_read(resources.engine) as tx:
        return int(await tx.scalar(select(func.count()).select_from(files)))


def names_on(page: Page) -> list[str]:
    return [each.get_text(" ", strip=True).split(" ")[0] for each in page.tree.select(".pl-files li > span")]


async def test_a_file_is_kept_while_something_else_is_wrong_and_can_be_taken_out(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, with_file(max_files=3)))
    page = await sent(stranger, page, files=SCAN)
    assert (page.answer.status_code, names_on(page)) == (422, ["scan.png"])
    page = await sent(stranger, page, {"Name": "Ann"}, files={"Add a file": ("../../etc/<b>.txt", b"hello", "text/html")})
    assert answers_on(page)["Scan"] == "scan.png 48 B _b_.txt 5 B"
    page = await stranger.open(page.link("Change Scan"))
    taken = str(page.tree.select(".pl-files input")[0]["value"])
    page = await sent(stranger, page, also={str(page.tree.select(".pl-files input")[0]["name"]): taken})
    assert answers_on(page)["Scan"] == "_b_.txt 5 B"
    assert await stored_files(resources) == 1
    assert title(await finished(stranger, page)) == "Thank you"
    assert await stored_files(resources) == 1


async def test_a_file_that_is_sent_twice_is_one(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, with_file(max_files=3)))
    for _ in range(2):
        assert (await send_raw(stranger, page, {"Name": "Ann"}, files=SCAN)).status_code == 303
    assert len(next(value for value in (await answers_of(resources, run_id_of(page))).values() if isinstance(value, list))) == 1


@pytest.mark.parametrize(
    ("said", "upload"),
    [
        ("“page.png” was not added: for “Scan” it is not of an accepted type", ("page.png", b"<html>" * 3, "image/png")),
        ("“large.png” was not added: a file for “Scan” must be smaller than 100 B", ("large.png", PNG * 9, "image/png")),
        ("“empty.png” was not added: for “Scan” it is empty", ("empty.png", b"", "image/png")),
    ],
)
async def test_a_file_that_does_not_fit_is_told_by_its_name_is_not_kept_and_can_be_replaced(
    stranger: Browser, resources: Resources, said: str, upload: tuple[str, bytes, str]
) -> None:
    limits = {"max_files": 1, "max_size": 100, "media_types": ["image/png"]}
    page = await begun(stranger, await published(resources, with_file(**limits)))
    page = await sent(stranger, page, {"Name": "Ann"}, files={"Choose a file": upload})
    assert page.answer.status_code == 422
    assert said in page.text(".pl-summary")
    assert page.text(".pl-limit") == "Each up to 100 B. Accepted: PNG."
    assert (names_on(page), await stored_files(resources)) == ([], 0)
    assert [each for each in (resources.settings.home / "files").rglob("*") if each.is_file()] == []
    assert [each for each in (await answers_of(resources, run_id_of(page))).values() if isinstance(each, list)] == []
    page = await sent(stranger, page, files={"Choose a file": SCAN["Scan"]})
    assert answers_on(page)["Scan"] == "scan.png 48 B"


async def test_a_good_file_beside_bad_ones_is_kept_and_each_bad_one_is_named(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, with_file(max_files=2, media_types=["image/*"])))
    assert page.text(".pl-limit") == "Up to 2 files. Accepted: pictures."
    name = str(page.one("input[type=file]")["name"])
    sending = [
        ("a.txt", b"a", "text/plain"),
        ("b.txt", b"b", "text/plain"),
        SCAN["Scan"],
        ("2.png", PNG + b"2", ""),
        ("3.png", PNG + b"3", ""),
    ]
    answer = await stranger.client.post(
        str(page.one("form")["action"]), data=form_in(page) | {"go": "next"}, files=[(name, each) for each in sending]
    )
    page = Page(answer)
    assert names_on(page) == ["scan.png", "2.png"]
    told = page.text(".pl-summary")
    assert [each in told for each in ("“a.txt” was not", "“b.txt” was not", "“3.png” was not added: “Scan” takes at most 2")] == [True] * 3
    assert await stored_files(resources) == 2


@pytest.mark.parametrize("go", ["back", "later"])
async def test_a_refused_file_is_told_whatever_button_was_pressed(stranger: Browser, resources: Resources, go: str) -> None:
    page = await begun(stranger, await published(resources, with_file(media_types=["image/*"])))
    answer = await send_raw(stranger, page, files={"Scan": ("a.txt", b"a", "text/plain")}, go=go)
    assert (answer.status_code, "“a.txt” was not added" in Page(answer).text(".pl-summary")) == (422, True)


async def test_what_is_larger_than_the_server_reads_is_told_in_the_respondent_s_layout(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, with_file()))
    page = await sent(stranger, page, files={"Scan": ("big.bin", b"x" * 4_000_000, "application/octet-stream")})
    assert (page.answer.status_code, title(page)) == (413, "That was too large")
    assert await stored_files(resources) == 0


async def test_a_file_of_another_run_cannot_be_named(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, with_file())
    theirs = await begun(stranger, ref)
    await sent(stranger, theirs, {"Name": "Ann"}, files=SCAN)
    file_id = next(value for value in (await answers_of(resources, run_id_of(theirs))).values() if isinstance(value, list))[0]["file_id"]
    mine = await begun(stranger, ref)
    question = str(mine.one("input[type=file]")["name"])
    page = await sent(stranger, mine, {"Name": "Eve"}, also={question: file_id, f"{question}-file_id": file_id})
    assert answers_on(page)["Scan"] == "You left this empty"


async def test_what_one_sent_oneself_is_fetched_again_before_and_after_sending_and_never_shown_as_a_page(
    stranger: Browser, resources: Resources
) -> None:
    page = await begun(stranger, await published(resources, with_file(max_files=2)))
    script = b"<script>alert(1)</script>"
    page = await sent(stranger, page, {"Name": "Ann"}, files={"Scan": ("näme.html", script, "text/html")})
    back = await stranger.open(page.link("Change Scan"))
    copy = await finished(stranger, page)
    copy = await stranger.open(copy.link("See a copy of your answers"))
    assert len({each.link("näme.html") for each in (page, back, copy)}) == 1
    answer = await stranger.client.get(copy.link("näme.html"))
    told = answer.headers
    assert (answer.content, told["content-disposition"]) == (script, "attachment; filename*=UTF-8''n%C3%A4me.html")
    assert told["content-type"].startswith("text/plain")
    assert (told["content-security-policy"], told["x-content-type-options"]) == ("sandbox; default-src 'none'", "nosniff")
    assert (told["cache-control"], told["referrer-policy"]) == ("no-store", "no-referrer")


async def test_nobody_fetches_a_file_of_another_run_of_a_hidden_question_or_one_that_was_taken_out(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, admin: httpx.AsyncClient
) -> None:
    ref = await published(
        resources, wizard(step("one", option_set("scan", "file")), step("two", option_set("secret", "file", hidden=True)))
    )
    mine, theirs = [await sent(stranger, await begun(stranger, ref), files=SCAN) for _ in range(2)]
    path, foreign = mine.link("scan.png"), theirs.link("scan.png")
    other = await open_browser()
    assert (await other.open(path)).answer.status_code == 403
    crossed = path.rsplit("/", 1)[0] + "/" + foreign.rsplit("/", 1)[1]
    hidden = (await admin.post(f"/api/v1/wizards/{ref}/files", files={"file": ("s.txt", b"secret", "text/plain")})).json()
    run = f"/api/v1/runs/{run_id_of(mine)}"
    etag = (await admin.get(run)).headers["etag"]
    kept = await admin.patch(f"{run}/answers", json={"answers": {"secret": [hidden]}}, headers={"If-Match": etag})
    assert kept.status_code == 200, kept.text
    unseen = path.rsplit("/", 1)[0] + "/" + hidden["file_id"]
    change = await stranger.open(mine.link("Change Scan"))
    box = change.one(".pl-files input")
    await sent(stranger, change, also={str(box["name"]): str(box["value"])})
    for where in (crossed, unseen, path, path + "0", path.replace("file", "files")):
        page = await stranger.open(where)
        assert (page.answer.status_code, 'class="pl pl-page"' in page.answer.text) == (404, True), where


async def test_a_file_that_is_not_what_was_sent_is_not_given_out(stranger: Browser, resources: Resources) -> None:
    page = await sent(stranger, await begun(stranger, await published(resources, with_file())), {"Name": "Ann"}, files=SCAN)
    (blob,) = [each for each in resources.settings.home.rglob("*") if each.is_file() and each.read_bytes() == PNG]
    blob.chmod(0o600)
    blob.write_bytes(PNG + b"x")
    page = await stranger.open(page.link("scan.png"))
    assert (page.answer.status_code, title(page)) == (500, "This file cannot be opened")
