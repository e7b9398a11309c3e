from typing import Any

import httpx
from sqlalchemy import event, func, select
from tests.authoring_kit import EVIL, asked, made
from tests.browser_form import sent_form
from tests.pages_kit import HTMX, Browser, Page

from keepstep.config import Resources
from keepstep.core.structure import SELECTION_TYPES
from keepstep.db.tables import files, wizard_runs
from keepstep.db.transaction import open_read


async def sent(browser: Browser, page: Page, go: str = "next", *, htmx: bool = False, **given: Any) -> Page:
    """The page after a button, with inputs filled in by the label of their question or their own."""
    form = sent_form(str(page.one("#preview form")))
    for name, value in given.items():
        label = name.replace("_", " ")
        held = [
            each
            for each in page.tree.select(".pl label, .pl legend")
            if each.get_text(" ", strip=True).removesuffix(" (optional)") == label
        ]
        group = held[0].find_parent("fieldset")
        named = held[0].get("for") or group.select("input")[0]["name"]  # type: ignore[union-attr] # a legend is in one
        form[str(named)] = [value]
    form["go"] = [go]
    return Page(await browser.client.post(str(page.one("#preview form")["action"]), data=form, headers=HTMX if htmx else {}))


def title(page: Page) -> str:
    return page.text("#step-title")


async def test_a_draft_is_walked_through_to_its_end_and_nothing_is_stored(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    slug = await made(editor, [asked("name", "text_input", is_required=True)], [asked("size", "integer", default=3)])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    assert (page.text(".pl-progress"), title(page)) == ("Step 1 of 2", f"Step 0 {EVIL}")
    page = await sent(admin_browser, page)
    assert (page.answer.status_code, page.text(".pl-summary li")) == (422, "Answer “The name”")
    assert page.text("title").startswith("Error: ")
    page = await sent(admin_browser, page, The_name=EVIL)
    assert page.labelled("The size (optional)")["value"] == "3"
    page = await sent(admin_browser, page, The_size="4 ")
    assert [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".pl-answers dd:first-of-type")] == [EVIL, "4"]
    page = await sent(admin_browser, page, "send")
    assert title(page) == "Thank you"
    assert "<script>alert" not in page.answer.text
    async with open_read(resources.engine) as tx:
        assert [await tx.scalar(select(func.count()).select_from(table)) for table in (wizard_runs, files)] == [0, 0]


async def test_conditions_hold_between_steps_and_within_one(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("choice", "single_select", is_required=True)
    yes = {"==": [{"var": first["id"]}, "yes"]}
    slug = await made(
        editor, [first, asked("more", "text_input", visible_if=yes, is_required=True)], [asked("last", "text_input")], only_if=yes
    )
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    assert page.text(".pl-progress") == "Step 1 of about 2"
    assert title(await sent(admin_browser, page, The_choice="no")) == "Check your answers"
    page = await sent(admin_browser, page, The_choice="yes")
    assert page.text(".pl-opened") == "Your answers lead to further questions on this page."
    assert page.text(".pl-progress") == "Step 1 of about 2"
    page = await sent(admin_browser, page)
    assert page.text(".pl-summary li") == "Answer “The more”"
    assert title(await sent(admin_browser, page, The_more="x")) == f"Step 1 {EVIL}"


async def test_change_leads_to_the_step_and_back_to_the_check_page(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked("a", "text_input")], [asked("b", "text_input")])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    page = await sent(admin_browser, await sent(admin_browser, page, The_a="1"), The_b="2")
    change = str(page.tree.select(".pl-answers button")[0]["value"])
    page = await sent(admin_browser, page, change)
    assert page.labelled("The a (optional)")["value"] == "1"
    page = await sent(admin_browser, page, The_a="9")
    assert (title(page), page.text(".pl-answers:first-of-type dd:first-of-type")) == ("Check your answers", "9")


async def test_a_preview_starts_at_any_step_also_at_one_that_is_not_reached(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("choice", "single_select")
    slug = await made(editor, [first], [asked("last", "text_input")], only_if={"==": [{"var": first["id"]}, "yes"]})
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    last = str(page.tree.select("#start option")[1]["value"])
    page = await admin_browser.open(f"/wizards/{slug}/preview?step={last}&width=320")
    assert title(page) == f"Step 1 {EVIL}"
    assert page.text(".ks-banner-text") == "With the answers so far, respondents do not reach this step."
    assert page.one(".ks-preview-320")


async def test_languages_and_widths_change_without_losing_what_was_typed(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    name = {"en": "Your name", "de": "Ihr Name"}
    slug = await made(editor, [asked("name", "text_input", name=name, is_required=True), asked("mail", "email")], languages=["en", "de"])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    form = sent_form(str(page.one("#preview form")))
    texts = [each for each in form if each.startswith("q-")]
    form |= {texts[0]: ["Ann"], texts[1]: ["not an address"], "to_language": ["de"], "to_width": ["320"]}
    page = Page(await admin_browser.client.post(f"/wizards/{slug}/preview", data=form, headers=HTMX))
    assert (page.answer.status_code, page.is_whole) == (200, False)
    assert page.labelled("Ihr Name")["value"] == "Ann"
    assert page.one("input[type=email]")["value"] == "not an address"
    assert page.one(".pl.ks-preview-320")["lang"] == "de"


async def test_every_selection_type_is_shown_and_left_empty(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked(kind.replace("_", "-"), kind) for kind in SELECTION_TYPES])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    shown = page.text(".pl-main")
    assert [kind for kind in SELECTION_TYPES if f"The {kind.replace('_', '-')}" not in shown] == ["calculated"]
    assert title(await sent(admin_browser, page, htmx=True)) == "Check your answers"


async def test_a_file_of_a_preview_is_named_and_dropped(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    question = asked("scan", "file", constraints={"max_size": 2})
    slug = await made(editor, [question])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    form = {**sent_form(str(page.one("#preview form"))), "go": "next"}
    file = {f"q-{question['id']}": ("<b>.txt", b"abc", "text/plain")}
    page = Page(await admin_browser.client.post(f"/wizards/{slug}/preview", data=form, files=file))
    assert page.text(".pl-summary li") == "Each file for “The scan” must be smaller than 2 B"
    assert page.text(".pl-files li > span") == "<b>.txt 3 B"


async def test_answers_that_nobody_gave_are_dropped(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked("a", "text_input")])
    page = await admin_browser.open(f"/wizards/{slug}/preview")
    for answers in ("", "nonsense", "[]", '{"x": 1}', '{"' + "q" * 40 + '": {"value": 1}}', '{"a": {"value": "\\u0000"}}', "9" * 9000):
        form = sent_form(str(page.one("#preview form"))) | {"answers": [answers], "at": ["check"], "go": ["send"]}
        assert (await admin_browser.client.post(f"/wizards/{slug}/preview", data=form)).status_code == 200


async def test_a_preview_costs_the_same_queries_for_one_question_and_fifty(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    found: list[str] = []
    event.listen(resources.engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    counts = []
    for many in (1, 50):
        slug = await made(editor, [asked(f"q{number}", "text_input") for number in range(many)])
        found.clear()
        await admin_browser.open(f"/wizards/{slug}/preview")
        counts.append(len(found))
    assert counts[0] == counts[1] <= 5
