from typing import Any

import httpx
import pytest
from sqlalchemy import event
from tests.authoring_kit import EVIL, asked, made
from tests.browser_form import sent_form
from tests.pages_kit import HTMX, Browser, Page
from tests.web_kit import web_survey

from keepstep.config import Resources


async def pressed(browser: Browser, page: Page, do: str, **fields: str) -> Page:
    """The page after a button of the editor; redirects are followed."""
    form = sent_form(str(page.one("#condition-form"))) | {name.replace("_", "-"): [value] for name, value in fields.items()}
    answer = await browser.client.post(str(page.one("#condition-form")["action"]), data=form | {"do": [do]}, follow_redirects=True)
    return Page(answer)


async def condition_in(client: httpx.AsyncClient, slug: str, position: int = 1) -> Any:
    draft = (await client.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]
    return draft["steps"][0]["option_sets"][position]["visible_if"]


async def two_questions(client: httpx.AsyncClient, **second: Any) -> tuple[str, str, str]:
    first, other = asked("first", "single_select", name=f"First {EVIL}"), asked("second", "text_input", **second)
    return await made(client, [first, other]), first["id"], other["id"]


async def test_a_condition_is_built_from_rules_and_saved_as_one_edit(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    assert page.text(".ks-always") == "Always shown. Add a rule to show it only to some."
    page = await pressed(admin_browser, page, "add", question=first)
    page = await pressed(admin_browser, page, "same-0", rule_0_value="yes")
    page = await pressed(admin_browser, page, "save", rule_1_operator="answered")
    assert "Saved in the draft." in page.text("#condition")
    read = {"var": first}
    assert await condition_in(editor, slug) == {"or": [{"==": [read, "yes"]}, {"answered": [read]}]}
    assert (await editor.get(f"/api/v1/wizards/{slug}/draft")).headers["ETag"] == '"2"'
    page = await pressed(admin_browser, page, "remove-1")
    page = await pressed(admin_browser, page, "save")
    assert await condition_in(editor, slug) == {"==": [read, "yes"]}
    assert "<script>alert" not in page.answer.text


async def change(client: httpx.AsyncClient, slug: str, path: str, **members: Any) -> None:
    etag = (await client.get(f"/api/v1/wizards/{slug}/draft")).headers["ETag"]
    answer = await client.patch(f"/api/v1/{path}", json=members, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.text


async def test_a_part_that_is_no_comparison_is_told_in_words_and_kept_as_it_is(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    odd = {">": [{"length": [{"var": first}]}, 0.10]}
    await change(editor, slug, f"option-sets/{second}", visible_if={"and": [odd, {"==": [{"var": first}, "yes"]}]})
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    assert page.text(".ks-rule-kept").startswith(f"the number of characters of “First {EVIL}” is more than 0.1 kept as it is")
    assert "1 part of it is not a comparison" in page.text("#condition-form")
    assert first not in page.text("#condition")
    page = await pressed(admin_browser, page, "save", rule_1_value="no")
    assert await condition_in(editor, slug) == {"and": [odd, {"==": [{"var": first}, "no"]}]}
    page = await pressed(admin_browser, page, "remove-0")
    page = await pressed(admin_browser, page, "save")
    assert await condition_in(editor, slug) == {"==": [{"var": first}, "no"]}


async def test_a_condition_can_be_edited_as_an_expression_with_its_words_beside_it(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    slug, first, second = await two_questions(editor)
    odd = {">": [{"length": [{"var": first}]}, 0.10]}
    await change(editor, slug, f"option-sets/{second}", visible_if=odd)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}&as=text")
    assert '{"length":' in page.text("textarea")
    assert "the number of characters of “First" in page.text(".ks-in-words")
    assert (page.text(".ks-plain-list code"), first in page.text("main")) == ("first", False)
    page = await pressed(admin_browser, page, "save-text", text='{"==": [{"var": "first"}, "no"]}')
    assert page.one("select[name=rule-0-operator]")
    assert await condition_in(editor, slug) == {"==": [{"var": first}, "no"]}


async def test_groups_of_any_within_all_are_edited_and_nested_deeper_ones_kept(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    yes, no, answered = ({"==": [{"var": first}, "yes"]}, {"==": [{"var": first}, "no"]}, {"answered": [{"var": first}]})
    deep = {"and": [{"or": [yes, {"and": [no, answered]}]}, answered]}
    await change(editor, slug, f"option-sets/{second}", visible_if=deep)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    assert len(page.tree.select(".ks-block")) == 2
    assert page.text(".ks-rule-kept").startswith(f"or “First {EVIL}” is “No” and “First {EVIL}” is answered")
    page = await pressed(admin_browser, page, "same-1")
    await pressed(admin_browser, page, "save", rule_3_operator="not-answered")
    assert await condition_in(editor, slug) == {"and": [deep["and"][0], {"or": [answered, {"!": [answered]}]}]}


async def test_a_deleted_question_is_named_by_its_label_in_a_condition(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    await change(editor, slug, f"option-sets/{second}", visible_if={"==": [{"var": first}, "yes"]})
    assert (await editor.delete(f"/api/v1/option-sets/{first}", headers={"If-Match": "*"})).status_code == 200
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    assert page.text("#rule-0-name") == f"First {EVIL}"
    assert "no longer in this wizard" in page.text(".ks-rule")
    assert f"reads “First {EVIL}”, which was deleted. Bring it back" in page.text(".ks-banner")
    assert first not in page.text("#condition")


async def test_a_rule_of_a_question_is_made_and_reworded_and_taken_away(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    age, limit = asked("age", "integer"), asked("limit", "integer")
    slug = await made(editor, [age, limit])
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={age['id']}&rule=0")
    page = await pressed(admin_browser, page, "add", question=".")
    page = await pressed(admin_browser, page, "save", rule_0_operator="at-most", rule_0_value="120", message=f"At most 120 {EVIL}")
    assert "Saved in the draft." in page.text("#condition")
    rule = {"expression": {"<=": [{"var": "."}, 120]}, "message": f"At most 120 {EVIL}"}
    assert (await questions_in(editor, slug))[0]["constraints"]["rules"] == [rule]
    page = await pressed(admin_browser, page, "save", message="No")
    assert (await questions_in(editor, slug))[0]["constraints"]["rules"] == [rule | {"message": "No"}]
    listed = await admin_browser.open(f"/wizards/{slug}/conditions")
    assert listed.text(".ks-rows > li") == "Rule 1 of “The age” This answer is at most 120"
    page = await pressed(admin_browser, page, "drop")
    assert "rules" not in (await questions_in(editor, slug))[0]["constraints"]
    assert (await admin_browser.open(f"/wizards/{slug}/conditions?node={age['id']}&rule=1")).answer.status_code == 404


async def test_an_ending_has_a_condition_too(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first = asked("first", "single_select")
    slug = await made(editor, [first], endings=[{"key": "thanks", "name": "Thanks"}, {"key": "bye", "name": "Bye"}])
    page = await admin_browser.open(f"/wizards/{slug}/conditions?ending=thanks")
    assert page.text("h2.ks-page-title") == "When is this ending shown?"
    page = await pressed(admin_browser, page, "add", question=first["id"])
    page = await pressed(admin_browser, page, "save", rule_0_value="yes")
    assert "Saved in the draft." in page.text("#condition")
    endings = (await editor.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]["endings"]
    assert [each["visible_if"] for each in endings] == [{"==": [{"var": first["id"]}, "yes"]}, None]


async def questions_in(client: httpx.AsyncClient, slug: str) -> Any:
    return (await client.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]["steps"][0]["option_sets"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Line 1, column 2: a name in double quotes is missing here"),
        ('{"and": [\n  {"nope": [1, 2]}\n]}', "Line 2, column 12: there is no operator 'nope'"),
        ('{"answered": [{"var": "018f0000-0000-7000-8000-000000000009"}]}', "Line 1, column 23: no question has the key"),
        ('{"answered":\n [{"var": "frist"}]}', "Line 2, column 11: no question has the key “frist”. Did you mean “first”?"),
        ('{"==": [{"var": "."}, 1]}', "A condition has no value under test"),
    ],
)
async def test_a_text_that_is_no_condition_is_refused_and_kept(
    admin_browser: Browser, editor: httpx.AsyncClient, text: str, why: str
) -> None:
    slug, _, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}&as=text")
    page = await pressed(admin_browser, page, "save-text", text=text)
    assert page.answer.status_code == 422
    assert why in page.text(".ks-form-error")
    assert page.one("textarea").get_text().removeprefix("\n") == text
    assert await condition_in(editor, slug) is None


async def test_rules_become_text_and_text_becomes_rules_before_anything_is_saved(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    page = await pressed(admin_browser, page, "add", question=first)
    page = await pressed(admin_browser, page, "text", rule_0_value="yes")
    assert page.text("textarea") == '{"==":[{"var":"first"},"yes"]}'
    odd = await pressed(admin_browser, page, "rules", text="{")
    assert (odd.answer.status_code, odd.text("textarea")) == (422, "{")
    odd = await pressed(admin_browser, page, "rules", text='{"if": [1, 2]}')
    assert odd.text(".ks-rule-kept").startswith("(2 if always, else nothing) is neither empty, 0 nor no")
    page = await pressed(admin_browser, page, "rules", text=f'{{"answered": [{{"var": "{first}"}}]}}')
    assert page.one("select[name=rule-0-operator] option[selected]")["value"] == "answered"
    assert await condition_in(editor, slug) is None


async def test_a_rule_without_a_value_is_asked_for_it(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    page = await pressed(admin_browser, await pressed(admin_browser, page, "add", question=first), "save")
    assert (page.answer.status_code, page.text(".ks-form-error")) == (422, "Give each rule a value.")


async def test_a_step_and_an_option_have_conditions_as_well(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    first, second = asked("first", "integer"), asked("second", "dropdown")
    slug = await made(editor, [first], [second])
    step = (await editor.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]["steps"][1]["id"]
    for address in (f"node={step}", f"node={second['id']}&value=yes"):
        page = await admin_browser.open(f"/wizards/{slug}/conditions?{address}")
        page = await pressed(admin_browser, page, "add", question=first["id"])
        page = await pressed(admin_browser, page, "save", rule_0_operator="at-least", rule_0_value="1,5")
        assert "Saved in the draft." in page.text("#condition")
    draft = (await editor.get(f"/api/v1/wizards/{slug}/draft")).json()["structure"]["steps"][1]
    wanted = {">=": [{"var": first["id"]}, 1.5]}
    assert (draft["visible_if"], draft["option_sets"][0]["options"][0]["visible_if"]) == (wanted, wanted)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={first['id']}")
    assert page.text(".ks-used h3") == "Used in 2"
    page = await admin_browser.open(f"/wizards/{slug}/conditions", htmx=True)
    assert (page.is_whole, len(page.tree.select(".ks-row-name"))) == (False, 2)


async def test_somebody_elses_change_of_the_same_condition_is_shown_and_nothing_is_lost(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    slug, first, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    page = await pressed(admin_browser, page, "add", question=first)
    theirs = {"answered": [{"var": first}]}
    await editor.patch(f"/api/v1/option-sets/{second}", json={"visible_if": theirs}, headers={"If-Match": '"1"'})
    page = await pressed(admin_browser, page, "save", rule_0_value="no")
    assert page.answer.status_code == 409
    assert "Somebody changed this condition since you opened it." in page.text(".ks-banner")
    assert await condition_in(editor, slug) == theirs
    page = await pressed(admin_browser, page, "save")
    assert await condition_in(editor, slug) == {"==": [{"var": first}, "no"]}


async def test_edits_of_other_nodes_do_not_matter(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    slug, first, second = await two_questions(editor)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={second}")
    page = await pressed(admin_browser, page, "add", question=first)
    await editor.patch(f"/api/v1/option-sets/{first}", json={"help": "Think"}, headers={"If-Match": '"1"'})
    page = await pressed(admin_browser, page, "save", rule_0_value="no")
    assert "Saved in the draft." in page.text("#condition")


async def test_a_condition_over_stored_answers_is_counted_and_confirmed(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="Ann", email="a@example.org")
    page = await admin_browser.open(f"/wizards/customer-survey/conditions?node={survey.email}")
    page = await pressed(admin_browser, page, "add", question=survey.full_name)
    page = await pressed(admin_browser, page, "save", rule_0_value="Bob")
    assert page.answer.status_code == 409
    assert "1 answer" in page.text("#report h3")
    assert (await survey.draft())["structure"]["steps"][0]["option_sets"][1]["visible_if"] is None
    page = await pressed(admin_browser, page, "save")
    assert "Saved in the draft." in page.text("#condition")


async def test_an_analyst_reads_conditions_and_changes_none(signed_in: Any, editor: httpx.AsyncClient) -> None:
    slug, _, second = await two_questions(editor)
    browser = await signed_in("analyst")
    page = await browser.open(f"/wizards/{slug}/conditions?node={second}")
    assert page.answer.status_code == 200
    assert [each for each in page.tree.select("#condition-form button") if "visually-hidden" not in each["class"]] == []
    assert (await pressed(browser, page, "drop")).answer.status_code == 403


async def test_the_list_costs_the_same_queries_for_one_condition_and_fifty(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    found: list[str] = []
    event.listen(resources.engine.sync_engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    counts = []
    for many in (1, 50):
        first = asked("first", "single_select")
        yes = {"==": [{"var": first["id"]}, "yes"]}
        slug = await made(editor, [first, *(asked(f"q{number}", "text_input", visible_if=yes) for number in range(many))])
        found.clear()
        await browser_get(admin_browser, f"/wizards/{slug}/conditions")
        counts.append(len(found))
    assert counts[0] == counts[1] <= 5


async def browser_get(browser: Browser, path: str) -> None:
    assert (await browser.client.get(path, headers=HTMX)).status_code == 200


async def test_an_answer_is_compared_with_another_question_by_the_controls_of_the_form(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    start, end, other = asked("start", "date"), asked("end", "date"), asked("other", "text_input")
    slug = await made(editor, [start, end, other])
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={end['id']}&rule=0")
    page = await pressed(admin_browser, page, "add", question=".")
    page = await pressed(admin_browser, page, "other-0", rule_0_operator="at-least")
    assert [each.get_text() for each in page.one("select[name=rule-0-other]").select("option")] == ["Choose a question", "The start"]
    unfinished = await pressed(admin_browser, page, "save")
    assert "Give each rule a value" in unfinished.text(".ks-form-error")
    page = await pressed(admin_browser, page, "save", rule_0_other=start["id"])
    assert (await questions_in(editor, slug))[1]["constraints"]["rules"] == [{"expression": {">=": [{"var": "."}, {"var": start["id"]}]}}]
    assert page.one("select[name=rule-0-other] option[selected]").get_text() == "The start"
    page = await pressed(admin_browser, page, "value-0")
    assert page.tree.select("select[name=rule-0-other]") == []


async def test_the_form_that_an_answer_has_is_a_control_of_a_rule(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    code = asked("zip", "text_input")
    slug = await made(editor, [code])
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={code['id']}&rule=0")
    page = await pressed(admin_browser, page, "add", question=".")
    page = await pressed(admin_browser, page, "save", rule_0_operator="matches", rule_0_value="[0-9]{5}", message="Five digits.")
    rule = {"expression": {"matches": [{"var": "."}, "[0-9]{5}"]}, "message": "Five digits."}
    assert (await questions_in(editor, slug))[0]["constraints"]["rules"] == [rule]
    bad = await pressed(admin_browser, page, "save", rule_0_value="(")
    assert (bad.answer.status_code, "no regular expression" in bad.text(".ks-form-error")) == (422, True)


async def test_of_many_questions_some_are_found_and_each_says_its_key(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    alike = "Did the person who died have a fever that was there at the beginning of the illness, and went on for longer than"
    items = [asked(f"fever-{days}", "text_input", name=f"{alike} {'many ' * 4}{days} days?") for days in range(14)]
    slug = await made(editor, items)
    page = await admin_browser.open(f"/wizards/{slug}/conditions?node={items[0]['id']}")
    assert page.labelled("Find a question")["data-filters"] == page.one("select[name=question]")["id"]
    # Without a script a button finds, as Enter does, and what was typed elsewhere stays.
    for act in ("find", "enter"):
        found = await pressed(admin_browser, page, act, find="DAYS fever-1")
        assert [each.get_text()[-9:] for each in found.tree.select("select[name=question] option")] == [
            f"(fever-{n})"[-9:] for n in (1, 10, 11, 12, 13)
        ]
        assert found.text("#question-found") == "5 of 13 questions"
    none = await pressed(admin_browser, found, "find", find="nowhere")
    assert (none.text("#question-found"), len(none.tree.select("select[name=question] option"))) == ("No question has these words.", 13)
    added = await pressed(admin_browser, found, "add", question=items[11]["id"])
    assert (added.one("input[name=find]")["value"], len(added.tree.select("select[name=question] option"))) == ("", 13)
    named = [each.get_text() for each in page.tree.select("select[name=question] option")]
    assert (len(set(named)), named[4].endswith("5 days? (fever-5)"), "…" in named[4]) == (13, True, True)
