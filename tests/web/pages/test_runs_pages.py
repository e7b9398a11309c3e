"""The table of runs: what it shows, which runs its filters hold, acts on many at once, columns, saved views; and who may do what."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import text
from tests.factories import option_set, published, step, wizard
from tests.history_kit import Statements, squeezed
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, send_raw
from tests.runs_kit import confirmed, names_in, post, runs_path, table_of, two_versions
from tests.web_kit import WebSurvey

from keepstep.config import Resources
from keepstep.core.reference import reference_of

SignedIn = Callable[..., Awaitable[Browser]]
Survey = tuple[WebSurvey, dict[str, str]]


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> Survey:
    return await two_versions(editor)


async def opened(browser: Browser, survey: Survey, rest: str = "", *, htmx: bool = False) -> Page:
    page = await browser.open(runs_path(survey[0], rest), htmx=htmx)
    assert page.answer.status_code == 200, page.answer.text[:500]
    return page


async def test_every_question_of_all_versions_is_a_column_and_every_cell_says_its_state(admin_browser: Browser, survey: Survey) -> None:
    rows = table_of(await opened(admin_browser, survey))
    assert [(row["Full Name"], row["Email"], row["Favorite Color"]) for row in rows] == [
        ("Zoe", "not in this version", "left empty"),
        ("Ann", "left empty", "Red"),
        ("John Doe", "john@example.com", "Blue"),
    ]
    assert [row["Version"] for row in rows] == ["v2 live", "v1", "v1"]
    assert {row["Status"] for row in rows} == {"completed"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?version=1", ["Ann", "John Doe"]),
        ("?q=JOHN", ["John Doe"]),
        ("?q=red", ["Ann"]),
        ("?q=%25", []),
        ("?status=in_progress", []),
        ("?status=completed&q=o", ["Zoe", "John Doe"]),
        ("?holds=flags", []),
        ("?trashed=1", []),
        ("?since=2020-01-01&until=2020-01-02", []),
        ("?since=2020-01-01", ["Zoe", "Ann", "John Doe"]),
    ],
)
async def test_a_filter_holds_the_runs_that_it_says(admin_browser: Browser, survey: Survey, query: str, names: list[str]) -> None:
    page = await opened(admin_browser, survey, query)
    assert names_in(page) == names
    if names:
        assert page.text("#shown").startswith(f"{len(names)} of {len(names)} run")


async def test_a_filter_by_an_answer_takes_the_label_as_well_as_the_code(admin_browser: Browser, survey: Survey) -> None:
    color, email = survey[0].color, survey[0].email
    for value, names in (("Blue", ["John Doe"]), ("blue", ["John Doe"]), ("", ["Ann", "John Doe"]), ("Green", [])):
        assert names_in(await opened(admin_browser, survey, f"?a={color}&v={value}")) == names
    page = await opened(admin_browser, survey, f"?a={color}&v=&a={email}&v=")
    assert names_in(page) == ["John Doe"]
    assert "Email : any answer" in page.text(".ks-runs-tools")


async def test_a_question_left_empty_on_its_page_has_no_answer(admin_browser: Browser, survey: Survey) -> None:
    page = await begun(admin_browser, "customer-survey")
    assert (await send_raw(admin_browser, page, {"Full Name": "Eve"})).status_code == 303
    name, color = survey[0].full_name, survey[0].color
    assert "Eve" in names_in(await opened(admin_browser, survey, f"?a={name}&v="))
    assert names_in(await opened(admin_browser, survey, f"?a={color}&v=")) == ["Ann", "John Doe"]
    assert names_in(await opened(admin_browser, survey, "?holds=archive")) == []


async def test_an_option_of_an_older_version_is_offered_and_found(admin_browser: Browser, survey: Survey) -> None:
    kit = survey[0]
    for value, label in (("blue", "Navy"), ("red", "Crimson")):
        await confirmed(kit, "PUT", f"/api/v1/option-sets/{kit.color}/options/{value}", json={"label": label, "meaning": "same"})
    await confirmed(kit, "POST", f"/api/v1/option-sets/{kit.color}/options/red/retire")
    assert (await kit.publish()).status_code == 201
    first = await admin_browser.open(runs_path(kit, "/filter"))
    assert first.labelled("Question").name == "select"
    page = await admin_browser.open(runs_path(kit, f"/filter?on={kit.color}"))
    offered = [(str(each["value"]), squeezed(each)) for each in page.labelled("Its answer").select("option")]
    assert {("blue", "Navy"), ("red", "Crimson (retired)"), ("blue", "Blue (as of v2)"), ("red", "Red (as of v2)")} <= set(offered)
    assert str(page.one("#filter")["action"]) == runs_path(kit)
    assert names_in(await opened(admin_browser, survey, f"?a={kit.color}&v=red")) == ["Ann"]
    typed = await admin_browser.open(runs_path(kit, f"/filter?on={kit.color}&typed=1"))
    assert typed.labelled("Its answer").name == "input"


async def test_what_a_filter_cannot_be_is_a_problem_or_left_out(admin_browser: Browser, survey: Survey) -> None:
    for query in ("?version=x&status=y&holds=z&a=1&c=2", f"?c={'0' * 36}"):
        assert (await admin_browser.open(runs_path(survey[0], query))).answer.status_code == 200
    for query in ("?q=a%00b", f"?q={'x' * 600}", "?cursor=forged"):
        assert (await admin_browser.open(runs_path(survey[0], query))).answer.status_code in (400, 422)
    page = await opened(admin_browser, survey, "?since=soon")
    assert "Write the day as year, month and day" in page.text(".ks-runs-dates")


async def test_the_script_gets_the_same_rows_without_the_page(admin_browser: Browser, survey: Survey) -> None:
    whole, part = [await opened(admin_browser, survey, "?version=1", htmx=htmx) for htmx in (False, True)]
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert part.text("#runs") == whole.text("#runs")


async def test_pages_of_fifty_follow_each_other_without_gap_and_cost_the_same(
    admin_browser: Browser, survey: Survey, resources: Resources
) -> None:
    statements = Statements(resources.engine)
    few = await statements.during(opened(admin_browser, survey))
    for number in range(57):
        await survey[0].answer(full_name=f"Person {number}")
    first = await opened(admin_browser, survey)
    # One more: of a single page nothing needs to be counted.
    assert await statements.during(opened(admin_browser, survey)) == few + 1
    second = await admin_browser.open(first.link("Next 50"))
    seen = [*names_in(first), *names_in(second)]
    assert (len(names_in(first)), len(seen), len(set(seen))) == (50, 60, 60)
    assert seen == [*(f"Person {number}" for number in reversed(range(57))), "Zoe", "Ann", "John Doe"]


# --- many at once ------------------------------------------------------------------------------------------------------


async def test_ticked_runs_go_to_the_trash_and_come_back_with_an_event_each(
    admin_browser: Browser, survey: Survey, resources: Resources
) -> None:
    john, ann = survey[1]["john"], survey[1]["ann"]
    dialog = await opened(admin_browser, survey, f"/act?deed=trash&run={john}&run={ann}")
    assert dialog.text("#dialog-title") == "Move 2 runs to the trash?"
    assert dialog.text(".ks-run-numbers tbody") == "v1 2 0 0"
    answer = await post_dialog(admin_browser, dialog, john, ann)
    assert answer.headers["location"] == "/wizards/customer-survey/runs?done=trash&many=2"
    assert names_in(await opened(admin_browser, survey)) == ["Zoe"]
    trash = await opened(admin_browser, survey, "?trashed=1")
    assert names_in(trash) == ["John Doe", "Ann"] or names_in(trash) == ["Ann", "John Doe"]
    back = await opened(admin_browser, survey, f"/act?deed=restore&trashed=1&run={john}&run={ann}")
    await post_dialog(admin_browser, back, john, ann, trashed="1")
    assert len(names_in(await opened(admin_browser, survey))) == 3
    async with resources.engine.connect() as connection:
        rows = (await connection.execute(text("SELECT action, run_id::text FROM audit_events WHERE action LIKE 'run.%'"))).all()
    assert sorted(map(tuple, rows)) == sorted((f"run.{act}", run) for act in ("trashed", "restored") for run in (john, ann))


async def post_dialog(browser: Browser, dialog: Page, *runs: str, **more: str) -> httpx.Response:
    confirm = str(dialog.one("#act input[name=confirm]")["value"])
    deed = str(dialog.one("#act input[name=deed]")["value"])
    fields = {"deed": deed, "confirm": confirm, **more} | ({"run": list(runs)} if runs else {"all": "1"})
    return await post(browser, "/wizards/customer-survey/runs/act", **fields)


async def test_all_that_match_are_meant_whatever_is_ticked_and_nothing_happens_to_others_than_were_counted(
    admin_browser: Browser, survey: Survey
) -> None:
    dialog = await opened(admin_browser, survey, "/act?deed=trash&version=1&all=1")
    assert dialog.text("#dialog-title") == "Move 2 runs to the trash?"
    await survey[0].client.patch(
        f"/api/v1/runs/{survey[1]['zoe']}/answers", json={"answers": {"full-name": "Zoë"}}, headers={"If-Match": '"1.0"'}
    )
    made = {"answers": {"full-name": "Late"}, "complete": True, "version_number": 1}
    await survey[0].client.post(f"{survey[0].url}/runs", json=made)
    again = Page(await post_dialog(admin_browser, dialog, version="1"))
    assert again.answer.status_code == 409
    assert again.text("#dialog-title") == "Move 3 runs to the trash?"
    assert len(names_in(await opened(admin_browser, survey))) == 4
    assert (await post_dialog(admin_browser, again, version="1")).status_code == 303
    assert names_in(await opened(admin_browser, survey)) == ["Zoë"]


async def test_erasing_many_lists_what_goes_and_leaves_tombstones_that_verify_accepts(
    admin_browser: Browser, survey: Survey, admin: httpx.AsyncClient
) -> None:
    dialog = await opened(admin_browser, survey, "/act?deed=erase&version=1&all=1")
    assert "5 stored answers, in 2 revisions" in dialog.text(".ks-going")
    refused = Page(await post_dialog(admin_browser, dialog, version="1", reason=" "))
    assert refused.answer.status_code == 422
    named = Page(await post_dialog(admin_browser, refused, version="1", reason="John Doe wrote"))
    assert "the answer to “Full Name”" in named.text("#reason-error")
    assert (await post_dialog(admin_browser, named, version="1", reason="asked by the person")).status_code == 303
    rows = table_of(await opened(admin_browser, survey, "?version=1"))
    assert {(row["Full Name"], row["Favorite Color"]) for row in rows} == {("erased", "erased")}
    assert names_in(await opened(admin_browser, survey, "?q=John")) == []
    verified = (await admin.get("/api/v1/verify")).json()
    assert verified["findings"] == []


async def test_an_export_of_some_runs_has_the_rows_of_those_alone(admin_browser: Browser, survey: Survey) -> None:
    dialog = await opened(admin_browser, survey, "/act?deed=export&version=1&all=1")
    assert dialog.text("#dialog-title") == "Export 2 runs"
    csv = (await admin_browser.client.get(runs_path(survey[0], "/export?all=1&version=1&labels=labels"))).text
    lines = csv.lstrip("\ufeff").splitlines()
    assert (len(lines), "John Doe" in csv, "Blue" in csv, "Zoe" in csv) == (3, True, True, False)
    one = (await admin_browser.client.get(runs_path(survey[0], f"/export?file_format=jsonl&run={survey[1]['zoe']}"))).text
    assert (len(one.splitlines()), survey[1]["zoe"] in one) == (1, True)


async def test_an_export_without_personal_data_is_offered_with_what_goes_out(
    admin_browser: Browser, admin: httpx.AsyncClient, resources: Resources
) -> None:
    wizard_id = await published(resources, wizard(step("only", option_set("name", personal_data=True), option_set("colour"))))
    given = {"answers": {"name": "Ann", "colour": "red"}, "respondent": "ann@example.org", "complete": True}
    await admin.post(f"/api/v1/wizards/{wizard_id}/runs", json=given)
    page = await admin_browser.open(f"/wizards/{wizard_id}/runs/act?deed=export&all=1")
    assert "Then these go out of both formats: name" in page.text("#impersonal-hint")
    box = page.one("input[name=impersonal]")
    got = await admin_browser.client.get(f"/wizards/{wizard_id}/runs/export?all=1&{box['name']}={box['value']}")
    assert ("Ann" in got.text, "ann@" in got.text, "red" in got.text) == (False, False, True)


async def test_a_search_looks_at_so_many_runs_at_a_time_and_goes_on_where_it_stopped(
    admin_browser: Browser, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepstep.web.pages.runs.STRETCH", 1)
    first = await opened(admin_browser, survey, "?q=john")
    assert names_in(first) == []
    assert "Nothing found so far" in first.answer.text
    second = await admin_browser.open(first.link("Look through older runs"))
    last = await admin_browser.open(second.link("Look through older runs"))
    assert [names_in(second), names_in(last)] == [[], ["John Doe"]]
    assert "1 run found here" in last.text("#shown")
    assert "Look through older runs" not in last.answer.text
    monkeypatch.setattr("keepstep.web.pages.runs.STRETCH", 2)
    zoe = await opened(admin_browser, survey, "?q=zoe")
    assert (names_in(zoe), "1 run found here" in zoe.text("#shown")) == (["Zoe"], True)
    assert zoe.link("Look through older runs")


async def test_a_run_is_found_by_the_reference_that_its_respondent_was_told(admin_browser: Browser, survey: Survey) -> None:
    run = survey[1]["zoe"]
    for said in (reference_of(run), reference_of(run).lower().replace("-", " "), reference_of(run).replace("0", "o").replace("1", "l")):
        assert names_in(await opened(admin_browser, survey, f"?{urlencode({'q': said})}")) == ["Zoe"]
    assert reference_of(run) in (await opened(admin_browser, survey, f"/{run}")).answer.text


async def test_all_runs_that_match_are_exported_without_ticking_any(admin_browser: Browser, survey: Survey) -> None:
    link = (await opened(admin_browser, survey, "?version=1")).link("Export…")
    dialog = await admin_browser.open(link)
    assert dialog.text("#dialog-title") == "Export 2 runs"
    assert "Export…" not in (await opened(admin_browser, survey, "?q=nobody")).answer.text


# --- columns and views -------------------------------------------------------------------------------------------------


async def test_columns_are_chosen_among_the_questions_of_all_versions(admin_browser: Browser, survey: Survey) -> None:
    dialog = await opened(admin_browser, survey, "/columns?version=1")
    boxes = dialog.tree.select("#columns input[name=c]")
    assert {str(each["value"]) for each in boxes} == {survey[0].full_name, survey[0].email, survey[0].color}
    page = await opened(admin_browser, survey, f"?version=1&c={survey[0].color}")
    assert [head for head in table_of(page)[0] if head not in ("Tick", "Run", "Version", "Status", "Last change")] == ["Favorite Color"]
    assert "1 of 3 columns" in page.text(".ks-runs-tools")


async def test_a_view_keeps_filters_and_columns_but_nothing_that_somebody_typed(
    admin_browser: Browser, survey: Survey, resources: Resources
) -> None:
    color, email = survey[0].color, survey[0].email
    query = f"?version=1&q=secret&a={color}&v=blue&a={email}&v=john@example.com&c={color}"
    dialog = await opened(admin_browser, survey, f"/views{query}")
    assert "are not kept" in dialog.text(".ks-promise")
    answer = await admin_browser.press(dialog, "Save the view", {"name": "Blue ones"})
    assert answer.status_code == 303
    assert (await admin_browser.press(dialog, "Save the view", {"name": "Blue ones"})).status_code == 303
    page = await opened(admin_browser, survey)
    kept = dict(parse_qsl(urlsplit(page.link("Blue ones")).query))
    assert kept == {"version": "1", "a": color, "v": "blue", "c": color}
    async with resources.engine.connect() as connection:
        stored = str((await connection.execute(text("SELECT query FROM run_views"))).scalars().all())
    assert "secret" not in stored
    assert "john" not in stored


async def test_a_view_is_deleted_by_who_made_it_or_by_an_editor(survey: Survey, signed_in: SignedIn) -> None:
    analyst, editor = await signed_in("analyst"), await signed_in("editor")
    for name in ("One", "Two"):
        await analyst.press(await opened(analyst, survey, "/views"), "Save the view", {"name": name})
    other = await signed_in("analyst", email="other@example.org")
    dialog = await opened(other, survey, "/views")
    assert "Delete" not in dialog.text("main")
    view = str((await opened(editor, survey, "/views")).tree.select("button[name=delete]")[0]["value"])
    assert (await post(other, runs_path(survey[0], "/views"), delete=view)).status_code == 403
    assert (await post(editor, runs_path(survey[0], "/views"), delete=view)).status_code == 303
    await analyst.press(await opened(analyst, survey, "/views"), "Delete “Two”")
    assert "No view" not in (await opened(analyst, survey)).text("#runs")


@pytest.mark.parametrize("name", ["", "x" * 81])
async def test_a_view_needs_a_name_and_says_so_beside_it(admin_browser: Browser, survey: Survey, name: str) -> None:
    answer = await admin_browser.press(await opened(admin_browser, survey, "/views"), "Save the view", {"name": name})
    assert answer.status_code == 422
    assert "Give the view a name" in Page(answer).text("#field-name-error")


# --- who may, and what is not there --------------------------------------------------------------------------------------


async def test_an_analyst_reads_and_exports_and_an_editor_does_not_erase(survey: Survey, signed_in: SignedIn) -> None:
    analyst, editor = await signed_in("analyst"), await signed_in("editor")
    assert [each["value"] for each in (await opened(analyst, survey)).tree.select("button[name=deed]")] == ["export"]
    assert [each["value"] for each in (await opened(editor, survey)).tree.select("button[name=deed]")] == ["export", "trash"]
    refused = [(analyst, "trash"), (analyst, "restore"), (analyst, "erase"), (editor, "erase")]
    for browser, deed in refused:
        path = runs_path(survey[0], f"/act?deed={deed}&all=1")
        assert (await browser.open(path)).answer.status_code == 403
        assert (await post(browser, runs_path(survey[0], "/act"), deed=deed, all="1", reason="r")).status_code == 403
    assert (await analyst.client.get(runs_path(survey[0], "/export?all=1"))).status_code == 200


async def test_runs_of_another_wizard_are_never_touched_by_their_ids(
    admin_browser: Browser, survey: Survey, editor: httpx.AsyncClient
) -> None:
    other = (await editor.post("/api/v1/wizards", json={"name": "Other"})).json()
    page = await admin_browser.open(f"/wizards/{other['slug']}/runs/act?deed=trash&run={survey[1]['john']}")
    assert "No run is ticked" in page.text(".ks-dialog-body")


async def test_empty_pages_teach_the_next_step(admin_browser: Browser, editor: httpx.AsyncClient, survey: Survey) -> None:
    made = (await editor.post("/api/v1/wizards", json={"name": "New"})).json()
    page = await admin_browser.open(f"/wizards/{made['slug']}/runs")
    assert page.text(".ks-empty h2") == "No runs yet"
    assert (await opened(admin_browser, survey, "?q=nobody")).text(".ks-empty h2") == "No run matches"
    assert (await opened(admin_browser, survey, "?trashed=1")).text(".ks-empty h2") == "Nothing in the trash"


async def test_the_runs_of_a_removed_wizard_stay_a_table_by_its_id(
    admin_browser: Browser, survey: Survey, admin: httpx.AsyncClient
) -> None:
    report = (await admin.delete(survey[0].url, params={"permanent": "true", "dry_run": "true"})).json()
    await admin.delete(survey[0].url, params={"permanent": "true", "confirm": report["confirm"]})
    page = await admin_browser.open(f"/wizards/{survey[0].wizard}/runs")
    assert names_in(page) == ["Zoe", "Ann", "John Doe"]


async def test_a_script_in_answers_labels_and_searches_stays_text(admin_browser: Browser, survey: Survey) -> None:
    hostile = "<script>alert(1)</script>"
    await survey[0].answer(full_name=hostile)
    page = await opened(admin_browser, survey, "?q=%3Cscript%3E")
    assert names_in(page) == [hostile]
    assert hostile not in page.answer.text


async def test_counts_elsewhere_lead_to_the_runs_that_they_count(admin_browser: Browser, survey: Survey) -> None:
    home = await admin_browser.open("/")
    rows = [str(each["href"]) for each in home.tree.select("td.ks-number a[href*='/runs']")]
    assert [len(names_in(await admin_browser.open(each))) for each in rows] == [3, 3]
    panel = await admin_browser.open(f"/wizards/{survey[0].wizard}/build/impact/answers?node={survey[0].color}")
    assert panel.text(".ks-pill .visually-hidden") == "2 answers in 1 version"
    assert len(table_of(await admin_browser.open(panel.link("See the runs")))) == 2
