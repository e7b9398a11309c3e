"""Coming back: by the cookie, by the link on another device, on the pinned version, and when it is too late."""

import httpx
import pytest
from sqlalchemy import select, update
from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, form_in, path_of, run_id_of, send_raw, sent, title
from tests.web.pages.conftest import Clock, OpenBrowser
from tests.web.pages.test_player import answers_of, intake, run_of

from keepstep.config import Resources
from keepstep.core.reference import reference_of
from keepstep.db.tables import passages, wizards
from keepstep.db.transaction import open_read, open_write


async def link_of(browser: Browser, page: Page) -> str:
    """The path of the link to resume."""
    shown = await browser.open(path_of(page).rsplit("/step/")[0] + "/later")
    return str(shown.one("#link")["value"]).removeprefix("http://127.0.0.1:8000")


async def test_the_link_opens_the_run_on_another_device_where_it_stands(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    page = await begun(stranger, await published(resources, intake()))
    page = await sent(stranger, page, {"Name": "Ann"})
    link, other = await link_of(stranger, page), await open_browser()
    there = await other.open(link)
    # By the name of the wizard: who gave its id began under that.
    assert (there.answer.status_code, path_of(there), title(there)) == (200, f"/w/intake/{run_id_of(page)}/step/visit", "Visit")
    there = await sent(other, there, {"Size": "4"})
    assert title(there) == "Check your answers"
    async with open_read(resources.engine) as tx:
        row = await tx.row(select(passages))
    assert link.removeprefix("/r/").encode() not in b"".join(bytes(each) for each in (row.digest, row.nonce))


async def test_without_cookie_or_link_nobody_gets_in_and_all_are_told_the_same(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    ref = await published(resources, intake())
    page = await begun(stranger, ref)
    other = await open_browser()
    theirs = await begun(other, ref)
    link, foreign = await link_of(stranger, page), path_of(page)
    wrong = link[:-1] + ("A" if link[-1] != "A" else "B")
    answers = [await other.open(path) for path in (foreign, foreign.replace("step/about", "check"), wrong, "/r/x", "/r/" + "A" * 54)]
    assert {(each.answer.status_code, title(each)) for each in answers} == {(403, "These answers cannot be opened here")}
    # Their own cookie, sent to somebody else's run.
    cookie = next(each for each in other.client.cookies.jar if each.name == "keepstep_run")
    answer = await other.client.get(foreign, headers={"Cookie": f"keepstep_run={cookie.value}"})
    assert answer.status_code == 403
    assert (await other.open(path_of(theirs))).answer.status_code == 200


async def test_a_renewed_link_stops_the_one_before_on_every_device(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    page = await begun(stranger, await published(resources, intake()))
    old, other = await link_of(stranger, page), await open_browser()
    assert (await other.open(old)).answer.status_code == 200
    later = await stranger.open(path_of(page).replace("step/about", "later"))
    renewed = await sent(stranger, later, go=None)
    assert title(renewed) == "Carry on later"
    new = str(renewed.one("#link")["value"])
    assert not new.endswith(old)
    assert (await stranger.open(path_of(page))).answer.status_code == 200
    assert (await other.open(path_of(page))).answer.status_code == 403
    assert (await other.open(old)).answer.status_code == 403


async def test_a_link_is_good_for_90_days_after_the_last_save_and_a_day_after_sending(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, clock: Clock
) -> None:
    page = await begun(stranger, await published(resources, intake()))
    link = await link_of(stranger, page)
    clock.advance(days=80)
    page = await sent(stranger, page, {"Name": "Ann"})
    clock.advance(days=80)
    other = await open_browser()
    page = await sent(other, await other.open(link))
    page = await finished(other, page)
    assert page.text(".pl-reference") == reference_of(run_id_of(page))
    assert title(await other.open(page.link("See a copy of your answers"))) == "Your answers"
    told = await other.client.get(path_of(page).replace("/end", "/answers.txt"))
    assert told.headers["content-disposition"].startswith("attachment;")
    assert "Name\r\n    Ann" in told.text
    clock.advance(hours=25)
    assert (await other.open(path_of(page))).answer.status_code == 403
    assert (await other.open(link)).answer.status_code == 403


async def test_a_run_stays_on_its_version_after_any_number_of_publishes(
    stranger: Browser, resources: Resources, editor: httpx.AsyncClient
) -> None:
    structure = intake()
    ref = await published(resources, structure)
    page = await sent(stranger, await begun(stranger, ref), {"Name": "Ann"})
    for name in ("New name", "Newer name"):
        draft = await editor.get(f"/api/v1/wizards/{ref}/draft")
        changed = draft.json()["structure"]
        changed["steps"][1]["option_sets"][0]["name"] = name
        put = await editor.put(f"/api/v1/wizards/{ref}/draft", json={"structure": changed}, headers={"If-Match": draft.headers["etag"]})
        assert put.status_code == 200, put.text
        done = await editor.post(f"/api/v1/wizards/{ref}/publish", json={}, headers={"If-Match": put.headers["etag"]})
        assert done.status_code in (200, 201), done.text
    page = await stranger.open(path_of(page))
    assert asked_in(page) == ["Size", "First"]
    page = await finished(stranger, await sent(stranger, page, {"Size": "4"}))
    assert title(page) == "Thank you"
    assert asked_in(await sent(stranger, await begun(stranger, ref), {"Name": "Bob"})) == ["Newer name", "First"]


async def test_a_form_whose_cookie_is_lost_is_saved_by_the_link(stranger: Browser, open_browser: OpenBrowser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, intake()))
    link, other = await link_of(stranger, page), await open_browser()
    held = Page(await send_raw(other, page, {"Name": "Ann <b>"}))
    assert (held.answer.status_code, title(held)) == (403, "This browser has forgotten you")
    assert "Ann <b>" in held.text(".pl-answers")
    assert Page(await send_raw(other, held, {"Your link": "nonsense"}, go=None)).answer.status_code == 403
    again = await send_raw(other, held, {"Your link": f"https://forms.example.org{link} "}, go=None)
    assert again.status_code == 303
    assert title(await other.open(again.headers["location"])) == "Visit"
    assert "Ann <b>" in (await answers_of(resources, run_id_of(page))).values()


async def test_where_everybody_may_begin_a_form_whose_cookie_is_lost_begins_anew_with_what_it_held(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    page, other = await begun(stranger, await published(resources, intake())), await open_browser()
    held = Page(await send_raw(other, page, {"Name": "Ann <b>"}))
    assert answers_on(held)["Name"] == "Ann <b>"
    button = held.one("button[name=anew]")
    answer = await other.client.post(str(button["formaction"]), data=form_in(held) | {"anew": "1"})
    assert answer.status_code == 303, answer.text[:2000]
    new = await other.open(answer.headers["location"])
    assert run_id_of(new) != run_id_of(page)
    assert "Ann <b>" in (await answers_of(resources, run_id_of(new))).values()
    assert "Ann <b>" not in (await answers_of(resources, run_id_of(page))).values()


async def test_a_form_whose_run_is_forgotten_is_kept_and_begun_anew_in_its_own_language(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    name = option_set("name") | {"name": {"en": "Name", "ar": "الاسم"}}
    ref = await published(resources, wizard(step("one", name), languages=["en", "ar"]))
    held = Page(await send_raw(await open_browser(), await begun(stranger, ref, "?lang=ar"), {"الاسم (اختياري)": "Ann"}))
    assert (held.one("html")["lang"], held.one("html")["dir"], held.one("input[name=lang]")["value"]) == ("ar", "rtl", "ar")


async def test_who_was_invited_is_told_neither_what_was_asked_nor_to_begin_anew(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, admin: httpx.AsyncClient
) -> None:
    ref = await published(resources, intake())
    page, other = await begun(stranger, ref), await open_browser()
    assert (await admin.patch(f"/api/v1/wizards/{ref}/access", json={"mode": "invitation"})).status_code == 200
    held = Page(await send_raw(other, page, {"Name": "Ann"}))
    assert (list(answers_on(held)), held.tree.select("button[name=anew]")) == (["Answer"], [])


@pytest.mark.parametrize("how", ["sent", "trashed", "removed", "slug"])
async def test_what_happens_to_a_run_or_wizard_in_the_middle_loses_nothing_that_was_typed(
    stranger: Browser, resources: Resources, admin: httpx.AsyncClient, how: str
) -> None:
    ref = await published(resources, intake())
    page = await begun(stranger, ref)
    run_id = run_id_of(page)
    if how == "sent":
        await finished(stranger, await sent(stranger, await sent(stranger, page, {"Name": "Bob"})))
    if how == "trashed":
        assert (await admin.delete(f"/api/v1/runs/{run_id}")).status_code in (200, 204)
    if how == "slug":
        assert (await admin.patch(f"/api/v1/wizards/{ref}", json={"slug": "elsewhere"})).status_code == 200
    if how == "removed":
        await admin.delete(f"/api/v1/wizards/{ref}")
        report = await admin.delete(f"/api/v1/wizards/{ref}?permanent=true")
        token = report.json().get("confirm") or ""
        gone = await admin.delete(f"/api/v1/wizards/{ref}?permanent=true&confirm={token}") if token else report
        assert gone.status_code in (200, 204), gone.text
    page = await sent(stranger, page, {"Name": "Ann"})
    if how in ("removed", "slug"):
        assert title(page) == "Visit"
        page = await finished(stranger, await sent(stranger, page))
        assert (title(page), (await run_of(resources, run_id)).status) == ("Thank you", "completed")
        return
    assert (page.answer.status_code, title(page)) == {
        "sent": (409, "These answers were sent already"),
        "trashed": (410, "These answers are no longer here"),
    }[how]
    assert answers_on(page) == {"Name": "Ann"}


async def test_after_closing_a_begun_run_is_finished_within_the_grace_and_not_after_it(
    stranger: Browser, resources: Resources, clock: Clock
) -> None:
    ref = await published(resources, intake())
    page = await begun(stranger, ref)
    async with open_write(resources.engine) as tx:
        settings = {"access": {"closes_at": "2026-03-03T10:00:00Z", "finish_within": 30}}
        await tx.execute(update(wizards).where(wizards.c.id == ref).values(settings=settings))
    clock.advance(minutes=70)
    page = await sent(stranger, page, {"Name": "Ann"})
    assert title(page) == "Visit"
    assert title(await stranger.open(f"/w/{ref}")) == "This is closed"
    clock.advance(minutes=30)
    page = await sent(stranger, page, {"Size": "4"})
    assert (title(page), page.text(".pl-answers dd")) == ("This is closed", "4")


async def test_carrying_on_is_offered_on_the_start_page_until_it_is_sent(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, intake())
    page = await sent(stranger, await begun(stranger, ref), {"Name": "Ann"})
    start = await stranger.open(f"/w/{ref}")
    assert path_of(await stranger.open(start.link("Carry on where you were"))) == path_of(page)
    anew = await stranger.press(start, "Start anew")
    assert run_id_of(page) not in anew.headers["location"]
    assert title(await stranger.open(path_of(page))) == "Visit"
    await finished(stranger, await sent(stranger, await sent(stranger, await stranger.open(anew.headers["location"]), {"Name": "B"})))
    assert "Carry on where you were" not in (await stranger.open(f"/w/{ref}")).answer.text


async def test_a_start_page_of_before_does_not_lead_into_what_somebody_else_answered(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources
) -> None:
    ref = await published(resources, wizard(step("one", option_set("name")), step("two", option_set("size"))))
    start = await stranger.open(f"/w/{ref}")
    form = form_in(start)
    first = await stranger.client.post(f"/w/{ref}", data=form)
    await sent(stranger, await stranger.open(first.headers["location"]), {"Name": "Ann"})
    second = await (await open_browser()).client.post(f"/w/{ref}", data=form)
    assert second.status_code == 303
    assert first.headers["location"].split("/")[3] not in second.headers["location"]
