"""A work list from its beginning to its end: begun where no run moves, told as it is now, decided as a whole, gone with what it was of."""

from typing import Any

import httpx
import pytest
from tests.actions_kit import Desk
from tests.history_kit import Statements
from tests.migration_kit import Bench, changed, options, question
from tests.pages_kit import Browser, Page
from tests.web.pages.bench_kit import migrations_path, new_plan, press, run_last_job, save_line

from keepstep.actions import migration_several
from keepstep.actions.runs import save_answers
from keepstep.config import Resources
from keepstep.web.pages import job_conflicts


async def lacking(resources: Resources, runs: int, *, old: int = 0) -> Bench:
    """v1: name and age as text. v2: age a whole number, a required phone that no run has. `old` runs have an age that is no number."""
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, question("name"), question("age"))
    await bench.answer(runs, lambda n: {"name": f"N{n}", "age": "about forty" if n < old else str(20 + n)})
    second = changed(bench.structure, age={"selection_type": "integer"}, add=[question("phone", is_required=True)])
    await bench.publish(second)
    return bench


async def asked(browser: Browser, bench: Bench, resources: Resources) -> Page:
    """The page of a job that moved nothing and asks about every run."""
    job = await press(browser, await new_plan(browser, bench), f"Approve and ask about {len(bench.runs)} runs")
    await run_last_job(resources, bench)
    return await browser.open(str(job.answer.url.path))


async def progress(editor: httpx.AsyncClient, job: Page) -> dict[str, Any]:
    answer = await editor.get(f"/api/v1/jobs/{str(job.answer.url.path).rsplit('/', 1)[1]}")
    return dict(answer.json()["progress"])


async def test_where_no_run_moves_by_itself_each_can_be_asked_about(admin_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 3, old=1)
    page = await new_plan(admin_browser, bench)
    assert "No run would move by itself." in page.text(".ks-approve")
    assert "3 runs stay and join the work list." in page.text(".ks-approve")
    job = await asked(admin_browser, bench, resources)
    assert job.text("#worklist-title") == "Waits for a person 4 decisions"
    assert await bench.on_versions() == {1: 3}


async def test_what_decisions_moved_and_what_waits_is_told_as_it_is_now(
    admin_browser: Browser, editor: httpx.AsyncClient, resources: Resources
) -> None:
    bench = await lacking(resources, 4, old=1)
    job = await asked(admin_browser, bench, resources)
    # One moves by itself, one is left, one waits for its age as well, and the last one has nobody decided about.
    for run, choice in ((bench.runs[1], "waive"), (bench.runs[2], "stay"), (bench.runs[0], "waive")):
        phone = bench.structure["steps"][0]["option_sets"][2]["id"]
        held = {"csrf_token": str(job.one("meta[name=csrf-token]")["content"]), "choice": choice}
        path = f"{job.answer.url.path}/conflicts/{run}:{phone}"
        assert (await admin_browser.client.post(path, data=held)).status_code == 303
    job = await admin_browser.open(str(job.answer.url.path))
    assert "0 moved. Since then, by decisions: 1 run moved, 1 run left where it is, 2 runs wait." in job.text("#progress")
    assert "not read. Chosen" not in job.text("#worklist")
    assert "have. Chosen: Waive." in job.text("#worklist")
    cells = [each.get_text(strip=True) for each in (await admin_browser.open(migrations_path(bench))).tree.select("td.ks-number")]
    assert cells == ["1", "2"]
    told = await progress(editor, job)
    assert (told["moved"], told["open"], told["decided"]) == (0, 2, {"moved": 1, "stayed": 1})


async def test_all_are_waived_in_shares_that_say_how_many_are_left(
    admin_browser: Browser, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_several, "AT_ONCE", 2)
    monkeypatch.setattr(job_conflicts, "_BATCHES", 1)
    bench = await lacking(resources, 5, old=1)
    job = await asked(admin_browser, bench, resources)
    page = await press(admin_browser, job, "Waive Phone for all 5")
    assert page.text("#going strong") == "3 runs are left."
    assert "load" in str(page.one("#going form")["hx-trigger"])
    assert page.tree.select("#worklist .ks-worklist-foot button") == []
    page = await press(admin_browser, page, "Go on")
    page = await press(admin_browser, page, "Go on")
    assert "Decided together." in page.text("#job > .ks-banner")
    assert [each.get_text() for each in page.tree.select("main button") if "for all" in each.get_text()] == []
    assert await bench.on_versions() == {1: 1, 2: 4}
    assert "Chosen: Waive." in page.text("#worklist")
    await bench.proven()


async def test_all_answers_that_do_not_convert_go_to_the_archive_together(admin_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 4, old=3)
    job = await asked(admin_browser, bench, resources)
    page = await press(admin_browser, job, "Age to the archive for all 3")
    assert await bench.on_versions() == {1: 4}
    page = await press(admin_browser, page, "Waive Phone for all 4")
    assert page.text("#worklist") == "No run waits for a person."
    assert page.text("#progress .ks-job-state") == "Completed"
    assert await bench.on_versions() == {2: 4}
    assert all("about forty" in head[3] for run, head in (await bench.heads()).items() if run in bench.runs[:3])
    await bench.proven()


async def test_no_link_begins_a_decision_for_many(admin_browser: Browser, editor_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 2)
    job = await asked(admin_browser, bench, resources)
    path = str(job.answer.url.path)
    for browser in (admin_browser, editor_browser):
        assert (await browser.open(f"{path}?going=made-up")).tree.select("#going") == []
    phone = str(job.one(".ks-worklist-foot input[name=question]")["value"])
    token = str(job.one("meta[name=csrf-token]")["content"])
    for fields in ({"question": phone, "choice": "stay"}, {"question": "x", "choice": "waive"}):
        answer = await admin_browser.client.post(f"{path}/conflicts", data={"csrf_token": token, **fields})
        assert answer.status_code == 422
    assert await bench.on_versions() == {1: 2}


async def test_a_job_that_was_taken_back_has_no_work_list_and_says_why(admin_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 3, old=1)
    page = await press(admin_browser, await asked(admin_browser, bench, resources), "Waive Phone for all 3")
    undo = await press(admin_browser, page, "Undo migration 1")
    assert "nothing of it waits" in (await admin_browser.open(str(page.answer.url.path))).text("#worklist")
    await run_last_job(resources, bench)
    undo = await admin_browser.open(str(undo.answer.url.path))
    assert "begun by" in undo.text("#progress")
    job = await admin_browser.open(str(page.answer.url.path))
    assert job.text("#worklist").startswith("This migration was taken back, so nothing of it waits for a person.")
    assert [each.get_text(strip=True) for each in job.tree.select("main button")] == []
    rows = [
        " ".join(each.get_text(" ", strip=True).split())
        for each in (await admin_browser.open(migrations_path(bench))).tree.select("tbody tr .ks-way-of")
    ]
    assert rows == ["from v2 live to v1", "from v1 to v2 live"]
    assert await bench.on_versions() == {1: 3}


async def test_a_decision_about_an_answer_that_goes_along_by_now_is_said_to_be_needless(
    admin_browser: Browser, resources: Resources
) -> None:
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, question("name"), question("age"))
    await bench.answer(2, lambda _: {"age": "about forty"})
    await bench.publish(changed(bench.structure, age={"selection_type": "integer"}))
    job = await asked(admin_browser, bench, resources)
    await bench.act(save_answers, bench.runs[0], {"age": {"value": "41"}}, "*")
    path = str(job.answer.url.path)
    job = await admin_browser.open(path)
    assert "this answer goes along as it is now" in job.text(f"li[id^='c-{bench.runs[0]}']")
    token, age = str(job.one("meta[name=csrf-token]")["content"]), bench.structure["steps"][0]["option_sets"][1]["id"]
    answer = await admin_browser.client.post(
        f"{path}/conflicts/{bench.runs[0]}:{age}", data={"csrf_token": token, "choice": "archive"}, follow_redirects=True
    )
    assert "the decision was not needed" in Page(answer).text("#job > .ks-banner")
    assert await bench.on_versions() == {1: 1, 2: 1}


async def test_two_tabs_of_which_one_cancels_find_the_job_over(
    admin_browser: Browser, editor_browser: Browser, resources: Resources
) -> None:
    bench = await lacking(resources, 2)
    job = await press(admin_browser, await new_plan(admin_browser, bench), "Approve and ask about 2 runs")
    theirs = await editor_browser.open(str(job.answer.url.path))
    assert (await press(admin_browser, job, "Cancel migration 1")).text("#progress .ks-job-state") == "Cancelled"
    for button in ("Pause", "Cancel migration 1"):
        late = await editor_browser.press(theirs, button)
        assert late.status_code == 409
        assert "This job is cancelled." in Page(late).text("[role=alert]")
        assert Page(late).text("#progress .ks-job-state") == "Cancelled"
    await run_last_job(resources, bench)
    assert (await admin_browser.open(str(job.answer.url.path))).text("#progress .ks-job-state") == "Cancelled"


async def test_the_pages_of_jobs_cost_the_same_for_few_and_for_many_decisions(admin_browser: Browser, resources: Resources) -> None:
    statements, counts = Statements(resources.engine), []
    for runs in (3, 30):
        bench = await lacking(resources, runs, old=runs // 3)
        page = await press(admin_browser, await asked(admin_browser, bench, resources), f"Waive Phone for all {runs}")
        paths = (str(page.answer.url.path), migrations_path(bench))
        counts.append([await statements.during(admin_browser.open(path)) for path in paths])
    assert counts[0] == counts[1]


# --- plans that nobody wants -----------------------------------------------------------------------------------------


async def test_a_version_cannot_be_moved_to_itself(admin_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 1)
    page = await admin_browser.open(migrations_path(bench))
    answer = await admin_browser.press(page, "Show what would happen", {"source": "2", "target": "2"})
    assert answer.status_code == 422
    assert "v2 is where the runs would go: its runs are there already." in Page(answer).text("#source-error")


async def test_a_plan_that_nobody_approved_is_discarded_and_its_number_stays_its_own(admin_browser: Browser, resources: Resources) -> None:
    bench = await lacking(resources, 2)
    first = await new_plan(admin_browser, bench)
    second = await new_plan(admin_browser, bench)
    listed = await admin_browser.open(migrations_path(bench))
    after = await press(admin_browser, listed, "Discard : Migration 1")
    assert "The plan is discarded." in after.text(".ks-banner")
    assert [each.get_text(strip=True) for each in after.tree.select(".ks-job-list a")] == ["Migration 2"]
    assert (await admin_browser.client.get(str(first.answer.url.path))).status_code == 404
    late = await admin_browser.press(first, "Approve and ask about 2 runs")
    assert late.status_code == 404
    job = await press(admin_browser, second, "Approve and ask about 2 runs")
    assert (await admin_browser.press(second, "Discard this plan")).status_code == 409
    assert job.text(".ks-bench-title") == "Migration 2"


# --- the mapping editor, and samples ---------------------------------------------------------------------------------


async def test_how_many_were_chosen_is_a_box_to_tick_beside_the_scores(admin_browser: Browser, resources: Resources) -> None:
    choices = question("topics", "multiple_select", options=options("sun", "moon"))
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, choices)
    await bench.answer(2, lambda _: {"topics": ["sun", "moon"]})
    second = changed(bench.structure, topics={"selection_type": "integer"})
    del second["steps"][0]["option_sets"][0]["options"]
    await bench.publish(second)
    page = await new_plan(admin_browser, bench)
    box = page.one("input[name=p-derive-count]")
    assert box["type"] == "checkbox"
    assert page.text(f"label[for='{box['id']}']") == "How many were chosen"
    assert page.text(".ks-map-title") == "A score for each option"
    assert len(page.tree.select(".ks-map tbody tr")) == 2
    page = await save_line(admin_browser, page, "Topics", **{"p-derive-count": "on"})
    assert page.one("input[name=p-derive-count]").has_attr("checked")
    assert page.text("#samples .ks-ins") == "2"


async def test_of_a_run_that_stays_the_samples_say_what_each_answer_would_be(admin_browser: Browser, resources: Resources) -> None:
    own = (question("age"), question("price"), question("color", "single_select", options=options("red", "blue")), question("name"))
    bench = await Bench.of(Desk(resources.engine, minute=[-500]), resources, *own)
    await bench.answer(1, lambda _: {"age": "old", "price": "0.50", "color": "red", "name": "Ann"})
    kinds = {"age": "integer", "price": "number", "color": "multiple_select"}
    retyped: dict[str, Any] = {key: {"selection_type": kind} for key, kind in kinds.items()}
    await bench.publish(changed(bench.structure, **retyped))
    page = await new_plan(admin_browser, bench)
    rows = [
        [" ".join(cell.get_text(" ", strip=True).split()) for cell in row.select("td")] for row in page.tree.select("#samples tbody tr")
    ]
    assert rows == [["Age old", "Age Not a number."], ["Price 0.50", "Price 0.5"], ["Color Red", "Color Red"], ["Name Ann", "Name Ann"]]
    assert [each.get_text() for each in page.tree.select("#samples .ks-ins")] == ["0.5", "Red"]
    assert page.text("#samples thead").endswith("if it moved")
