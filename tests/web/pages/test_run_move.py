"""One run moved from its page to the latest version, and back: preview, decisions, the move, who may."""

from collections.abc import Awaitable, Callable

import pytest
from tests.actions_kit import Desk
from tests.migration_kit import Bench, changed, question
from tests.pages_kit import Browser, Page
from tests.web.pages.bench_kit import two_versions

from keepstep.actions.runs import save_answers
from keepstep.config import Resources

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def bench(resources: Resources) -> Bench:
    async def make(*questions: dict[str, object]) -> Bench:
        return await Bench.of(Desk(resources.engine, minute=[-500]), resources, *questions)

    return await two_versions(make)


def path(bench: Bench, run: int = 0, rest: str = "") -> str:
    return f"/wizards/{bench.wizard}/runs/{bench.runs[run]}{rest}"


def line_texts(page: Page) -> list[str]:
    return [" ".join(each.get_text(" ", strip=True).split()) for each in page.tree.select(".ks-sample tbody tr")]


async def test_the_banner_of_an_older_run_leads_to_what_would_change_line_by_line(admin_browser: Browser, bench: Bench) -> None:
    run = await admin_browser.open(path(bench))
    dialog = await admin_browser.open(run.link("Move to the latest version…"), htmx=True)
    assert not dialog.is_whole
    assert dialog.text("h1").startswith("Move run ")
    told = line_texts(dialog)
    assert any("Color Blue Color Blue" in each for each in told)
    assert any("Fax 1 to the archive" in each for each in told)
    assert (await bench.on_versions())[1] == 7


async def test_one_run_moves_and_goes_back_to_the_same_bytes(admin_browser: Browser, bench: Bench) -> None:
    before = (await bench.heads())[bench.runs[0]]
    dialog = await admin_browser.open(path(bench, rest="/migrate"))
    answer = await admin_browser.press(dialog, "Move to v2")
    assert answer.status_code == 303, answer.text[-2000:]
    moved = await admin_browser.open(answer.headers["Location"])
    assert "The run has moved." in moved.text("#notices")
    assert "Fax" in moved.text(".ks-archive")
    back = await admin_browser.open(str(moved.tree.select("a[href$=move-back]")[0]["href"]))
    gone = await admin_browser.press(back, "Move back")
    assert gone.status_code == 303, gone.text[-2000:]
    assert (await bench.heads())[bench.runs[0]][:3] == before[:3]


async def test_what_does_not_convert_is_decided_in_the_dialog_before_it_moves(admin_browser: Browser, bench: Bench) -> None:
    dialog = await admin_browser.open(path(bench, 6, "/migrate"))
    assert "Move to v2" not in dialog.text(".ks-dialog-foot")
    assert dialog.text(".ks-part > h2") == "To decide"
    age, color = (next(q["id"] for q in bench.structure["steps"][0]["option_sets"] if q["key"] == key) for key in ("age", "color"))
    decided = {f"r-{age}": "value", f"q-{age}": "30", f"r-{color}": "archive"}
    shown = Page(await admin_browser.press(dialog, "Show what that makes of the run", decided))
    assert any(each.startswith("Age about <b>thirty</b> Age to the archive 30") for each in line_texts(shown)), line_texts(shown)
    answer = await admin_browser.press(shown, "Move to v2", decided)
    assert answer.status_code == 303, answer.text[-2000:]
    assert (await bench.on_versions())[2] == 1


async def test_an_answer_that_does_not_fit_is_said_and_nothing_moves(admin_browser: Browser, bench: Bench) -> None:
    dialog = await admin_browser.open(path(bench, 6, "/migrate"))
    age = next(q["id"] for q in bench.structure["steps"][0]["option_sets"] if q["key"] == "age")
    again = await admin_browser.press(dialog, "Show what that makes of the run", {f"r-{age}": "value", f"q-{age}": "<script>"})
    assert again.status_code == 422
    assert "<script>" not in again.text.replace("<script src", "")
    assert (await bench.on_versions())[1] == 7


async def test_a_run_that_was_edited_since_the_dialog_opened_is_shown_anew(admin_browser: Browser, bench: Bench) -> None:
    dialog = await admin_browser.open(path(bench, rest="/migrate"))

    await bench.act(save_answers, bench.runs[0], {"name": {"value": "Somebody else"}}, "*")
    answer = await admin_browser.press(dialog, "Move to v2")
    assert answer.status_code == 412
    assert (await bench.on_versions())[1] == 7


async def test_what_was_edited_since_a_move_is_asked_for_on_the_way_back(admin_browser: Browser, bench: Bench) -> None:
    dialog = await admin_browser.open(path(bench, rest="/migrate"))
    await admin_browser.press(dialog, "Move to v2")

    await bench.act(save_answers, bench.runs[0], {"color": {"value": ["blue", "green"]}}, "*")
    asked = Page(await admin_browser.press(await admin_browser.open(path(bench, rest="/move-back")), "Move back"))
    assert asked.answer.status_code == 409
    color = next(q["id"] for q in bench.structure["steps"][0]["option_sets"] if q["key"] == "color")
    answer = await admin_browser.press(asked, "Move back", {f"r-{color}": "before"})
    assert answer.status_code == 303, answer.text[-2000:]
    assert (await bench.heads())[bench.runs[0]][0] == 1


async def test_an_analyst_finds_no_way_to_move_a_run(signed_in: SignedIn, bench: Bench) -> None:
    analyst = await signed_in("analyst")
    page = await analyst.open(path(bench))
    assert "Move to the latest version…" not in page.text("main")
    for rest in ("/migrate", "/move-back"):
        assert (await analyst.client.get(path(bench, rest=rest))).status_code == 403
    token = str(page.one("meta[name=csrf-token]")["content"])
    assert (await analyst.client.post(path(bench, rest="/migrate"), data={"csrf_token": token, "act": "move"})).status_code == 403


async def test_a_question_that_is_new_and_required_can_be_answered_waived_or_asked_again(admin_browser: Browser, bench: Bench) -> None:
    await bench.publish(changed(bench.structure, add=[question("phone", is_required=True)]))
    dialog = await admin_browser.open(path(bench, rest="/migrate"))
    phone = bench.structure["steps"][0]["option_sets"][-1]["id"]
    choices = [str(each["value"]) for each in dialog.tree.select(f"input[name=r-{phone}]")]
    assert choices == ["value", "waive", "reopen"]
    shown = Page(await admin_browser.press(dialog, "Show what that makes of the run", {f"r-{phone}": "waive"}))
    answer = await admin_browser.press(shown, "Move to v3", {f"r-{phone}": "waive"})
    assert answer.status_code == 303, answer.text[-2000:]
    assert (await bench.on_versions())[3] == 1


async def test_the_list_of_versions_says_how_many_runs_are_on_older_ones(admin_browser: Browser, bench: Bench) -> None:
    page = await admin_browser.open(f"/wizards/{bench.wizard}/versions")
    assert page.text(".ks-on-older") == "7 runs on older versions · Move…"
    assert page.link("Move…").endswith("/migrations")
