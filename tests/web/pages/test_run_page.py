"""One run as it was seen: states, reasons, versions, history, restore, edit in its own version, trash, erasure, and what is taken along."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.history_kit import Statements, squeezed
from tests.pages_kit import Browser, Page
from tests.runs_kit import confirmed, lines_of, post, runs_path, send_step, two_versions
from tests.tampering import tamper
from tests.web.conftest import new_id
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]
Survey = tuple[WebSurvey, dict[str, str]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> Survey:
    return await two_versions(editor)


def path(survey: Survey, who: str = "john", rest: str = "") -> str:
    return runs_path(survey[0], f"/{survey[1][who]}{rest}")


async def stored(resources: Resources, run_id: str) -> list[tuple[Any, ...]]:
    """Every revision of a run as its bytes are."""
    statement = (
        "SELECT revision, answers::text, archive::text, asked::text, content_digest FROM run_revisions WHERE run_id = :id ORDER BY 1"
    )
    async with resources.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), {"id": run_id})]


# --- as it was seen ------------------------------------------------------------------------------------------------------


async def test_a_run_is_shown_in_its_own_version_with_the_state_of_each_question(admin_browser: Browser, survey: Survey) -> None:
    page = await admin_browser.open(path(survey))
    assert page.text(".ks-run-banner strong") == "Wizard v1 (older version: the wizard has been updated)"
    assert lines_of(page) == {
        "Full Name": ("John Doe", "answered"),
        "Email": ("john@example.com", "answered"),
        "Favorite Color": ("Blue", "answered"),
    }
    current = await admin_browser.open(path(survey, "zoe"))
    assert current.text(".ks-run-banner strong") == "Wizard v2 (current version)"
    assert lines_of(current)["Favorite Color"] == ("No answer given", "left empty")
    assert "Email" not in lines_of(current)


async def test_a_run_says_whether_it_is_unaltered_from_its_own_digests(
    admin_browser: Browser, survey: Survey, superuser_engine: AsyncEngine
) -> None:
    await change(survey, 1, {"full-name": "John"})
    page = await admin_browser.open(path(survey))
    assert page.text("#kept") == "Unaltered since it was stored"
    assert "2 revisions recomputed" in page.text(".ks-run-facts")
    spoilt = "UPDATE run_revisions SET answers = jsonb_set(answers, ARRAY[:name, 'value'], '\"Jane\"') WHERE run_id = :run AND revision = 1"
    await tamper(superuser_engine, spoilt, {"run": survey[1]["john"], "name": survey[0].full_name})
    page = await admin_browser.open(path(survey))
    assert page.text("#kept") == "Altered since it was stored"
    assert page.text(".ks-altered") == "Revision 1: The stored content does not match its digest."
    other = await admin_browser.open(path(survey, "ann"))
    assert other.text("#kept") == "Unaltered since it was stored"


async def test_a_run_is_not_unaltered_where_the_words_that_it_was_asked_in_are_not(
    admin_browser: Browser, survey: Survey, superuser_engine: AsyncEngine
) -> None:
    spoilt = "UPDATE wizard_versions SET structure = replace(structure::text, 'Blue', 'Green')::jsonb WHERE version_number = 1"
    await tamper(superuser_engine, spoilt)
    page = await admin_browser.open(path(survey))
    assert page.text("#kept") == "Altered since it was stored"
    assert page.text(".ks-altered").startswith("Version 1: The structure does not match its digest")
    other = await admin_browser.open(path(survey, "zoe"))
    assert other.text("#kept") == "Unaltered since it was stored"
    assert "and the wording of 1 version" in other.text(".ks-run-facts")
    through = await admin_browser.open(path(survey, "zoe", "?through=1"))
    assert through.text("#kept") == "Altered since it was stored"


async def test_a_question_that_was_not_asked_says_why_in_words(admin_browser: Browser, survey: Survey) -> None:
    kit = survey[0]
    condition = {"==": [{"var": kit.color}, "red"]}
    why = {"step_id": kit.steps[1], "name": "Why this color?", "selection_type": "text_input", "visible_if": condition}
    await confirmed(kit, "POST", "/api/v1/option-sets", json=why)
    assert (await kit.publish()).status_code == 201
    run = await kit.answer(full_name="Mo", favorite_color="blue")
    page = await admin_browser.open(runs_path(kit, f"/{run}"))
    told = "Asked only if “Favorite Color” is “Red”. “Favorite Color” was Blue."
    assert lines_of(page)["Why this color?"] == (told, "not asked")
    less = await admin_browser.open(page.link("Show only what was asked"))
    assert "Why this color?" not in lines_of(less)
    assert less.link("Show the 1 question that was not asked").startswith(runs_path(kit, f"/{run}"))


async def test_a_condition_on_a_bare_answer_is_told_as_what_makes_it_hold(admin_browser: Browser, survey: Survey) -> None:
    kit = survey[0]
    why = {"step_id": kit.steps[1], "name": "Why?", "selection_type": "text_input", "visible_if": {"var": kit.color}}
    await confirmed(kit, "POST", "/api/v1/option-sets", json=why)
    assert (await kit.publish()).status_code == 201
    run = await kit.answer(full_name="Mo")
    told = lines_of(await admin_browser.open(runs_path(kit, f"/{run}")))["Why?"]
    assert told == ("Asked only if “Favorite Color” is neither empty, 0 nor no. “Favorite Color” was not answered.", "not asked")


async def test_through_another_version_nothing_is_stored(admin_browser: Browser, survey: Survey, resources: Resources) -> None:
    before = await stored(resources, survey[1]["john"])
    page = await admin_browser.open(path(survey, rest="?through=2"))
    assert set(lines_of(page)) == {"Full Name", "Favorite Color", "Email as asked in v1"}
    assert "john@example.com" in page.text(".ks-archive")
    back = await admin_browser.open(path(survey, "zoe", "?through=1"))
    assert lines_of(back)["Email"] == ("The run's own version does not have this question.", "not in this version")
    assert await stored(resources, survey[1]["john"]) == before


async def test_where_an_option_has_another_label_now_the_former_one_stands_beside_it(admin_browser: Browser, survey: Survey) -> None:
    kit = survey[0]
    await confirmed(kit, "PATCH", f"/api/v1/option-sets/{kit.color}/options/blue", json={"label": "Navy", "meaning": "same"})
    assert (await kit.publish()).status_code == 201
    page = await admin_browser.open(path(survey, rest="?through=3"))
    assert lines_of(page)["Favorite Color"][0] == "Navy As answered: Blue"
    assert lines_of(await admin_browser.open(path(survey)))["Favorite Color"][0] == "Blue"


async def test_the_archive_says_in_which_version_it_was_answered_and_not_the_newest_that_asks(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    survey = await web_survey(editor)
    run_id = await survey.answer(full_name="John Doe", email="john@example.com")
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"personal_data": True})
    assert (await survey.publish()).status_code == 201
    await confirmed(survey, "DELETE", f"/api/v1/option-sets/{survey.email}")
    assert (await survey.publish()).status_code == 201
    page = await admin_browser.open(f"/wizards/customer-survey/runs/{run_id}?through=3")
    assert lines_of(page)["Email as asked in v1"][0] == "john@example.com"


async def test_a_version_that_is_not_there_is_said_so_as_the_api_says_it(admin_browser: Browser, survey: Survey) -> None:
    page = await admin_browser.open(path(survey, rest="?through=99"))
    api = await survey[0].client.get(f"/api/v1/runs/{survey[1]['john']}?through=99")
    assert (page.answer.status_code, api.status_code) == (404, 404)
    assert "This wizard has no version 99." in page.text("main")


async def test_page_and_api_tell_the_same_states(admin_browser: Browser, survey: Survey) -> None:
    for rest in ("", "?through=2"):
        page = await admin_browser.open(path(survey, rest=rest))
        body = (await survey[0].client.get(f"/api/v1/runs/{survey[1]['john']}{rest}")).json()
        shown = [each.rsplit(" ", 1)[-1] for _, each in list(lines_of(page).values())[: len(body["responses"])]]
        assert shown == [each["state"] for each in body["responses"]]


async def test_the_script_gets_the_run_without_the_page_and_more_revisions_cost_no_more_queries(
    admin_browser: Browser, survey: Survey, resources: Resources
) -> None:
    statements = Statements(resources.engine)
    few = await statements.during(admin_browser.open(path(survey)))
    for number in range(1, 8):
        await change(survey, number, {"full-name": f"John {number}"})
    whole, part = [await admin_browser.open(path(survey), htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole, part.text("#run")) == (True, False, whole.text("#run"))
    assert await statements.during(admin_browser.open(path(survey))) == few


async def change(survey: Survey, revision: int, answers: dict[str, Any], who: str = "john") -> None:
    headers = {"If-Match": f'"{revision}.0"'}
    answer = await survey[0].client.patch(f"/api/v1/runs/{survey[1][who]}/answers", json={"answers": answers}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("rest", ["?through=99", "?revision=99", "?through=x", "?before=0", "/files/" + "0" * 36, "/compare?start=9"])
async def test_what_is_not_there_is_a_problem_and_no_fault(admin_browser: Browser, survey: Survey, rest: str) -> None:
    assert (await admin_browser.open(path(survey, rest=rest))).answer.status_code in (200, 404, 422)


async def test_a_run_is_found_under_its_own_wizard_alone(admin_browser: Browser, survey: Survey, editor: httpx.AsyncClient) -> None:
    other = (await editor.post("/api/v1/wizards", json={"name": "Other"})).json()
    for address in (f"/wizards/{other['slug']}/runs/{survey[1]['john']}", runs_path(survey[0], f"/{new_id()}")):
        assert (await admin_browser.open(address)).answer.status_code == 404


# --- history -------------------------------------------------------------------------------------------------------------


async def test_the_history_names_what_each_revision_changed_and_an_old_one_can_be_looked_at_and_restored(
    admin_browser: Browser, survey: Survey, resources: Resources
) -> None:
    await change(survey, 1, {"email": "jon@example.com"})
    page = await admin_browser.open(path(survey))
    assert page.text(".ks-revisions > li:first-child .ks-differences") == "Email john@example.com jon@example.com"
    old = await admin_browser.open(path(survey, rest="?revision=1"))
    assert lines_of(old)["Email"][0] == "john@example.com"
    before = await stored(resources, survey[1]["john"])
    dialog = await admin_browser.open(page.link("Restore revision 1…"))
    assert dialog.text(".ks-differences") == "Email jon@example.com john@example.com"
    assert (await admin_browser.press(dialog, "Restore revision 1")).status_code == 303
    after = await stored(resources, survey[1]["john"])
    assert (after[:2], after[2][1]) == (before, before[0][1])
    assert Page(await admin_browser.press(dialog, "Restore revision 1")).answer.status_code == 412


async def test_any_two_revisions_are_compared_answer_by_answer(admin_browser: Browser, survey: Survey) -> None:
    await change(survey, 1, {"email": None})
    await change(survey, 2, {"favorite-color": "red"})
    page = await admin_browser.open(path(survey, rest="/compare?start=3&end=1"))
    rows = [" ".join(row.get_text(" ", strip=True).split()) for row in page.tree.select("#compared tbody tr")]
    assert rows == ["Email john@example.com empty", "Favorite Color Blue Red"]


# --- edit ----------------------------------------------------------------------------------------------------------------


async def test_scenario_e_an_old_run_is_edited_and_saved_in_its_own_version(
    editor_browser: Browser, survey: Survey, resources: Resources
) -> None:
    kit = survey[0]
    phone = {"step_id": kit.steps[0], "name": "Phone Number", "selection_type": "phone", "is_required": True}
    await confirmed(kit, "POST", "/api/v1/option-sets", json=phone)
    assert (await kit.publish()).status_code == 201
    first = (await stored(resources, survey[1]["john"]))[0]
    page = await editor_browser.open(path(survey, rest="/edit"))
    assert "Phone Number" not in page.text("#edit")
    answer = await send_step(editor_browser, page, "Save as revision 2", {f"q-{kit.email}": "jd@example.com"})
    assert answer.headers["location"] == path(survey, rest="?done=edited")
    revisions = await stored(resources, survey[1]["john"])
    assert (revisions[0], len(revisions), "jd@example.com" in revisions[1][1]) == (first, 2, True)
    assert lines_of(await editor_browser.open(path(survey)))["Email"] == ("jd@example.com", "answered by an editor")


async def test_what_is_typed_is_kept_from_step_to_step_and_becomes_one_revision(
    editor_browser: Browser, survey: Survey, resources: Resources
) -> None:
    kit = survey[0]
    page = await editor_browser.open(path(survey, rest="/edit"))
    moved = await send_step(editor_browser, page, "Preferences", {f"q-{kit.full_name}": "Johnny"})
    second = await editor_browser.open(moved.headers["location"])
    assert "Full Name John Doe Johnny" in second.text("#edit")
    assert len(await stored(resources, survey[1]["john"])) == 1
    answer = await send_step(editor_browser, second, "Save as revision 2", {f"q-{kit.color}": "red"})
    assert answer.status_code == 303
    revisions = await stored(resources, survey[1]["john"])
    assert (len(revisions), "Johnny" in revisions[1][1], "red" in revisions[1][1]) == (2, True, True)
    async with resources.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM edits"))).scalar() == 0


async def test_a_newer_revision_loses_nothing_that_was_typed(editor_browser: Browser, survey: Survey, resources: Resources) -> None:
    kit = survey[0]
    page = await editor_browser.open(path(survey, rest="/edit"))
    await send_step(editor_browser, page, "Keep this step", {f"q-{kit.full_name}": "Johnny"})
    await change(survey, 1, {"email": "new@example.com"})
    stale = Page(await send_step(editor_browser, page, "Save as revision 2", {f"q-{kit.full_name}": "Johnny"}))
    assert stale.answer.status_code == 412
    assert "Somebody stored a newer revision since you began" in stale.text("#edit")
    assert stale.one(f"#q-{kit.full_name}")["value"] == "Johnny"
    again = await editor_browser.open((await send_step(editor_browser, stale, "Put it on revision 2")).headers["location"])
    assert (await send_step(editor_browser, again, "Save as revision 3")).status_code == 303
    last = (await stored(resources, survey[1]["john"]))[-1][1]
    assert ("Johnny" in last, "new@example.com" in last) == (True, True)


async def test_a_dropped_edit_leaves_the_run_as_it_was(editor_browser: Browser, survey: Survey, resources: Resources) -> None:
    page = await editor_browser.open(path(survey, rest="/edit"))
    await send_step(editor_browser, page, "Keep this step", {f"q-{survey[0].full_name}": "Johnny"})
    kept = await editor_browser.open(path(survey, rest="/edit"))
    assert "Johnny" in kept.text("#edit .ks-differences")
    assert (await send_step(editor_browser, kept, "Drop the edit")).headers["location"] == path(survey, rest="?done=dropped")
    assert len(await stored(resources, survey[1]["john"])) == 1
    assert "Johnny" not in (await editor_browser.open(path(survey, rest="/edit"))).answer.text


async def test_a_value_that_does_not_fit_is_shown_again_with_what_to_do(editor_browser: Browser, survey: Survey) -> None:
    kit = survey[0]
    await confirmed(kit, "PUT", f"/api/v1/option-sets/{kit.full_name}", json={"constraints": {"max_length": 5}})
    assert (await kit.publish()).status_code == 201
    run = await kit.answer(full_name="Al")
    page = await editor_browser.open(runs_path(kit, f"/{run}/edit"))
    refused = Page(await send_step(editor_browser, page, "Save as revision 2", {f"q-{kit.full_name}": "Alexander"}))
    assert refused.answer.status_code == 422
    assert "must be 5 characters or fewer" in refused.text(".pl-summary")
    assert refused.one(f"#q-{kit.full_name}")["value"] == "Alexander"


async def test_an_answer_that_is_kept_though_it_was_not_asked_is_shown_and_can_be_edited(
    editor_browser: Browser, survey: Survey, resources: Resources
) -> None:
    kit = survey[0]
    why = {"step_id": kit.steps[1], "name": "Why?", "selection_type": "text_input", "visible_if": {"==": [{"var": kit.color}, "red"]}}
    await confirmed(kit, "POST", "/api/v1/option-sets", json={**why, "key": "why"})
    assert (await kit.publish()).status_code == 201
    files = {"file": ("runs.csv", b"full-name,favorite-color,why\nMo,blue,It suits me\n")}
    imported = await kit.client.post(f"{kit.url}/runs/import", files=files)
    assert imported.status_code < 300, imported.text
    run = str(table_row(await editor_browser.open(runs_path(kit, "?q=It+suits+me")))["href"]).rsplit("/", 1)[-1]
    shown = lines_of(await editor_browser.open(runs_path(kit, f"/{run}?only=asked")))
    assert shown["Why?"][1] == "answered not asked, and kept"
    page = await editor_browser.open(runs_path(kit, f"/{run}/edit?step={kit.steps[1]}"))
    field = page.labelled("Why? (optional)")
    assert (await send_step(editor_browser, page, "Save as revision 2", {str(field["name"]): "It does"})).status_code == 303
    assert "It does" in (await stored(resources, run))[1][1]


def table_row(page: Page) -> Any:
    return page.one("table.ks-runs tbody th a")


async def test_a_run_in_progress_is_not_edited_under_its_respondent(editor_browser: Browser, survey: Survey) -> None:
    made = await survey[0].client.post(f"{survey[0].url}/runs", json={"answers": {"full-name": "Half"}})
    run = made.json()["id"]
    page = await editor_browser.open(runs_path(survey[0], f"/{run}"))
    assert "Edit in" not in page.text(".ks-run-head")
    assert lines_of(page)["Favorite Color"] == ("The run has not come to this question yet.", "not asked")
    assert (await editor_browser.open(runs_path(survey[0], f"/{run}/edit"))).answer.status_code == 409


# --- trash, erasure ------------------------------------------------------------------------------------------------------


async def test_a_run_goes_to_the_trash_and_comes_back(editor_browser: Browser, survey: Survey, resources: Resources) -> None:
    before = await stored(resources, survey[1]["john"])
    dialog = await editor_browser.open(path(survey, rest="/trash"))
    button = next(each for each in dialog.tree.select("button") if "to the trash" in each.get_text())
    await editor_browser.press(dialog, " ".join(button.get_text(" ", strip=True).split()))
    page = await editor_browser.open(path(survey))
    assert "In the trash" in page.text(".ks-run-head")
    assert page.text("#run > .ks-run-banner:first-child").startswith("In the trash since")
    assert page.link("Take out of the trash…") == path(survey, rest="/trash")
    assert "editable" not in page.text("#run")
    assert "Moved run" in page.text(".ks-run-trail")
    assert (await editor_browser.open(path(survey, rest="/edit"))).answer.status_code == 410
    assert (await post(editor_browser, path(survey, rest="/trash"), to="out")).status_code == 303
    assert "In the trash" not in (await editor_browser.open(path(survey))).text(".ks-run-head")
    assert await stored(resources, survey[1]["john"]) == before


async def test_an_erasure_lists_what_goes_and_leaves_a_tombstone(
    admin_browser: Browser, survey: Survey, admin: httpx.AsyncClient, resources: Resources
) -> None:
    await change(survey, 1, {"email": "jon@example.com"})
    dialog = await admin_browser.open(path(survey, rest=f"/erase?name={survey[0].email}"))
    assert dialog.text(".ks-going").startswith("2 stored answers, in 2 revisions")
    assert (await admin_browser.press(dialog, "Erase the answers to 1 question", {"reason": ""})).status_code == 422
    answer = await admin_browser.press(dialog, "Erase the answers to 1 question", {"reason": "asked for it"})
    assert answer.status_code == 303
    page = await admin_browser.open(path(survey))
    assert lines_of(page)["Email"] == ("Erased for good", "erased")
    assert "Reason: asked for it" in page.text(".ks-tombstones")
    texts = [
        page.answer.text,
        (await admin_browser.client.get(path(survey, rest="/run.json"))).text,
        str(await stored(resources, survey[1]["john"])),
    ]
    assert [each for each in texts if "jon@example.com" in each or "john@example.com" in each] == []
    assert (await admin.get("/api/v1/verify")).json()["findings"] == []


async def test_a_reason_that_holds_what_goes_is_refused_beside_its_field(admin_browser: Browser, survey: Survey) -> None:
    dialog = await admin_browser.open(path(survey, rest=f"/erase?name={survey[0].email}"))
    reason = "asked by letter john@example.com"
    refused = Page(await admin_browser.press(dialog, "Erase the answers to 1 question", {"reason": reason}))
    assert refused.answer.status_code == 422
    assert refused.text("#reason-error").endswith("the answer to “Email”.")
    assert refused.one("#reason")["value"] == reason
    assert lines_of(await admin_browser.open(path(survey)))["Email"][0] == "john@example.com"


async def test_an_erasure_lists_questions_in_their_order_and_ticks_the_personal_ones_on_request(
    admin_browser: Browser, editor: httpx.AsyncClient
) -> None:
    survey = await web_survey(editor)
    # Marked only later: a mark of any version counts.
    run_id = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"personal_data": True})
    assert (await survey.publish()).status_code == 201
    address = f"/wizards/customer-survey/runs/{run_id}/erase"
    dialog = await admin_browser.open(address)
    labels = [squeezed(each) for each in dialog.tree.select("#some label")]
    assert labels == ["Full Name", "Email personal data", "Favorite Color"]
    assert dialog.link("Tick the 1 that is personal data") == f"{address}?tick=personal"
    ticked = await admin_browser.open(f"{address}?tick=personal")
    assert [each["value"] for each in ticked.tree.select("#some input[checked]")] == [survey.email]
    assert ticked.text(".ks-going").startswith("1 stored answer")


async def test_exactly_what_is_ticked_when_the_button_is_pressed_goes_once_it_was_counted(admin_browser: Browser, survey: Survey) -> None:
    kit, button = survey[0], "Erase the answers to 1 question"
    dialog = await admin_browser.open(path(survey, rest="/erase"))
    assert "Nothing is ticked" in dialog.text("#going")
    listed = Page(await admin_browser.press(dialog, "Count what is ticked", {"name": kit.email}))
    assert listed.text(".ks-going").startswith("1 stored answer,")
    # Ticked since the list was made: counted first, whatever the button said.
    again = Page(await admin_browser.press(listed, button, {"name": kit.full_name, "reason": "asked"}))
    assert (again.answer.status_code, again.one("#reason")["value"]) == (409, "asked")
    assert lines_of(await admin_browser.open(path(survey)))["Full Name"] == ("John Doe", "answered")
    assert (await admin_browser.press(again, button, {"reason": "asked"})).status_code == 303
    page = await admin_browser.open(path(survey))
    assert {name: state for name, (_, state) in lines_of(page).items()} == {
        "Full Name": "erased",
        "Email": "answered",
        "Favorite Color": "answered",
    }


async def test_nothing_ticked_is_never_the_whole_run_which_is_chosen_apart(admin_browser: Browser, survey: Survey) -> None:
    dialog = await admin_browser.open(path(survey, rest="/erase"))
    token = (await admin_browser.open(path(survey, rest="/erase?all=1"))).one("input[name=confirm]")["value"]
    nothing = await post(admin_browser, path(survey, rest="/erase"), reason="asked", confirm=str(token))
    assert nothing.status_code == 422
    assert "Nothing is ticked, so nothing was erased." in Page(nothing).text("[role=alert]")
    assert lines_of(await admin_browser.open(path(survey)))["Email"] == ("john@example.com", "answered")
    whole = await admin_browser.open(dialog.link("Erase the whole run instead"))
    assert (whole.tree.select("#some"), whole.text(".ks-going").startswith("3 stored answers")) == ([], True)
    erase = next(squeezed(each) for each in whole.tree.select("button") if "Erase all" in each.get_text())
    assert (await admin_browser.press(whole, erase, {"reason": "asked"})).status_code == 303
    page = await admin_browser.open(path(survey))
    assert {state for _, state in lines_of(page).values()} == {"erased"}
    assert "Completed · erased" in page.text(".ks-revisions")


async def test_an_answer_that_came_after_the_list_was_shown_is_not_erased_unseen(admin_browser: Browser, survey: Survey) -> None:
    dialog = await admin_browser.open(path(survey, "ann", "/erase?all=1"))
    await change(survey, 1, {"email": "ann@example.com"}, "ann")
    button = next(each for each in dialog.tree.select("button") if "Erase all" in each.get_text())
    answer = await admin_browser.press(dialog, " ".join(button.get_text(" ", strip=True).split()), {"reason": "r"})
    assert answer.status_code == 409
    assert lines_of(await admin_browser.open(path(survey, "ann")))["Email"][0] == "ann@example.com"


async def test_an_analyst_changes_nothing_and_an_editor_does_not_erase(survey: Survey, signed_in: SignedIn) -> None:
    analyst, editor = await signed_in("analyst"), await signed_in("editor")
    page = await analyst.open(path(survey))
    assert {"Edit in v1", "Move to the trash…"} & {each.get_text(strip=True) for each in page.tree.select("a")} == set()
    for browser, rest in (
        (analyst, "/trash"),
        (analyst, "/edit"),
        (analyst, "/erase"),
        (editor, "/erase"),
        (analyst, "/revisions/1/restore"),
    ):
        assert (await browser.open(path(survey, rest=rest))).answer.status_code == 403
        assert (await post(browser, path(survey, rest=rest), reason="r", seen="1.0", go="save")).status_code == 403
    assert (await analyst.client.get(path(survey, rest="/run.pdf"))).status_code == 200


# --- taken along ---------------------------------------------------------------------------------------------------------


async def test_the_json_of_a_run_holds_every_revision_and_the_versions_they_were_asked_in(admin_browser: Browser, survey: Survey) -> None:
    await change(survey, 1, {"email": "jon@example.com"})
    answer = await admin_browser.client.get(path(survey, rest="/run.json"))
    document = json.loads(answer.text)
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert [each["answers"][survey[0].email]["value"] for each in document["revisions"]] == ["john@example.com", "jon@example.com"]
    labels = [item["name"] for step in document["versions"][0]["structure"]["steps"] for item in step["option_sets"]]
    assert (labels, document["run"]["responses"][1]["display"]) == (["Full Name", "Email", "Favorite Color"], "jon@example.com")


async def test_the_pdf_of_a_run_is_one_whatever_it_is_written_in(admin_browser: Browser, survey: Survey) -> None:
    run = await survey[0].answer(full_name="שלום 😀 漢字 " + "x" * 9_000)
    answer = await admin_browser.client.get(runs_path(survey[0], f"/{run}/run.pdf"))
    assert (answer.status_code, answer.headers["content-type"], answer.content[:5]) == (200, "application/pdf", b"%PDF-")


async def test_what_was_typed_to_a_question_that_a_move_took_away_is_shown_and_not_dropped_in_silence(
    editor_browser: Browser, editor: httpx.AsyncClient, survey: Survey
) -> None:
    kit, john = survey[0], survey[1]["john"]
    page = await editor_browser.open(path(survey, rest="/edit"))
    await send_step(editor_browser, page, "Keep this step", {f"q-{kit.email}": "new@example.com", f"q-{kit.full_name}": "Johnny"})
    url, tag = f"/api/v1/runs/{john}/migrate", {"If-Match": "*"}
    shown = await editor.post(url, json={"dry_run": True})
    moved = await editor.post(url, json={"confirm": shown.json()["confirm"]}, headers=tag)
    assert moved.status_code == 200, moved.text
    page = await editor_browser.open(path(survey, rest="/edit"))
    rebased = await send_step(editor_browser, page, "Put it on revision 2")
    page = await editor_browser.open(rebased.headers["location"])
    told = next(each for each in page.tree.select("[role=alert]") if "was moved to v2" in each.get_text())
    assert squeezed(told.select("ul")[0]) == "Email : new@example.com"
    assert page.one(f'[name="q-{kit.full_name}"]')["value"] == "Johnny"
