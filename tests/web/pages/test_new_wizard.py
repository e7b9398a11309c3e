"""A wizard from nothing, from a template and from a file, and the receipt of the file."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.small_form import FORM, workbook

from keepstep.config import Resources
from keepstep.core.jsonvalue import dump_bytes
from keepstep.interchange.wizard_templates import NAMES

SignedIn = Callable[..., Awaitable[Browser]]


async def send_file(browser: Browser, page: Page, button: str, data: bytes, name: str) -> httpx.Response:
    """What a form answers when a file was chosen and its button is pressed."""
    action, held = page.form_of(button)
    return await browser.client.post(action, data=held, files={"file": (name, data)})


async def imported(browser: Browser, data: bytes, name: str = "visits.xlsx") -> Page:
    answer = await send_file(browser, await browser.open("/wizards/new"), "Import the file", data, name)
    assert answer.status_code == 303, answer.text
    return await browser.open(answer.headers["location"])


async def wizards(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/v1/wizards")).json()["items"]
    return found


# --- blank and from a template -----------------------------------------------------------------------------------------


async def test_a_name_is_enough(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    page = await editor_browser.open("/wizards/new")
    answer = await editor_browser.press(page, "Make a blank wizard", {"name": "Équipe 😀"})
    assert answer.status_code == 303
    (wizard,) = await wizards(editor)
    assert (wizard["name"], answer.headers["location"].startswith("/wizards/equipe/")) == ("Équipe 😀", True)


async def test_the_same_form_sent_twice_makes_one_wizard(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    page = await editor_browser.open("/wizards/new")
    for _ in range(2):
        assert (await editor_browser.press(page, "Make a blank wizard", {"name": "Intake"})).status_code == 303
        assert (await editor_browser.press(page, "Use “Clinic intake”")).status_code == 303
        assert (await send_file(editor_browser, page, "Import the file", workbook(FORM), "a.xlsx")).status_code == 303
    assert len(await wizards(editor)) == 3


async def test_a_form_without_a_name_says_so_at_the_field(editor_browser: Browser) -> None:
    page = await editor_browser.open("/wizards/new")
    again = Page(await editor_browser.press(page, "Make a blank wizard", {"name": "  "}))
    field = again.labelled("Name")
    assert (again.answer.status_code, field["aria-invalid"]) == (422, "true")
    assert "name" in again.text(f"#{field['id']}-error")


@pytest.mark.parametrize("name", NAMES)
async def test_each_template_makes_a_wizard_that_can_be_published_at_once(
    editor_browser: Browser, editor: httpx.AsyncClient, name: str
) -> None:
    page = await editor_browser.open("/wizards/new")
    button = page.one(f'button[value="{name}"]').get_text(strip=True)
    for _ in range(2):
        assert (await editor_browser.press(await editor_browser.open("/wizards/new"), button)).status_code == 303
    first, second = await wizards(editor)
    for wizard in (first, second):
        published = await editor.post(f"/api/v1/wizards/{wizard['id']}/publish", headers={"If-Match": '"1"'})
        assert published.status_code == 201, published.text


async def test_a_template_shows_what_is_in_it_before_it_is_used(editor_browser: Browser) -> None:
    page = await editor_browser.open("/wizards/new")
    (card,) = [each for each in page.tree.select(".ks-templates > li") if "Clinic intake" in each.get_text()]
    assert card.select_one("summary").get_text(strip=True) == "6 steps, 30 questions"  # type: ignore[union-attr] # it is there
    assert "Which type of diabetes?" in card.get_text()


async def test_a_template_that_is_not_there_is_a_problem(editor_browser: Browser) -> None:
    page = await editor_browser.open("/wizards/new")
    answer = await editor_browser.press(page, "Use “Clinic intake”", {"template": "../secrets"})
    assert (answer.status_code, Page(answer).text("h1")) == (404, "No such template")


async def test_whoever_may_not_edit_makes_nothing(signed_in: SignedIn, editor_browser: Browser) -> None:
    analyst = await signed_in("analyst")
    assert (await analyst.open("/wizards/new")).answer.status_code == 403
    assert "New wizard" not in (await analyst.open("/")).text("main")


# --- from a file ---------------------------------------------------------------------------------------------------------


async def test_a_form_becomes_a_wizard_and_its_receipt_is_a_page(editor_browser: Browser) -> None:
    page = await imported(editor_browser, workbook(FORM))
    assert [each.get_text(" ", strip=True) for each in page.tree.select(".ks-tiles dd")] == ["7", "0", "8", "1"]
    unsupported = " ".join(page.one("[aria-labelledby=part-not_supported]").get_text(" ", strip=True).split())
    assert "Repeats are not supported yet" in unsupported
    assert "survey, row 6 other relevant" in unsupported
    assert (page.tree.select("main script"), page.text("h1")) == ([], "Visits <script>alert(1)</script>")
    assert "visits.xlsx" in page.text(".ks-intro")


async def test_a_receipt_can_be_kept_as_a_file(editor_browser: Browser) -> None:
    page = await imported(editor_browser, workbook(FORM))
    answer = await editor_browser.client.get(page.link("Receipt as JSON"))
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    body = answer.json()
    assert (body["file"], body["receipt"]["totals"]["not_supported"]) == ("visits.xlsx", 8)


async def test_an_export_is_read_back_and_needs_no_receipt(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    await imported(editor_browser, workbook(FORM))
    (wizard,) = await wizards(editor)
    exported = (await editor_browser.client.get(f"/wizards/{wizard['slug']}/wizard.json")).content
    page = await imported(editor_browser, exported, "wizard.json")
    assert "taken over as it is" in page.text("main")
    assert "Steps 2 Questions 2 Languages 1" in page.text("[aria-labelledby=part-kept]")
    assert len(await wizards(editor)) == 2


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("form.xlsx", workbook({"survey": [["type", "name", "label"], ["begin group", "a", "A"]]}), "sheet 'survey', row 2"),
        ("book.xlsx", workbook({"Sheet1": [["a", "b"], ["1", "2"]]}), "no column 'type'"),
        ("headings.xlsx", workbook({"survey": [["type", "name", "label"]]}), "no row below them"),
        ("plan.pdf", b"%PDF-1.4", "plan.pdf is a PDF document"),
        ("x.json", b'{"a": 1}', "no Keepstep wizard"),
        ("x.json", dump_bytes({"keepstep": "wizard", "structure": {"name": "x", "steps": [{"id": "1"}]}}), "Step 1, id"),
        ("empty.csv", b"", "empty.csv is empty"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why_and_where(
    editor_browser: Browser, editor: httpx.AsyncClient, name: str, data: bytes, said: str
) -> None:
    page = await editor_browser.open("/wizards/new")
    again = Page(await send_file(editor_browser, page, "Import the file", data, name))
    assert (again.answer.status_code, again.one("#file-problem")["role"]) == (422, "alert")
    assert said in again.text("#file-problem")
    assert await wizards(editor) == []


async def test_sending_no_file_says_so_at_the_field(editor_browser: Browser) -> None:
    page = await editor_browser.open("/wizards/new")
    again = Page(await editor_browser.press(page, "Import the file"))
    assert (again.answer.status_code, again.labelled("File")["aria-invalid"]) == (422, "true")


async def test_a_file_beyond_the_limit_is_refused(editor_browser: Browser) -> None:
    page = await editor_browser.open("/wizards/new")
    answer = await send_file(editor_browser, page, "Import the file", b"x" * 3_000_000, "big.csv")
    assert answer.status_code == 413


async def test_a_receipt_costs_the_same_number_of_queries_whatever_it_holds(editor_browser: Browser, resources: Resources) -> None:
    long = {"survey": [["type", "name", "label", "nonsense"], *[["text", f"q{number}", "Q", "x"] for number in range(200)]]}
    counts = []
    for form in (FORM, long):
        page = await imported(editor_browser, workbook(form))
        with count_queries(resources.engine) as found:
            await editor_browser.open(str(page.answer.url.path))
        counts.append(len(found))
    assert counts[0] == counts[1] <= 6


async def test_the_receipt_of_another_wizard_is_not_found(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    page = await imported(editor_browser, workbook(FORM))
    await editor.post("/api/v1/wizards", json={"name": "Other"})
    import_id = page.answer.url.path.rpartition("/")[2]
    assert (await editor_browser.open(f"/wizards/other/imports/{import_id}")).answer.status_code == 404
    assert (await editor_browser.open("/wizards/other/imports/nonsense")).answer.status_code == 404
