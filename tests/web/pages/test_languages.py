from typing import Any

import httpx
import pytest
from sqlalchemy import event
from tests.authoring_kit import EVIL, asked, made
from tests.browser_form import sent_form
from tests.pages_kit import HTMX, Browser, Page
from tests.web_kit import web_survey

from keepstep.config import Resources


async def two_languages(client: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    question = asked("color", "single_select", name={"en": f"Color {EVIL}", "de": "Farbe"})
    return await made(client, [question], languages=["en", "de"]), question


def row(page: Page, source: str) -> str:
    """The id of the form of the text with this wording in the default language."""
    found = [each for each in page.tree.select(".ks-text-row") if each.select_one(".ks-text-source .ks-text").get_text() == source]  # type: ignore[union-attr]
    assert len(found) == 1, source
    return str(found[0]["id"])


async def translated(browser: Browser, page: Page, source: str, text: str, *, htmx: bool = True, **fields: str) -> Page:
    form = sent_form(str(page.one(f"#{row(page, source)}"))) | {"text": [text]} | {name: [value] for name, value in fields.items()}
    path = str(page.one(f"#{row(page, source)}")["action"])
    return Page(await browser.client.post(path, data=form, headers=HTMX if htmx else {}, follow_redirects=True))


async def structure_of(client: httpx.AsyncClient, slug: str) -> Any:
    return (await client.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]


async def test_texts_stand_side_by_side_and_each_is_saved_by_itself(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, _ = await two_languages(editor)
    page = await admin_browser.open(f"/wizards/{slug}/languages")
    assert "<script>alert" not in page.answer.text
    part = await translated(admin_browser, page, "Yes", f"Ja {EVIL}")
    assert (part.is_whole, part.answer.status_code) == (False, 200)
    assert part.text(".ks-saved").startswith("Saved ")
    whole = await translated(admin_browser, page, "No", "Nein", htmx=False)
    assert whole.is_whole
    draft = await structure_of(editor, slug)
    labels = [each["label"] for each in draft["steps"][0]["option_sets"][0]["options"]]
    assert labels == [{"en": "Yes", "de": f"Ja {EVIL}"}, {"en": "No", "de": "Nein"}]
    log = (await editor.get(f"/api/v1/wizards/{slug}/draft")).json()
    assert log["revision"] == 3


async def test_untranslated_texts_are_found_and_counted(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, _ = await two_languages(editor)
    page = await admin_browser.open(f"/wizards/{slug}/languages?show=untranslated", htmx=True)
    assert [each.get_text() for each in page.tree.select(".ks-text-source .ks-text")] == ["Intake", f"Step 0 {EVIL}", "Yes", "No"]
    assert page.link("Untranslated 4").endswith("to=de&show=untranslated")


async def test_what_somebody_else_wrote_meanwhile_is_shown_beside(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, _ = await two_languages(editor)
    page = await admin_browser.open(f"/wizards/{slug}/languages")
    await translated(admin_browser, page, "Yes", "Ja")
    part = await translated(admin_browser, page, "Yes", "Doch")
    assert (part.answer.status_code, part.text(".ks-theirs"), part.text("textarea")) == (409, "Ja", "Doch")
    part = await translated(admin_browser, part, "Yes", "Doch")
    assert part.text(".ks-saved").startswith("Saved ")
    again = await translated(admin_browser, page, "Yes", "Doch")
    assert again.answer.status_code == 200


async def test_another_wording_under_stored_answers_asks_for_its_meaning(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(favorite_color="red")
    await admin_browser.client.post("/wizards/customer-survey/languages/set", data=await set_form(admin_browser, add="de"))
    page = await admin_browser.open("/wizards/customer-survey/languages?to=de")
    first = await translated(admin_browser, page, "Red", "Rot")
    assert first.answer.status_code == 200
    asking = await translated(admin_browser, first, "Red", "Rosa")
    assert asking.answer.status_code == 409
    assert "1 stored answer" in asking.text(".ks-text-foot")
    done = await translated(admin_browser, asking, "Red", "Rosa", meaning="same")
    assert done.text("textarea") == "Rosa"


async def set_form(browser: Browser, path: str = "/wizards/customer-survey/languages", **fields: str) -> dict[str, Any]:
    page = await browser.open(path)
    return {**sent_form(str(page.one(".ks-add-language"))), **fields}


async def test_languages_come_and_go_without_other_changes(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, question = await two_languages(editor)
    path = f"/wizards/{slug}/languages"
    before = await structure_of(editor, slug)
    answer = await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add="pt-BR"))
    assert answer.headers["location"] == f"{path}?to=pt-BR"
    page = await admin_browser.open(answer.headers["location"])
    assert "5 texts untranslated" in page.text(".ks-languages")
    await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add="", remove="pt-BR"))
    assert await structure_of(editor, slug) == before
    await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add="", remove="de"))
    after = await structure_of(editor, slug)
    assert (after["languages"], after["steps"][0]["option_sets"][0]["name"]) == (["en"], f"Color {EVIL}")
    assert question["key"] == "color"


@pytest.mark.parametrize(
    ("add", "why"),
    [
        ("not a code", "no code of a language"),
        ("de", "Deutsch (de) already"),
        ("DE", "already"),
        ("german", "already"),
        ("x" * 160, "no code"),
    ],
)
async def test_a_language_that_cannot_be_is_refused_and_kept(admin_browser: Browser, editor: httpx.AsyncClient, add: str, why: str) -> None:
    slug, _ = await two_languages(editor)
    path = f"/wizards/{slug}/languages"
    page = Page(await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add=add)))
    assert page.answer.status_code == 422
    assert why in page.text(".ks-form-error")
    assert page.labelled("Add a language")["value"] == add


async def test_a_language_is_found_by_its_name_and_a_text_that_is_too_long_says_so(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    slug, _ = await two_languages(editor)
    path = f"/wizards/{slug}/languages"
    for add in ("French", "PT-br"):
        await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add=add))
    assert (await structure_of(editor, slug))["languages"] == ["en", "de", "fr", "pt-BR"]
    page = await translated(admin_browser, await admin_browser.open(f"{path}?to=de"), "Yes", "x" * 20_001)
    assert "too long: 20,000 characters at most" in page.text(".ks-error")
    assert (await admin_browser.open(f"{path}?to={'x' * 160}")).answer.status_code == 200


async def test_languages_that_changed_meanwhile_are_not_overwritten(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, _ = await two_languages(editor)
    path = f"/wizards/{slug}/languages"
    stale = await set_form(admin_browser, path, add="fr")
    await admin_browser.client.post(f"{path}/set", data=await set_form(admin_browser, path, add="it"))
    assert (await admin_browser.client.post(f"{path}/set", data=stale)).status_code == 409
    assert (await structure_of(editor, slug))["languages"] == ["en", "de", "it"]


async def test_a_text_of_a_deleted_question_is_kept_on_the_page(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, question = await two_languages(editor)
    page = await admin_browser.open(f"/wizards/{slug}/languages")
    await editor.delete(f"/api/v1/option-sets/{question['id']}", headers={"If-Match": '"1"'})
    for htmx in (True, False):
        answer = await translated(admin_browser, page, "Yes", "Ja", htmx=htmx)
        assert answer.answer.status_code == 409
        kept = [each.get_text().strip() for each in answer.tree.select("textarea")]
        assert "Ja" in kept


async def test_an_analyst_reads_and_changes_nothing(signed_in: Any, editor: httpx.AsyncClient) -> None:
    slug, _ = await two_languages(editor)
    browser = await signed_in("analyst")
    page = await browser.open(f"/wizards/{slug}/languages")
    assert page.tree.select(".ks-save, .ks-add-language") == []
    assert (await translated(browser, page, "Yes", "Ja")).answer.status_code == 403


async def test_one_text_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    found: list[str] = []
    event.listen(resources.engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    counts = []
    for many in (1, 50):
        slug = await made(editor, [asked(f"q{number}", "text_input") for number in range(many)], languages=["en", "de"])
        found.clear()
        await admin_browser.open(f"/wizards/{slug}/languages")
        counts.append(len(found))
    assert counts[0] == counts[1] <= 5
