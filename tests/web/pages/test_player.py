"""The way through a wizard without a script: begun, answered, checked, sent."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.factories import option, option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, form_in, path_of, run_id_of, send_raw, sent, title
from tests.web.pages.conftest import Clock

from keepstep.config import Resources
from keepstep.db.tables import run_revisions, wizard_runs, wizards
from keepstep.db.transaction import open_read, open_write

YES_NO = [option("yes"), option("no")]


def intake(**members: Any) -> dict[str, Any]:
    about = step("about", option_set("name", is_required=True), option_set("born", "date"))
    visit = step("visit", option_set("size", "integer", constraints={"max": 9}), option_set("first", "single_select", options=YES_NO))
    return wizard(about, visit, name="Intake", **members)


async def run_of(resources: Resources, run_id: str) -> Any:
    async with open_read(resources.engine) as tx:
        return await tx.row(select(wizard_runs).where(wizard_runs.c.id == run_id))


async def answers_of(resources: Resources, run_id: str) -> dict[str, Any]:
    """Option set id → value, of the working copy or of the last revision."""
    async with open_read(resources.engine) as tx:
        stored = await tx.scalar(select(wizard_runs.c.working_answers).where(wizard_runs.c.id == run_id))
        if stored is None:
            newest = select(run_revisions.c.answers).where(run_revisions.c.run_id == run_id).order_by(run_revisions.c.revision.desc())
            stored = await tx.scalar(newest.limit(1))
    return {name: envelope["value"] for name, envelope in stored.items()}


async def test_a_wizard_is_begun_answered_checked_and_sent(stranger: Browser, resources: Resources) -> None:
    structure = intake(description="A few questions.")
    page = await begun(stranger, await published(resources, structure))
    assert (title(page), page.text(".pl-progress"), asked_in(page)) == ("About", "Step 1 of 2", ["Name", "Born"])
    page = await sent(stranger, page, {"Name": " Ann ", "Day": "27", "Month": "3", "Year": "1985"})
    assert title(page) == "Visit"
    page = await sent(stranger, page, {"Size": "4"})
    assert title(page) == "Check your answers"
    assert answers_on(page) == {"Name": "Ann", "Born": "27 March 1985", "Size": "4", "First": "You left this empty"}
    run_id = run_id_of(page)
    page = await finished(stranger, page)
    assert title(page) == "Thank you"
    row = await run_of(resources, run_id)
    assert (row.status, row.revision, row.working_answers, row.saved_by) == ("completed", 1, None, None)
    sets = [each["id"] for part in structure["steps"] for each in part["option_sets"]]
    assert await answers_of(resources, run_id) == dict(zip(sets, ["Ann", "1985-03-27", 4, None], strict=True))


async def test_what_does_not_fit_is_told_and_stored_as_it_was_typed(stranger: Browser, resources: Resources) -> None:
    structure = intake()
    page = await begun(stranger, await published(resources, structure))
    page = await sent(stranger, page, {"Day": "31", "Month": "2", "Year": "1985"})
    assert page.answer.status_code == 422
    assert page.text("title").startswith("Error: About")
    assert [each.get_text(strip=True) for each in page.tree.select(".pl-summary a")] == [
        "Answer “Name”",
        "“Born” must be a real date, like 27 3 1985",
    ]
    again = await stranger.open(path_of(page))
    assert [again.labelled(each)["value"] for each in ("Day", "Month", "Year")] == ["31", "2", "1985"]
    assert not again.tree.select(".pl-summary")
    page = await sent(stranger, again, {"Name": "Ann"})
    assert (page.answer.status_code, len(page.tree.select(".pl-summary a"))) == (422, 1)
    page = await sent(stranger, page, {"Day": "28"})
    page = await sent(stranger, page, {"Size": "a lot"}, go="back")
    assert title(page) == "About"
    assert list((await answers_of(resources, run_id_of(page))).values()) == ["Ann", "1985-02-28", "a lot"]


async def test_what_is_wrong_stops_sending_and_leads_to_its_place(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, intake()))
    page = await sent(stranger, page, {"Name": "Ann"})
    page = await sent(stranger, page, {"Size": "77"}, go="later")
    assert title(page) == "Carry on later"
    page = await stranger.open(path_of(page).replace("later", "check"))
    answer = await stranger.client.post(path_of(page))
    assert answer.status_code == 422
    assert "“Size” must be 9 or less" in answer.text
    page = await stranger.open(page.link("Change Size"))
    page = await sent(stranger, page, {"Size": "7"})
    assert (title(page), answers_on(page)["Size"]) == ("Check your answers", "7")


async def test_a_question_that_a_page_opens_is_asked_before_going_on(stranger: Browser, resources: Resources) -> None:
    first = option_set("first", "single_select", options=YES_NO, is_required=True)
    yes = {"==": [{"var": first["id"]}, "yes"]}
    more, last = option_set("more", visible_if=yes, is_required=True), step("last", option_set("why"), visible_if=yes)
    page = await begun(stranger, await published(resources, wizard(step("one", first, more), last)))
    assert asked_in(page) == ["First"]
    assert title(await sent(stranger, page, {"First": "no"})) == "Check your answers"
    page = await sent(stranger, await stranger.open(path_of(page)), {"First": "yes"})
    assert (asked_in(page), page.text(".pl-opened")) == (["First", "More"], "Your answers lead to further questions on this page.")
    page = await sent(stranger, page)
    assert (page.answer.status_code, page.text(".pl-summary li")) == (422, "Answer “More”")
    assert title(await sent(stranger, page, {"More": "x"})) == "Last"


async def test_an_answer_to_what_is_not_asked_or_hidden_is_not_taken(stranger: Browser, resources: Resources) -> None:
    first, secret = option_set("first", "single_select", options=YES_NO), option_set("secret", hidden=True)
    more = option_set("more", visible_if={"==": [{"var": first["id"]}, "yes"]})
    page = await begun(stranger, await published(resources, wizard(step("one", first, more, secret))))
    forged = {"shown": [each["id"] for each in (first, more, secret)], f"q-{more['id']}": "x", f"q-{secret['id']}": "y"}
    page = await sent(stranger, page, {"First": "no"}, also=forged)
    assert await answers_of(resources, run_id_of(page)) == {first["id"]: "no"}


async def test_sent_twice_and_begun_twice_it_is_one_run(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, intake())
    start = await stranger.open(f"/w/{ref}")
    form = start.form_of("Start")[1]
    places = {(await stranger.client.post(f"/w/{ref}", data=form)).headers["location"] for _ in range(2)}
    assert len(places) == 1
    page = await stranger.open(places.pop())
    twice = [(await send_raw(stranger, page, {"Name": "Ann"})).headers["location"] for _ in range(2)]
    assert twice[0] == twice[1]
    page = await sent(stranger, await stranger.open(twice[0]), {"Size": "4"})
    ends = [(await stranger.client.post(path_of(page))).headers["location"] for _ in range(2)]
    assert ends[0] == ends[1]
    assert (await run_of(resources, run_id_of(page))).revision == 1


async def test_defaults_prefill_and_hidden_questions_are_stored_with_where_they_come_from(stranger: Browser, resources: Resources) -> None:
    sets = [option_set("size", "integer", default=3), option_set("code", hidden=True), option_set("mail", "email")]
    page = await begun(stranger, await published(resources, wizard(step("one", *sets))), "?code=A7&mail=no-address&size=5&zzz=1")
    row = await run_of(resources, run_id_of(page))
    assert row.working_answers == {
        sets[0]["id"]: {"value": 5, "source": "prefill"},
        sets[1]["id"]: {"value": "A7", "source": "prefill"},
    }
    assert (asked_in(page), page.labelled("Size (optional)")["value"]) == (["Size", "Mail"], "5")
    page = await sent(stranger, page)
    assert list((await run_of(resources, run_id_of(page))).working_answers[sets[0]["id"]].values()) == [5, "prefill"]


async def test_one_question_for_each_page(stranger: Browser, resources: Resources) -> None:
    structure = intake(presentation={"pages": "question"})
    page = await begun(stranger, await published(resources, structure))
    assert (path_of(page).rsplit("/", 1)[1], page.text(".pl-progress"), asked_in(page)) == ("name", "Step 1 of 4", ["Name"])
    # The window and the heading tell the pages of one step apart.
    assert (page.text("title").split(" – ")[:2], title(page)) == (["Name", "About"], "About : Name")
    page = await sent(stranger, page, {"Name": "Ann"})
    assert (page.text("title").split(" – ")[:2], title(page)) == (["Born", "About"], "About : Born")
    page = await sent(stranger, await sent(stranger, page), {"Size": "4"})
    page = await sent(stranger, page)
    assert answers_on(page)["Size"] == "4"
    assert [each.get_text() for each in page.tree.select("h2")] == ["About", "Visit", "Send your answers"]
    page = await sent(stranger, await stranger.open(page.link("Change Born")), {"Day": "1", "Month": "May", "Year": "1990"})
    assert (title(page), answers_on(page)["Born"]) == ("Check your answers", "1 May 1990")


async def test_the_language_changes_without_losing_what_was_typed(stranger: Browser, resources: Resources) -> None:
    name = option_set("name", is_required=True) | {"name": {"en": "Name", "de": "Ihr Name"}}
    ref = await published(resources, wizard(step("one", name, option_set("size", "integer")), languages=["en", "de"]))
    page = await sent(stranger, await begun(stranger, ref), {"Size": "many"}, go=None, also={"to_language": "de"})
    assert (page.answer.status_code, page.one("html")["lang"], asked_in(page)[0]) == (200, "de", "Ihr Name")
    assert page.labelled("Size (freiwillig)")["value"] == "many"
    assert (await run_of(resources, run_id_of(page))).language == "de"
    assert (await begun(stranger, ref, "?lang=de")).one("html")["lang"] == "de"


async def test_what_can_be_begun_says_so_and_what_cannot_does_not_tell_why(
    stranger: Browser, resources: Resources, admin: httpx.AsyncClient
) -> None:
    ref = await published(resources, intake())
    made = (await admin.post("/api/v1/wizards", json={"name": "Draft only"})).json()
    for path in (f"/w/{made['slug']}", "/w/nobody", "/w/%00", "/w/%F0%9F%98%80", f"/w/{made['id']}"):
        page = await stranger.open(path)
        assert (page.answer.status_code, title(page)) == (404, "There is nothing here")
    start = await stranger.open(f"/w/{ref}")
    assert (await admin.delete(f"/api/v1/wizards/{ref}")).status_code in (200, 204)
    assert title(await stranger.open(f"/w/{ref}")) == "This is closed"
    assert (await stranger.press(start, "Start")).status_code == 410


async def test_a_passage_with_misfits_is_listed_exported_and_verified_like_any_run(
    stranger: Browser, resources: Resources, admin: httpx.AsyncClient
) -> None:
    ref = await published(resources, intake())
    page = await sent(stranger, await begun(stranger, ref), {"Name": "Ann", "Day": "31", "Month": "2", "Year": "1985"})
    assert page.answer.status_code == 422
    run_id = run_id_of(page)
    for path in (f"/runs/{run_id}", f"/wizards/{ref}/runs", f"/wizards/{ref}/export.csv", f"/wizards/{ref}/export.jsonl"):
        answer = await admin.get(f"/api/v1{path}")
        assert answer.status_code == 200, (path, answer.text[:300])
        assert "31 / 2 / 1985" in answer.text
    page = await sent(stranger, await sent(stranger, page, {"Day": "28"}), {"Size": "4"})
    await finished(stranger, page)
    found = (await admin.get("/api/v1/verify")).json()
    assert (found["intact"], found["runs"]) == (True, 1), found


async def test_the_first_page_leads_back_to_the_start_with_what_was_typed_saved(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, intake())
    page = await sent(stranger, await begun(stranger, ref), {"Name": "Ann"}, go="back")
    page = await stranger.open(page.link("Carry on where you were"))
    assert (title(page), page.labelled("Name")["value"]) == ("About", "Ann")


async def test_who_has_no_script_waits_for_the_proof_and_begins_with_the_same_form(
    stranger: Browser, resources: Resources, clock: Clock
) -> None:
    ref = await published(resources, intake())
    async with open_write(resources.engine) as tx:
        await tx.execute(update(wizards).where(wizards.c.id == ref).values(settings={"access": {"proof_of_work": True}}))
    answer = await stranger.client.post(f"/w/{ref}", data=form_in(await stranger.open(f"/w/{ref}")))
    again = Page(answer)
    assert (answer.status_code, title(again)) == (429, "Intake")
    assert "Wait 20 seconds" in again.text(".pl-summary")
    clock.advance(seconds=21)
    assert (await stranger.client.post(f"/w/{ref}", data=form_in(again))).status_code == 303


@pytest.mark.parametrize(
    ("access", "status", "said"),
    [
        ({"opens_at": "2030-01-01T00:00:00Z"}, 403, "This is not open yet"),
        ({"closes_at": "2020-01-01T00:00:00Z"}, 410, "This is closed"),
        ({"mode": "link", "link": "x"}, 403, "You need a link of your own"),
        ({"mode": "invitation"}, 403, "You need a link of your own"),
        ({"mode": "signed_in"}, 401, "Sign in first"),
        ({"max_runs": 1}, 410, "This is closed"),
    ],
)
async def test_who_may_not_begin_is_told_before_and_after_the_button(
    stranger: Browser, resources: Resources, access: dict[str, Any], status: int, said: str
) -> None:
    ref = await published(resources, intake())
    start = await stranger.open(f"/w/{ref}")
    await begun(stranger, ref)
    async with open_write(resources.engine) as tx:
        await tx.execute(update(wizards).where(wizards.c.id == ref).values(settings={"access": access}))
    page = await stranger.open(f"/w/{ref}")
    assert (page.answer.status_code, title(page)) == (status, said)
    late = Page(await stranger.client.post(f"/w/{ref}", data=form_in(start) | {"start": ["forged"]}))
    assert (late.answer.status_code, title(late)) == (status, said)
