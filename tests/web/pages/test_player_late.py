"""Forms that come too late: what was typed in them is shown in words, with what helps; and the buttons of the check page."""

from typing import Any

import httpx
from tests.factories import option, option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, path_of, run_id_of, send_raw, sent, title
from tests.runs_kit import lines_of, send_step
from tests.web.pages.conftest import Clock, OpenBrowser
from tests.web.pages.test_player import intake, run_of
from tests.web.pages.test_player_resume import link_of

from keepstep.config import Resources


def colorful() -> dict[str, Any]:
    color = option_set("color", "single_select", options=[option("red"), option("blue")])
    more = option_set("more", "multiple_select", options=[option("blue", label="Sky")], allow_other=True)
    sets = (color, option_set("well", "boolean"), option_set("born", "date"), more, option_set("secret", hidden=True))
    return wizard(step("one", *sets), name="Colors")


def by_name(structure: dict[str, Any]) -> dict[str, list[str]]:
    """What somebody typed into every question, by the names of its inputs."""
    color, well, born, more, secret = [each["id"] for each in structure["steps"][0]["option_sets"]]
    day = {f"q-{born}-day": ["31"], f"q-{born}-month": ["2"], f"q-{born}-year": ["1985"]}
    return {
        f"q-{color}": ["red"],
        f"q-{well}": ["true"],
        **day,
        f"q-{more}": ["blue"],
        f"q-{more}-other": ["<b>x</b>"],
        f"q-{secret}": ["s"],
    }


IN_WORDS = {"Color": "Red", "Well": "Yes", "Born": "31 / 2 / 1985", "More": "Sky, <b>x</b>"}


async def test_what_was_typed_for_a_run_that_is_gone_is_shown_by_its_questions(
    stranger: Browser, resources: Resources, admin: httpx.AsyncClient
) -> None:
    structure = colorful()
    ref = await published(resources, structure)
    trashed, erased, sent_before = [await begun(stranger, ref) for _ in range(3)]
    assert (await admin.delete(f"/api/v1/runs/{run_id_of(trashed)}")).status_code in (200, 204)
    gone = await admin.post(f"/api/v1/runs/{run_id_of(erased)}/erase", json={"reason": "asked for"})
    assert gone.status_code in (200, 204), gone.text
    await finished(stranger, await sent(stranger, sent_before))
    for page, status in ((trashed, 410), (erased, 410), (sent_before, 409)):
        held = Page(await send_raw(stranger, page, also=by_name(structure)))
        assert (held.answer.status_code, answers_on(held)) == (status, IN_WORDS), title(held)
        assert "<b>x" not in held.answer.text
    assert title(await stranger.open(held.link("See what was sent"))) == "Thank you"


async def test_a_link_that_opens_nothing_any_more_is_told_and_what_was_typed_stays(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, clock: Clock
) -> None:
    page = await begun(stranger, await published(resources, intake()))
    link = await link_of(stranger, page)
    clock.advance(days=91)
    held = Page(await send_raw(stranger, page, {"Name": "Ann"}))
    assert (held.answer.status_code, title(held), held.tree.select(".pl-summary")) == (403, "This browser has forgotten you", [])
    again = Page(await send_raw(stranger, held, {"Your link": link}, go=None))
    assert (again.answer.status_code, again.text("title")) == (403, "Error: Not saved")
    assert again.one(".pl-summary a")["href"] == "#resume"
    assert (again.one("#resume")["value"], again.one("#resume")["aria-invalid"]) == (link, "true")
    assert answers_on(again) == {"Name": "Ann"}
    clock.advance(days=-91)
    assert (await send_raw(stranger, again, {"Your link": link}, go=None)).status_code == 303


async def test_the_check_page_changes_its_language_and_sends_nothing_by_that(stranger: Browser, resources: Resources) -> None:
    name = option_set("name") | {"name": {"en": "Name", "de": "Ihr Name"}}
    page = await sent(stranger, await begun(stranger, await published(resources, wizard(step("one", name), languages=["en", "de"]))))
    answer = await stranger.client.post(path_of(page), data={"to_language": "de"})
    page = await stranger.open(answer.headers["location"])
    assert (page.one("html")["lang"], list(answers_on(page))) == ("de", ["Ihr Name"])
    row = await run_of(resources, run_id_of(page))
    assert (row.status, row.language) == ("in_progress", "de")
    assert (await finished(stranger, page)).one("html")["lang"] == "de"


async def test_a_calculation_is_shown_where_its_author_wants_it_and_is_nobody_s_to_change(stranger: Browser, resources: Resources) -> None:
    price = option_set("price", "integer")
    twice: dict[str, Any] = {"expression": {"*": [2, {"var": price["id"]}]}}
    seen = option_set("seen", "calculated", unit="EUR", presentation={"shown": True}, **twice)
    sets = [price, option_set("quiet", "calculated", **twice), seen]
    ref = await published(resources, wizard(step("one", *sets), step("two", option_set("name"))))
    page = await begun(stranger, ref)
    assert (asked_in(page), page.text("output"), page.one("form").has_attr("data-live")) == (["Price", "Seen"], "–", True)
    looked = Page(await send_raw(stranger, page, {"Price": "1000.5"}, go="look"))
    page = await sent(stranger, await sent(stranger, page, {"Price": "1000"}, also={f"q-{seen['id']}": "7"}), go="back")
    assert (looked.text("output"), page.text("output")) == ("2001 EUR", "2000 EUR")
    page = await sent(stranger, await sent(stranger, page))
    assert answers_on(page) == {"Price": "1000", "Seen": "2000 EUR", "Name": "You left this empty"}
    assert [each["href"] for each in page.tree.select("dd a")] == [page.link("Change Price"), page.link("Change Name")]
    row = await run_of(resources, run_id_of(page))
    assert row.working_answers[seen["id"]] == {"value": 2000, "source": "calculated"}


async def test_a_calculation_that_an_edit_of_a_run_opens_is_no_question_to_come_back_for(
    stranger: Browser, editor_browser: Browser, resources: Resources
) -> None:
    price = option_set("price", "integer")
    high: dict[str, Any] = {"visible_if": {">": [{"var": price["id"]}, 9]}, "presentation": {"shown": True}}
    seen = option_set("seen", "calculated", expression={"*": [2, {"var": price["id"]}]}, **high)
    ref = await published(resources, wizard(step("one", price, seen), name="Prices"))
    page = await finished(stranger, await sent(stranger, await begun(stranger, ref), {"Price": "5"}))
    path = f"/wizards/prices/runs/{run_id_of(page)}"
    answer = await send_step(editor_browser, await editor_browser.open(f"{path}/edit"), "Save as revision 2", {f"q-{price['id']}": "50"})
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, path)
    assert lines_of(await editor_browser.open(path))["Seen"][0] == "100"
