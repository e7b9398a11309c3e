"""Runs in progress moved at a publish: the plan is told and mended before, a job moves them after, and whoever is typing loses nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.pages_kit import Browser, Page
from tests.player_kit import asked_in, begun, finished, path_of, run_id_of, sent, title
from tests.policies_kit import Case, Structure, added, dropped, moved_by_job, new_case, put, question, stored_run
from tests.web.pages.conftest import Clock
from tests.web.pages.test_player_offers import half_way, numbers_only, to_text

from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.queries.integrity import verify


@pytest.fixture
async def case(editor: httpx.AsyncClient) -> Case:
    return await new_case(editor)


async def moved(resources: Resources, clock: Clock, published: dict[str, Any]) -> None:
    """The job, at a time when nobody is typing."""
    clock.advance(minutes=20)
    await moved_by_job(replace_now(resources, clock), published)


def replace_now(resources: Resources, clock: Clock) -> Resources:
    return replace(resources, now=lambda: clock.now)


def groups(published: dict[str, Any]) -> dict[str, int]:
    return {each["outcome"]: each["runs"] for each in published["in_progress"]["groups"] if each["runs"]}


async def counted(editor: httpx.AsyncClient, published: dict[str, Any]) -> dict[str, int]:
    """Runs by outcome, as the job counted them."""
    job = (await editor.get(f"/api/v1/jobs/{published['job_id']}")).json()
    assert job["state"].startswith("completed"), job
    return {each["outcome"]: each["runs"] for each in job["progress"]["groups"] if each["runs"]}


def less_colours(whole: Structure) -> None:
    changed = question(whole, "favorite-color")
    changed["options"] = [each for each in changed["options"] if each["value"] != "red"]


EDITS: dict[str, tuple[Callable[[Structure], None], dict[str, Any], dict[str, Any]]] = {
    "relabelled": (put("full-name", name="Your name"), {"full-name": "Ann", "age": 41}, {}),
    "retired": (put("age", retired=True), {"full-name": "Ann", "age": 41}, {}),
    "deleted": (dropped("age"), {"full-name": "Ann"}, {"age": 41}),
    "another type": (to_text, {"full-name": "Ann", "age": "41"}, {}),
    "required": (put("age", is_required=True), {"full-name": "Ann", "age": 41}, {}),
    "logic": (put("age", visible_if=False), {"full-name": "Ann", "age": 41}, {}),
    "added": (added("town"), {"full-name": "Ann", "age": 41}, {}),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_run_in_progress_goes_on_in_the_new_version_with_every_answer(
    stranger: Browser, resources: Resources, case: Case, clock: Clock, edit: str
) -> None:
    change, answers, archive = EDITS[edit]
    page = await half_way(stranger)
    published = await case.publish(change, "migrate")
    await moved(resources, clock, published)
    stored = await stored_run(resources, run_id_of(page))
    assert (stored["version"], stored["answers"], stored["archive"]) == (2, answers, archive)
    assert groups(published) == await counted(case.editor, published)
    page = await sent(stranger, page, {"Red": "red"})
    page = await stranger.open(page.link("Carry on")) if page.answer.status_code == 409 else page
    assert (await stored_run(resources, run_id_of(page)))["answers"]["favorite-color"] == "red"
    async with open_read(resources.engine) as tx:
        assert list((await verify(tx)).findings) == []


async def test_a_run_whose_answer_does_not_fit_finishes_where_it_is_and_the_others_move(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    fits = run_id_of(await sent(stranger, await begun(stranger, "taste"), {"Full Name": "7", "Age": "41"}))
    stays = await half_way(stranger)
    published = await case.publish(numbers_only, "migrate")
    assert groups(published) == {"carries": 1, "conflicts": 1}
    await moved(resources, clock, published)
    assert await counted(case.editor, published) == groups(published)
    assert [(await stored_run(resources, each))["version"] for each in (fits, run_id_of(stays))] == [2, 1]
    page = await finished(stranger, await sent(stranger, stays, {"Red": "red"}))
    assert title(page) == "Thank you"


async def test_runs_on_all_older_versions_move_and_completed_ones_never(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    first = run_id_of(await half_way(stranger))
    await case.publish(put("full-name", name="Your name"), "finish")
    page = await sent(stranger, await begun(stranger, "taste"), {"Your name": "Bob"})
    second = run_id_of(page)
    done = run_id_of(await finished(stranger, await sent(stranger, await half_way_again(stranger), {"Red": "red"})))
    published = await case.publish(added("town"), "migrate")
    assert [each["version_number"] for each in published["in_progress"]["runs"]] == [1, 2]
    await moved(resources, clock, published)
    assert [(await stored_run(resources, each))["version"] for each in (first, second, done)] == [3, 3, 2]


async def half_way_again(browser: Browser) -> Page:
    return await sent(browser, await begun(browser, "taste"), {"Your name": "Ann"})


async def test_who_is_typing_is_moved_later_and_what_they_send_meanwhile_is_in_it(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await half_way(stranger)
    published = await case.publish(dropped("nickname"), "migrate")
    await moved_by_job(replace_now(resources, clock), published)
    assert (await stored_run(resources, run_id_of(page)))["version"] == 1
    await sent(stranger, page, {"Red": "red", "Nickname": "Annie"})
    await moved(resources, clock, published)
    stored = await stored_run(resources, run_id_of(page))
    assert (stored["version"], stored["answers"]["favorite-color"], stored["archive"]) == (2, "red", {"nickname": "Annie"})


async def test_a_plan_with_faults_publishes_nothing_names_them_and_is_mended_in_the_same_request(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await sent(stranger, await half_way(stranger), {"Red": "red"}, go="later")
    refused = await case.try_publish(less_colours, "migrate")
    assert (refused.status_code, refused.json()["code"]) == (422, "plan-invalid")
    assert [each["code"] for each in refused.json()["errors"]] == ["option-unmapped"]
    mended = await case.try_publish(lambda _: None, "migrate", parameters={"favorite-color": {"options": {"red": "green"}}})
    assert mended.status_code == 201, mended.text
    await moved(resources, clock, mended.json())
    assert (await stored_run(resources, run_id_of(page)))["answers"]["favorite-color"] == "green"


async def test_nothing_moves_under_the_token_of_another_policy_or_plan(stranger: Browser, resources: Resources, case: Case) -> None:
    run_id = run_id_of(await half_way(stranger))
    draft = await case.editor.get(f"{case.url}/draft")
    changed = draft.json()["structure"]
    added("town")(changed)
    put_answer = await case.editor.put(f"{case.url}/draft", json={"structure": changed}, headers={"If-Match": draft.headers["etag"]})
    seen = {"If-Match": put_answer.headers["etag"]}
    finish = await case.editor.post(f"{case.url}/publish", params={"dry_run": "true"}, json={}, headers=seen)
    for body in ({}, {"confirm": finish.json()["confirm"]}):
        answer = await case.editor.post(f"{case.url}/publish", json={"in_progress": "migrate", **body}, headers=seen)
        assert (answer.status_code, answer.json()["code"]) == (409, "impact-unconfirmed")
        assert answer.json()["in_progress"]["moves"] == 1
    assert (await stored_run(resources, run_id))["version"] == 1


# --- the review ------------------------------------------------------------------------------------------------------------


async def test_the_review_tells_each_policy_counts_and_mends_the_plan_without_a_script(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await sent(stranger, await half_way(stranger), {"Red": "red"}, go="later")
    await case.try_publish(less_colours, "migrate")
    review = await admin_browser.open("/wizards/taste/review")
    assert [each.get_text(strip=True) for each in review.tree.select(".ks-policy-runs li")] == ["v1live1 in progress"]
    review = Page(await admin_browser.press(review, "See what it means for them", {"in_progress": "migrate"}))
    row = review.one(".ks-policy-row")
    assert "which the target lacks" in row.get_text()
    table = review.labelled("Red")["name"]
    refused = Page(await admin_browser.press(review, "Publish version 2", {"in_progress": "migrate"}))
    assert refused.answer.status_code == 422
    fields = {"in_progress": "migrate", f"route.{case.ids['favorite-color']}": case.ids["favorite-color"], str(table): "green"}
    review = Page(await admin_browser.press(refused, "Look again", fields))
    assert review.text(".ks-policy-groups li") == "1 go along, with every answer in its place"
    answer = await admin_browser.press(review, "Publish version 2 and move 1 run", fields)
    assert answer.status_code == 303, answer.text
    job = (await case.editor.get(f"{case.url}/jobs")).json()["items"][0]
    await moved(resources, clock, {"job_id": job["id"]})
    assert (await stored_run(resources, run_id_of(page)))["answers"]["favorite-color"] == "green"


async def test_who_looked_at_a_policy_and_leaves_the_runs_alone_publishes_at_once(
    stranger: Browser, admin_browser: Browser, case: Case
) -> None:
    await sent(stranger, await half_way(stranger), {"Red": "red"}, go="later")
    await case.try_publish(less_colours, "migrate")
    review = await admin_browser.open("/wizards/taste/review")
    review = Page(await admin_browser.press(review, "See what it means for them", {"in_progress": "migrate"}))
    answer = await admin_browser.press(review, "Publish version 2", {"in_progress": "finish"})
    assert answer.status_code == 303, answer.text
    assert (await case.editor.get(f"{case.url}/jobs")).json()["items"] == []


async def test_the_review_never_moves_anybody_who_was_not_shown(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case
) -> None:
    page = await half_way(stranger)
    draft = await case.editor.get(f"{case.url}/draft")
    changed = draft.json()["structure"]
    added("town")(changed)
    await case.editor.put(f"{case.url}/draft", json={"structure": changed}, headers={"If-Match": draft.headers["etag"]})
    review = await admin_browser.open("/wizards/taste/review")
    again = Page(await admin_browser.press(review, "Publish version 2", {"in_progress": "offer"}))
    assert again.answer.status_code == 409
    assert again.labelled("Offer the new version").has_attr("checked")
    answer = await admin_browser.press(again, "Publish version 2", {"in_progress": "offer"})
    assert answer.status_code == 303
    assert asked_in(await stranger.open(path_of(page).rsplit("/step/", 1)[0])) == ["Town"]
