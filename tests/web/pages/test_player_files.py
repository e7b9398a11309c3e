"""Files without a script: kept while other things are wrong, taken out again, sent twice, too many, too large, empty, of a stranger."""

from typing import Any

import pytest
from sqlalchemy import func, select
from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, begun, finished, run_id_of, send_raw, sent, title
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
    assert answers_on(page)["Scan"] == "scan.png, _b_.txt"
    page = await stranger.open(page.link("Change Scan"))
    taken = str(page.tree.select(".pl-files input")[0]["value"])
    page = await sent(stranger, page, also={str(page.tree.select(".pl-files input")[0]["name"]): taken})
    assert answers_on(page)["Scan"] == "_b_.txt"
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
        ("is not of an accepted type", ("page.png", b"<html>" * 3, "image/png")),
        ("must be smaller than 100 B", ("large.png", PNG * 9, "image/png")),
        ("is empty", ("empty.png", b"", "image/png")),
    ],
)
async def test_a_file_that_does_not_fit_is_told_and_can_be_replaced(
    stranger: Browser, resources: Resources, said: str, upload: tuple[str, bytes, str]
) -> None:
    limits = {"max_files": 1, "max_size": 100, "media_types": ["image/png"]}
    page = await begun(stranger, await published(resources, with_file(**limits)))
    page = await sent(stranger, page, {"Name": "Ann"}, files={"Choose a file": upload})
    assert page.answer.status_code == 422
    assert said in page.text(".pl-summary")
    instead = {"Choose a file" if said == "is empty" else "Add a file": SCAN["Scan"]}
    taken = {str(each["name"]): str(each["value"]) for each in page.tree.select(".pl-files input")}
    page = await sent(stranger, page, files=instead, also=taken)
    assert answers_on(page)["Scan"] == "scan.png"


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
