"""What the builder's properties set besides the usual: endings, rules, presentation, former keys; and what comes back from a problem."""

from typing import Any

import httpx
from tests.authoring_kit import EVIL, asked, made
from tests.build_kit import send
from tests.pages_kit import Browser, Page

from keepstep.core.structure import Ending, Frozen, OptionSetFields, Rule, Step, Structure


async def structure_in(client: httpx.AsyncClient, slug: str) -> Any:
    return (await client.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]


async def opened(browser: Browser, slug: str, node: str) -> Page:
    return await browser.open(f"/wizards/{slug}/build?node={node}")


async def test_endings_are_added_worded_moved_and_deleted(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked("a", "text_input")], endings=[{"key": "first", "name": "First"}])
    page = await opened(admin_browser, slug, "wizard")
    assert (await send(admin_browser, page, "add-ending")).status_code == 200
    page = await opened(admin_browser, slug, "wizard")
    worded = {"name": f"Thanks {EVIL}", "text": "We call you.", "key": "thanks"}
    assert (await send(admin_browser, page, "change-ending", worded, ending="ending")).status_code == 200
    page = await opened(admin_browser, slug, "wizard")
    assert "<script>alert" not in page.answer.text
    await send(admin_browser, page, "move-ending", {"before": "first"}, ending="thanks")
    endings = (await structure_in(editor, slug))["endings"]
    assert [(each["key"], each["name"]) for each in endings] == [("thanks", f"Thanks {EVIL}"), ("first", "First")]
    assert endings[0]["text"] == "We call you."
    await send(admin_browser, await opened(admin_browser, slug, "wizard"), "delete-ending", ending="first")
    assert [each["key"] for each in (await structure_in(editor, slug))["endings"]] == ["thanks"]


async def test_a_rule_is_told_in_words_and_its_message_is_set_here(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    age = asked("age", "integer", constraints={"rules": [{"expression": {"<=": [{"var": "."}, 120]}}]})
    slug = await made(editor, [age])
    page = await opened(admin_browser, slug, age["id"])
    assert "An answer fits if the value is at most 120" in page.text(".kb-rules li")
    assert page.one("#add-rule")["href"] == f"/wizards/{slug}/conditions?node={age['id']}&rule=1"
    assert (await send(admin_browser, page, "change-rule", {"message": "Nobody is that old."})).status_code == 200
    rules = (await structure_in(editor, slug))["steps"][0]["option_sets"][0]["constraints"]["rules"]
    assert rules == [{"expression": {"<=": [{"var": "."}, 120]}, "message": "Nobody is that old."}]
    assert (await send(admin_browser, page, "delete-rule", {"was": "{}"})).status_code == 200
    assert (await structure_in(editor, slug))["steps"][0]["option_sets"][0]["constraints"]["rules"] == rules
    await send(admin_browser, await opened(admin_browser, slug, age["id"]), "delete-rule")
    assert (await structure_in(editor, slug))["steps"][0]["option_sets"][0]["constraints"].get("rules", []) == []


async def test_presentation_is_a_line_for_each_setting_and_keeps_what_each_value_is(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    looks = {"appearance": "minimal", "rows": 3, "wide": True, "code": "7", "list": ["a", "b"]}
    question = asked("a", "text_input", presentation=looks)
    slug = await made(editor, [question])
    page = await opened(admin_browser, slug, question["id"])
    text = page.tree.select_one("#f-looks-presentation").get_text().strip()  # type: ignore[union-attr]  # every question has it
    assert sorted(text.splitlines()) == ["appearance: minimal", 'code: "7"', 'list: ["a","b"]', "rows: 3", "wide: true"]
    held = {"form": "f-looks", "option_set_id": question["id"]}
    answer = await send(admin_browser, page, "change-option-set", {"presentation": f"{text}\r\nhint: left: right"}, **held)
    assert answer.status_code == 200
    kept = (await structure_in(editor, slug))["steps"][0]["option_sets"][0]["presentation"]
    assert kept == looks | {"hint": "left: right"}
    answer = await send(admin_browser, page, "change-option-set", {"presentation": "nonsense"}, **held)
    assert (answer.status_code, "a name, a colon and a value" in answer.text) == (422, True)


async def test_the_wizard_says_what_stands_on_a_page_beside_its_other_settings(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug = await made(editor, [asked("a", "text_input")], presentation={"theme": "calm"})
    page = await opened(admin_browser, slug, "wizard")
    await send(admin_browser, page, "change-wizard", {"presentation.pages": "question"}, form="f-pages")
    assert (await structure_in(editor, slug))["presentation"] == {"theme": "calm", "pages": "question"}
    await send(admin_browser, await opened(admin_browser, slug, "wizard"), "change-wizard", {"presentation.pages": ""}, form="f-pages")
    assert (await structure_in(editor, slug))["presentation"] == {"theme": "calm"}


async def test_a_calculation_says_whether_respondents_see_it_beside_its_other_settings(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    total = asked("total", "calculated", expression=1, presentation={"appearance": "minimal"})
    slug = await made(editor, [asked("a", "text_input"), total])
    held = {"form": "f-calculation", "option_set_id": total["id"]}
    kept = []
    for ticked in ("on", None):
        page = await opened(admin_browser, slug, total["id"])
        answer = await send(admin_browser, page, "change-option-set", {"presentation.shown": ticked or ""}, **held)
        assert answer.status_code == 200, answer.text[:500]
        kept.append((await structure_in(editor, slug))["steps"][0]["option_sets"][1]["presentation"])
    assert kept == [{"appearance": "minimal", "shown": True}, {"appearance": "minimal"}]


async def test_former_keys_are_edited(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    question = asked("a", "text_input", key_aliases=["old"])
    slug = await made(editor, [question])
    page = await opened(admin_browser, slug, question["id"])
    await send(admin_browser, page, "change-option-set", {"key_aliases": "old, older"}, form="f-aliases")
    assert (await structure_in(editor, slug))["steps"][0]["option_sets"][0]["key_aliases"] == ["old", "older"]


async def test_an_option_and_a_step_tell_their_conditions_in_words(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("first", "single_select")
    yes = {"==": [{"var": first["id"]}, "yes"]}
    options = [{"value": "x", "label": "X", "visible_if": yes}]
    second = asked("second", "dropdown", options=options, visible_if={"!": [yes]})
    slug = await made(editor, [first], [second], only_if=yes)
    page = await opened(admin_browser, slug, second["id"])
    words = [each.get_text(" ", strip=True) for each in page.tree.select(".kb-words")]
    assert words == ["“The first” is “Yes”", "“The first” is not “Yes”"]
    assert not page.tree.select("textarea[name=visible_if]")
    assert page.tree.select(f"a[href='/wizards/{slug}/conditions?node={second['id']}&value=x']")


async def test_an_analyst_is_shown_conditions_and_not_asked_to_edit_them(signed_in: Any, editor: httpx.AsyncClient) -> None:
    question = asked("a", "integer")
    slug = await made(editor, [question])
    page = await opened(await signed_in("analyst"), slug, question["id"])
    assert "See the condition" in page.text("#properties")
    assert "Edit the condition" not in page.answer.text
    assert not page.tree.select("#add-rule")


async def test_what_a_problem_lacks_is_brought_back_from_the_list_and_from_the_dock(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    first = asked("first", "single_select")
    second = asked("second", "text_input", visible_if={"==": [{"var": first["id"]}, "yes"]}, name=f"For {{{{{first['id']}}}}}")
    slug = await made(editor, [first, second])
    for where in ("problems", "build"):
        assert (await editor.delete(f"/api/v1/option-sets/{first['id']}", headers={"If-Match": "*"})).status_code == 200
        page = await admin_browser.open(f"/wizards/{slug}/{where}")
        assert "reads “The first”, which was deleted" in page.answer.text
        answer = await send(admin_browser, page, "restore-option-set", option_set_id=first["id"])
        assert str(answer.url).split("?")[0].endswith(f"/{slug}/{where}")
        sets = (await structure_in(editor, slug))["steps"][0]["option_sets"]
        assert [each["key"] for each in sets] == ["first", "second"]


async def test_what_lies_in_a_deleted_step_comes_back_with_the_step(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("first", "single_select")
    slug = await made(editor, [first], [asked("second", "text_input", visible_if={"==": [{"var": first["id"]}, "yes"]})])
    step = (await structure_in(editor, slug))["steps"][0]["id"]
    assert (await editor.delete(f"/api/v1/steps/{step}", headers={"If-Match": "*"})).status_code == 200
    page = await admin_browser.open(f"/wizards/{slug}/problems")
    assert "Bring back “Step 0" in page.answer.text
    await send(admin_browser, page, "restore-step", step_id=step)
    assert len((await structure_in(editor, slug))["steps"]) == 2


async def test_every_member_of_the_structure_can_be_reached_in_the_builder(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    """By an input of that name in the properties or the canvas, or by a way of its own that is named here."""
    ways: dict[type[Frozen], set[str]] = {
        Structure: {"schema_version", "languages", "default_language", "steps", "endings", "source"},
        Step: {"id", "visible_if", "retired", "option_sets", "source"},
        OptionSetFields: {"id", "visible_if", "retired", "source", "default", "selection_type"},
        Ending: {"visible_if"},
        Rule: {"expression"},
    }
    question = asked("a", "text_input", constraints={"rules": [{"expression": True}]})
    slug = await made(editor, [question], endings=[{"key": "end", "name": "End"}])
    step = (await structure_in(editor, slug))["steps"][0]["id"]
    found: set[str] = set()
    for node in ("wizard", step, question["id"]):
        page = await opened(admin_browser, slug, node)
        found |= {str(each["name"]) for each in page.tree.select("#builder [name]")}
    for model, elsewhere in ways.items():
        assert set(model.model_fields) - elsewhere - found == set(), model
    assert {"default", "selection_type", "message", "constraints.max_length", "message.pattern", "presentation.pages"} <= found
