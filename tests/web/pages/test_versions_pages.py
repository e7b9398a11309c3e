"""Versions: the list, any two compared, a wizard as of one, going back as a whole, and one question back into the draft."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.history_kit import Statements, shown_changes, sql_answers, squeezed
from tests.pages_kit import Browser, Page
from tests.policies_kit import new_case, put
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    """Three versions: Email goes in the second, Favorite Color is reworded and becomes a multiple choice in the third."""
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    await confirmed(survey, "DELETE", f"/api/v1/option-sets/{survey.email}")
    assert (await survey.publish()).status_code == 201
    fields = {"name": "Favorite colours", "meaning": "same", "selection_type": "multiple_select"}
    await confirmed(survey, "PUT", f"/api/v1/option-sets/{survey.color}", json=fields)
    assert (await survey.publish()).status_code == 201
    return survey


async def confirmed(survey: WebSurvey, method: str, url: str, **named: Any) -> None:
    answer = await survey.send(method, url, **named)
    if answer.status_code == 409:
        answer = await survey.send(method, url, params={"confirm": answer.json()["confirm"]}, **named)
    assert answer.status_code < 300, answer.text


def path(survey: WebSurvey, rest: str = "") -> str:
    return f"/wizards/{survey.wizard}/versions{rest}"


async def structures(resources: Resources) -> dict[int, Any]:
    async with resources.engine.connect() as connection:
        rows = await connection.execute(text("SELECT version_number, structure FROM wizard_versions"))
        return {row.version_number: row.structure for row in rows}


# --- the list and the comparison -------------------------------------------------------------------------------------


async def test_the_list_says_who_published_what_and_how_many_runs_are_on_it(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann")
    page = await admin_browser.open(path(survey))
    rows = [squeezed(row) for row in page.tree.select(".ks-version-row")]
    assert [row.split(" ")[0] for row in rows] == ["v3", "v2", "v1"]
    assert "live" in rows[0]
    assert [squeezed(each) for each in page.tree.select(".ks-runs-count")] == ["1 run", "0 runs", "1 run"]


@pytest.mark.parametrize(
    ("policy", "said"), [("finish", "finish on the version they began"), ("offer", "is offered this version"), ("migrate", "A job moves")]
)
async def test_after_a_publish_it_is_said_what_becomes_of_runs_in_progress(
    admin_browser: Browser, editor: httpx.AsyncClient, policy: str, said: str
) -> None:
    case = await new_case(editor)
    assert (await editor.post(f"{case.url}/runs", json={"answers": {"full-name": "Ann"}})).status_code == 201
    published = await case.publish(put("full-name", name="Your name"), policy)
    page = await admin_browser.open("/wizards/taste/versions?done=2")
    assert said in page.text("#notices")
    links = [str(each["href"]) for each in page.tree.select("#notices a")]
    job = [f"/wizards/taste/migrations/jobs/{published['job_id']}"] if policy == "migrate" else []
    assert [link for link in links if "/jobs/" in link] == job


async def test_two_versions_are_compared_as_the_api_compares_them(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    page = await admin_browser.open(path(survey, "?from=1&to=3"))
    body = (await survey.client.get(f"{survey.url}/diff", params={"from": 1, "to": 3})).json()
    shown = {each.what: each.touched for each in shown_changes(page)}
    assert set(shown) == {each["summary"] for each in body["changes"]}
    assert shown["The question “Email” was removed from “Personal Info”."] == (1, "answer", 1)
    assert (await sql_answers(resources.engine, survey.email)) == (1, 1)


async def test_a_question_can_be_brought_back_from_beside_its_change(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, "?from=1&to=2"))
    assert page.link("Restore from v1…") == f"/wizards/customer-survey/versions/1/questions/{survey.email}"
    swapped = await admin_browser.open(path(survey, "?from=2&to=1"))
    assert "Restore from" not in swapped.text("main")


async def test_ticked_boxes_are_compared_the_oldest_with_the_newest(admin_browser: Browser, survey: WebSurvey) -> None:
    for query, title, note in (
        ("?v=2&v=1", "v1 v2 1 change", ""),
        ("?v=1", "v1 v3", ""),
        ("?v=3&v=1&v=2", "v1 v3", "1 more was ticked"),
    ):
        page = await admin_browser.open(path(survey, query))
        told = squeezed(page.one("#compare-title")).replace(" live", "")
        assert title in told
        assert note in page.text(".ks-versions-comparison")
        assert len(page.tree.select("input[name=v][checked]")) == 2


async def test_swapping_shows_what_going_the_other_way_would_change(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, "?from=1&to=2"))
    back = await admin_browser.open(page.link("Swap"))
    assert [each.what for each in shown_changes(back)] == ["The question “Email” was added to “Personal Info”."]


async def test_the_draft_stands_in_the_list_and_can_be_compared(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.full_name}", json={"help": "As in your passport"})
    page = await admin_browser.open(path(survey, "?v=draft&v=3"))
    assert "1 change, not published" in page.text(".ks-version-list")
    assert [each.what for each in shown_changes(page)] == ["The help text of “Full Name” changed."]


@pytest.mark.parametrize("query", ["?from=1&to=9", "?from=x&to=1", "?v=0", "?from=-1&to=1", "?v=99999999999999"])
async def test_a_version_that_is_not_there_is_a_problem_and_no_fault(admin_browser: Browser, survey: WebSurvey, query: str) -> None:
    assert (await admin_browser.open(path(survey, query))).answer.status_code in (404, 422)


async def test_the_script_gets_the_same_list_and_comparison_without_the_page(admin_browser: Browser, survey: WebSurvey) -> None:
    whole, part = [await admin_browser.open(path(survey, "?from=1&to=3"), htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert part.text("#versions") == whole.text("#versions")
    assert part.answer.headers["hx-trigger"] == '{"ks:say": {"text": "v1 \\u2192 v3: 3"}}'


async def test_before_the_first_version_the_page_teaches_what_comes(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    page = await admin_browser.open(f"/wizards/{made['slug']}/versions")
    assert page.text(".ks-empty h2") == "No version yet"
    assert page.link("Review and publish") == f"/wizards/{made['slug']}/review"


async def test_three_versions_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    statements, counts = Statements(resources.engine), []
    for number in range(49):
        if number in (0, 48):
            # The same two versions each time: another pair may need another query, a longer list may not.
            counts.append(await statements.during(admin_browser.open(path(survey, "?from=2&to=3"))))
        await survey.send("PUT", f"/api/v1/option-sets/{survey.full_name}", json={"help": f"Help {number}"})
        assert (await survey.publish()).status_code == 201
    assert counts[0] == counts[1] <= 24
    first = await admin_browser.open(path(survey))
    second = await admin_browser.open(first.link("Older versions"))
    assert [len(page.tree.select(".ks-version-row")) for page in (first, second)] == [50, 2]


async def test_the_versions_of_a_removed_wizard_stay_readable_by_its_id(
    admin_browser: Browser, admin: httpx.AsyncClient, survey: WebSurvey
) -> None:
    for url in (survey.url, f"{survey.url}?permanent=true"):
        report = (await admin.delete(url)).json()
        answer = await admin.delete(url, params={"confirm": report["confirm"]} | ({"permanent": "true"} if "permanent" in url else {}))
        assert answer.status_code == 200, answer.text
    page = await admin_browser.open(path(survey, "?from=1&to=3"))
    assert (page.answer.status_code, len(shown_changes(page))) == (200, 3)
    assert page.tree.select("#back-title") == []
    assert "Email" in (await admin_browser.open(path(survey, "/1"))).text("main")
    assert (await admin_browser.open(path(survey, "/1/rollback"))).answer.status_code == 410


# --- as of a version ---------------------------------------------------------------------------------------------------


async def test_a_wizard_is_seen_as_of_a_version(admin_browser: Browser, survey: WebSurvey) -> None:
    seen = {}
    for number in (1, 2, 3):
        page = await admin_browser.open(path(survey, f"/{number}"))
        seen[number] = [squeezed(each) for each in page.tree.select(".ks-q-name")]
    assert seen[1] == ["Full Name – short text", "Email – short text", "Favorite Color – choose one"]
    assert seen[2] == ["Full Name – short text", "Favorite Color – choose one"]
    assert seen[3] == ["Full Name – short text", "Favorite colours – choose all that apply"]


async def test_a_version_says_what_it_changed_as_it_was_counted_then(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, "/2"))
    assert "The question “Email” was removed" in page.text(".ks-touching li")
    assert "john@example.com" not in page.answer.text


# --- going back --------------------------------------------------------------------------------------------------------


async def test_going_back_shows_what_it_touches_and_publishes_the_old_structure_under_the_same_ids(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    page = await admin_browser.open(path(survey, "/1/rollback"))
    assert "Favorite colours" in page.text(".ks-touching")
    assert "so it follows" in page.text(".ks-dialog-body")
    answer = await admin_browser.press(page, "Roll back to v1", {"change_summary": "E-mail is needed after all"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wizards/customer-survey/versions?done=4")
    found = await structures(resources)
    assert found[4] == found[1]
    done = (await admin_browser.open(answer.headers["location"])).text(".ks-banner")
    assert "with the structure of version 1" in done
    assert "The draft followed." in done
    assert (await survey.draft())["structure"] == found[1]


async def test_a_draft_with_changes_of_its_own_is_kept_and_the_page_says_so(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.full_name}", json={"help": "As in your passport"})
    kept = (await survey.draft())["structure"]
    page = await admin_browser.open(path(survey, "/2/rollback"))
    assert "Your draft has changes of its own. It stays" in page.text(".ks-dialog-body")
    answer = await admin_browser.press(page, "Roll back to v2")
    assert "Your draft was kept" in (await admin_browser.open(answer.headers["location"])).text(".ks-banner")
    assert (await survey.draft())["structure"] == kept


async def test_more_that_is_touched_by_going_back_is_shown_before_anything_is_published(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    page = await admin_browser.open(path(survey, "/2/rollback"))
    await survey.answer(full_name="Ann", favorite_color=["red"])
    answer = await admin_browser.press(page, "Roll back to v2")
    assert (answer.status_code, len(await structures(resources))) == (409, 3)
    assert "Nothing was published" in Page(answer).text("[role=alert]")
    assert (await admin_browser.press(Page(answer), "Roll back to v2")).status_code == 303


async def test_the_dialog_of_going_back_is_a_page_and_a_part(admin_browser: Browser, survey: WebSurvey) -> None:
    whole, part = [await admin_browser.open(path(survey, "/1/rollback"), htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert whole.text("#dialog-title") == part.text("#dialog-title") == "Roll back to v1?"
    assert part.link("Cancel") == "/wizards/customer-survey/versions"


async def test_going_back_to_what_is_live_is_nothing(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, "/3/rollback"))
    assert (page.answer.status_code, page.text("#dialog-title")) == (409, "v3 is the same as what is live")
    assert page.text(".ks-tabs [aria-current]").startswith("Versions")
    assert page.link("Back to the versions") == "/wizards/customer-survey/versions"
    assert page.tree.select("#roll-back") == []


async def test_an_older_version_that_is_the_same_as_what_is_live_is_not_offered_to_go_back_to(
    admin_browser: Browser, survey: WebSurvey
) -> None:
    await admin_browser.press(await admin_browser.open(path(survey, "/1/rollback")), "Roll back to v1")
    rows = {squeezed(row).split(" ")[0]: squeezed(row) for row in (await admin_browser.open(path(survey))).tree.select(".ks-version-row")}
    assert "the same as what is live" in rows["v1"]
    assert "Roll back to v1" not in rows["v1"]
    assert "Roll back to v2…" in rows["v2"]
    page = await admin_browser.open(path(survey, "/1"))
    assert "The same as what is live" in page.text(".ks-list-foot .ks-chip")
    assert "Roll back" not in page.text("main")


async def test_an_analyst_reads_versions_and_cannot_go_back(signed_in: SignedIn, survey: WebSurvey) -> None:
    analyst = await signed_in("analyst")
    page = await analyst.open(path(survey, "?from=1&to=3"))
    assert page.answer.status_code == 200
    assert "Roll back" not in page.text("main")
    assert "Restore" not in (await analyst.open(path(survey, "/1"))).text("main")
    for rest in ("/1/rollback", f"/1/questions/{survey.email}"):
        assert (await analyst.open(path(survey, rest))).answer.status_code == 403


# --- one question ------------------------------------------------------------------------------------------------------


def restoring(survey: WebSurvey, number: int, option_set_id: str) -> str:
    return path(survey, f"/{number}/questions/{option_set_id}")


async def test_a_question_that_is_gone_comes_back_into_the_draft_with_its_id(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    version = await admin_browser.open(path(survey, "/1"))
    page = await admin_browser.open(version.link("Restore from v1… Email"))
    assert page.text("#dialog-title") == "Restore “Email” as in v1?"
    assert "comes back into the draft with the same id" in page.text(".ks-dialog-body")
    answer = await admin_browser.press(page, "Restore “Email”")
    assert answer.status_code == 303
    assert "“Email” is in the draft as v1 had it." in (await admin_browser.open(answer.headers["location"])).text(".ks-banner")
    draft, old = (await survey.draft())["structure"], (await structures(resources))[1]
    assert draft["steps"][0] == old["steps"][0]
    assert (await structures(resources)).keys() == {1, 2, 3}
    undone = await survey.send("POST", f"{survey.url}/draft/undo")
    assert undone.status_code in (200, 409)


async def test_a_question_that_changed_is_set_back_and_everything_else_stays(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    before = (await survey.draft())["structure"]
    page = await admin_browser.open(restoring(survey, 2, survey.color))
    assert "is set back to its form of v2" in page.text(".ks-dialog-body")
    assert [each.get_text() for each in page.tree.select(".ks-side ins")] == ["Color", "choose one"]
    assert (await admin_browser.press(page, "Restore “Favorite Color”")).status_code == 303
    after, old = (await survey.draft())["structure"], (await structures(resources))[2]
    assert after["steps"][1] == old["steps"][1]
    assert after["steps"][0] == before["steps"][0]


async def test_an_answer_that_came_meanwhile_is_shown_before_the_question_is_set_back(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(restoring(survey, 2, survey.color))
    before = (await survey.draft())["structure"]
    await survey.answer(full_name="Ann", favorite_color=["red", "blue"])
    answer = await admin_browser.press(page, "Restore “Favorite Color”")
    assert answer.status_code == 409
    assert "Nothing was changed" in Page(answer).text("[role=alert]")
    assert (await survey.draft())["structure"] == before
    assert (await admin_browser.press(Page(answer), "Restore “Favorite Color”")).status_code == 303


async def test_numbers_that_rose_are_shown_before_the_question_is_set_back(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color=["red"])
    page = await admin_browser.open(restoring(survey, 2, survey.color))
    await survey.answer(favorite_color=["red"])
    answer = await admin_browser.press(page, "Restore “Favorite Color”")
    assert answer.status_code == 409
    assert "3 answers" in Page(answer).text(".ks-touching")


async def test_without_its_step_the_page_asks_where_the_question_goes(admin_browser: Browser, survey: WebSurvey) -> None:
    await confirmed(survey, "DELETE", f"/api/v1/steps/{survey.steps[0]}")
    await survey.send("POST", "/api/v1/steps", json={"wizard_id": survey.wizard, "name": "More"})
    draft = (await survey.draft())["structure"]
    page = await admin_browser.open(restoring(survey, 1, survey.email))
    assert [each.get_text() for each in page.labelled("Its step is not in the draft. Put it into").select("option")] == [
        "Preferences",
        "More",
    ]
    chosen = await admin_browser.open(restoring(survey, 1, survey.email) + f"?step_id={draft['steps'][1]['id']}")
    assert (await admin_browser.press(chosen, "Restore “Email”")).status_code == 303
    assert [item["key"] for item in (await survey.draft())["structure"]["steps"][1]["option_sets"]] == ["email"]


async def test_a_question_that_reads_what_is_gone_is_said_to_bring_a_problem(admin_browser: Browser, survey: WebSurvey) -> None:
    condition = {"==": [{"var": survey.full_name}, "Ann"]}
    await confirmed(survey, "PUT", f"/api/v1/option-sets/{survey.color}", json={"visible_if": condition})
    assert (await survey.publish()).status_code == 201
    await confirmed(survey, "PUT", f"/api/v1/option-sets/{survey.color}", json={"visible_if": None})
    await confirmed(survey, "DELETE", f"/api/v1/option-sets/{survey.full_name}")
    page = await admin_browser.open(restoring(survey, 4, survey.color))
    assert "reads “Full Name”, which was deleted" in page.text(".ks-promise")


async def test_what_is_the_same_cannot_be_restored(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(restoring(survey, 1, survey.full_name))
    assert "exactly as v1 had it" in page.text(".ks-dialog-body")
    assert page.tree.select("main .ks-dialog-foot button") == []
    assert "Full Name" not in " ".join(
        each.get_text() for each in (await admin_browser.open(path(survey, "/1"))).tree.select(".ks-q-restore")
    )


@pytest.mark.parametrize("number", [1, 9])
async def test_a_question_that_the_version_does_not_have_is_not_found(admin_browser: Browser, survey: WebSurvey, number: int) -> None:
    assert (await admin_browser.open(restoring(survey, number, survey.wizard))).answer.status_code == 404
