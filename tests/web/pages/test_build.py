"""The builder as a page: what it shows, what its forms do without a script and with one, and what two editors meet."""

import gzip
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

import httpx
import pytest
from tests.build_kit import fields_in, path, send, sets_of, structure_of
from tests.factories import count_queries, new_id, option, option_set, step, wizard
from tests.pages_kit import HTMX, Browser, Page
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.core.structure import SELECTION_TYPES
from keepstep.web.assets import FOLDER

SignedIn = Callable[..., Awaitable[Browser]]
STRANGE = ["<script>alert(1)</script>", "x" * 10_000, "שלום עולם 🧭 مرحبا", "{{ 7*7 }}"]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


# --- what is shown -------------------------------------------------------------------------------------------------


async def test_outline_canvas_and_properties_show_the_draft_beside_what_is_live(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="Ann", email="a@b.c")
    page = await admin_browser.open(path(survey, node=survey.email))
    assert [each.get_text(strip=True) for each in page.tree.select("#outline .kb-row-name")][1:4] == ["Personal Info", "Full Name", "Email"]
    assert page.text("#outline [aria-current]") == "Email"
    assert page.labelled("Question").get_text(strip=True) == "Email"
    assert page.labelled("Selection type").select_one("[selected]")["value"] == "text_input"  # type: ignore[index]  # there is one
    assert "1 answer" in page.text("#properties .ks-pill span[aria-hidden]")
    chips = page.text("#chips")
    assert "Live · v1" in chips
    assert "no changes" in chips


async def test_every_change_against_the_live_version_is_marked_where_it_is(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.email}", json={"is_required": True, "help": "Why?"})
    page = await admin_browser.open(path(survey))
    assert page.text(f"#li-{survey.email} .kb-mark") == "2 changes"
    assert "is now required" in page.text(f"#item-{survey.email} .kb-changes")
    assert "2 changes" in page.text("#chips")


async def test_a_change_of_the_help_text_alone_is_called_so(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.email}", json={"help": "Why?"})
    page = await admin_browser.open(path(survey))
    assert page.text(f"#li-{survey.email} .kb-mark") == "help text"


async def test_a_text_that_shows_an_answer_has_the_name_of_its_question_in_the_canvas(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"help": f"So, {{{{{survey.full_name}}}}}?"})
    page = await admin_browser.open(path(survey, node=survey.full_name))
    assert page.text(f"#item-{survey.email} .kb-help") == "So, [Full Name]?"


async def test_a_name_that_turns_text_around_turns_none_of_the_products_words(admin_browser: Browser, survey: WebSurvey) -> None:
    name = "\u202eAfter"
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"name": name, "is_required": False, "meaning": "same"})
    page = await admin_browser.open(path(survey, node=survey.steps[1]))
    label = page.one(f"#item-{survey.color} .kb-label")
    assert (label.select_one("bdi") or label).get_text() == name
    preview = await admin_browser.open(f"/wizards/customer-survey/preview?step={survey.steps[1]}")
    isolated = [each for each in preview.tree.select(".pl-label > bdi") if each.get_text() == name]
    assert len(isolated) == 1
    assert "(optional)" in label.get_text()


async def test_what_changed_begins_with_options_and_folds_what_does_not_fit(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}", json={"help": "Why?", "is_required": True, "personal_data": True})
    await survey.send("PUT", f"/api/v1/option-sets/{survey.color}/options/blue", json={"label": "Navy"})
    await survey.send("POST", f"/api/v1/option-sets/{survey.color}/options/red/retire")
    page = await admin_browser.open(path(survey, node=survey.color))
    first, folded = (each.get_text() for each in page.tree.select(f"#item-{survey.color} .kb-changes"))
    assert "“Navy”" in first
    assert "“Red” of “Favorite Color” was retired" in first
    assert folded.startswith("and 2 more changes")


async def test_the_outline_is_searched_by_name_and_key_without_a_script(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    steps = [step(f"part-{number}", *[option_set(f"q{number}{each}") for each in range(5)]) for number in range(2)]
    await editor.post("/api/v1/wizards", json={"structure": wizard(*steps, name="Long"), "slug": "long"})
    page = await admin_browser.open("/wizards/long/build?q=Q13&pane=outline")
    shown = [each.get_text(strip=True) for each in page.tree.select("#outline li:not([hidden]) > .kb-row .kb-row-name")]
    assert shown == ["Part 1", "Q13"]
    assert (page.text("#outline-found"), page.labelled("Find a step or question")["value"]) == ("Found: 1 of 10", "Q13")
    assert "q=Q13" in str(page.one("#outline li:not([hidden]) .kb-sets li:not([hidden]) a")["href"])
    none = await admin_browser.open("/wizards/long/build?q=nobody")
    assert none.text("#outline-found") == "No step or question has these words in its name or key."
    whole = await admin_browser.open("/wizards/long/build?q=part-0")
    assert len(whole.tree.select("#outline li:not([hidden]) > .kb-sets li:not([hidden])")) == 5


async def test_nobody_reads_or_writes_the_id_of_a_question(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    name = option_set("full-name")
    mood = option_set("mood", name=f"How are you, {{{{{name['id']}}}}}?")
    sum_ = option_set("total", "calculated", expression={"cat": ["Dear ", {"var": name["id"]}]})
    await editor.post("/api/v1/wizards", json={"structure": wizard(step("one", name, mood, sum_)), "slug": "piped"})
    page = await admin_browser.open(f"/wizards/piped/build?node={mood['id']}")
    assert page.text(f"#row-{mood['id']} .kb-row-name") == f"How are you, [{name['name']}]?"
    assert page.labelled("Question").get_text(strip=True) == "How are you, {{full-name}}?"
    await send(admin_browser, page, "change-option-set", {"name": "Well, {{full-name}}?"}, form="f-question")
    page = await admin_browser.open(f"/wizards/piped/build?node={sum_['id']}")
    assert page.labelled("Calculation").get_text(strip=True) == '{"cat":["Dear ",{"var":"full-name"}]}'
    await send(admin_browser, page, "change-option-set", {"expression": '{"upper": [{"var": "full-name"}]}'}, form="f-calculation")
    page = await admin_browser.open(f"/wizards/piped/build?node={sum_['id']}")
    wrong = await send(admin_browser, page, "change-option-set", {"expression": '{"upper": [{"var": "ful-name"}]}'}, form="f-calculation")
    assert "Line 1, column 20: no question has the key “ful-name”. Did you mean “full-name”?" in Page(wrong).text("#properties")
    found = (await editor.get("/api/v1/wizards/piped/draft")).json()["structure"]["steps"][0]["option_sets"]
    assert found[1]["name"] == f"Well, {{{{{name['id']}}}}}?"
    assert found[2]["expression"] == {"upper": [{"var": name["id"]}]}


async def test_a_wizard_without_steps_says_what_comes_next(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "Empty"})
    page = await admin_browser.open("/wizards/empty/build")
    assert page.text("#canvas .ks-empty h2") == "This wizard asks nothing yet"
    done = await admin_browser.press(page, "Add a step")
    page = await admin_browser.open(done.headers["location"])
    assert page.text("#canvas h2").startswith("Step 1 of 1")
    assert "This step asks nothing yet" in page.text("#canvas .kb-empty")


async def test_the_script_gets_the_parts_of_the_same_page(admin_browser: Browser, survey: WebSurvey) -> None:
    whole = await admin_browser.open(path(survey, node=survey.email))
    part = await admin_browser.open(path(survey, node=survey.email), htmx=True)
    assert (whole.is_whole, part.is_whole) == (True, False)
    text = re.sub(r"\s+", " ", part.one('[data-into="properties"]').decode_contents())
    assert 'name="selection_type"' in text
    assert part.answer.headers["X-Node"] == survey.email
    known = await admin_browser.client.get(
        path(survey, node=survey.color), headers={**HTMX, "X-Draft-Revision": part.answer.headers["X-Draft-Revision"]}
    )
    assert not Page(known).tree.select('[data-into="outline"]')


async def test_small_and_large_wizards_cost_the_same_number_of_queries(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    counts = []
    for many in (1, 50):
        sets = [option_set(f"q{number}", "single_select", options=[option("a")]) for number in range(many)]
        slug = f"w{many}"
        made = await editor.post("/api/v1/wizards", json={"name": slug, "structure": wizard(step("one", *sets), name=slug)})
        assert made.status_code == 201
        page = await admin_browser.open(f"/wizards/{slug}/build?node={sets[0]['id']}")
        with count_queries(resources.engine) as opening:
            page = await admin_browser.open(f"/wizards/{slug}/build?node={sets[0]['id']}")
        with count_queries(resources.engine) as editing:
            answer = await send(admin_browser, page, "change-option-set", {"help": "x", "has": "help"}, script=True, form="f-question")
        assert answer.status_code == 200
        counts.append((len(opening), len(editing)))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 8


async def long_wizard(editor: httpx.AsyncClient) -> tuple[str, list[str]]:
    """A step of ninety questions, whose last has 130 options."""
    sets = [option_set(f"q{number}") for number in range(89)]
    sets.append(option_set("many", "single_select", options=[option(f"v{number}") for number in range(130)]))
    made = await editor.post("/api/v1/wizards", json={"name": "Long", "structure": wizard(step("one", *sets), name="Long")})
    assert made.status_code == 201
    return "/wizards/long/build", [item["id"] for item in sets]


async def test_of_many_questions_the_canvas_shows_those_around_the_chosen_one(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    base, ids = await long_wizard(editor)
    page = await admin_browser.open(f"{base}?node={ids[45]}")
    shown = [str(each["data-id"]) for each in page.tree.select(".kb-items > .kb-slot")]
    assert shown == ids[40:80]
    assert page.one(".kb-items")["data-next"] == ids[80]
    assert page.link("40 questions before these").endswith(f"node={ids[0]}")
    last = await admin_browser.open(page.link("10 questions after these"))
    assert [str(each["data-id"]) for each in last.tree.select(".kb-items > .kb-slot")] == ids[80:]
    assert len(last.tree.select("#outline .kb-sets .kb-row")) == 90


async def test_of_many_options_a_part_is_shown_and_the_last_after_one_was_added(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    base, ids = await long_wizard(editor)
    page = await admin_browser.open(f"{base}?node={ids[-1]}")
    assert (len(page.tree.select(".kb-options > li")), page.one(".kb-options")["data-next"]) == (60, "v60")
    assert "and 70 more options" in page.text(f"#item-{ids[-1]}")
    page = await admin_browser.open(page.link("70 further options"))
    assert page.link("Options 1 to 60").endswith("options=0")
    page = Page(await send(admin_browser, page, "move-option", value="v119"))
    assert page.one(".kb-options > li:first-child")["data-id"] == "v60"
    page = Page(await send(admin_browser, page, "add-option", {"label": "Newest"}))
    assert page.one(".kb-options > li:last-child")["data-id"] == "newest"


def test_the_scripts_of_the_builder_are_small() -> None:
    scripts = ["vendor/htmx.js", "vendor/sortable.js", "keepstep.js", "build.js"]
    assert sum(len(gzip.compress((FOLDER / name).read_bytes())) for name in scripts) <= 60 * 1024


# --- edits ---------------------------------------------------------------------------------------------------------


async def test_a_form_makes_one_named_edit_and_comes_back_to_its_place(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    before = (await survey.draft())["revision"]
    after = Page(await send(admin_browser, page, "change-option-set", {"help": "Only to answer you."}, form="f-question"))
    assert after.text(".kb-said") == "Saved: Change help text of question “Email”"
    assert (await survey.draft())["revision"] == before + 1
    assert after.text("#outline [aria-current] .kb-row-name") == "Email"
    assert after.labelled("Help text").get_text(strip=True) == "Only to answer you."


@pytest.mark.parametrize("blank", ["", "   "])
async def test_a_question_without_a_name_is_refused_in_words_and_keeps_it(admin_browser: Browser, survey: WebSurvey, blank: str) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    refused = await send(admin_browser, page, "change-option-set", {"name": blank}, form="f-question")
    assert refused.status_code == 422
    assert "cannot be empty" in refused.text
    assert "dictionary" not in refused.text
    assert [each["name"] for each in (await survey.draft())["structure"]["steps"][0]["option_sets"]] == ["Full Name", "Email"]


async def test_for_the_script_an_edit_sends_the_row_that_changed_and_no_outline(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    answer = await send(admin_browser, page, "change-option-set", {"help": "Why", "has": "help"}, script=True, form="f-question")
    part = Page(answer)
    assert answer.headers["X-Revision-Made"] == answer.headers["X-Draft-Revision"]
    assert [str(each["data-instead"]) for each in part.tree.select("[data-instead]")] == [f"li-{survey.email}"]
    assert not part.tree.select('[data-into="outline"]')
    assert part.text("[data-say]") == "Saved: Change help text of question “Email”"


async def test_each_of_the_selection_types_can_be_added_shown_and_saved(admin_browser: Browser, survey: WebSurvey) -> None:
    for each in SELECTION_TYPES:
        page = await admin_browser.open(path(survey, node=survey.steps[0], add=""))
        page = Page(await send(admin_browser, page, "add-option-set", {"selection_type": each}))
        assert page.answer.status_code == 200
        texts = await send(admin_browser, page, "change-option-set", {"name": f"A {each}", "help": "Some help"}, form="f-question")
        assert texts.status_code == 200, texts.text
        messages = list(page.tree.select("#f-limits"))
        for form in messages:
            unchanged = await admin_browser.client.post(urljoin(str(page.answer.url), str(form["action"])), data=fields_in(form))
            assert unchanged.status_code == 303
    names = [item["name"] for item in sets_of(await structure_of(survey))]
    assert names[2:] == [f"A {each}" for each in SELECTION_TYPES]


async def test_the_palette_is_searched_without_a_script(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.steps[0], add="", find="date"))
    assert [each.get_text(strip=True) for each in page.tree.select(".kb-type")] == ["Date", "Date and time"]
    other = await admin_browser.open(path(survey, node=survey.steps[0], add="", find="upload"))
    assert [each.get_text(strip=True) for each in other.tree.select(".kb-type")] == ["File"]
    none = await admin_browser.open(path(survey, node=survey.steps[0], add="", find="zzz"))
    assert "No type is called that" in none.text(".kb-palette .kb-empty")


async def test_a_question_is_added_where_the_plus_was(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.steps[0], add=survey.email))
    await send(admin_browser, page, "add-option-set", {"selection_type": "date"})
    assert [item["selection_type"] for item in sets_of(await structure_of(survey))] == ["text_input", "date", "text_input"]


async def test_a_second_click_adds_duplicates_and_takes_back_nothing_twice(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email, add=""))
    for act, fields in (("add-option-set", {"selection_type": "date"}), ("duplicate", {}), ("add-step", {})):
        for _ in range(2):
            assert (await send(admin_browser, page, act, fields)).status_code == 200
    structure = await structure_of(survey)
    assert (len(structure["steps"]), len(sets_of(structure))) == (3, 4)
    page = await admin_browser.open(path(survey))
    for _ in range(2):
        assert (await send(admin_browser, page, "undo")).status_code == 200
    assert len((await structure_of(survey))["steps"]) == 2


async def test_questions_and_steps_move_by_buttons(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    down = page.one("#move-down")
    assert down["aria-disabled"] == "true"
    up = await send(admin_browser, page, "move-option-set", script=True, option_set_id=survey.email, before=survey.full_name)
    assert Page(up).text("[data-say]") == "Moved: now 1 of 2 in “Personal Info”."
    page = await admin_browser.open(path(survey, node=survey.email))
    await send(admin_browser, page, "move-option-set", option_set_id=survey.email, to_step=survey.steps[1])
    structure = await structure_of(survey)
    assert [item["id"] for item in sets_of(structure, 1)] == [survey.color, survey.email]
    page = await admin_browser.open(path(survey, node=survey.steps[1]))
    await send(admin_browser, page, "move-step", step_id=survey.steps[1], before=survey.steps[0])
    assert [each["id"] for each in (await structure_of(survey))["steps"]] == [survey.steps[1], survey.steps[0]]


async def test_options_are_added_moved_retired_and_brought_back(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.color))
    page = Page(await send(admin_browser, page, "add-option", {"label": "Teal"}))
    page = Page(await send(admin_browser, page, "move-option", value="teal", before="red" if "red" in page.answer.text else ""))
    page = Page(await send(admin_browser, page, "retire-option", value="teal"))
    assert (page.text("#outline-shelf h2"), page.text("#outline-shelf .kb-shelf-name")) == ("Retired shelf 1", "Teal")
    page = Page(await send(admin_browser, page, "restore-option", value="teal"))
    options = sets_of(await structure_of(survey), 1)[0]["options"]
    assert "teal" in [each["value"] for each in options if not each.get("retired")]


async def test_what_is_deleted_lies_on_the_shelf_and_comes_back_with_its_id(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    page = Page(await send(admin_browser, page, "impact/delete", node=survey.email))
    assert page.text("#outline [aria-current] .kb-row-name") == "Full Name"
    assert page.text("#outline-shelf h2") == "Deleted 1"
    await send(admin_browser, page, "restore-option-set", option_set_id=survey.email)
    assert [item["id"] for item in sets_of(await structure_of(survey))] == [survey.full_name, survey.email]


async def test_what_on_the_shelf_has_to_wait_says_for_what(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}/options/red")
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.color}", json={"selection_type": "text_input"})
    for node in ("option-sets/" + survey.email, "steps/" + survey.steps[0]):
        await survey.send("DELETE", f"/api/v1/{node}")
    page = await admin_browser.open(path(survey))
    shelf = {each.select_one(".kb-shelf-name").get_text(): each for each in page.tree.select(".kb-shelf li")}  # type: ignore[union-attr]
    assert "“Favorite Color” has no options now (Short text). Give it a type" in " ".join(shelf["Red"].get_text(" ", strip=True).split())
    assert page.tree.select(f'.kb-shelf a[href$="node={survey.color}"]')
    assert "Its step was deleted, too" in shelf["Email"].get_text()
    assert [name for name, row in shelf.items() if row.select("button")] == ["Personal Info"]
    stale = {"base": page.answer.headers["X-Draft-Revision"], "option_set_id": survey.color, "value": "red"}
    token = str(page.one('meta[name="csrf-token"]')["content"])
    refused = await admin_browser.client.post(
        "/wizards/customer-survey/build/edit/restore-option", data={**stale, "csrf_token": token}, follow_redirects=True
    )
    assert "“Favorite Color” is a short text now, which has no options." in Page(refused).text(".ks-form-error")


async def test_a_key_follows_the_label_of_a_new_question_and_no_other(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.steps[0], add=""))
    page = Page(await send(admin_browser, page, "add-option-set", {"selection_type": "date"}))
    for name, key in (("Day of birth", "day-of-birth"), ("Email", "email-2"), ("Born on", "born-on")):
        page = Page(await send(admin_browser, page, "change-option-set", {"name": name}, form="f-question"))
        added = sets_of(await structure_of(survey))[2]
        assert (added["key"], added["key_aliases"]) == (key, [])
    page = Page(await send(admin_browser, page, "change-option-set", {"key": "birthday"}, form="f-key"))
    await send(admin_browser, page, "change-option-set", {"name": "Birth"}, form="f-question")
    page = await admin_browser.open(path(survey, node=survey.email))
    await send(admin_browser, page, "change-option-set", {"name": "E-mail"}, form="f-question")
    assert [item["key"] for item in sets_of(await structure_of(survey))] == ["full-name", "email", "birthday"]


async def test_undo_and_redo_name_what_they_do_and_survive_a_reload(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    await send(admin_browser, page, "retire-option-set", option_set_id=survey.email)
    page = await admin_browser.open(path(survey))
    assert page.one("#undo")["title"] == "Undo: Retire question “Email”"
    page = Page(await send(admin_browser, page, "undo"))
    assert page.one("#redo")["title"] == "Redo: Retire question “Email”"
    await send(admin_browser, page, "redo")
    assert sets_of(await structure_of(survey))[1]["retired"] is True


@pytest.mark.parametrize("script", [False, True])
async def test_an_undo_that_somebody_else_is_in_the_way_of_names_them_and_the_way_on(
    admin_browser: Browser, editor_browser: Browser, survey: WebSurvey, script: bool
) -> None:
    for browser, help_text in ((admin_browser, "Mine"), (editor_browser, "Theirs")):
        page = await browser.open(path(survey, node=survey.email))
        assert (await send(browser, page, "change-option-set", {"help": help_text}, form="f-question")).status_code == 200
    page = await admin_browser.open(path(survey, node=survey.email))
    asked = Page(await send(admin_browser, page, "undo", script=script))
    assert (asked.answer.status_code, asked.answer.headers.get("hx-retarget")) == (409, "#dialog" if script else None)
    assert "Editor Okafor" in asked.text(".ks-dialog-body .kb-list")
    assert (await send(admin_browser, asked, "undo")).status_code == 200
    assert (await send(admin_browser, page, "undo")).status_code == 200
    assert sets_of(await structure_of(survey))[1].get("help") is None
    again = Page(await send(admin_browser, page, "undo", script=script))
    assert "Nothing was done: that is undone already" in (again.answer.text if script else again.text("#notices"))


async def test_where_a_form_was_sent_somebody_who_comes_by_address_sees_the_draft(admin_browser: Browser, survey: WebSurvey) -> None:
    for way in ("edit/change-option-set", "undo", "redo"):
        page = await admin_browser.open(f"/wizards/customer-survey/build/{way}")
        assert str(page.answer.url).endswith("/wizards/customer-survey/build")
        assert page.answer.status_code == 200


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "fields", "why"),
    [
        ("f-limits", {"constraints.max_length": "many"}, "Give a whole number."),
        ("f-limits", {"constraints.min_length": "9", "constraints.max_length": "3"}, "min_length is greater than max_length"),
        ("f-limits", {"constraints.pattern": "("}, "No regular expression"),
        ("f-key", {"key": "Not A Key"}, "A key begins with a small letter"),
        ("f-key", {"key": "full-name"}, "belongs to another question"),
    ],
)
async def test_what_is_wrong_is_said_at_its_input_and_what_was_typed_stays(
    admin_browser: Browser, survey: WebSurvey, form: str, fields: dict[str, str], why: str
) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    before = await survey.draft()
    answer = await send(admin_browser, page, "change-option-set", fields, form=form)
    page = Page(answer)
    assert answer.status_code in {409, 422}
    wrong = page.one(f'#{form} [aria-invalid="true"]')
    assert wrong["value"] in fields.values()
    assert why.lower() in page.text(f"#{form} .ks-error").lower()
    assert await survey.draft() == before


@pytest.mark.parametrize("text", STRANGE)
async def test_whatever_is_typed_stays_text(admin_browser: Browser, survey: WebSurvey, text: str) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    page = Page(await send(admin_browser, page, "change-option-set", {"name": text, "help": text}, form="f-question"))
    assert page.answer.status_code == 200
    assert page.labelled("Question").get_text().strip() == text
    assert not [each for each in page.tree.select("script") if not each.get("src")]
    for act, form, fields in (
        ("change-step", "f-step", {"name": text, "help": text}),
        ("change-option-set", "f-unit", {"unit": text}),
        ("change-option-set", "f-messages", {"message.type": text}),
    ):
        page = Page(await send(admin_browser, page, act, fields, form=form))
        assert page.answer.status_code == 200
    assert (await admin_browser.open(path(survey, node=survey.email))).answer.status_code == 200


async def test_an_act_that_there_is_not_and_a_form_without_its_node_are_problems(admin_browser: Browser, survey: WebSurvey) -> None:
    token = str((await admin_browser.open(path(survey))).one('meta[name="csrf-token"]')["content"])
    base = "/wizards/customer-survey/build/edit"
    answers = [
        await admin_browser.client.post(f"{base}/{act}", data={"csrf_token": token, "base": "1"})
        for act in ("nonsense", "change-step", "undo")
    ]
    assert [answer.status_code for answer in answers] == [404, 422, 404]
    lost = {"csrf_token": token, "base": "x", "option_set_id": new_id(), "has": "help", "help": "x"}
    assert (await admin_browser.client.post(f"{base}/change-option-set", data=lost)).status_code in {404, 409}


async def test_who_may_only_look_finds_no_form_that_changes_anything(signed_in: SignedIn, survey: WebSurvey) -> None:
    browser = await signed_in("analyst")
    page = await browser.open(path(survey, node=survey.color))
    assert not list(page.tree.select("#outline form, #actions form, .kb-tools, .kb-plus, .kb-foot form"))
    assert page.one("#f-flags fieldset").has_attr("disabled")
    token = str(page.one('meta[name="csrf-token"]')["content"])
    data = {"csrf_token": token, "base": "1", "option_set_id": survey.color}
    assert (await browser.client.post("/wizards/customer-survey/build/edit/retire-option-set", data=data)).status_code == 403


async def test_a_wizard_of_others_is_refused_and_one_in_the_trash_is_shown_without_forms(
    signed_in: SignedIn, admin: httpx.AsyncClient, admin_browser: Browser, survey: WebSurvey
) -> None:
    other = (await admin.post("/api/v1/wizards", json={"name": "Other"})).json()
    browser = await signed_in("editor")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "editor@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{other['id']}", json={"role": "editor"})
    assert (await browser.open(path(survey))).answer.status_code == 403
    await admin.delete(f"/api/v1/wizards/{other['id']}")
    page = await admin_browser.open("/wizards/other/build")
    assert "in the trash" in page.text("#notices")
    assert not page.tree.select("#outline form")


async def test_a_change_after_the_session_is_over_is_kept_through_signing_in(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey, node=survey.email))
    admin_browser.client.cookies.clear()
    late = Page(await send(admin_browser, page, "change-option-set", {"help": "Typed late"}, form="f-question"))
    assert late.answer.status_code == 403
    again = Page(await admin_browser.press(late, "Sign in", {"email": "admin@example.org", "password": "correct horse battery"}))
    await admin_browser.press(again, "Send it as Admin Okafor")
    assert sets_of(await structure_of(survey))[1]["help"] == "Typed late"
