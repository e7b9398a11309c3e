"""The migration bench as a person uses it without a script: choose, map, preview, approve, watch, decide, undo, prove."""

import json
from collections.abc import Awaitable, Callable

import pytest
from tests.actions_kit import Desk
from tests.migration_kit import Bench, question
from tests.pages_kit import Browser, Page
from tests.web.pages.bench_kit import count_plans, groups_of, migrations_path, new_plan, press, run_last_job, save_line, two_versions

from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def bench_of(resources: Resources) -> Callable[..., Awaitable[Bench]]:
    async def make(*questions: dict[str, object]) -> Bench:
        # Its minutes are over when the browser's clock begins.
        return await Bench.of(Desk(resources.engine, minute=[-500]), resources, *questions)

    return make


@pytest.fixture
async def bench(bench_of: Callable[..., Awaitable[Bench]]) -> Bench:
    return await two_versions(bench_of)


# --- the list --------------------------------------------------------------------------------------------------------


async def test_with_one_version_the_page_teaches_what_moving_is(admin_browser: Browser, bench_of: Callable[..., Awaitable[Bench]]) -> None:
    bench = await bench_of(question("name"))
    page = await admin_browser.open(migrations_path(bench))
    assert page.text(".ks-empty h2") == "Nothing to migrate yet"
    assert page.tree.select_one("form[action$=migrations]") is None


async def test_versions_with_runs_are_ticked_and_the_live_one_is_the_target(admin_browser: Browser, bench: Bench) -> None:
    page = await admin_browser.open(migrations_path(bench))
    assert page.text(".ks-tabs [aria-current]") == "Migrate"
    assert page.one("#source-1").has_attr("checked")
    assert not page.one("#source-2").has_attr("checked")
    assert page.one("#target option[selected]")["value"] == "2"
    part = await admin_browser.open(migrations_path(bench), htmx=True)
    assert not part.is_whole


async def test_a_plan_without_a_version_is_refused_beside_the_field(admin_browser: Browser, bench: Bench) -> None:
    page = await admin_browser.open(migrations_path(bench))
    action, fields = page.form_of("Show what would happen")
    del fields["source"]
    answer = await admin_browser.client.post(action, data={**fields, "target": "2"})
    assert answer.status_code == 422
    assert "Tick at least one version whose runs shall move." in answer.text


async def test_a_form_sent_twice_makes_one_plan(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    page = await admin_browser.open(migrations_path(bench))
    first = await admin_browser.press(page, "Show what would happen", {"source": "1", "target": "2"})
    second = await admin_browser.press(page, "Show what would happen", {"source": "1", "target": "2"})
    assert first.headers["Location"] == second.headers["Location"]
    assert await count_plans(resources, bench) == 1


# --- mapping and preview ---------------------------------------------------------------------------------------------


async def test_faults_are_listed_at_their_question_and_nothing_is_counted_yet(admin_browser: Browser, bench: Bench) -> None:
    page = await new_plan(admin_browser, bench)
    assert page.text("#faults-title") == "1 thing has to be said before anything can be counted"
    assert groups_of(page) == {}
    card = page.one(".ks-line-faulty")
    assert "Color" in card.get_text()
    assert "teal" in card.get_text()


async def test_an_option_is_mapped_by_its_table_and_the_groups_follow(admin_browser: Browser, bench: Bench) -> None:
    page = await mapped(admin_browser, bench)
    assert groups_of(page) == {"Carries": 0, "Loses to archive": 6, "Needs an answer": 0, "Conflicts": 1}
    assert "6 + 1 = 7 runs" in page.text(".ks-group-sum")
    assert page.text(".ks-approve button.btn-primary") == "Approve and move 6 runs"
    assert "1 run stays and joins the work list." in page.text(".ks-approve")


async def test_a_value_that_does_not_convert_is_shown_as_text_never_as_markup(admin_browser: Browser, bench: Bench) -> None:
    page = await mapped(admin_browser, bench)
    assert "about <b>thirty</b>" in page.text(".ks-failing")
    assert page.tree.select(".ks-failing b") == []
    assert "about <b>thirty</b>" in page.text("#samples")


async def test_the_next_sample_comes_alone(admin_browser: Browser, bench: Bench) -> None:
    page = await mapped(admin_browser, bench)
    address = str(page.one("#samples a[aria-current]")["href"])
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#samples"}
    answer = await admin_browser.client.get(f"{address.partition('?')[0]}?sample=loses&at=1", headers=headers)
    assert answer.text.strip().startswith("<section")
    assert "2 of 6" in answer.text


async def test_the_policy_changes_what_moves(admin_browser: Browser, bench: Bench) -> None:
    page = await mapped(admin_browser, bench)
    action = str(page.one("#policy form")["action"])
    _, fields = page.form_of("Count again")
    seen = str(page.one("#policy input[name=seen]")["value"])
    fields |= {"seen": seen, "on_conflict": "park", "on_need": "stay"}
    answer = await admin_browser.client.post(action, data=fields)
    after = await admin_browser.open(answer.headers["Location"].partition("#")[0])
    assert after.text(".ks-approve button.btn-primary") == "Approve and move 7 runs"


async def test_a_stale_tab_saves_nothing_and_keeps_what_was_typed(admin_browser: Browser, bench: Bench) -> None:
    old = await new_plan(admin_browser, bench)
    await save_line(admin_browser, old, "Color", **{"p-options-value-2": "green"})
    again = await save_line(admin_browser, old, "Color", **{"p-options-value-2": "red"})
    assert again.answer.status_code == 412
    assert "Somebody changed this plan since you read it." in again.text("#problem")
    chosen = again.tree.select("select[name=p-options-value-2] option[selected]")
    assert [each["value"] for each in chosen] == ["red"]


async def test_a_version_published_in_between_asks_again(admin_browser: Browser, bench: Bench) -> None:
    page = await mapped(admin_browser, bench)
    await bench.publish({**bench.structure, "name": "Another"})
    answer = await admin_browser.press(page, "Approve and move 6 runs")
    assert answer.status_code == 409
    assert (await bench.on_versions())[1] == 7


async def mapped(browser: Browser, bench: Bench) -> Page:
    """The plan with teal become green."""
    page = await save_line(browser, await new_plan(browser, bench), "Color", **{"p-options-value-2": "green"})
    assert page.answer.status_code == 200, page.answer.text[-2000:]
    return page


# --- the job ---------------------------------------------------------------------------------------------------------


async def test_from_approval_to_undo_and_its_manifest(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    before = await bench.heads()
    page = await mapped(admin_browser, bench)
    job = await press(admin_browser, page, "Approve and move 6 runs")
    assert job.text(".ks-job-state") == "Waiting for a worker"
    assert (job.one("#progress")["hx-trigger"], job.one("#progress")["data-over"]) == ("every 2s", "over")
    await run_last_job(resources, bench)
    done = await admin_browser.open(str(job.answer.url.path))
    assert done.text("#progress .ks-job-state") == "Completed, some runs wait"
    assert not done.one("#progress").has_attr("hx-trigger")
    manifest = await admin_browser.open(done.link("Manifest"))
    stored = await admin_browser.client.get(manifest.link("Download"))
    assert json.loads(stored.text)["number"] == 1
    undo = await press(admin_browser, done, "Undo migration 1")
    await run_last_job(resources, bench)
    assert (await admin_browser.open(str(undo.answer.url.path))).text("#progress .ks-job-state") == "Completed"
    assert {run: head[:3] for run, head in (await bench.heads()).items()} == {run: head[:3] for run, head in before.items()}


async def test_progress_is_fetched_alone_and_leads_to_the_result_when_it_is_over(
    admin_browser: Browser, bench: Bench, resources: Resources
) -> None:
    job = await press(admin_browser, await mapped(admin_browser, bench), "Approve and move 6 runs")
    path = job.answer.url.path
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#progress"}
    part = await admin_browser.client.get(path, headers=headers)
    assert part.text.strip().startswith("<section")
    await run_last_job(resources, bench)
    over = await admin_browser.client.get(path, headers=headers)
    assert over.headers["HX-Redirect"] == path


async def test_pause_resume_and_cancel_by_their_buttons(admin_browser: Browser, bench: Bench) -> None:
    job = await press(admin_browser, await mapped(admin_browser, bench), "Approve and move 6 runs")
    paused = await press(admin_browser, job, "Pause")
    assert paused.text("#progress .ks-job-state") == "Paused"
    going = await press(admin_browser, paused, "Resume")
    over = await press(admin_browser, going, "Cancel migration 1")
    assert over.text("#progress .ks-job-state") == "Cancelled"
    late = await admin_browser.press(job, "Pause")
    assert late.status_code == 409
    assert "This job is cancelled." in late.text


async def waiting(browser: Browser, bench: Bench, resources: Resources) -> str:
    """The path of a job whose one conflict waits."""
    job = await press(browser, await mapped(browser, bench), "Approve and move 6 runs")
    await run_last_job(resources, bench)
    return str(job.answer.url.path)


async def test_a_conflict_is_resolved_with_an_answer_and_the_run_moves(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    path = await waiting(admin_browser, bench, resources)
    page = await admin_browser.open(path)
    run = page.text(".ks-work-run a")
    field = str(page.one(".ks-work-answer input[type=text]")["name"])
    after = await press(admin_browser, page, f"Move run {run}", **{field: "30"})
    assert "The run has moved." in after.text("#job > .ks-banner")
    assert "No run waits for a person." in after.text("#worklist")
    assert await bench.on_versions() == {2: 7}


async def test_an_answer_that_does_not_fit_is_asked_for_again(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    page = await admin_browser.open(await waiting(admin_browser, bench, resources))
    field = str(page.one(".ks-work-answer input[type=text]")["name"])
    answer = await admin_browser.press(page, f"Move run {page.text('.ks-work-run a')}", {field: "old"})
    assert answer.status_code == 422
    assert 'value="old"' in answer.text
    assert (await bench.on_versions())[1] == 1


async def test_two_people_on_one_conflict_the_second_is_told(
    admin_browser: Browser, editor_browser: Browser, bench: Bench, resources: Resources
) -> None:
    path = await waiting(admin_browser, bench, resources)
    mine, theirs = await admin_browser.open(path), await editor_browser.open(path)
    conflict = str(mine.one(".ks-work")["id"]).removeprefix("c-")
    button = f"To the archive: Age , run {mine.text('.ks-work-run a')}"
    assert button
    for browser, page, status in ((admin_browser, mine, 303), (editor_browser, theirs, 404)):
        _, fields = page.form_of("To the archive")
        answer = await browser.client.post(f"{path}/conflicts/{conflict}", data=fields)
        assert answer.status_code == status, answer.text[-2000:]
    assert await bench.on_versions() == {2: 7}


# --- who may ---------------------------------------------------------------------------------------------------------


async def test_an_analyst_looks_and_changes_nothing(
    admin_browser: Browser, signed_in: SignedIn, bench: Bench, resources: Resources
) -> None:
    page = await mapped(admin_browser, bench)
    path = page.answer.url.path
    analyst = await signed_in("analyst")
    seen = await analyst.open(path)
    assert groups_of(seen)["Conflicts"] == 1
    assert [each.get_text(strip=True) for each in seen.tree.select("main button")] == []
    token = str(seen.one("meta[name=csrf-token]")["content"])
    for rest in ("/apply", "/preview", "/lines", "/policy", "/fills", "/merges"):
        assert (await analyst.client.post(f"{path}{rest}", data={"csrf_token": token})).status_code == 403
    made = await analyst.client.post(migrations_path(bench), data={"csrf_token": token, "source": "1"})
    assert made.status_code == 403


async def test_a_plan_of_another_wizard_is_not_found_under_this_one(
    admin_browser: Browser, bench: Bench, bench_of: Callable[..., Awaitable[Bench]]
) -> None:
    page = await mapped(admin_browser, bench)
    other = await bench_of(question("other"))
    plan = page.answer.url.path.rsplit("/", 1)[1]
    answer = await admin_browser.client.get(migrations_path(other, f"/{plan}"))
    assert answer.status_code == 404
