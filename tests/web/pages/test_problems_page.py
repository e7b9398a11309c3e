from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.authoring_kit import asked, made
from tests.pages_kit import Browser

SignedIn = Callable[..., Awaitable[Browser]]


async def faulty(client: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    """A wizard with a question that reads its own answer, one without options, and one that nobody translated."""
    looped = asked("looped", "text_input", name={"en": "Looped <b>", "de": "Kreis"})
    looped["visible_if"] = {"==": [{"var": looped["id"]}, "x"]}
    empty = asked("empty", "dropdown", options=[], name={"en": "Empty"})
    return await made(client, [looped, empty], languages=["en", "de"]), looped


async def test_problems_say_which_of_them_stop_publishing_and_lead_to_their_place(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    slug, looped = await faulty(editor)
    page = await admin_browser.open(f"/wizards/{slug}/problems")
    assert page.text(".ks-lead") == "1 problem stops publishing."
    heads = [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".ks-problem-group h3")]
    assert heads[:2] == ["Circles 1 Stops publishing", "No options 1 Worth a look"]
    assert page.tree.select(".ks-problem-text")[0].get_text().startswith("“Looped <b>” depends on its own answer.")
    assert "<b>" not in page.answer.text.replace("&lt;b&gt;", "")
    assert looped["id"]


@pytest.mark.parametrize(("show", "kinds"), [("stops", ["Circles"]), ("warns", ["No options"]), ("untranslated", ["Not translated"])])
async def test_problems_are_filtered_and_the_script_gets_the_list_alone(
    admin_browser: Browser, editor: httpx.AsyncClient, show: str, kinds: list[str]
) -> None:
    slug, _ = await faulty(editor)
    part = await admin_browser.open(f"/wizards/{slug}/problems?show={show}", htmx=True)
    assert part.is_whole is False
    heads = [each.get_text(" ", strip=True) for each in part.tree.select(".ks-problem-group h3")]
    assert [head for head, kind in zip(heads, kinds, strict=True) if not head.startswith(kind)] == []


async def test_the_builder_tells_errors_from_hints_and_both_from_what_is_untranslated(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    slug, looped = await faulty(editor)
    page = await admin_browser.open(f"/wizards/{slug}/build")
    sums = [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".kb-dock-sums > *")]
    assert sums[:2] == ["1 stops publishing", "1 warning"]
    assert sums[2].endswith("not translated")
    assert [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".kb-dock h3")] == ["Circles 1", "No options 1"]
    assert page.link("“Looped <b>” depends on its own answer. Take that reference out.").endswith(f"node={looped['id']}")
    assert page.link("Translate what is missing") == f"/wizards/{slug}/languages?show=untranslated"
    assert "1 problem stops publishing" in page.text("#bottom")


async def test_a_draft_without_problems_says_so(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked("a", "text_input")])
    page = await admin_browser.open(f"/wizards/{slug}/problems")
    assert page.text("#problems .ks-empty h2") == "No problems"


async def test_problems_of_a_condition_lead_to_its_editor(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("first", "single_select")
    gone = asked("second", "text_input", visible_if={"==": [{"var": first["id"]}, "gone"]})
    slug = await made(editor, [first, gone])
    page = await admin_browser.open(f"/wizards/{slug}/problems")
    assert page.link("Condition The second") == f"/wizards/{slug}/conditions?node={gone['id']}"
    assert "which is none of its options" in page.text(".ks-problem-text")


@pytest.mark.parametrize("name", ["problems", "languages", "conditions", "preview"])
async def test_a_wizard_that_is_not_ones_own_is_refused(
    signed_in: SignedIn, admin: httpx.AsyncClient, editor: httpx.AsyncClient, name: str
) -> None:
    mine, other = [await made(editor, [asked("a", "text_input")], name=title) for title in ("Mine", "Other")]
    browser = await signed_in("analyst")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "analyst@example.org")
    wizard = (await admin.get(f"/api/v1/wizards/{mine}")).json()["id"]
    await admin.put(f"/api/v1/users/{user['id']}/grants/{wizard}", json={"role": "analyst"})
    assert [(await browser.open(f"/wizards/{each}/{name}")).answer.status_code for each in (mine, other, "nowhere")] == [200, 403, 404]


@pytest.mark.parametrize("name", ["problems", "languages", "conditions", "preview"])
async def test_the_pages_beside_the_builder_stand_in_the_same_frame_and_lead_back_to_it(
    admin_browser: Browser, editor: httpx.AsyncClient, name: str
) -> None:
    slug = await made(editor, [asked("a", "text_input")])
    page = await admin_browser.open(f"/wizards/{slug}/{name}")
    assert page.text("#chips .ks-chip-draft").endswith("first version")
    assert page.text(".ks-tabs [aria-current]") == "Build"
    assert page.text(f".ks-tabs a[href='/wizards/{slug}/versions'] .ks-count") == "0"
    assert page.link("Back to building") == f"/wizards/{slug}/build"


async def test_a_kind_says_how_many_there_are_also_where_not_all_are_listed(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    many = [asked(f"q{number}", "text_input") for number in range(230)]
    slug = await made(editor, many, languages=["en", "de"])
    page = await admin_browser.open(f"/wizards/{slug}/problems")
    listed = len(page.tree.select("details .ks-problem-row"))
    total = int(page.text(".ks-problem-group h3 .ks-count"))
    assert (listed, total > 200) == (20, True)
    assert page.link(f"Not translated {total}").endswith("?show=untranslated")
    assert page.link("Translate them side by side") == f"/wizards/{slug}/languages?show=untranslated"
    assert page.text(".ks-more").startswith(f"And {total - listed} more.")
