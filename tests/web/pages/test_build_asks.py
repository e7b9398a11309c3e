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
    assert "Change help text of option set “Email”" in asked.text(".kb-list")
    assert "Mine, typed long" in [each.get_text() for each in asked.tree.select(".kb-typed")]
    assert sets_of(await structure_of(survey))[1]["help"] == "Theirs"
    done = await send(admin_browser, asked, CHANGE)
    assert done.status_code == 200
    assert sets_of(await structure_of(survey))[1]["help"] == "Mine, typed long"


async def test_what_somebody_deleted_meanwhile_is_said_by_name(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    asked = Page(await send(admin_browser, page, CHANGE, {"help": "Mine"}, form="f-question"))
    assert asked.answer.status_code == 409
    assert "Delete option set “Email”" in asked.text(".kb-list")


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
    buttons = list(asked.tree.select(".ks-dialog-foot button"))
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


async def test_pasted_lines_are_compared_first_and_then_made_one_edit(admin_browser: Browser, survey: WebSurvey) -> None:
    before = await survey.draft()
    page = await compared(admin_browser, survey, "blue\tBlue\nteal\tTeal & <b>more</b>\n")
    shown = [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".kb-diff li")]
    assert "Teal & <b>more</b> teal is new" in shown
    assert any("is retired" in each for each in shown)
    assert await survey.draft() == before
    assert (await send(admin_browser, page, "replace-options")).status_code == 200
    after = await survey.draft()
    assert after["revision"] == before["revision"] + 1
    offered = [each["label"] for each in sets_of(after["structure"], 1)[0]["options"] if not each.get("retired")]
    assert offered == ["Blue", "Teal & <b>more</b>"]


async def test_lines_that_name_a_value_twice_are_not_applied(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await compared(admin_browser, survey, "a\tOne\na\tTwo")
    assert "again" in page.text(".ks-error")
    assert not [each for each in page.tree.select("button") if each.get_text(strip=True) == "Apply"]


async def test_lines_that_relabel_an_answered_option_ask_what_it_means(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann", email="a@b.c", favorite_color="blue")
    page = await compared(admin_browser, survey, "blue\tNavy")
    asked = Page(await send(admin_browser, page, "replace-options"))
    assert asked.answer.status_code == 409
    await admin_browser.press(asked, "Another meaning")
    options = {each["value"]: each for each in sets_of(await structure_of(survey), 1)[0]["options"]}
    assert options["blue"]["retired"] is True
    assert options["blue"]["label"] == "Blue"
    assert options["navy"]["label"] == "Navy"


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
