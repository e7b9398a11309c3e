"""What the builder asks before it makes an edit, what two editors meet, options as lines, and copies in other wizards."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.build_kit import form_of, path, send, sets_of, structure_of
from tests.factories import option_set, step, wizard
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

SignedIn = Callable[..., Awaitable[Browser]]
CHANGE = "change-option-set"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


# --- two editors ---------------------------------------------------------------------------------------------------


async def test_edits_of_different_questions_both_hold(admin_browser: Browser, editor_browser: Browser, survey: WebSurvey) -> None:
    pages = [await admin_browser.open(path(survey, node=survey.email)), await editor_browser.open(path(survey, node=survey.full_name))]
    assert (await send(admin_browser, pages[0], CHANGE, {"help": "Mine"}, form="f-question")).status_code == 200
    assert (await send(editor_browser, pages[1], CHANGE, {"help": "Theirs"}, form="f-question")).status_code == 200
    assert [item["help"] for item in sets_of(await structure_of(survey))] == ["Theirs", "Mine"]


async def test_an_edit_of_what_somebody_changed_says_who_and_what_and_keeps_what_was_typed(
    admin_browser: Browser, editor_browser: Browser, survey: WebSurvey
) -> None:
    mine = await admin_browser.open(path(survey, node=survey.email))
    theirs = await editor_browser.open(path(survey, node=survey.email))
    await send(editor_browser, theirs, CHANGE, {"help": "Theirs"}, form="f-question")
    asked = Page(await send(admin_browser, mine, CHANGE, {"help": "Mine, typed long"}, form="f-question"))
    assert asked.answer.status_code == 409
    assert "Editor Okafor" in asked.text(".kb-list")
    assert "Change help text of question “Email”" in asked.text(".kb-list")
    assert asked.labelled("Help text").get_text().strip() == "Mine, typed long"
    assert sets_of(await structure_of(survey))[1]["help"] == "Theirs"
    done = await send(admin_browser, asked, CHANGE)
    assert done.status_code == 200
    assert sets_of(await structure_of(survey))[1]["help"] == "Mine, typed long"


async def test_what_somebody_deleted_meanwhile_is_said_by_name(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    asked = Page(await send(admin_browser, page, CHANGE, {"help": "Mine"}, form="f-question"))
    assert asked.answer.status_code == 409
    assert "Delete question “Email”" in asked.text(".kb-list")
    assert "“Email” was taken out of the draft while you were writing in it." in asked.text(".ks-dialog-body")


async def test_a_page_never_collides_with_what_it_did_itself(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    first = await send(admin_browser, page, CHANGE, {"help": "One", "has": "help"}, script=True, form="f-question")
    own = first.headers["X-Revision-Made"]
    second = await send(admin_browser, page, CHANGE, {"help": "Two", "has": "help", "own": own}, script=True, form="f-question")
    assert second.status_code == 200
    stale = await send(admin_browser, page, CHANGE, {"help": "Three", "has": "help"}, script=True, form="f-question")
    assert stale.status_code == 409


async def test_an_edit_that_is_sent_again_is_no_second_one(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    for _ in range(2):
        answer = await send(admin_browser, page, CHANGE, {"help": "Once", "has": "help"}, script=True, form="f-question")
        assert answer.status_code == 200
    assert "X-Revision-Made" not in answer.headers


async def test_a_form_of_long_ago_is_told_to_begin_anew(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    for base in ("999999", "-5", "x"):
        answer = await send(admin_browser, page, "retire-option-set", {"base": base}, option_set_id=survey.email)
        assert answer.status_code in {200, 409}
        assert base != "999999" or answer.status_code == 409


# --- questions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "names"),
    [("The same meaning", ["Full Name", "E-mail"]), ("Another meaning", ["Full Name", "Email", "E-mail"])],
)
async def test_another_wording_of_what_was_answered_asks_what_it_means(
    admin_browser: Browser, survey: WebSurvey, answer: str, names: list[str]
) -> None:
    await survey.answer(full_name="Ann", email="a@b.c")
    page = await admin_browser.open(path(survey, node=survey.email))
    asked = Page(await send(admin_browser, page, CHANGE, {"name": "E-mail"}, form="f-question"))
    assert asked.answer.status_code == 409
    assert "1 answer" in asked.text(".ks-pill")
    done = await admin_browser.press(asked, answer)
    assert done.status_code == 303
    assert [item["name"] for item in sets_of(await structure_of(survey))] == names


async def test_a_change_that_touches_answers_shows_them_before_it_is_made(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann Somebody", email="a@b.c")
    page = await admin_browser.open(path(survey, node=survey.full_name))
    before = await survey.draft()
    asked = Page(await send(admin_browser, page, CHANGE, {"constraints.max_length": "3"}, form="f-limits"))
    assert asked.answer.status_code == 409
    assert await survey.draft() == before
    assert "Full Name" in asked.text(".ks-dialog-head")
    buttons = list(asked.tree.select("#change-form button"))
    done = await admin_browser.press(asked, buttons[-1].get_text(" ", strip=True))
    assert done.status_code == 303
    assert sets_of(await structure_of(survey))[0]["constraints"] == {"max_length": 3}


async def test_for_the_script_a_question_is_the_block_of_the_dialog(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann", email="a@b.c")
    page = await admin_browser.open(path(survey, node=survey.email))
    answer = await send(admin_browser, page, CHANGE, {"name": "E-mail", "has": "name"}, script=True, form="f-question")
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (409, "#dialog")
    assert not Page(answer).is_whole


# --- options as lines ----------------------------------------------------------------------------------------------


async def compared(browser: Browser, survey: WebSurvey, lines: str, gone: str = "retire") -> Page:
    dialog = await browser.open(f"/wizards/customer-survey/build/options?option_set_id={survey.color}")
    return Page(await send(browser, dialog, "options", {"lines": lines, "gone": gone}))


def rows_of(page: Page) -> list[str]:
    return [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".kb-diff-line")]


async def test_pasted_lines_are_compared_first_and_then_made_one_edit(admin_browser: Browser, survey: WebSurvey) -> None:
    before = await survey.draft()
    page = await compared(admin_browser, survey, "value\tlabel\nblue\tBlue\nteal\tTeal & <b>more</b>\n")
    assert rows_of(page) == ["Teal & <b>more</b> teal new", "Red red retired"]
    assert page.text(".kb-sums").split() == ["1", "new", "1", "retired"]
    assert page.text(".kb-staying summary") == "1 stays as it is"
    assert await survey.draft() == before
    assert (await send(admin_browser, page, "replace-options")).status_code == 200
    after = await survey.draft()
    assert after["revision"] == before["revision"] + 1
    offered = [each["label"] for each in sets_of(after["structure"], 1)[0]["options"] if not each.get("retired")]
    assert offered == ["Blue", "Teal & <b>more</b>"]


@pytest.mark.parametrize("gone", ["retire", "delete"])
async def test_what_goes_shows_how_many_answers_chose_it_and_goes_without_a_second_question(
    admin_browser: Browser, survey: WebSurvey, gone: str
) -> None:
    for color in ("red", "red", "blue"):
        await survey.answer(full_name="Ann", email="a@b.c", favorite_color=color)
    page = await compared(admin_browser, survey, "blue\tBlue", gone)
    assert page.text(".kb-diff-gone .ks-pill .visually-hidden") == "2 answers in 1 version"
    assert page.text(".kb-diff-gone .kb-what") == ("retired" if gone == "retire" else "deleted")
    assert (await send(admin_browser, page, "replace-options")).status_code == 200
    options = {each["value"]: each.get("retired", False) for each in sets_of(await structure_of(survey), 1)[0]["options"]}
    assert options == ({"blue": False, "red": True} if gone == "retire" else {"blue": False})


async def test_of_an_option_that_is_deleted_by_its_line_it_is_said_what_reads_it(admin_browser: Browser, survey: WebSurvey) -> None:
    condition = {"==": [{"var": survey.color}, "red"]}
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"visible_if": condition})
    page = await compared(admin_browser, survey, "blue\tBlue", "delete")
    assert page.link("The condition of “Email”").endswith(f"node={survey.email}")
    assert "The condition of “Email”" not in (await compared(admin_browser, survey, "blue\tBlue")).answer.text


async def test_answers_that_come_after_the_comparison_are_shown_before_anything_is_deleted(
    admin_browser: Browser, survey: WebSurvey
) -> None:
    page = await compared(admin_browser, survey, "blue\tBlue", "delete")
    await survey.answer(full_name="Ann", email="a@b.c", favorite_color="red")
    asked = Page(await send(admin_browser, page, "replace-options"))
    assert asked.answer.status_code == 409
    assert "1 answer" in asked.text(".ks-dialog-head .ks-pill")
    assert (await admin_browser.press(asked, "Change it")).status_code == 303
    assert [each["value"] for each in sets_of(await structure_of(survey), 1)[0]["options"]] == ["blue"]


async def test_lines_that_meet_what_somebody_changed_meanwhile_are_compared_anew(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await compared(admin_browser, survey, "blue\tBlue\nteal\tTeal")
    made = await survey.send("POST", f"/api/v1/option-sets/{survey.color}/options", json={"value": "lime", "label": "Lime"})
    assert made.status_code == 201
    asked = Page(await send(admin_browser, page, "replace-options"))
    assert asked.answer.status_code == 409
    again = Page(await send(admin_browser, asked, "options"))
    assert rows_of(again) == ["Teal teal new", "Red red retired", "Lime lime retired"]
    assert (await send(admin_browser, again, "replace-options")).status_code == 200


async def test_equal_labels_are_a_finding_and_no_error(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await compared(admin_browser, survey, "blue\tBlue\nsky\tBlue\nred\tRed")
    assert page.text(".kb-finding") == "2 options are called “Blue”: who answers cannot tell them apart."
    assert (await send(admin_browser, page, "replace-options")).status_code == 200
    problems = await admin_browser.open("/wizards/customer-survey/problems")
    assert "2 of its options are called “Blue”" in problems.text(".ks-problem-row")


async def test_what_the_options_could_not_be_is_said_beside_the_lines(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await compared(admin_browser, survey, f"{'v' * 201}\tToo long")
    assert "200" in page.text(".ks-error")
    assert page.labelled("One option per line").get_text().strip().endswith("Too long")


async def test_lines_that_name_a_value_twice_are_not_applied(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await compared(admin_browser, survey, "a\tOne\na\tTwo")
    assert "again" in page.text(".ks-error")
    assert not [each for each in page.tree.select("button") if each.get_text(strip=True) == "Apply"]


async def test_of_each_relabelled_option_that_was_answered_it_is_asked_what_it_means(admin_browser: Browser, survey: WebSurvey) -> None:
    for color in ("red", "blue", "blue"):
        await survey.answer(full_name="Ann", email="a@b.c", favorite_color=color)
    page = await compared(admin_browser, survey, "blue\tNavy\nred\tScarlet")
    asked = {each.legend.get_text(): each for each in page.tree.select(".kb-means") if each.legend}
    assert list(asked) == ["Does “Blue” still mean the same?", "Does “Red” still mean the same?"]
    assert [each.get_text(" ", strip=True) for each in page.tree.select(".kb-diff .ks-pill .visually-hidden")] == [
        "2 answers in 1 version",
        "1 answer in 1 version",
    ]
    done = await send(admin_browser, page, "replace-options", {"meaning-blue": "different", "meaning-red": "same"})
    assert done.status_code == 200
    options = {each["value"]: (each["label"], each.get("retired", False)) for each in sets_of(await structure_of(survey), 1)[0]["options"]}
    assert options == {"navy": ("Navy", False), "blue": ("Blue", True), "red": ("Scarlet", False)}


async def test_what_was_not_said_of_a_new_label_is_asked_in_the_comparison_itself(admin_browser: Browser, survey: WebSurvey) -> None:
    for color in ("red", "blue"):
        await survey.answer(full_name="Ann", email="a@b.c", favorite_color=color)
    before = await survey.draft()
    page = await compared(admin_browser, survey, "blue\tNavy\nred\tScarlet")
    again = Page(await send(admin_browser, page, "replace-options", {"meaning-blue": "different"}, script=True))
    assert (again.answer.status_code, again.answer.headers["HX-Retarget"]) == (409, "#dialog")
    assert "Say of each new label" in again.text(".ks-error")
    assert [str(each["name"]) for each in again.tree.select(".kb-means [checked]")] == ["meaning-blue"]
    assert await survey.draft() == before


async def test_a_translation_that_is_added_asks_nothing(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann", email="a@b.c", favorite_color="blue")
    structure = await structure_of(survey)
    assert (
        await survey.send("PUT", f"{survey.url}/draft", json={"structure": {**structure, "languages": ["en", "de"]}})
    ).status_code == 200
    lines = {"lines": "blue\tBlau\nred\tRed", "lang": "de"}
    dialog = await admin_browser.open(f"/wizards/customer-survey/build/options?option_set_id={survey.color}&lang=de")
    page = Page(await send(admin_browser, dialog, "options", lines))
    assert rows_of(page)[0].endswith("translated")
    assert not page.tree.select(".kb-means")
    assert (await send(admin_browser, page, "replace-options")).status_code == 200
    assert sets_of(await structure_of(survey), 1)[0]["options"][0]["label"] == {"en": "Blue", "de": "Blau"}


# --- copies --------------------------------------------------------------------------------------------------------


async def test_a_question_is_copied_into_a_step_of_another_wizard_under_new_ids(
    admin_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey
) -> None:
    target = wizard(step("there", option_set("email")), name="Intake")
    made = (await editor.post("/api/v1/wizards", json={"name": "Intake", "structure": target})).json()
    condition = {"==": [{"var": survey.color}, "blue"]}
    await survey.send("PUT", f"/api/v1/option-sets/{survey.email}", json={"visible_if": condition})
    page = await admin_browser.open(f"/wizards/customer-survey/build/copy?node={survey.email}")
    assert form_of(page, "copy").select_one("option")["value"] == made["id"]  # type: ignore[index]  # there is one
    page = Page(await send(admin_browser, page, "copy"))
    for _ in range(2):
        done = Page(await send(admin_browser, page, "copy"))
    assert "which asks about “Favorite Color”" in done.text(".ks-dialog-body ul")
    draft = (await editor.get(f"/api/v1/wizards/{made['id']}/draft")).json()["structure"]
    assert [item["name"] for item in sets_of(draft)] == ["Email", "Email"]
    copy = sets_of(draft)[1]
    assert copy["id"] != survey.email
    assert (copy["key"], copy["visible_if"]) == ("email-2", None)


async def test_a_step_is_copied_with_all_that_it_asks(admin_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "Intake"})).json()
    page = await admin_browser.open(f"/wizards/customer-survey/build/copy?node={survey.steps[0]}")
    done = Page(await send(admin_browser, page, "copy"))
    assert done.answer.status_code == 200
    steps = (await editor.get(f"/api/v1/wizards/{made['id']}/draft")).json()["structure"]["steps"]
    assert [[item["key"] for item in each["option_sets"]] for each in steps] == [["full-name", "email"]]


async def test_what_is_retired_in_it_stays_behind_and_is_named(
    admin_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey
) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "Intake"})).json()
    await survey.send("POST", f"/api/v1/option-sets/{survey.color}/options/red/retire")
    await survey.send("POST", f"/api/v1/option-sets/{survey.color}/retire")
    await survey.send("POST", f"/api/v1/option-sets/{survey.email}/retire")
    page = await admin_browser.open(f"/wizards/customer-survey/build/copy?node={survey.steps[0]}")
    assert "“Email”" in Page(await send(admin_browser, page, "copy")).text(".ks-dialog-body ul")
    page = await admin_browser.open(f"/wizards/customer-survey/build/copy?node={survey.color}")
    assert "the copy will be asked" in page.text(".ks-dialog-body")
    done = Page(await send(admin_browser, Page(await send(admin_browser, page, "copy")), "copy"))
    assert "“Red” of “Favorite Color”" in done.text(".ks-dialog-body ul")
    (step,) = (await editor.get(f"/api/v1/wizards/{made['id']}/draft")).json()["structure"]["steps"]
    assert [(each["key"], each.get("retired", False)) for each in step["option_sets"]] == [("full-name", False), ("favorite-color", False)]
    assert [each["value"] for each in step["option_sets"][1]["options"]] == ["blue"]


async def test_a_question_for_a_wizard_without_steps_brings_the_first_one_along(
    admin_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey
) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "Intake"})).json()
    page = Page(await send(admin_browser, await admin_browser.open(f"/wizards/customer-survey/build/copy?node={survey.email}"), "copy"))
    assert page.labelled("Name of the first step")["value"] == "First step"
    for _ in range(2):
        done = Page(await send(admin_browser, page, "copy", {"step_name": "About <b>you</b>"}))
    draft = (await editor.get(f"/api/v1/wizards/{made['id']}/draft")).json()["structure"]
    assert [(each["name"], [item["key"] for item in each["option_sets"]]) for each in draft["steps"]] == [("About <b>you</b>", ["email"])]
    assert done.link("Open it there").endswith(f"node={sets_of(draft)[0]['id']}")


async def test_a_copy_goes_only_where_one_may_edit(signed_in: SignedIn, admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    hidden = (await admin.post("/api/v1/wizards", json={"name": "Hidden"})).json()
    browser = await signed_in("editor")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "editor@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{survey.wizard}", json={"role": "editor"})
    page = await browser.open(f"/wizards/customer-survey/build/copy?node={survey.steps[0]}")
    assert "no other wizard" in page.text(".ks-dialog-body")
    token = str(page.one('meta[name="csrf-token"]')["content"])
    data = {"csrf_token": token, "node": survey.steps[0], "target": hidden["id"]}
    assert (await browser.client.post("/wizards/customer-survey/build/copy", data=data)).status_code == 403


async def test_options_as_text_hold_the_keys_of_questions(admin_browser: Browser, survey: WebSurvey) -> None:
    piped = f"As {{{{{survey.full_name}}}}} likes"
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}/options/blue", json={"label": piped, "meaning": "same"})
    page = await admin_browser.open(f"/wizards/customer-survey/build/options?option_set_id={survey.color}")
    lines = page.one("textarea[name=lines]").get_text().removeprefix("\n")
    assert "As {{full-name}} likes" in lines
    assert "Nothing changes." in Page(await admin_browser.press(page, "Compare")).text(".ks-dialog-body")


async def test_a_pasted_cell_that_no_option_gets_is_named_in_the_comparison(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(f"/wizards/customer-survey/build/options?option_set_id={survey.color}")
    compared = Page(await admin_browser.press(page, "Compare", {"lines": "a\tApple\tRemark\nb\tPear"}))
    assert "1 cell of a further column is left out: Remark (row 1)" in compared.text(".ks-dialog-body")


# --- several rows where one option is made -------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [False, True])
async def test_rows_pasted_as_a_new_option_are_compared_and_become_as_many(admin_browser: Browser, survey: WebSurvey, script: bool) -> None:
    page = await admin_browser.open(path(survey, node=survey.color))
    rows = {"label": 'teal\tTeal\tdark\n"Pine\ngreen"'}
    compared = Page(await send(admin_browser, page, "add-option", rows, script=script))
    assert compared.answer.headers.get("hx-retarget") == ("#dialog" if script else None)
    assert [each.get_text() for each in compared.tree.select(".kb-diff ins")] == ["Teal", "Pine green"]
    assert "1 cell of a further column is left out: dark (row 1)" in compared.text(".kb-compared")
    # The page carries what every page of the wizard carries.
    assert [len(compared.tree.select(each)) for each in (".ks-chip-draft", ".ks-tabs .ks-count")] == ([0, 0] if script else [1, 2])
    applied = await send(admin_browser, compared, "replace-options")
    assert (applied.status_code, "pane=item" in str(applied.url)) == (200, True)
    options = sets_of(await structure_of(survey), 1)[0]["options"]
    assert [(each["value"], each["label"]) for each in options[2:]] == [("teal", "Teal"), ("pine-green", "Pine green")]
