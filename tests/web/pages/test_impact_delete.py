"""Deleting what has stored answers: scenarios A and B in the pages, without a script and as htmx asks."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web.pages.impact_kit import JOHN, address, rows_of, send
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    """Day 2 of the scenarios."""
    made = await web_survey(editor)
    await made.answer(**JOHN)
    return made


# --- scenario A ----------------------------------------------------------------------------------------------------


async def test_deleting_an_answered_question_shows_what_is_stored_before_anything_happens(
    editor_browser: Browser, survey: WebSurvey
) -> None:
    asked = await send(editor_browser, survey, "delete", node=survey.email)
    assert asked.status_code == 303
    page = await editor_browser.open(asked.headers["location"])
    assert page.text("#dialog-title") == "Delete “Email”?"
    assert page.text(".ks-pill .visually-hidden") == "1 answer in 1 version"
    assert rows_of(page) == [["v1 live live", "1", "0", "0", "1"], ["All runs", "1", "0", "0", "1"]]
    assert page.text(".ks-values") == "john@example.com 1"
    assert page.one("[autofocus]").get_text() == "Cancel"
    assert any(item["id"] == survey.email for step in (await survey.draft())["structure"]["steps"] for item in step["option_sets"])


async def test_deleting_anyway_takes_the_question_out_and_leaves_the_run_alone(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email)
    done = await editor_browser.press(await editor_browser.open(path), "Delete “Email” anyway")
    # The builder is told which edit it was.
    beside = survey.full_name
    assert done.status_code == 303
    assert done.headers["location"] == f"/wizards/{survey.wizard}/build?node={beside}&done=2#item-{beside}"
    draft = (await survey.draft())["structure"]
    assert [item["key"] for step in draft["steps"] for item in step["option_sets"]] == ["full-name", "favorite-color"]
    runs = (await survey.client.get(f"{survey.url}/runs")).json()["items"]
    run = (await survey.client.get(f"/api/v1/runs/{runs[0]['id']}")).json()
    assert [each["display"] for each in run["responses"]] == ["John Doe", "john@example.com", "Blue"]


async def test_a_second_click_finds_it_deleted(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(address(survey, "delete", survey.email))
    for _ in range(2):
        assert (await editor_browser.press(page, "Delete “Email” anyway")).status_code == 303
    assert (await survey.draft())["revision"] == 2


async def test_retiring_is_the_default_and_keeps_the_question_marked(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email, **{"return": "/wizards/x/build"})
    page = await editor_browser.open(path)
    assert page.one(".btn-primary").get_text(strip=True) == "Retire “Email”"
    done = await editor_browser.press(page, "Retire “Email”")
    assert (done.status_code, done.headers["location"]) == (303, "/wizards/x/build")
    email = next(item for item in (await survey.draft())["structure"]["steps"][0]["option_sets"] if item["id"] == survey.email)
    assert email["retired"] is True
    assert not (await editor_browser.open(path)).tree.find(string="Retire “Email”")


async def test_a_long_name_is_shortened_in_the_buttons_and_stands_whole_in_their_names(editor_browser: Browser, survey: WebSurvey) -> None:
    name = "What is your relationship to the deceased?"
    changed = await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"name": name, "meaning": "same"})
    assert changed.status_code == 200, changed.text
    button = (await editor_browser.open(address(survey, "delete", survey.email))).one(".btn-primary")
    assert button.get_text(strip=True) == "Retire “What is yo…ased?”"
    assert (button["aria-label"], button["title"]) == (f"Retire “{name}”", f"Retire “{name}”")


async def test_publishing_first_is_offered_when_there_is_something_to_publish(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email)
    assert "Publish the other draft changes first" not in (await editor_browser.open(path)).answer.text
    await survey.send("PATCH", f"/api/v1/steps/{survey.steps[1]}", json={"name": "Likes"})
    page = await editor_browser.open(path)
    review = httpx.URL(page.link("Publish the other draft changes first"))
    assert review.path == f"/wizards/{survey.wizard}/review"
    published = await editor_browser.press(await editor_browser.open(str(review)), "Publish version 2")
    back = await editor_browser.open(published.headers["location"])
    assert back.text("#dialog-title") == "Delete “Email”?"
    assert "Version 2 is live." in back.text("main")


async def test_cancel_leads_back_and_nowhere_else(editor_browser: Browser, survey: WebSurvey) -> None:
    for given, wanted in (
        ("/wizards/x/build", "/wizards/x/build"),
        ("https://evil.example/", f"/wizards/{survey.wizard}/build?node={survey.email}"),
        (
            f"/wizards/{survey.wizard}/build?node={survey.steps[0]}&pane=item",
            f"/wizards/{survey.wizard}/build?node={survey.email}&pane=item",
        ),
    ):
        page = await editor_browser.open(address(survey, "delete", survey.email, **{"return": given}))
        assert page.link("Cancel") == wanted


# --- scenario B ----------------------------------------------------------------------------------------------------


async def test_deleting_a_step_is_one_change_with_counts_for_each_question(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann")
    path = address(survey, "delete", survey.steps[0])
    page = await editor_browser.open(path)
    assert page.text("#dialog-title") == "Delete “Personal Info”?"
    assert rows_of(page)[-1] == ["All runs", "2", "0", "0", "3"]
    assert page.text(".ks-values") == "“Full Name” 2 “Email” 1"
    await editor_browser.press(page, "Delete “Personal Info” anyway")
    assert [step["id"] for step in (await survey.draft())["structure"]["steps"]] == [survey.steps[1]]


async def test_deleting_an_option_counts_those_who_chose_it(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="red")
    path = address(survey, "delete", survey.color, value="blue")
    page = await editor_browser.open(path)
    assert page.text("#dialog-title") == "Delete “Blue”?"
    assert rows_of(page)[-1] == ["All runs", "1", "0", "0", "1"]
    await editor_browser.press(page, "Retire “Blue”")
    color = (await survey.draft())["structure"]["steps"][1]["option_sets"][0]
    assert [each.get("retired", False) for each in color["options"]] == [True, False]


async def test_what_mentions_a_question_is_named_with_the_way_there(editor_browser: Browser, survey: WebSurvey) -> None:
    condition = {"==": [{"var": survey.email}, "x"]}
    changed = await survey.send(
        "PATCH", f"/api/v1/option-sets/{survey.color}", json={"visible_if": condition, "help": f"Hi {{{{{survey.email}}}}}"}
    )
    assert changed.status_code == 409, changed.text
    await survey.send(
        "PATCH",
        f"/api/v1/option-sets/{survey.color}?confirm={changed.json()['confirm']}",
        json={"visible_if": condition, "help": f"Hi {{{{{survey.email}}}}}"},
    )
    page = await editor_browser.open(address(survey, "delete", survey.email))
    assert [each.get_text() for each in page.tree.select(".ks-places a")] == [
        "The condition of “Favorite Color”",
        "The help text of “Favorite Color”",
    ]
    assert page.link("The condition of “Favorite Color”") == f"/wizards/{survey.wizard}/build?node={survey.color}"


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("what", ["question", "option", "step"])
async def test_what_nobody_answered_is_not_deleted_before_what_reads_it_is_named(
    editor_browser: Browser, editor: httpx.AsyncClient, what: str, htmx: bool
) -> None:
    survey = await web_survey(editor)
    condition = {"==": [{"var": survey.color}, "red"]}
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"visible_if": condition})
    node = {"node": survey.steps[1] if what == "step" else survey.color} | ({"value": "red"} if what == "option" else {})
    before = await survey.draft()
    asked = await send(editor_browser, survey, "delete", htmx=htmx, **node)
    page = Page(asked) if htmx else await editor_browser.open(asked.headers["location"])
    assert "But 1 place of this draft reads it" in page.text(".ks-lead")
    assert page.link("The condition of “Email”").endswith(f"/build?node={survey.email}")
    assert await survey.draft() == before
    await editor_browser.press(page, "Delete “{}”".format({"question": "Favorite Color", "option": "Red", "step": "Preferences"}[what]))
    assert await survey.draft() != before


# --- nothing is asked for nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
async def test_where_nothing_is_stored_nothing_is_asked(editor_browser: Browser, editor: httpx.AsyncClient, htmx: bool) -> None:
    survey = await web_survey(editor)
    done = await send(editor_browser, survey, "delete", node=survey.email, htmx=htmx, **{"return": "/there"})
    assert (done.status_code, done.headers.get("hx-redirect") or done.headers["location"]) == (204 if htmx else 303, "/there")
    assert len((await survey.draft())["structure"]["steps"][0]["option_sets"]) == 1


async def test_the_dialog_says_so_where_nothing_is_stored(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    page = await editor_browser.open(address(survey, "delete", survey.email))
    assert "No stored answer is touched." in page.text(".ks-dialog-body")
    assert page.tree.select(".ks-pill, .ks-numbers, .ks-way") == []


# --- what came in between --------------------------------------------------------------------------------------------


async def test_numbers_that_changed_are_shown_before_anything_is_done(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email)
    page = await editor_browser.open(path)
    await survey.answer(email="ann@example.com")
    refused = Page(await editor_browser.press(page, "Delete “Email” anyway"))
    assert (refused.answer.status_code, refused.is_whole) == (409, True)
    assert "Nothing was done" in refused.text(".ks-banner")
    assert "Answers when you opened it: 1. Now: 2." in refused.text(".ks-banner")
    assert rows_of(refused)[-1] == ["All runs", "2", "0", "0", "2"]
    assert len((await survey.draft())["structure"]["steps"][0]["option_sets"]) == 2
    # A third answer is no graver than what was shown now: on a busy wizard one must come to an end.
    await survey.answer(email="bob@example.com")
    assert (await editor_browser.press(refused, "Delete “Email” anyway")).status_code == 303


async def test_a_value_nobody_saw_is_never_deleted_with_its_option(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    path = address(survey, "delete", survey.color, value="blue")
    page = await editor_browser.open(path)
    await survey.answer(favorite_color="blue")
    refused = Page(await editor_browser.press(page, "Delete “Blue”"))
    assert refused.answer.status_code == 409
    assert refused.text(".ks-pill .visually-hidden") == "1 answer in 1 version"


async def test_another_edit_of_the_same_question_is_shown_with_its_author(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email)
    page = await editor_browser.open(path)
    changed = await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"help": "Only to answer you"})
    assert changed.status_code == 200, changed.text
    refused = Page(await editor_browser.press(page, "Retire “Email”"))
    assert refused.answer.status_code == 409
    assert "this changed while you looked at it" in refused.text(".ks-banner")
    assert changed.json()["edit"] in refused.text(".ks-banner")
    assert (await editor_browser.press(refused, "Retire “Email”")).status_code == 303


async def test_an_edit_of_another_question_stops_nobody(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "delete", survey.email)
    page = await editor_browser.open(path)
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.color}", json={"help": "Any"})
    assert (await editor_browser.press(page, "Retire “Email”")).status_code == 303


# --- one address, two layouts; who may; bad input ----------------------------------------------------------------------


async def test_the_script_gets_the_same_dialog_alone_and_for_the_dialog_element(editor_browser: Browser, survey: WebSurvey) -> None:
    whole = await editor_browser.open(address(survey, "delete", survey.email))
    part = await editor_browser.open(address(survey, "delete", survey.email), htmx=True)
    assert (part.is_whole, whole.is_whole) == (False, True)
    assert part.text(".ks-dialog-inner") == whole.text(".ks-dialog-inner")
    assert part.one("form")["hx-target"] == "#dialog"
    asked = await send(editor_browser, survey, "delete", node=survey.email, htmx=True)
    assert (asked.headers["hx-retarget"], Page(asked).text("#dialog-title")) == ("#dialog", "Delete “Email”?")


async def test_an_analyst_is_refused(signed_in: SignedIn, survey: WebSurvey) -> None:
    browser = await signed_in("analyst")
    assert (await browser.open(address(survey, "delete", survey.email))).answer.status_code == 403
    assert (await send(browser, survey, "delete", node=survey.email)).status_code == 403


@pytest.mark.parametrize(("query", "status"), [("", 422), ("node=none", 404), ("node=%00", 422)])
async def test_a_node_that_is_not_there_is_a_problem(editor_browser: Browser, survey: WebSurvey, query: str, status: int) -> None:
    page = await editor_browser.open(f"/wizards/{survey.wizard}/build/impact/delete?{query}")
    assert (page.answer.status_code, page.is_whole) == (status, True)


async def test_script_and_long_texts_stay_texts(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="<script>alert(1)</script>", email="م" * 10_000, favorite_color="blue")
    name = "<script>alert(2)</script> " + "x" * 9_000
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.full_name}", json={"name": name, "meaning": "same"})
    page = await editor_browser.open(address(survey, "delete", survey.full_name))
    assert page.tree.find_all("script", src=False) == []
    assert page.text(".ks-values") == "<script>alert(1)</script> 1"
    assert len(page.text("#dialog-title")) < 80


async def test_the_dialog_costs_the_same_for_one_run_and_fifty(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    counts = []
    for more in (0, 49):
        for number in range(more):
            await survey.answer(email=f"{number}@example.com", full_name="X")
        with count_queries(resources.engine) as found:
            page = await admin_browser.open(address(survey, "delete", survey.steps[0]))
        assert page.answer.status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1] <= 14


async def test_an_edit_long_ago_is_still_found_and_one_of_one_s_own_too(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(address(survey, "delete", survey.email))
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"help": "Only to answer you"})
    for number in range(24):
        await survey.send("PATCH", f"/api/v1/option-sets/{survey.color}", json={"help": f"Any {number}"})
    refused = Page(await editor_browser.press(page, "Retire “Email”"))
    assert refused.answer.status_code == 409
    await editor_browser.press(await editor_browser.open(address(survey, "delete", survey.color)), "Retire “Favorite Color”")
    mine = await send(editor_browser, survey, "change", node=survey.color, fields='{"help": "Mine"}', base="1")
    assert mine.status_code == 409
    # The same person in another window may have forgotten what they did here.
    base = str((await survey.draft())["revision"])
    made = [await send(editor_browser, survey, "change", node=survey.color, fields=f'{{"help": "{text}"}}', base=base) for text in "aab"]
    assert [answer.status_code for answer in made] == [303, 303, 409]
