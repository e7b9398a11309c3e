"""Publishing as a reviewed diff: what the page says equals the API and the rows, and nothing goes live but what was seen."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.history_kit import ShownChange, Statements, pill_of, shown_changes, sql_answers
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.web.kept import typed_in

SignedIn = Callable[..., Awaitable[Browser]]
LONG = "Sehr lang مرحبا 🎈 <script>alert(1)</script> " * 250


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


def path(survey: WebSurvey) -> str:
    return f"/wizards/{survey.wizard}/review"


async def change(survey: WebSurvey, option_set_id: str, **fields: Any) -> None:
    """A change of the draft, confirmed if it has to be."""
    await confirmed(survey, "PUT", f"/api/v1/option-sets/{option_set_id}", json=fields)


async def confirmed(survey: WebSurvey, method: str, url: str, **named: Any) -> None:
    answer = await survey.send(method, url, **named)
    if answer.status_code == 409:
        answer = await survey.send(method, url, params={"confirm": answer.json()["confirm"]}, **named)
    assert answer.status_code < 300, answer.text


async def delete(survey: WebSurvey, kind: str, node_id: str) -> None:
    await confirmed(survey, "DELETE", f"/api/v1/{kind}/{node_id}")


async def versions(resources: Resources) -> list[tuple[int, str, str | None]]:
    async with resources.engine.connect() as connection:
        found = text("SELECT version_number, in_progress_policy, change_summary FROM wizard_versions ORDER BY 1")
        return [tuple(row) for row in await connection.execute(found)]


async def test_scenario_a_a_deleted_question_is_told_with_its_count_and_stays_in_the_run(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    run = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    before = (await survey.client.get(f"/api/v1/runs/{run}")).json()["responses"]
    await delete(survey, "option-sets", survey.email)
    page = await admin_browser.open(path(survey))
    lossy = ("Lossy", "Lossy, to the archive")
    assert shown_changes(page) == [ShownChange("The question “Email” was removed from “Personal Info”.", (1, "answer", 1), lossy)]
    answer = await admin_browser.press(page, "Publish version 2", {"change_summary": "No e-mail"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wizards/customer-survey/versions?done=2")
    assert await versions(resources) == [(1, "finish", None), (2, "finish", "No e-mail")]
    assert (await survey.client.get(f"/api/v1/runs/{run}")).json()["responses"] == before
    done = await admin_browser.open(answer.headers["location"])
    assert "Version 2 is live." in done.text(".ks-banner")


async def test_scenario_b_a_deleted_step_is_one_change_with_all_its_answers(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="John Doe", email="john@example.com")
    await survey.answer(full_name="Ann")
    await delete(survey, "steps", survey.steps[0])
    (only,) = shown_changes(await admin_browser.open(path(survey)))
    assert (only.what, only.touched) == ("The step “Personal Info” was removed with 2 questions.", (3, "answer", 1))


async def test_scenario_d_another_type_shows_what_becomes_of_each_stored_value(admin_browser: Browser, survey: WebSurvey) -> None:
    for color in ("blue", "blue", "red"):
        await survey.answer(favorite_color=color)
    await change(survey, survey.color, selection_type="multiple_select")
    page = await admin_browser.open(path(survey))
    (only,) = shown_changes(page)
    assert only.touched == (3, "answer", 1)
    rows = [[cell.get_text(strip=True) for cell in row.select("td")] for row in page.tree.select(".ks-values tbody tr")]
    assert rows == [["blue", "blue", "2"], ["red", "red", "1"]]
    assert [each.get_text() for each in page.tree.select(".ks-side del")] == ["choose one"]
    assert [each.get_text() for each in page.tree.select(".ks-side ins")] == ["choose all that apply"]


async def test_scenario_e_a_new_required_question_names_the_runs_that_lack_it(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.answer(full_name="John Doe")
    node = {"step_id": survey.steps[0], "name": "Phone Number", "selection_type": "phone", "is_required": True}
    assert (await survey.send("POST", "/api/v1/option-sets", json=node)).status_code == 201
    (only,) = shown_changes(await admin_browser.open(path(survey)))
    assert only.touched == (1, "run", 1)
    assert only.badges == ("Blocking", "Blocking until answered")


@pytest.mark.parametrize("seed", range(4))
async def test_the_counts_of_any_edits_equal_those_of_the_rows(
    admin_browser: Browser, survey: WebSurvey, resources: Resources, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(chance.randint(3, 9)):
        answers = {"full_name": f"N{number}", "email": chance.choice(["", "a@b.c"]), "favorite_color": chance.choice(["red", "blue"])}
        run = await survey.answer(**{name: value for name, value in answers.items() if value and chance.random() < 0.7})
        if chance.random() < 0.2:
            await survey.client.delete(f"/api/v1/runs/{run}")
    edits = {
        survey.email: lambda: delete(survey, "option-sets", survey.email),
        survey.full_name: lambda: change(survey, survey.full_name, selection_type="textarea"),
        survey.color: lambda: delete(survey, "option-sets", f"{survey.color}/options/red"),
    }
    for done in chance.sample(list(edits), chance.randint(1, 3)):
        await edits[done]()
    body = (await survey.client.get(f"{survey.url}/changes")).json()
    shown = {each.what: each.touched for each in shown_changes(await admin_browser.open(path(survey)))}
    for told in body["changes"]:
        counted = await sql_answers(resources.engine, *_about(told["path"]))
        assert shown.pop(told["summary"]) == ((counted[0], "answer", counted[1]) if counted[0] else None)
        assert told["impact"]["answers"] == counted[0]
    assert shown == {}


def _about(pointer: str) -> tuple[str, str | None]:
    """The question of a change, and the option if it is about one."""
    parts = pointer.split("/")
    return parts[2], parts[4] if len(parts) > 4 and parts[3] == "options" else None


async def test_a_class_that_rose_shows_the_new_report_and_publishes_nothing(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await delete(survey, "option-sets", survey.email)
    page = await admin_browser.open(path(survey))
    assert shown_changes(page)[0].touched is None
    await survey.answer(email="new@example.com")
    answer = await admin_browser.press(page, "Publish version 2", {"change_summary": "kept words"})
    again = Page(answer)
    assert answer.status_code == 409
    assert "Nothing was published" in again.text("[role=alert]")
    assert shown_changes(again)[0].touched == (1, "answer", 1)
    assert again.labelled("Shown in the version list").get_text(strip=True) == "kept words"
    assert await versions(resources) == [(1, "finish", None)]
    assert (await admin_browser.press(again, "Publish version 2")).status_code == 303
    assert await versions(resources) == [(1, "finish", None), (2, "finish", "kept words")]


async def test_numbers_that_rose_are_shown_before_anything_is_published(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await survey.answer(email="first@example.com")
    await delete(survey, "option-sets", survey.email)
    page = await admin_browser.open(path(survey))
    await survey.answer(email="second@example.com")
    answer = await admin_browser.press(page, "Publish version 2")
    assert (answer.status_code, shown_changes(Page(answer))[0].touched) == (409, (2, "answer", 1))
    assert len(await versions(resources)) == 1


async def test_an_edit_of_somebody_else_meanwhile_is_named_and_nothing_is_published(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await change(survey, survey.email, help="Work address")
    page = await admin_browser.open(path(survey))
    await change(survey, survey.color, is_required=True)
    again = Page(await admin_browser.press(page, "Publish version 2"))
    assert again.answer.status_code == 412
    assert "Change requirement of question “Favorite Color”" in again.text("[role=alert]")
    assert len(shown_changes(again)) == 2
    assert len(await versions(resources)) == 1


async def test_problems_that_stop_publishing_stand_above_and_there_is_no_button(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, visible_if={"==": [{"var": survey.color}, "purple"]})
    page = await admin_browser.open(path(survey))
    assert "1 problem stops publishing" in page.text(".ks-stops h3")
    assert "which is none of its options" in page.text(".ks-stops li")
    place = await admin_browser.open(page.link("Change the condition"))
    assert (place.answer.status_code, "Email" in place.text("main")) == (200, True)
    assert [each.get_text(strip=True) for each in page.tree.select(".ks-review-side button")] == []


async def test_publishing_by_hand_over_a_problem_is_refused_with_the_problem(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await change(survey, survey.email, help="x")
    action, fields = (await admin_browser.open(path(survey))).form_of("Publish version 2")
    await change(survey, survey.email, visible_if={"==": [{"var": survey.color}, "purple"]})
    answer = await admin_browser.client.post(action, data=fields | {"seen": "*"})
    assert answer.status_code == 422
    assert "none of its options" in Page(answer).text("[role=alert]")
    assert len(await versions(resources)) == 1


async def test_runs_in_progress_are_counted_with_their_versions(admin_browser: Browser, survey: WebSurvey) -> None:
    for _ in range(2):
        await survey.client.post(f"{survey.url}/runs", json={"answers": {"full-name": "Ann"}})
    await change(survey, survey.email, help="x")
    page = await admin_browser.open(path(survey))
    assert pill_of(page.one(".ks-review-side legend")) == (2, "run", 1)
    assert "The 2 people who are part-way stay" in page.text("#policy-finish-text")


async def test_without_changes_there_is_nothing_to_publish(admin_browser: Browser, survey: WebSurvey) -> None:
    page = await admin_browser.open(path(survey))
    assert page.text(".ks-title h2").startswith("Nothing to publish")
    assert page.tree.select("form[action$=review]") == []


async def test_the_first_version_is_published_the_same_way(admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    page = await admin_browser.open(f"/wizards/{made['slug']}/review")
    assert (await admin_browser.press(page, "Publish version 1")).status_code == 303
    assert await versions(resources) == [(1, "finish", None)]


async def test_a_second_press_of_the_button_publishes_nothing_more(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    await change(survey, survey.email, help="x")
    page = await admin_browser.open(path(survey))
    assert (await admin_browser.press(page, "Publish version 2")).status_code == 303
    again = await admin_browser.press(page, "Publish version 2")
    assert (again.status_code, len(await versions(resources))) == (409, 2)
    assert "nothing to publish" in Page(again).text("[role=alert]")


async def test_a_summary_that_is_too_long_is_kept_and_named(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, help="x")
    page = await admin_browser.open(path(survey))
    again = Page(await admin_browser.press(page, "Publish version 2", {"change_summary": "y" * 6_000}))
    field = again.labelled("Shown in the version list")
    assert (again.answer.status_code, field.get("aria-invalid"), len(field.get_text())) == (422, "true", 6_000)


async def test_what_the_draft_took_away_is_brought_back_from_the_review(
    admin_browser: Browser, survey: WebSurvey, signed_in: SignedIn
) -> None:
    await delete(survey, "option-sets", survey.email)
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}/options/red")
    await survey.send("POST", f"/api/v1/steps/{survey.steps[0]}/retire")
    reader = await signed_in("analyst")
    assert (await reader.open(path(survey))).tree.select(".ks-bring-back") == []
    for name in ("Email", "Red", "Personal Info"):
        page = await admin_browser.open(path(survey))
        done = await admin_browser.press(page, f"Bring back {name}")
        assert done.headers["location"].endswith("/review?done=brought-back")
    page = await admin_browser.open(done.headers["location"])
    assert page.text("#notices") == "It is in the draft again."
    assert "The draft is what is live" in page.text("#main")


async def test_a_question_that_was_deleted_is_called_by_its_label_where_a_condition_reads_it(
    admin_browser: Browser, survey: WebSurvey
) -> None:
    await change(survey, survey.color, visible_if={"answered": [{"var": survey.email}]})
    await delete(survey, "option-sets", survey.email)
    page = await admin_browser.open(f"{path(survey)}?step={survey.steps[1]}")
    assert "Shown if “Email” (deleted) is answered" in page.text("#beside")
    assert page.text(".ks-stops button") == "Bring back Email"
    assert "a question that is gone" not in page.answer.text


async def test_an_analyst_reads_the_review_and_cannot_publish(signed_in: SignedIn, survey: WebSurvey, admin_browser: Browser) -> None:
    await change(survey, survey.email, help="x")
    analyst = await signed_in("analyst")
    page = await analyst.open(path(survey))
    assert "Publishing is for editors." in page.text(".ks-review-side")
    assert len(shown_changes(page)) == 1
    action, fields = (await admin_browser.open(path(survey))).form_of("Publish version 2")
    token = page.one("meta[name=csrf-token]")["content"]
    answer = await analyst.client.post(action, data=fields | {"csrf_token": str(token)})
    assert answer.status_code == 403


async def test_a_foreign_wizard_is_refused(signed_in: SignedIn, admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    other = (await admin.post("/api/v1/wizards", json={"name": "Other"})).json()
    browser = await signed_in("editor")
    user = next(each for each in (await admin.get("/api/v1/users")).json()["items"] if each["email"] == "editor@example.org")
    await admin.put(f"/api/v1/users/{user['id']}/grants/{other['id']}", json={"role": "editor"})
    assert (await browser.open(path(survey))).answer.status_code == 403
    assert (await browser.open(f"/wizards/{other['id']}/review")).answer.status_code == 200


async def test_a_wizard_in_the_trash_shows_its_draft_and_no_button(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, help="x")
    assert (await survey.client.delete(survey.url)).status_code == 200
    page = await admin_browser.open(path(survey))
    assert "This wizard is in the trash." in page.text(".ks-review-side")
    assert page.tree.select(".ks-review-side button") == []


async def test_texts_of_any_length_and_kind_stay_texts(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, name=LONG, help="<script>alert(2)</script>")
    await confirmed(survey, "PUT", f"/api/v1/option-sets/{survey.color}/options/red", json={"label": "<b>Red</b>"})
    page = await admin_browser.open(path(survey))
    assert LONG.strip() in page.one("#beside").get_text()
    assert [each for each in page.tree.find_all("script") if not each.get("src")] == []
    assert page.tree.select("#beside b") == []


async def test_the_script_gets_one_step_alone_and_without_counting(admin_browser: Browser, survey: WebSurvey, resources: Resources) -> None:
    await change(survey, survey.email, help="x")
    await change(survey, survey.color, is_required=True)
    whole = await admin_browser.open(f"{path(survey)}?step={survey.steps[1]}")
    statements = Statements(resources.engine)
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#beside"}
    part = Page(await admin_browser.client.get(f"{path(survey)}?step={survey.steps[1]}", headers=headers))
    assert (part.is_whole, part.text(".ks-card-head h3")) == (False, "Step 2, Preferences 2 of 2 touched steps")
    assert part.text(".ks-beside") == whole.text("#beside .ks-beside")
    assert not any("run_revisions" in statement for statement in statements.sent)


async def test_the_list_can_be_laid_out_by_kind(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, help="x")
    await change(survey, survey.color, is_required=True)
    pages = [await admin_browser.open(f"{path(survey)}?by={by}") for by in ("step", "kind")]
    titles = [[each.get_text(" ", strip=True).split("\n")[0] for each in page.tree.select(".ks-group-title")] for page in pages]
    assert titles == [["Personal Info 1 change", "Preferences 1 change"], ["Required 1 change", "Reworded 1 change"]]
    assert [len(shown_changes(page)) for page in pages] == [2, 2]


async def test_one_change_and_fifty_cost_the_same_number_of_queries(
    admin_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    await survey.answer(full_name="Ann")
    statements, counts = Statements(resources.engine), []
    draft = (await survey.draft())["structure"]
    for many in (2, 50):
        extra = [{"name": f"Q{number}", "selection_type": "text_input", "is_required": True} for number in range(many)]
        step = draft["steps"][0] | {"option_sets": [*draft["steps"][0]["option_sets"], *extra]}
        body = {"structure": draft | {"steps": [step, draft["steps"][1]]}}
        assert (await survey.send("PUT", f"{survey.url}/draft", json=body)).status_code == 200
        counts.append(await statements.during(admin_browser.open(path(survey))))
    assert counts[0] == counts[1] <= 16


async def test_whoever_was_sent_to_publish_first_goes_back_to_where_they_were(admin_browser: Browser, survey: WebSurvey) -> None:
    await change(survey, survey.email, help="x")
    page = await admin_browser.open(f"{path(survey)}?return=/wizards/customer-survey/audit?what=draft")
    assert page.link("Back without publishing") == "/wizards/customer-survey/audit?what=draft"
    answer = await admin_browser.press(page, "Publish version 2")
    assert answer.headers["location"] == "/wizards/customer-survey/audit?what=draft"


async def test_a_policy_that_was_not_shown_yet_is_shown_before_it_holds(admin_browser: Browser, survey: WebSurvey) -> None:
    assert (await survey.client.post(f"{survey.url}/runs", json={"answers": {"full-name": "Ann"}})).status_code == 201
    await change(survey, survey.email, is_required=True)
    page = await admin_browser.open(path(survey))
    shown = Page(await admin_browser.press(page, "Publish version 2", {"in_progress": "offer"}))
    assert "had not been shown" in shown.text("#notices")
    assert "token" not in shown.text("#notices")
    answer = await admin_browser.press(shown, "Publish version 2")
    assert answer.headers["location"] == "/wizards/customer-survey/versions?done=2"


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "javascript:alert(1)", "/\\example.org"])
async def test_nobody_is_sent_to_another_site_after_publishing(admin_browser: Browser, survey: WebSurvey, elsewhere: str) -> None:
    await change(survey, survey.email, help="x")
    page = await admin_browser.open(path(survey))
    answer = await admin_browser.press(page, "Publish version 2", {"return": elsewhere})
    assert answer.headers["location"] == "/wizards/customer-survey/versions?done=2"


async def test_the_page_is_not_there_for_a_removed_wizard(admin_browser: Browser, admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    await admin.delete(survey.url)
    assert (await admin.delete(f"{survey.url}?permanent=true")).status_code == 200
    assert (await admin_browser.open(path(survey))).answer.status_code == 410


async def test_of_the_form_of_a_publish_only_what_was_chosen_counts_as_typed(admin_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PUT", f"/api/v1/option-sets/{survey.full_name}", json={"help": "Why"})
    page = await admin_browser.open("/wizards/customer-survey/review")
    held = page.form_of("Publish version 2")[1]
    assert {"seen", "confirm", "confirm_finish", "counted"} <= held.keys()
    assert typed_in([(name, value) for name, value in held.items() if name != "csrf_token"]) == "finish"
