"""Changing what has stored answers: the same meaning or another one, another type, what is demanded of answers. Scenario D in the pages."""

import json

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import HTMX, Browser, Page
from tests.web.pages.impact_kit import JOHN, address, change, changed, option_set, rows_of, send
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    made = await web_survey(editor)
    await made.answer(**JOHN)
    return made


# --- the same meaning? -----------------------------------------------------------------------------------------------


async def test_a_new_wording_of_an_answered_question_asks_what_it_means(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.email, {"name": "Manager's e-mail", "help": "Yours"})
    assert (page.answer.status_code, page.text("#dialog-title")) == (409, "Does “Email” still mean the same?")
    assert (page.text(".ks-wording del"), page.text(".ks-wording ins")) == ("Email", "Manager's e-mail")
    assert page.text(".ks-pill .visually-hidden") == "1 answer in 1 version"
    assert page.one("[autofocus]").get_text() == "Cancel"
    assert (await option_set(survey, survey.email))["name"] == "Email"


async def test_the_same_meaning_keeps_the_question_and_saves_everything_typed(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.email, {"name": "E-mail", "help": "Yours"}, **{"return": "/there"})
    done = await editor_browser.press(page, "The same meaning")
    assert (done.status_code, done.headers["location"]) == (303, "/there")
    email = await option_set(survey, survey.email)
    assert (email["name"], email["help"], email.get("retired", False)) == ("E-mail", "Yours", False)


async def test_another_meaning_retires_the_question_and_adds_a_new_one(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.email, {"name": "Manager's e-mail", "help": "Theirs"})
    done = await editor_browser.press(page, "Another meaning")
    assert done.status_code == 303
    items = (await survey.draft())["structure"]["steps"][0]["option_sets"]
    assert [(item["name"], item.get("retired", False)) for item in items] == [
        ("Full Name", False),
        ("Email", True),
        ("Manager's e-mail", False),
    ]
    assert (items[2]["key"], items[2]["help"]) == ("manager-s-e-mail", "Theirs")
    assert items[2]["id"] != survey.email


async def test_an_option_with_another_meaning_brings_its_own_value(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.color, {"label": "Sky blue"}, value="blue")
    assert page.text("#dialog-title") == "Does “Blue” still mean the same?"
    assert page.labelled("Value of the new option")["value"] == "sky-blue"
    button = "Another meaning"
    taken = Page(await editor_browser.press(page, button, {"new_value": "red"}))
    assert taken.answer.status_code == 409
    field = taken.labelled("Value of the new option")
    assert (field["value"], field["aria-invalid"]) == ("red", "true")
    assert taken.text("title").startswith("Error: ")
    assert (await editor_browser.press(taken, button, {"new_value": "sky"})).status_code == 303
    options = (await option_set(survey, survey.color))["options"]
    assert [(each["value"], each["label"], each.get("retired", False)) for each in options] == [
        ("blue", "Blue", True),
        ("sky", "Sky blue", False),
        ("red", "Red", False),
    ]


async def test_an_option_nobody_chose_is_relabelled_without_a_question(editor_browser: Browser, survey: WebSurvey) -> None:
    assert (await change(editor_browser, survey, survey.color, {"label": "Crimson"}, value="red")).status_code == 303


async def test_a_step_has_no_answers_of_its_own_and_is_renamed_at_once(editor_browser: Browser, survey: WebSurvey) -> None:
    assert (await change(editor_browser, survey, survey.steps[0], {"name": "You"})).status_code == 303
    assert (await survey.draft())["structure"]["steps"][0]["name"] == "You"


async def test_ten_thousand_characters_of_script_and_arabic_are_kept_through_the_dialog(editor_browser: Browser, survey: WebSurvey) -> None:
    name = "<script>alert('م')</script>" * 350 + "👩🏽‍💻"
    page = await changed(editor_browser, survey, survey.email, {"name": name})
    assert page.tree.find_all("script", src=False) == []
    assert page.one(".ks-wording ins").get_text() == name
    assert (await editor_browser.press(page, "The same meaning")).status_code == 303
    assert (await option_set(survey, survey.email))["name"] == name


async def test_a_question_answered_only_by_runs_in_the_trash_says_so(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    run = await survey.answer(email="x@example.com")
    assert (await editor.delete(f"/api/v1/runs/{run}")).status_code == 200
    page = await changed(editor_browser, survey, survey.email, {"name": "E-mail"})
    assert page.text(".ks-lead").startswith("1 run in the trash was answered under the old wording")
    assert page.tree.select(".ks-pill") == []


# --- another type: scenario D ----------------------------------------------------------------------------------------


async def test_another_type_shows_each_stored_value_and_its_result(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="red")
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "multiple_select"})
    assert (page.answer.status_code, page.text("#dialog-title")) == (409, "Change “Favorite Color”")
    assert rows_of(page, ".ks-conversion") == [["Blue blue", "2", "Blue"], ["Red red", "1", "Red"]]
    assert page.text(".ks-outcomes") == "3 answers convert"
    assert rows_of(page)[-1] == ["All runs", "3", "0", "0", "3"]
    assert (await option_set(survey, survey.color))["selection_type"] == "single_select"
    assert (await editor_browser.press(page, "Change “Favorite Color”")).status_code == 303
    assert (await option_set(survey, survey.color))["selection_type"] == "multiple_select"


async def test_a_value_that_does_not_convert_is_marked_with_its_reason(editor_browser: Browser, survey: WebSurvey) -> None:
    for name in ("12", "12.5", "a dozen"):
        await survey.answer(full_name=name)
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "integer"})
    found = {row[0]: row[2] for row in rows_of(page, ".ks-conversion")}
    assert found["12"] == "12"
    assert found["a dozen"].startswith("Conflict ")
    assert found["12.5"].startswith("Conflict ")
    assert page.text(".ks-outcomes") == "1 answer converts 3 answers wait for a person"


async def test_a_value_nobody_saw_is_shown_before_the_type_changes(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "multiple_select"})
    await survey.answer(favorite_color="red")
    again = Page(await editor_browser.press(page, "Change “Favorite Color”"))
    assert again.answer.status_code == 409
    assert "Nothing was done" in again.text(".ks-banner")
    assert [row[0] for row in rows_of(again, ".ks-conversion")] == ["Blue blue", "Red red"]
    assert (await option_set(survey, survey.color))["selection_type"] == "single_select"


async def test_where_answers_would_wait_a_type_that_keeps_them_is_offered_and_a_question_of_its_own(
    editor_browser: Browser, survey: WebSurvey
) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "number"})
    assert page.text(".ks-instead").startswith(
        "Short text instead 2 stored answers are kept as text. Make it Short text A question of its own"
    )
    # It was counted in this dialog, and nothing of it waits: nothing more is asked.
    assert (await editor_browser.press(page, "Make it Short text")).status_code == 303
    assert (await option_set(survey, survey.color))["selection_type"] == "text_input"


async def test_written_answers_become_options_of_their_own_in_one_edit(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name=" ann ")
    await survey.answer(full_name="Bob Other")
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "dropdown"})
    assert page.tree.select("#parameters") == []
    before = (await survey.draft())["structure"]
    # A second press, after Back, finds it made.
    for _ in range(2):
        assert (await editor_browser.press(page, "Change it and make 3 options")).status_code == 303
    made = await option_set(survey, survey.full_name)
    assert sorted(option["label"] for option in made["options"]) == ["Bob Other", "John Doe", "ann"]
    (retyped,) = [each for each in (await survey.client.get(f"{survey.url}/changes")).json()["changes"] if "conversion" in each]
    assert (retyped["conversion"]["converted"], retyped["conversion"]["conflicts"]) == (3, 0)
    revision = int((await survey.etag()).strip('"'))
    assert (await survey.send("POST", f"{survey.url}/draft/undo", json={"revision": revision})).status_code == 200
    assert (await survey.draft())["structure"] == before


async def test_answers_that_are_no_list_are_told_what_to_do_first(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="x" * 201)
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "single_select"})
    assert "Change the type first and write the options in its properties" in page.text(".ks-dialog-body")
    assert page.tree.select("#parameters") == []


@pytest.mark.parametrize(("stored", "asks"), [("12", False), ("13", True)])
async def test_ranges_of_numbers_are_asked_for_only_where_a_number_has_no_option(
    editor_browser: Browser, survey: WebSurvey, stored: str, asks: bool
) -> None:
    await change(editor_browser, survey, survey.full_name, {"selection_type": "integer", "name": "Age"}, meaning="different")
    age = (await survey.draft())["structure"]["steps"][0]["option_sets"][1]["id"]
    assert (await survey.publish()).status_code == 201
    await survey.client.post(f"{survey.url}/runs", json={"answers": {"age": int(stored)}})
    options = [{"value": "12", "label": "Twelve"}]
    page = await changed(editor_browser, survey, age, {"selection_type": "single_select", "options": options})
    assert ("Ranges of numbers" in page.text("#parameters")) is asks


async def test_a_question_of_its_own_keeps_the_old_one_retired_with_its_answers(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(favorite_color="blue")
    page = await changed(editor_browser, survey, survey.color, {"selection_type": "number"})
    assert (await editor_browser.press(page, "Retire it and ask anew")).status_code == 303
    steps = (await survey.draft())["structure"]["steps"]
    old, new = steps[1]["option_sets"]
    assert (old["id"], old["selection_type"], old["retired"]) == (survey.color, "single_select", True)
    assert (new["name"], new["selection_type"], new.get("retired", False), new["key"]) == (old["name"], "number", False, "favorite-color-2")


async def test_more_than_twenty_values_are_counted(editor_browser: Browser, survey: WebSurvey) -> None:
    for number in range(22):
        await survey.answer(full_name=f"Name {number:02}")
    page = await changed(editor_browser, survey, survey.full_name, {"selection_type": "integer"})
    assert len(rows_of(page, ".ks-conversion")) == 20
    assert "and 3 more distinct values, counted above" in page.text(".ks-dialog-body")


# --- what is demanded of answers -------------------------------------------------------------------------------------


async def test_a_question_made_required_shows_the_runs_that_lack_it(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann")
    page = await changed(editor_browser, survey, survey.email, {"is_required": True})
    assert page.text(".ks-pill .visually-hidden") == "1 run in 1 version"
    assert rows_of(page) == [["v1 live live", "1", "0", "0"], ["All runs", "1", "0", "0"]]
    assert "In general Convertible → here Convertible" in page.text(".ks-classes")
    assert (await editor_browser.press(page, "Change “Email”")).status_code == 303


async def test_a_narrower_limit_shows_the_answers_that_no_longer_fit(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Jo")
    page = await changed(editor_browser, survey, survey.full_name, {"constraints": {"max_length": 4}})
    assert page.text(".ks-values") == "John Doe 1"
    assert rows_of(page)[-1] == ["All runs", "1", "0", "0", "1"]


async def test_a_condition_says_that_its_numbers_are_an_upper_bound(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await changed(editor_browser, survey, survey.color, {"visible_if": {"==": [{"var": survey.email}, "x"]}})
    assert "At most these runs" in page.text(".ks-dialog-body")


async def test_a_change_that_touches_nothing_is_made_at_once(editor_browser: Browser, survey: WebSurvey) -> None:
    assert (await change(editor_browser, survey, survey.full_name, {"constraints": {"max_length": 400}})).status_code == 303
    assert (await change(editor_browser, survey, survey.email, {"is_required": True})).status_code == 303


async def test_a_new_wording_and_another_type_are_asked_one_after_the_other(editor_browser: Browser, survey: WebSurvey) -> None:
    meaning = await changed(editor_browser, survey, survey.color, {"name": "Colors", "selection_type": "multiple_select"})
    report = Page(await editor_browser.press(meaning, "The same meaning"))
    assert (report.answer.status_code, report.text("#dialog-title")) == (409, "Change “Favorite Color”")
    assert (await editor_browser.press(report, "Change “Favorite Color”")).status_code == 303
    color = await option_set(survey, survey.color)
    assert (color["name"], color["selection_type"]) == ("Colors", "multiple_select")


# --- in between; one address, two layouts ------------------------------------------------------------------------------


async def test_another_edit_of_the_same_question_is_shown_and_what_was_typed_is_kept(editor_browser: Browser, survey: WebSurvey) -> None:
    base = str((await survey.draft())["revision"])
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"help": "Other"})
    page = await changed(editor_browser, survey, survey.email, {"name": "E-mail"}, base=base)
    assert "this changed while you looked at it" in page.text(".ks-banner")
    assert page.text(".ks-wording ins") == "E-mail"
    assert (await editor_browser.press(page, "The same meaning")).status_code == 303
    assert (await option_set(survey, survey.email))["help"] == "Other"


async def test_the_dialog_has_an_address_of_its_own_that_changes_nothing(editor_browser: Browser, survey: WebSurvey) -> None:
    path = address(survey, "change", survey.color, fields=json.dumps({"selection_type": "multiple_select"}))
    whole, part = await editor_browser.open(path), await editor_browser.open(path, htmx=True)
    assert (whole.answer.status_code, whole.is_whole, part.is_whole) == (200, True, False)
    assert whole.text(".ks-dialog-inner") == part.text(".ks-dialog-inner")
    meaning = await editor_browser.open(address(survey, "change", survey.color, fields=json.dumps({"name": "Colors"})))
    assert meaning.text("#dialog-title") == "Does “Favorite Color” still mean the same?"
    assert (await survey.draft())["revision"] == 1


async def test_for_the_script_every_answer_goes_to_the_dialog(editor_browser: Browser, survey: WebSurvey) -> None:
    fields = json.dumps({"name": "Colors", "selection_type": "multiple_select"})
    meaning = await send(editor_browser, survey, "change", htmx=True, node=survey.color, fields=fields)
    assert (meaning.status_code, meaning.headers["hx-retarget"], Page(meaning).is_whole) == (409, "#dialog", False)
    report = await editor_browser.press(Page(meaning), "The same meaning", headers=HTMX)
    assert (report.status_code, report.headers["hx-retarget"]) == (409, "#dialog")
    done = await editor_browser.press(Page(report), "Change “Favorite Color”", headers=HTMX)
    assert (done.status_code, done.headers["hx-redirect"]) == (204, f"/wizards/{survey.wizard}/build?node={survey.color}&done=2")


@pytest.mark.parametrize("fields", ["[]", "nonsense", '{"id": "x"}', '{"selection_type": "none"}', '{"unknown": 1}'])
async def test_members_that_cannot_be_are_a_problem(editor_browser: Browser, survey: WebSurvey, fields: str) -> None:
    answer = await send(editor_browser, survey, "change", node=survey.email, fields=fields)
    assert answer.status_code in {400, 422}, answer.text
    assert Page(answer).is_whole
    assert (await survey.draft())["revision"] == 1


async def test_the_report_costs_the_same_for_one_run_and_fifty(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    counts = []
    path = address(survey, "change", survey.color, fields=json.dumps({"selection_type": "multiple_select"}))
    for more in (0, 49):
        for _ in range(more):
            await survey.answer(favorite_color="red")
        with count_queries(resources.engine) as found:
            assert (await admin_browser.open(path)).answer.status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1] <= 14
