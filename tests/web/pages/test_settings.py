"""The settings of one wizard: name, address, days, files in and out, people, the way to the trash."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.small_form import FORM, workbook
from tests.web.pages.test_new_wizard import send_file
from tests.web_kit import web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]
PAGE = "/wizards/intake/settings"
IMPORT = "Import into the draft"
LABELS = {"name": "Name", "slug": "Address", "abandon_after": "Days until a run counts as abandoned"}


@pytest.fixture
async def url(editor: httpx.AsyncClient) -> str:
    made = await editor.post("/api/v1/wizards", json={"name": "Intake", "slug": "intake"})
    return f"/api/v1/wizards/{made.json()['id']}"


async def test_name_address_and_days_are_saved_together(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    fields = {"name": "Aufnahme <i>x</i>", "slug": "aufnahme", "abandon_after": "45"}
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save", fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/wizards/aufnahme/settings?saved=true")
    page = await editor_browser.open(answer.headers["location"])
    assert (page.text("h1"), page.text("#notices")) == ("Aufnahme <i>x</i>", "Saved")
    stored = (await editor.get(url)).json()
    assert (stored["name"], stored["slug"], stored["settings"]) == ("Aufnahme <i>x</i>", "aufnahme", {"abandon_after": 45})
    assert (await editor.get(f"{url}/draft")).json()["revision"] == 2


async def test_a_page_left_open_takes_nothing_back_that_others_set(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    page = await editor_browser.open(PAGE)
    await editor.patch(url, json={"settings": {"abandon_after": 90}})
    await editor_browser.press(page, "Save", {"name": "Reception"})
    stored = (await editor.get(url)).json()
    assert (stored["name"], stored["settings"]) == ("Reception", {"abandon_after": 90})


@pytest.mark.parametrize(
    ("name", "value"), [("name", " "), ("slug", "Not a slug!"), ("slug", "taken"), ("abandon_after", "soon"), ("abandon_after", "0")]
)
async def test_what_cannot_be_saved_is_said_at_its_field_and_stays_typed(
    editor_browser: Browser, editor: httpx.AsyncClient, url: str, name: str, value: str
) -> None:
    await editor.post("/api/v1/wizards", json={"name": "Taken", "slug": "taken"})
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save", {"name": "Other", name: value})
    page = Page(answer)
    field = page.labelled(LABELS[name])
    assert (answer.status_code, field["aria-invalid"], field["value"]) == (422, "true", value.strip())
    assert page.text(f"#{field['id']}-error")
    assert (await editor.get(url)).json()["name"] == "Intake"


async def test_a_name_of_ten_thousand_characters_survives(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save", {"name": "ab " * 3_333 + "x"})
    page = await editor_browser.open(answer.headers["location"])
    assert len(str(page.labelled("Name")["value"])) == 10_000


async def test_the_draft_and_what_is_live_are_files(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await editor.patch(survey.url, json={"name": "Client Survey"})
    page = await editor_browser.open("/wizards/customer-survey/settings")
    draft = await editor_browser.client.get(page.link("The draft"))
    live = await editor_browser.client.get(page.link("What is live, v1"))
    assert [each.json()["structure"]["name"] for each in (draft, live)] == ["Client Survey", "Customer Survey"]
    assert live.headers["content-disposition"] == 'attachment; filename="customer-survey-v1.json"'


async def test_a_newer_form_goes_into_the_draft_as_one_edit_with_its_receipt(
    editor_browser: Browser, editor: httpx.AsyncClient, url: str
) -> None:
    answer = await send_file(editor_browser, await editor_browser.open(PAGE), IMPORT, workbook(FORM), "newer.xlsx")
    receipt = await editor_browser.open(answer.headers["location"])
    assert "changed the draft. What is live stays as it is" in receipt.text(".ks-intro")
    draft = (await editor.get(f"{url}/draft")).json()
    keys = [each["key"] for step in draft["structure"]["steps"] for each in step["option_sets"]]
    assert (draft["revision"], keys) == (2, ["nickname", "other"])
    again = await send_file(editor_browser, await editor_browser.open(PAGE), IMPORT, workbook(FORM), "same.xlsx")
    assert "changed nothing" in (await editor_browser.open(again.headers["location"])).text(".ks-intro")
    listed = (await editor_browser.open(PAGE)).tree.select("[aria-labelledby=in] .ks-lines li")
    assert [each.a.get_text() for each in listed if each.a] == ["same.xlsx", "newer.xlsx"]


async def test_a_draft_that_changed_meanwhile_is_not_overwritten(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    page = await editor_browser.open(PAGE)
    await editor.patch(url, json={"name": "Reception"})
    again = Page(await send_file(editor_browser, page, IMPORT, workbook(FORM), "newer.xlsx"))
    assert (again.answer.status_code, again.one("#file-problem")["role"]) == (412, "alert")
    assert (await editor.get(f"{url}/draft")).json()["revision"] == 2
    assert (await send_file(editor_browser, again, IMPORT, workbook(FORM), "newer.xlsx")).status_code == 303


async def test_a_file_that_cannot_be_read_changes_nothing(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    page = await editor_browser.open(PAGE)
    again = Page(await send_file(editor_browser, page, IMPORT, b"%PDF-1.4", "plan.pdf"))
    assert (again.answer.status_code, "plan.pdf is a PDF document" in again.text("#file-problem")) == (422, True)
    none = Page(await editor_browser.press(page, IMPORT))
    assert (none.answer.status_code, none.labelled("File")["aria-invalid"]) == (422, "true")
    assert (await editor.get(f"{url}/draft")).json()["revision"] == 1


async def test_admins_see_who_has_a_grant(admin_browser: Browser, editor_browser: Browser, admin: httpx.AsyncClient, url: str) -> None:
    users = (await admin.get("/api/v1/users")).json()["items"]
    user = next(each for each in users if each["email"] == "editor@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{url.rpartition('/')[2]}", json={"role": "editor"})
    assert "Editor Okafor Editor" in (await admin_browser.open(PAGE)).text("[aria-labelledby=people]")
    assert (await editor_browser.open(PAGE)).tree.select("[aria-labelledby=people]") == []


async def test_whoever_may_not_edit_has_no_settings(signed_in: SignedIn, url: str) -> None:
    analyst = await signed_in("analyst")
    assert (await analyst.open(PAGE)).answer.status_code == 403
    exported = await analyst.client.get("/wizards/intake/wizard.json")
    assert exported.status_code == 200


async def test_a_wizard_in_the_trash_says_so_and_can_be_restored_here(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    await editor.delete(url)
    page = await editor_browser.open(PAGE)
    assert "in the trash" in page.text("#notices")
    assert (await editor_browser.press(page, "Save", {"name": "X"})).status_code == 410
    await editor_browser.press(page, "Restore “Intake”")
    assert (await editor.get(url)).json()["trashed_at"] is None


async def test_the_settings_cost_the_same_number_of_queries_with_one_import_and_with_ten(
    editor_browser: Browser, resources: Resources, url: str
) -> None:
    counts = []
    for many in (1, 9):
        for _ in range(many):
            await send_file(editor_browser, await editor_browser.open(PAGE), IMPORT, workbook(FORM), "f.xlsx")
        with count_queries(resources.engine) as found:
            await editor_browser.open(PAGE)
        counts.append(len(found))
    assert counts[0] == counts[1] <= 6


async def test_one_question_on_a_page_is_part_of_the_draft(editor_browser: Browser, editor: httpx.AsyncClient, url: str) -> None:
    for value, kept in (("question", {"pages": "question"}), ("step", {})):
        answer = await editor_browser.press(await editor_browser.open(PAGE), "Save the pages", {"pages": value})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?saved=true")
        assert (await editor.get(f"{url}/draft")).json()["structure"].get("presentation", {}) == kept
        checked = (await editor_browser.open(PAGE)).tree.select_one("input[name=pages][checked]")
        assert checked is not None
        assert checked["value"] == value
