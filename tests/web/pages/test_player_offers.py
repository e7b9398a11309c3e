"""A version that is offered to whoever comes back: what the respondent sees, accepts, declines, and that nothing typed is ever lost."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.pages_kit import Browser, Page
from tests.player_kit import answers_on, asked_in, begun, finished, path_of, run_id_of, send_raw, sent, title
from tests.policies_kit import Case, Structure, added, both, dropped, new_case, put, question, stored_run
from tests.web.pages.conftest import OpenBrowser
from tests.web.pages.test_player_resume import link_of

from keepstep.config import Resources

PERSON = {"Full Name": "Ann", "Age": "41"}
NO_RED = put("favorite-color", options=[{"value": "blue", "label": "Blue"}])
RED_TO_BLUE = {"favorite-color": {"to": "favorite-color", "params": {"options": {"red": "blue"}}}}


@pytest.fixture
async def case(editor: httpx.AsyncClient) -> Case:
    return await new_case(editor)


async def half_way(browser: Browser) -> Page:
    """The second page, after the first was answered."""
    return await sent(browser, await begun(browser, "taste"), PERSON)


def what_changed(page: Page) -> list[str]:
    return [each.get_text(strip=True) for each in page.tree.select(".pl-what li")]


def to_text(whole: Structure) -> None:
    changed = question(whole, "age")
    changed["selection_type"] = "text_input"
    changed.pop("constraints", None)


def numbers_only(whole: Structure) -> None:
    question(whole, "full-name").update(selection_type="integer")


# Of each edit: the change, what is asked, in which words, what it is told of as gone; and the answers and archive once accepted as is.
EDITS: dict[str, tuple[Callable[[Structure], None], list[str], list[str], dict[str, Any], dict[str, Any]]] = {
    "relabelled": (put("full-name", name="Your name"), ["Your name"], ["New wording"], {"full-name": "Ann", "age": 41}, {}),
    "retired": (put("age", retired=True), [], [], {"full-name": "Ann", "age": 41}, {}),
    "deleted": (dropped("age"), [], [], {"full-name": "Ann"}, {"age": 41}),
    "another type": (to_text, ["Age"], ["It is answered in another way now"], {"full-name": "Ann", "age": "41"}, {}),
    "required": (put("age", is_required=True), ["Age"], ["It has to be answered now"], {"full-name": "Ann", "age": 41}, {}),
    "limits": (put("age", constraints={"max": 150}), ["Age"], ["Other limits"], {"full-name": "Ann", "age": 41}, {}),
    "logic": (put("age", visible_if=False), [], [], {"full-name": "Ann", "age": 41}, {}),
    "added": (added("town"), ["Town"], ["New question"], {"full-name": "Ann", "age": 41, "town": None}, {}),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_who_comes_back_is_told_what_changed_and_asked_only_that(
    stranger: Browser, resources: Resources, case: Case, edit: str
) -> None:
    change, asked, words, answers, archive = EDITS[edit]
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    before = await stored_run(resources, run_id)
    await case.publish(change)
    page = await stranger.open(folder)
    assert title(page) == "1 question changed since you started"
    assert (asked_in(page), what_changed(page)) == (asked, words)
    assert await stored_run(resources, run_id) == before
    page = await sent(stranger, page)
    assert (title(page), asked_in(page)[0]) == ("Taste", "Favorite Color")
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"], stored["archive"]) == (2, answers, archive)


async def test_it_is_prefilled_and_saved_with_the_move_and_goes_on_to_the_end(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id = run_id_of(page)
    await case.publish(both(put("full-name", name="Your name"), added("town", is_required=True), put("nickname", name="Pet name")))
    page = await stranger.open(path_of(page).rsplit("/step/", 1)[0])
    assert (title(page), asked_in(page)) == ("2 questions changed since you started", ["Your name", "Town"])
    assert "1 more change is further on" in page.text("main")
    page = await sent(stranger, page, {"Town": "Oslo"})
    assert (await stored_run(resources, run_id))["answers"] == {"full-name": "Ann", "age": 41, "town": "Oslo"}
    page = await sent(stranger, page, {"Red": "red"})
    assert answers_on(page) | {"Town": "Oslo"} == answers_on(page)
    assert title(await finished(stranger, page)) == "Thank you"
    assert (await stored_run(resources, run_id))["status"] == "completed"


async def test_what_is_wrong_is_told_stored_and_mended_on_the_new_version(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id = run_id_of(page)
    await case.publish(added("size", "integer", is_required=True))
    page = await sent(stranger, await stranger.open(path_of(page).rsplit("/step/", 1)[0]), {"Size": "large"})
    assert page.answer.status_code == 422
    assert page.one("#" + str(page.labelled("Size")["id"]))["value"] == "large"
    assert page.tree.select("button[value=decline]") == []
    assert (await stored_run(resources, run_id))["version"] == 2
    page = await sent(stranger, page, {"Size": "4"})
    assert asked_in(page)[0] == "Favorite Color"
    assert (await stored_run(resources, run_id))["answers"]["size"] == 4


async def test_who_declines_goes_on_as_it_was_and_may_change_their_mind(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(both(put("full-name", name="Your name"), added("town")))
    page = await sent(stranger, await stranger.open(folder), {"Your name": "Anna"}, go="decline")
    assert asked_in(page)[0] == "Favorite Color"
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"]) == (1, {"full-name": "Anna", "age": 41})
    assert asked_in(await stranger.open(folder))[0] == "Favorite Color"
    check = await sent(stranger, page, {"Red": "red"})
    page = await stranger.open(check.link("See what changed, and answer the new ones"))
    assert title(page) == "2 questions changed since you started"
    await sent(stranger, page, {"Town": "Oslo"})
    assert (await stored_run(resources, run_id))["version"] == 2


async def test_accepting_twice_or_in_two_windows_is_one_move(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(added("town"))
    first, second = await stranger.open(folder), await stranger.open(folder)
    for _ in range(2):
        assert (await send_raw(stranger, first, {"Town": "Oslo"})).status_code == 303
    assert (await send_raw(stranger, second, go="decline")).status_code == 303
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"]["town"], stored["cause"]) == (2, "Oslo", "migration")
    revisions = (await case.editor.get(f"/api/v1/runs/{run_id}/revisions")).json()["items"]
    assert sorted(each["cause"] for each in revisions) == ["checkpoint", "migration"]


async def test_what_only_stood_in_the_form_of_the_newer_version_overwrites_nothing_when_it_is_declined(
    stranger: Browser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await sent(stranger, page, {"Red": "red"})
    await case.publish(both(NO_RED, put("full-name", name="Your name")), mapping=RED_TO_BLUE)
    page = await stranger.open(folder)
    assert asked_in(page)[:2] == ["Your name", "Favorite Color"]
    await sent(stranger, page, {"Your name": "Anna"}, go="decline")
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"]["favorite-color"], stored["answers"]["full-name"]) == (1, "red", "Anna")


async def test_what_a_second_window_says_otherwise_is_asked_about_and_never_dropped(
    stranger: Browser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(both(added("town"), put("full-name", name="Your name")))
    first, second, third = [await stranger.open(folder) for _ in range(3)]
    assert (await send_raw(stranger, first, {"Town": "Rome"})).status_code == 303
    page = await sent(stranger, second, {"Town": "Paris", "Your name": "Anna"})
    assert (page.answer.status_code, page.labelled("Town (optional)")["value"]) == (409, "Paris")
    assert page.text(".pl-summary li") == "Town : Rome"
    assert (await stored_run(resources, run_id))["answers"] | {"town": "Rome", "full-name": "Anna"} == (
        await stored_run(resources, run_id)
    )["answers"]
    await sent(stranger, page)
    assert (await stored_run(resources, run_id))["answers"]["town"] == "Paris"
    declined = await sent(stranger, third, {"Town": "Bern"}, go="decline")
    assert (declined.answer.status_code, declined.labelled("Town (optional)")["value"]) == (409, "Bern")


async def test_published_again_before_it_was_answered_the_newest_is_offered_with_what_was_typed(
    stranger: Browser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(added("town"))
    page = await stranger.open(folder)
    await case.publish(added("street"))
    page = await sent(stranger, page, {"Town": "Oslo"})
    assert (page.answer.status_code, asked_in(page)) == (409, ["Town", "Street"])
    assert page.labelled("Town (optional)")["value"] == "Oslo"
    assert (await stored_run(resources, run_id))["version"] == 1
    await sent(stranger, page, {"Street": "Karl Johan"})
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"]["town"], stored["answers"]["street"]) == (3, "Oslo", "Karl Johan")


@pytest.mark.parametrize("go", ["next", "decline"])
async def test_what_was_typed_into_an_offer_that_was_withdrawn_meanwhile_is_taken_or_kept_and_told(
    stranger: Browser, resources: Resources, case: Case, go: str
) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await sent(stranger, page, {"Red": "red"})
    # Of which ids alone make no move: where red went, only the plan said.
    await case.publish(both(added("town"), put("full-name", name="Your name"), NO_RED), mapping=RED_TO_BLUE)
    page = await stranger.open(folder)
    await case.publish(put("nickname", name="Pet name"), "finish")
    page = await sent(stranger, page, {"Town": "Ulm", "Your name": "Anna"}, go=go)
    assert page.answer.status_code == 409
    assert "Ulm" in page.text("main")
    stored = await stored_run(resources, run_id)
    assert (stored["version"], stored["answers"]["full-name"], stored["archive"]) == (1, "Anna", {"town": "Ulm"})


async def test_published_again_to_finish_there_is_no_offer_any_more(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(added("town"))
    offered = await stranger.open(folder)
    await case.publish(added("street"), "finish")
    assert asked_in(await stranger.open(folder))[0] == "Favorite Color"
    assert asked_in(await sent(stranger, offered))[0] == "Favorite Color"
    assert (await stored_run(resources, run_id))["version"] == 1


async def test_the_very_questions_that_a_run_has_are_no_offer(stranger: Browser, case: Case) -> None:
    page = await half_way(stranger)
    await case.publish(put("full-name", name="Your name"), "finish")
    await case.publish(put("full-name", name="Full Name"))
    page = await stranger.open(path_of(page).rsplit("/step/", 1)[0])
    assert asked_in(page)[0] == "Favorite Color"


async def test_a_run_with_an_answer_that_does_not_fit_finishes_where_it_is(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    published = await case.publish(numbers_only)
    assert [each for each in published["in_progress"]["groups"] if each["runs"]] == [{"outcome": "conflicts", "runs": 1, "moves": 0}]
    page = await stranger.open(folder)
    assert asked_in(page)[0] == "Favorite Color"
    await finished(stranger, await sent(stranger, page, {"Red": "red"}))
    assert (await stored_run(resources, run_id))["version"] == 1


async def test_where_the_plan_says_so_it_is_asked_again_instead(stranger: Browser, resources: Resources, case: Case) -> None:
    page = await half_way(stranger)
    run_id = run_id_of(page)
    await case.publish(numbers_only, policy={"on_conflict": "archive"})
    page = await stranger.open(path_of(page).rsplit("/step/", 1)[0])
    assert asked_in(page) == ["Full Name"]
    assert "You answered: Ann" in page.text(".pl-changed")
    await sent(stranger, page, {"Full Name": "7"})
    stored = await stored_run(resources, run_id)
    assert (stored["answers"]["full-name"], stored["archive"]) == (7, {"full-name": "Ann"})


@pytest.mark.parametrize("end", ["trash", "erase", "complete"])
async def test_what_happens_to_the_run_during_the_offer_loses_nothing_that_was_typed(
    stranger: Browser, resources: Resources, case: Case, admin: httpx.AsyncClient, end: str
) -> None:
    page = await half_way(stranger)
    run_id, folder = run_id_of(page), path_of(page).rsplit("/step/", 1)[0]
    await case.publish(added("town"))
    offered = await stranger.open(folder)
    if end == "complete":
        answer = await admin.post(f"/api/v1/runs/{run_id}/complete", headers={"If-Match": "*"})
    elif end == "trash":
        answer = await admin.delete(f"/api/v1/runs/{run_id}")
    else:
        answer = await admin.post(f"/api/v1/runs/{run_id}/erase", json={"reason": "asked"})
    assert answer.status_code < 300, answer.text
    page = await sent(stranger, offered, {"Town": "Oslo"})
    assert page.answer.status_code in (409, 410)
    assert "Oslo" in page.text("main")
    assert (await stored_run(resources, run_id))["version"] == 1


# --- a form of before the move ---------------------------------------------------------------------------------------------


async def test_a_page_of_before_is_taken_over_where_it_has_a_place_and_kept_where_it_has_none(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    run_id, link, other = run_id_of(page), await link_of(stranger, page), await open_browser()
    await case.publish(dropped("nickname"))
    await sent(other, await other.open(link))
    assert (await stored_run(resources, run_id))["version"] == 2
    page = await sent(stranger, page, {"Red": "red", "Nickname": "Annie"})
    assert (page.answer.status_code, title(page)) == (409, "The questions changed meanwhile")
    assert answers_on(page) == {"Favorite Color": "Red", "Nickname": "Annie"}
    stored = await stored_run(resources, run_id)
    assert (stored["answers"]["favorite-color"], stored["archive"]) == ("red", {"nickname": "Annie"})
    assert title(await stranger.open(page.link("Carry on"))) == "Check your answers"


async def test_a_page_of_before_never_overwrites_what_was_answered_since(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    run_id, link, other = run_id_of(page), await link_of(stranger, page), await open_browser()
    await case.publish(added("town"))
    onward = await sent(other, await other.open(link), {"Town": "Oslo"})
    await sent(other, onward, {"Green": "green"})
    page = await sent(stranger, page, {"Red": "red"})
    assert page.answer.status_code == 409
    stored = await stored_run(resources, run_id)
    assert (stored["answers"]["favorite-color"], stored["archive"]) == ("green", {"favorite-color": "red"})


async def test_nobody_sends_a_check_page_whose_questions_are_others_now(
    stranger: Browser, open_browser: OpenBrowser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    link, other = await link_of(stranger, page), await open_browser()
    check = await sent(stranger, page, {"Red": "red"})
    await case.publish(added("town"))
    await sent(other, await other.open(link), {"Town": "Oslo"})
    answer = await send_raw(stranger, check, go=None)
    assert answer.status_code == 409
    page = Page(answer)
    assert answers_on(page)["Town"] == "Oslo"
    assert title(await finished(stranger, page)) == "Thank you"
