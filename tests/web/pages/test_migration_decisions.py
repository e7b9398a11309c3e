"""What a person says on the bench beside types: fills, merges, meanings, limits; and what they decide about runs that wait."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text
from tests.actions_kit import Desk
from tests.migration_kit import Bench, changed, options, question
from tests.pages_kit import Browser, Page
from tests.web.pages.bench_kit import groups_of, migrations_path, new_plan, press, run_last_job, save_line

from keepstep.actions import migration_jobs
from keepstep.actions.runs import save_answers
from keepstep.config import Resources
from keepstep.jobs.migrations import work_on
from keepstep.queries.migration_jobs import last_preview

HOBBIES = ("reading", "chess", "music", "reading")


@pytest.fixture
async def bench(resources: Resources) -> Bench:
    """v2: hobbies of a list without chess, a height in metres, a score up to 10, no note, a phone that two lack; and a town, a street."""
    own = (question("hobby"), question("height", "number", unit="cm"), question("score", "integer"), question("note"), question("phone"))
    made = await Bench.of(Desk(resources.engine, minute=[-500]), resources, *own)
    phones: tuple[dict[str, str], ...] = ({}, {"phone": "112"}, {"phone": "110"}, {})
    await made.answer(4, lambda n: {"hobby": HOBBIES[n], "height": 180, "score": (5, 7, 50, 8)[n], "note": f"Note {n}", **phones[n]})
    second = changed(
        made.structure,
        drop=["note"],
        hobby={"selection_type": "multiple_select", "options": options("reading", "music")},
        height={"unit": "m"},
        score={"constraints": {"max": 10}},
        phone={"is_required": True},
        add=[question("town", default="Oslo"), question("street")],
    )
    await made.publish(second)
    return made


def id_of(bench: Bench, key: str) -> str:
    return str(next(each["id"] for each in bench.structure["steps"][0]["option_sets"] if each["key"] == key))


async def sent(browser: Browser, page: Page, path: str, **fields: str) -> Page:
    """A form of the plan's page, sent to this place of it, and the page that follows."""
    held = {"csrf_token": str(page.one("meta[name=csrf-token]")["content"]), "seen": str(page.tree.select("input[name=seen]")[0]["value"])}
    answer = await browser.client.post(f"{page.answer.url.path}/{path}", data={**held, **fields}, follow_redirects=True)
    return Page(answer)


async def told(browser: Browser, bench: Bench) -> Page:
    """A plan by which all runs go along but one, whose hobby is none of the list."""
    page = await new_plan(browser, bench)
    page = await save_line(browser, page, "Height", keeps_meaning="on")
    page = await save_line(browser, page, "Score", as_legacy="on")
    return await sent(browser, page, "policy", on_need="waive", on_conflict="stay")


async def done(browser: Browser, bench: Bench, resources: Resources, button: str, page: Page) -> Page:
    """The job of this button, worked on to its end."""
    job = await press(browser, page, button)
    await run_last_job(resources, bench)
    return await browser.open(str(job.answer.url.path))


async def answers_of(bench: Bench, run: int) -> Mapping[str, Any]:
    statement = text("SELECT answers FROM run_revisions WHERE run_id = CAST(:run AS uuid) ORDER BY revision DESC LIMIT 1")
    envelopes = await bench.desk.read(lambda tx: tx.scalar(statement, {"run": bench.runs[run]}))
    return {
        key: envelopes[id_of(bench, key)]["value"]
        for key in ("hobby", "height", "score", "town", "street")
        if id_of(bench, key) in envelopes
    }


# --- the plan --------------------------------------------------------------------------------------------------------


async def test_a_changed_unit_and_a_new_limit_hold_runs_up_until_somebody_says_what_they_mean(admin_browser: Browser, bench: Bench) -> None:
    page = await new_plan(admin_browser, bench)
    assert groups_of(page)["Blocked by the plan"] == 4
    page = await save_line(admin_browser, page, "Height", keeps_meaning="on")
    assert page.labelled("The answers keep their meaning").has_attr("checked")
    assert groups_of(page) == {"Carries": 0, "Loses to archive": 0, "Needs an answer": 2, "Conflicts": 2}
    page = await save_line(admin_browser, page, "Score", as_legacy="on")
    assert page.labelled("Values that the new limits refuse go along as they are, and are flagged").has_attr("checked")
    assert groups_of(page) == {"Carries": 0, "Loses to archive": 1, "Needs an answer": 2, "Conflicts": 1}


async def test_a_new_question_gets_its_default_nothing_or_one_answer_for_all(
    admin_browser: Browser, bench: Bench, resources: Resources
) -> None:
    page = await told(admin_browser, bench)
    town, street = id_of(bench, "town"), id_of(bench, "street")
    page = await sent(admin_browser, page, "fills", question=town, fill="default")
    assert page.one(f"#fill-of-{town} option[selected]")["value"] == "default"
    page = await admin_browser.open(f"{page.answer.url.path}?fill={street}")
    refused = await admin_browser.press(page, "Give every run this answer", {f"q-{street}": ""})
    assert refused.status_code == 422
    assert "Give the value that every run gets." in Page(refused).text("#problem")
    page = await press(admin_browser, page, "Give every run this answer", **{f"q-{street}": "112 “x” <b>"})
    assert "always 112 “x” <b>" in page.text(f"#fill-of-{street}")
    job = await done(admin_browser, bench, resources, "Approve and move 3 runs", page)
    assert job.text("#progress .ks-job-state") == "Completed, some runs wait"
    assert await answers_of(bench, 0) == {"hobby": ["reading"], "height": 180, "score": 5, "town": "Oslo", "street": "112 “x” <b>"}


async def test_two_questions_that_lead_to_one_wait_for_a_rule_and_are_joined_by_it(
    admin_browser: Browser, bench: Bench, resources: Resources
) -> None:
    page = await told(admin_browser, bench)
    town = id_of(bench, "town")
    note = next(each for each in page.tree.select(".ks-line a") if "Note" in each.get_text())
    page = await save_line(admin_browser, await admin_browser.open(str(note["href"])), "Note", to=town)
    page = await admin_browser.open(f"{page.answer.url.path}?edit={id_of(bench, 'score')}:1")
    page = await save_line(admin_browser, page, "Score", to=town)
    assert "say which answer counts" in page.text(".ks-faults")
    assert "several" in page.text("#meetings-title").lower()
    page = await sent(admin_browser, page, "merges", question=town, merge="joined", delimiter="semicolon")
    assert page.one(f"#merge-of-{town} option[selected]")["value"] == "joined"
    await done(admin_browser, bench, resources, "Approve and move 3 runs", page)
    assert (await answers_of(bench, 0))["town"] == "5; Note 0"


async def test_a_preview_of_many_runs_is_a_worker_s_and_the_page_waits_with_it(
    admin_browser: Browser, bench: Bench, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_jobs, "AT_ONCE", 2)
    page = await new_plan(admin_browser, bench)
    path = str(page.answer.url.path)
    assert "A worker counts what would become of every run: 0 so far." in page.text("#counting")
    assert page.tree.select_one("noscript meta[http-equiv=refresh]") is not None
    assert page.tree.select(".ks-groups, .ks-approve form[action$=apply]") == []
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#counting"}
    part = await admin_browser.client.get(path, headers=headers)
    assert part.text.strip().startswith("<section")
    preview = await bench.desk.read(last_preview, path.rsplit("/", 1)[1])
    assert preview is not None
    assert await work_on(resources, preview.id) == "over"
    assert (await admin_browser.client.get(path, headers=headers)).headers["HX-Redirect"] == path
    assert groups_of(await admin_browser.open(path))["Blocked by the plan"] == 4


# --- what waits ------------------------------------------------------------------------------------------------------


async def test_all_that_wait_for_one_question_are_waived_at_once(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    page = await save_line(admin_browser, await new_plan(admin_browser, bench), "Height", keeps_meaning="on")
    page = await save_line(admin_browser, page, "Score", as_legacy="on")
    page = await sent(admin_browser, page, "policy", on_need="stay", on_conflict="stay")
    job = await done(admin_browser, bench, resources, "Approve and move 1 run", page)
    assert job.text("#worklist-title").startswith("Waits for a person 3 decisions")
    after = await press(admin_browser, job, "Waive Phone for all 2")
    assert "Decided together." in after.text("#job > .ks-banner")
    assert await bench.on_versions() == {1: 1, 2: 3}
    await bench.proven()


async def with_one_conflict(browser: Browser, bench: Bench, resources: Resources) -> Page:
    return await done(browser, bench, resources, "Approve and move 3 runs", await told(browser, bench))


async def test_what_needs_more_than_a_line_is_answered_in_a_dialog_that_is_a_page_too(
    admin_browser: Browser, bench: Bench, resources: Resources
) -> None:
    job = await with_one_conflict(admin_browser, bench, resources)
    link = job.link("Answer…")
    whole, part = [await admin_browser.open(link, htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert whole.text("#dialog-title") == part.text("#dialog-title") == f"Decide about run {bench.runs[1][-8:]}"
    assert "chess" in whole.text(".ks-dialog-body")
    hobby = id_of(bench, "hobby")
    refused = await admin_browser.press(part, "Take this answer", {f"q-{hobby}": "swimming"}, headers={"HX-Request": "true"})
    assert (refused.status_code, refused.headers.get("HX-Retarget")) == (422, "#dialog")
    after = await press(admin_browser, whole, "Take this answer", **{f"q-{hobby}": "music"})
    assert "The run has moved." in after.text("#job > .ks-banner")
    assert (await answers_of(bench, 1))["hobby"] == ["music"]


async def test_a_dialog_about_what_somebody_else_decided_says_so(
    admin_browser: Browser, editor_browser: Browser, bench: Bench, resources: Resources
) -> None:
    job = await with_one_conflict(admin_browser, bench, resources)
    mine, theirs = await admin_browser.open(job.link("Answer…")), await editor_browser.open(job.link("Answer…"))
    await press(editor_browser, theirs, "To the archive")
    late = await admin_browser.press(mine, "To the archive")
    assert late.status_code == 404
    assert "resolved already" in Page(late).text("[role=alert]")
    assert (await admin_browser.client.get(job.link("Answer…"))).status_code == 404


async def test_an_undo_asks_about_what_was_edited_since_and_no_rule_brings_back(
    admin_browser: Browser, bench: Bench, resources: Resources
) -> None:
    before = await bench.heads()
    job = await with_one_conflict(admin_browser, bench, resources)
    await bench.act(save_answers, bench.runs[2], {"hobby": {"value": ["reading", "music"]}}, "*")
    undo = await done(admin_browser, bench, resources, "Undo migration 1", job)
    assert undo.text("#progress .ks-job-state") == "Completed, some runs wait"
    assert undo.text(".ks-work-value") == "Reading, Music"
    assert "Edited since the move, and no rule brings it back." in undo.text(".ks-work-what")
    back = next(each for each in undo.tree.select(".ks-work-choices button") if each["value"] == "before")
    assert str(back["aria-label"]).startswith("As before the move")
    form = back.find_parent("form")
    assert form is not None
    token = str(undo.one("meta[name=csrf-token]")["content"])
    answer = await admin_browser.client.post(str(form["action"]), data={"csrf_token": token, "choice": "before"})
    after = await admin_browser.open(answer.headers["Location"].partition("#")[0])
    assert "Nothing waits any more." in after.text("#job > .ks-banner")
    assert {run: head[:3] for run, head in (await bench.heads()).items()} == {run: head[:3] for run, head in before.items()}
    await bench.proven()


# --- two at once, and hostile forms ----------------------------------------------------------------------------------------


async def test_two_tabs_that_approve_undo_or_cancel_make_one_of_it(
    admin_browser: Browser, editor_browser: Browser, bench: Bench, resources: Resources
) -> None:
    page = await told(admin_browser, bench)
    theirs = await editor_browser.open(str(page.answer.url.path))
    jobs = {
        (await browser.press(tab, "Approve and move 3 runs")).headers["Location"]
        for browser, tab in ((admin_browser, page), (editor_browser, theirs))
    }
    assert len(jobs) == 1
    await run_last_job(resources, bench)
    (job,) = jobs
    tabs = [(browser, await browser.open(job)) for browser in (admin_browser, editor_browser)]
    undos = {(await browser.press(tab, "Undo migration 1")).headers["Location"] for browser, tab in tabs}
    assert len(undos) == 1
    await run_last_job(resources, bench)
    assert await bench.on_versions() == {1: 4}


async def test_a_form_of_a_thousand_rows_or_of_nonsense_changes_nothing_it_should_not(admin_browser: Browser, bench: Bench) -> None:
    page = await new_plan(admin_browser, bench)
    line = f"{id_of(bench, 'hobby')}:1"
    rows = {f"p-options-{kind}-{number}": text for number in range(4_000) for kind, text in (("key", f"k{number}"), ("value", "reading"))}
    huge = await sent(admin_browser, page, "lines", line=line, to=id_of(bench, "hobby"), **rows)
    assert huge.answer.status_code in (200, 422)
    for fields in ({"line": "x", "to": "y"}, {"line": line, "to": "nowhere"}, {"line": f"{line}-2", "to": "archive"}):
        assert (await sent(admin_browser, huge, "lines", **fields)).answer.status_code in (412, 422)
    for place in ("fills", "merges"):
        assert (await sent(admin_browser, huge, place, question="nobody", fill="empty", merge="first")).answer.status_code == 422
    stale = await sent(admin_browser, page, "apply", confirm="made.up")
    assert stale.answer.status_code in (409, 422)
    assert await bench.on_versions() == {1: 4}


async def test_the_page_of_a_plan_is_found_under_its_wizard_alone(admin_browser: Browser, bench: Bench, resources: Resources) -> None:
    page = await new_plan(admin_browser, bench)
    other = await Bench.of(Desk(resources.engine, minute=[-500]), resources, question("name"))
    plan = str(page.answer.url.path).rsplit("/", 1)[1]
    for place in ("", "/lines", "/fills", "/merges", "/policy", "/preview", "/apply"):
        address = migrations_path(other, f"/{plan}{place}")
        token = {"csrf_token": str(page.one("meta[name=csrf-token]")["content"])}
        answer = await (admin_browser.client.post(address, data=token) if place else admin_browser.client.get(address))
        assert answer.status_code == 404, (place, answer.status_code)
