"""A plan in one form for many questions: what becomes of runs in progress at a publish and at a rollback, and the move of one run."""

from typing import Any

import httpx
import pytest
from tests.actions_kit import Desk
from tests.migration_kit import Bench, changed, options
from tests.migration_kit import question as made
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, path_of, run_id_of, sent, title
from tests.policies_kit import Case, Structure, added, both, dropped, new_case, put, stored_run
from tests.web.pages.conftest import Clock
from tests.web.pages.test_player_offers import half_way
from tests.web.pages.test_policy_migrate import moved

from keepstep.config import Resources


@pytest.fixture
async def case(editor: httpx.AsyncClient) -> Case:
    return await new_case(editor)


async def drafted(case: Case, change: Any) -> None:
    draft = await case.editor.get(f"{case.url}/draft")
    structure = draft.json()["structure"]
    change(structure)
    answer = await case.editor.put(f"{case.url}/draft", json={"structure": structure}, headers={"If-Match": draft.headers["etag"]})
    assert answer.status_code == 200, answer.text


async def looked_at(browser: Browser, page: Page, button: str, **fields: str) -> Page:
    """The same form, looked at by a policy and with these inputs filled in."""
    answer = await browser.press_whole(page, button, fields)
    assert answer.status_code == 200, answer.text[-2000:]
    return Page(answer)


async def last_job(case: Case) -> dict[str, Any]:
    return dict((await case.editor.get(f"{case.url}/jobs")).json()["items"][0])


# --- a rollback ------------------------------------------------------------------------------------------------------------


async def test_a_rollback_moves_runs_in_progress_where_that_is_chosen_and_shown(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    await case.publish(both(added("town"), put("age", name="Years")), "finish")
    page = await sent(stranger, await begun(stranger, "taste"), {"Full Name": "Ann", "Years": "41", "Town": "Oslo"})
    dialog = await admin_browser.open("/wizards/taste/versions/1/rollback")
    assert dialog.labelled("Finish on their version").has_attr("checked")
    dialog = await looked_at(admin_browser, dialog, "See what it means for them", in_progress="migrate", change_summary="Back again")
    assert dialog.text(".ks-policy-groups li").startswith("1 go along; an answer that has no place")
    assert dialog.labelled("Change summary")["value"] == "Back again"
    answer = await admin_browser.press_whole(dialog, "Roll back to v1 and move 1 run", {"in_progress": "migrate"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wizards/taste/versions?done=3")
    await moved(resources, clock, {"job_id": (await last_job(case))["id"]})
    stored = await stored_run(resources, run_id_of(page))
    assert (stored["version"], stored["answers"]["age"], stored["archive"]) == (3, 41, {"town": "Oslo"})


async def test_a_rollback_offers_the_old_questions_to_whoever_comes_back(stranger: Browser, admin_browser: Browser, case: Case) -> None:
    await case.publish(put("full-name", name="Your name"), "finish")
    page = await sent(stranger, await begun(stranger, "taste"), {"Your name": "Ann", "Age": "41"})
    dialog = await admin_browser.open("/wizards/taste/versions/1/rollback", htmx=True)
    dialog = await looked_at(admin_browser, dialog, "See what it means for them", in_progress="offer")
    answer = await admin_browser.press_whole(dialog, "Roll back to v1", {"in_progress": "offer"})
    assert answer.status_code == 303, answer.text[-2000:]
    assert title(await stranger.open(path_of(page).rsplit("/step/", 1)[0])) == "1 question changed since you started"


async def test_a_rollback_moves_nobody_who_was_not_shown_and_says_so(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case
) -> None:
    await case.publish(added("town"), "finish")
    page = await half_way(stranger)
    dialog = await admin_browser.open("/wizards/taste/versions/1/rollback")
    again = await admin_browser.press_whole(dialog, "Roll back to v1", {"in_progress": "migrate"})
    assert again.status_code == 409
    assert "Not published yet" in Page(again).text("[role=alert]")
    assert Page(again).labelled("Move them to the new version").has_attr("checked")
    nonsense = await admin_browser.press_whole(dialog, "Roll back to v1", {"in_progress": "everything"})
    assert nonsense.status_code == 422
    assert (await stored_run(resources, run_id_of(page)))["version"] == 2


# --- the review ------------------------------------------------------------------------------------------------------------


async def test_the_review_names_types_and_rules_in_words(stranger: Browser, admin_browser: Browser, case: Case) -> None:
    await half_way(stranger)
    await drafted(case, put("full-name", selection_type="integer"))
    review = await admin_browser.open("/wizards/taste/review")
    review = await looked_at(admin_browser, review, "See what it means for them", in_progress="migrate")
    row = review.text(".ks-policy-row")
    assert "Short text Whole number" in row
    assert "a whole number; with a currency" in row
    assert "text_input" not in review.text("#in-progress")


async def test_several_questions_that_lead_to_one_are_merged_in_the_review(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await sent(stranger, await half_way(stranger), {"Red": "red", "Nickname": "Annie"}, go="later")
    await drafted(case, both(dropped("nickname"), dropped("why"), put("full-name", name="All names")))
    name, nickname = case.ids["full-name"], case.ids["nickname"]
    review = await admin_browser.open("/wizards/taste/review")
    review = await looked_at(admin_browser, review, "See what it means for them", in_progress="migrate")
    review = await looked_at(admin_browser, review, "Look again", **{"in_progress": "migrate", f"route.{nickname}": name})
    assert "say by `merges`" not in review.text("#in-progress")
    assert "Full Name + Nickname" in review.text(f"#merge-{name}")
    fields = {"in_progress": "migrate", f"merge.{name}": "joined", f"sign.{name}": "semicolon"}
    review = await looked_at(admin_browser, review, "Look again", **fields)
    answer = await admin_browser.press_whole(review, "Publish version 2 and move 1 run", {"in_progress": "migrate"})
    assert answer.status_code == 303, answer.text[-2000:]
    await moved(resources, clock, {"job_id": (await last_job(case))["id"]})
    assert (await stored_run(resources, run_id_of(page)))["answers"]["full-name"] == "Ann; Annie"


async def test_a_new_question_is_filled_for_every_run_that_moves(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await half_way(stranger)
    await drafted(case, both(added("rounds", "integer"), added("town", default="Oslo"), added("note")))
    review = await admin_browser.open("/wizards/taste/review")
    review = await looked_at(admin_browser, review, "See what it means for them", in_progress="migrate")
    ids = ids_of(review, "fill")
    wrong = {"in_progress": "migrate", f"fill.{ids['Rounds']}": "constant", f"q-{ids['Rounds']}": "many"}
    review = await looked_at(admin_browser, review, "Look again", **wrong)
    assert review.tree.select_one(f"#fill-{ids['Rounds']} .ks-error") is not None
    right = {"in_progress": "migrate", f"q-{ids['Rounds']}": "7", f"fill.{ids['Town']}": "default", f"fill.{ids['Note']}": "empty"}
    review = await looked_at(admin_browser, review, "Look again", **right)
    answer = await admin_browser.press_whole(review, "Publish version 2 and move 1 run", {"in_progress": "migrate"})
    assert answer.status_code == 303, answer.text[-2000:]
    await moved(resources, clock, {"job_id": (await last_job(case))["id"]})
    answers = (await stored_run(resources, run_id_of(page)))["answers"]
    assert {key: answers[key] for key in ("rounds", "town", "note")} == {"rounds": 7, "town": "Oslo", "note": None}


async def test_a_new_multiple_choice_gets_the_same_options_in_every_run_that_moves(
    stranger: Browser, admin_browser: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await half_way(stranger)
    await drafted(case, added("topics", "multiple_select", options=options("sun", "moon", "sea")))
    review = await admin_browser.open("/wizards/taste/review")
    review = await looked_at(admin_browser, review, "See what it means for them", in_progress="migrate")
    topics = ids_of(review, "fill")["Topics"]
    said = {"in_progress": "migrate", f"fill.{topics}": "constant"}
    action, held = review.whole_form_of("Look again")
    both_ticked = {**held, **said, f"q-{topics}": ["sun", "sea"], "go": "plan"}
    again = Page(await admin_browser.client.post(action, data=both_ticked))
    assert [each["value"] for each in again.tree.select(f"#fill-{topics} input[checked]")] == ["sun", "sea"]
    action, held = again.whole_form_of("Publish version 2 and move 1 run")
    answer = await admin_browser.client.post(action, data={**held, **said, f"q-{topics}": ["sun", "sea"]})
    assert answer.status_code == 303, answer.text[-2000:]
    await moved(resources, clock, {"job_id": (await last_job(case))["id"]})
    assert (await stored_run(resources, run_id_of(page)))["answers"]["topics"] == ["sun", "sea"]


# --- a page that a new version removed -------------------------------------------------------------------------------------


def without_second_step(whole: Structure) -> None:
    whole["steps"] = whole["steps"][:1]


async def test_what_was_typed_on_a_page_that_the_new_version_removed_is_kept_and_shown(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await half_way(stranger)
    await moved(resources, clock, await case.publish(without_second_step, "migrate"))
    late = await sent(stranger, page, {"Red": "red", "Nickname": "Annie"})
    assert (late.answer.status_code, title(late)) == (409, "The questions changed meanwhile")
    assert "Annie" in late.text("main")
    stored = await stored_run(resources, run_id_of(page))
    assert (stored["version"], stored["archive"]) == (2, {"favorite-color": "red", "nickname": "Annie"})
    assert title(await stranger.open(late.link("Carry on"))) == "Check your answers"


async def test_what_was_typed_on_a_removed_page_survives_a_second_move_and_the_back_button(
    stranger: Browser, resources: Resources, case: Case, clock: Clock
) -> None:
    page = await half_way(stranger)
    for change in (without_second_step, added("town")):
        await moved(resources, clock, await case.publish(change, "migrate"))
    for nickname in ("Annie", "Anne"):
        late = await sent(stranger, page, {"Red": "red", "Nickname": nickname}, go="back")
        assert nickname in late.text("main")
    archive = (await stored_run(resources, run_id_of(page)))["archive"]
    assert (archive["favorite-color"], archive["nickname"]) == ("red", "Anne")


# --- one run ---------------------------------------------------------------------------------------------------------------


async def numbers_bench(resources: Resources) -> Bench:
    """A price and remarks as texts, a size of three; then a number, a long text, and a number from a table."""
    sizes = {"options": options("small", "large")}
    own = (made("price"), made("remark"), made("note"), made("size", "single_select", **sizes))
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, *own)
    await bench.answer(1, lambda _: {"price": "1.234,50", "remark": "First", "note": "Second", "size": "large"})
    second = changed(bench.structure, drop=["note"], price={"selection_type": "number"}, size={"selection_type": "integer"})
    del second["steps"][0]["option_sets"][-1]["options"]
    await bench.publish(second)
    return bench


def ids_of(page: Page, kind: str = "row") -> dict[str, str]:
    """The questions that the form speaks of, by label."""
    found = [each for each in page.tree.select(f"fieldset[id^={kind}-]") if each.select_one("legend strong")]
    return {each.select_one("legend strong").get_text(): str(each["id"]).removeprefix(f"{kind}-") for each in found}  # type: ignore[union-attr]


async def test_one_run_moves_by_values_that_are_given_in_its_own_form(admin_browser: Browser, resources: Resources) -> None:
    bench = await numbers_bench(resources)
    dialog = await admin_browser.open(f"/wizards/{bench.wizard}/runs/{bench.runs[0]}/migrate")
    ids = ids_of(dialog)
    assert dialog.one(f"[name='params.{ids['Price']}.p-locale-decimal']")["value"] == ","
    assert "The conversion waits for what is marked" in dialog.text(f"#row-{ids['Size']}")
    fields = {f"params.{ids['Size']}.p-values-value-1": "42"}
    shown = await looked_at(admin_browser, dialog, "Show what that makes of the run", **fields)
    answer = await admin_browser.press_whole(shown, "Move to v2", {})
    assert answer.status_code == 303, answer.text[-3000:]
    (head,) = (await bench.heads()).values()
    assert (head[0], '"value": 1234.5' in head[2], '"value": 42' in head[2]) == (2, True, True)


async def test_one_run_has_two_answers_merged_where_somebody_says_so(admin_browser: Browser, resources: Resources) -> None:
    bench = await numbers_bench(resources)
    dialog = await admin_browser.open(f"/wizards/{bench.wizard}/runs/{bench.runs[0]}/migrate")
    ids = ids_of(dialog)
    remark = next(each["id"] for each in bench.structure["steps"][0]["option_sets"] if each["key"] == "remark")
    fields = {f"params.{ids['Size']}.p-values-value-1": "42", f"route.{ids['Note']}": remark}
    shown = await looked_at(admin_browser, dialog, "Show what that makes of the run", **fields)
    merge = {f"merge.{remark}": "joined", f"sign.{remark}": "space"}
    shown = await looked_at(admin_browser, shown, "Show what that makes of the run", **merge)
    answer = await admin_browser.press_whole(shown, "Move to v2", {})
    assert answer.status_code == 303, answer.text[-3000:]
    (head,) = (await bench.heads()).values()
    assert '"First Second"' in head[2]


async def test_values_of_a_form_about_another_version_are_not_taken(admin_browser: Browser, resources: Resources) -> None:
    bench = await numbers_bench(resources)
    await bench.publish(changed(bench.structure, price={"selection_type": "textarea"}))
    dialog = await admin_browser.open(f"/wizards/{bench.wizard}/runs/{bench.runs[0]}/migrate?to=2")
    ids = ids_of(dialog)
    shown = await looked_at(admin_browser, dialog, "Show", target="3", **{f"route.{ids['Price']}": "archive"})
    assert shown.text("#dialog-title").endswith("to v3")
    assert [each for each in shown.tree.select(".ks-sample tbody tr") if "Price" in each.get_text()] == []
