"""How a wizard reaches people: its link, QR code, sites that frame it, and who may begin it when."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from tests.factories import count_queries
from tests.pages_kit import Browser, Page
from tests.web.pages.conftest import Clock
from tests.web_kit import WebSurvey, web_survey

from keepstep.config import Resources
from keepstep.errors import RequestInvalid
from keepstep.web.local_time import local_text, moment_in

SignedIn = Callable[..., Awaitable[Browser]]
PAGE = "/wizards/customer-survey/share"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def _set(survey: WebSurvey, **access: object) -> None:
    answer = await survey.client.patch(f"{survey.url}/access", json=access)
    assert answer.status_code == 200, answer.text


async def test_the_link_is_there_to_be_copied_and_the_tab_leads_to_it(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    assert page.labelled("Public link")["value"] == "http://127.0.0.1:8000/w/customer-survey"
    assert page.labelled("Public link").has_attr("readonly")
    assert (page.link("Share"), page.text("h1")) == (PAGE, "Customer Survey")
    assert page.text(".ks-banner strong") == "Open"


async def test_who_may_begin_and_when_is_saved_at_once_and_shown_again(editor_browser: Browser, survey: WebSurvey) -> None:
    fields = {
        "mode": "signed_in",
        "opens_at": "2026-03-04T09:00",
        "closes_at": "2026-04-01T18:30",
        "max_runs": "1,000",
        "finish_within": "60",
    }
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save", fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=access")
    page = await editor_browser.open(answer.headers["location"])
    assert page.labelled("Opens (UTC)")["value"] == "2026-03-04T09:00"
    assert page.labelled("Limit on runs")["value"] == "1000"
    assert page.one("input[name=mode][checked]")["value"] == "signed_in"
    assert "It opens on 4 Mar 2026, 09:00 (UTC)." in page.text("main")
    access = (await survey.client.get(f"{survey.url}/access")).json()
    assert (access["closes_at"], access["finish_within"], access["starts_per_hour"]) == ("2026-04-01T18:30:00Z", 60, 300)


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("closes_at", "2026-03-01T08:00", "Closes (UTC)"),
        ("closes_at", "tomorrow", "Closes (UTC)"),
        ("opens_at", "9999-12-31T23:59", "Opens (UTC)"),
        ("max_runs", "many", "Limit on runs"),
        ("max_runs", "0", "Limit on runs"),
        ("starts_per_hour", "-1", "Runs begun from one address in an hour"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_stays_typed(
    editor_browser: Browser, survey: WebSurvey, name: str, value: str, label: str
) -> None:
    await _set(survey, opens_at="2026-03-02T09:00:00Z")
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save", {name: value})
    page = Page(answer)
    field = page.labelled(label)
    assert (answer.status_code, field["aria-invalid"], field["value"]) == (422, "true", value)
    assert page.text(f"#{field['id']}-error")
    assert page.text("title").startswith("Error:")


async def test_a_page_left_open_takes_nothing_back_that_others_set(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    await _set(survey, max_runs=7, trap=False, embed_on=["https://a.example"])
    await editor_browser.press(page, "Save", {"mode": "link"})
    access = (await survey.client.get(f"{survey.url}/access")).json()
    assert (access["mode"], access["max_runs"], access["trap"], access["embed_on"]) == ("link", 7, False, ["https://a.example"])


async def test_a_box_that_is_not_ticked_any_more_is_off(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    action, fields = page.form_of("Save")
    fields.pop("trap")
    await editor_browser.client.post(action, data={**fields, "proof_of_work": "yes"})
    access = (await survey.client.get(f"{survey.url}/access")).json()
    assert (access["trap"], access["proof_of_work"]) == (False, True)


async def test_the_secret_link_is_shown_and_renewed_after_a_question(editor_browser: Browser, survey: WebSurvey) -> None:
    await _set(survey, mode="link")
    page = await editor_browser.open(PAGE)
    before = str(page.labelled("Public link")["value"])
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/w/customer-survey\?t=[\w-]{32}", before)
    dialog = await editor_browser.open(page.link("Renew the link…"))
    answer = await editor_browser.press(dialog, "Renew the link")
    after = str((await editor_browser.open(answer.headers["location"])).labelled("Public link")["value"])
    assert after != before
    assert (await editor_browser.open(page.link("Renew the link…"), htmx=True)).is_whole is False


async def test_the_code_for_other_sites_comes_with_the_first_site(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    assert page.tree.find(id="embed-code") is None
    answer = await editor_browser.press(page, "Save the sites", {"embed_on": "https://www.Example.org/\nhttps://*.example.com"})
    page = await editor_browser.open(answer.headers["location"])
    assert page.labelled("Sites that may embed it").get_text().strip() == "https://www.example.org\nhttps://*.example.com"
    code = page.labelled("Code for their pages").get_text().strip()
    assert 'src="http://127.0.0.1:8000/w/customer-survey?embed=1"' in code


async def test_a_page_that_other_sites_may_frame_has_no_older_header_that_shuts_them_out(
    editor_browser: Browser, survey: WebSurvey
) -> None:
    await _set(survey, embed_on=["https://a.example"])
    own, framed = [(await editor_browser.client.get(f"/w/customer-survey{rest}")).headers for rest in ("", "?embed=1")]
    assert (own["x-frame-options"], "frame-ancestors 'none'" in own["content-security-policy"]) == ("DENY", True)
    assert ("x-frame-options" in framed, "frame-ancestors https://a.example" in framed["content-security-policy"]) == (False, True)


async def test_what_is_no_site_is_refused_and_a_name_breaks_out_of_nothing(editor_browser: Browser, survey: WebSurvey) -> None:
    answer = await editor_browser.press(await editor_browser.open(PAGE), "Save the sites", {"embed_on": "https://a.example; script-src *"})
    assert (answer.status_code, Page(answer).labelled("Sites that may embed it")["aria-invalid"]) == (422, "true")
    await survey.client.patch(survey.url, json={"name": '"><script>x</script>'})
    await _set(survey, embed_on=["https://a.example"])
    page = await editor_browser.open(PAGE)
    assert page.tree.find_all("script", src=False) == []
    # What is copied is escaped once more than what is seen.
    assert 'title="&#34;&gt;&lt;script&gt;x&lt;/script&gt;"' in page.labelled("Code for their pages").get_text()


async def test_the_qr_code_is_a_picture_of_the_link_made_here(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open(PAGE)
    answer = await editor_browser.client.get(str(page.one(".ks-qr img")["src"]))
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(answer.text).tag.endswith("svg")  # noqa: S314 - made a moment ago by the server itself
    saved = await editor_browser.client.get(page.link("Download as SVG"))
    assert saved.headers["content-disposition"] == 'attachment; filename="customer-survey-qr.svg"'
    before = answer.text
    await _set(survey, mode="link")
    assert (await editor_browser.client.get(f"{PAGE}/qr.svg")).text != before


async def test_the_banner_tells_how_it_stands(editor_browser: Browser, editor: httpx.AsyncClient, survey: WebSurvey, clock: Clock) -> None:
    await editor.post("/api/v1/wizards", json={"name": "New", "slug": "new"})
    assert (await editor_browser.open("/wizards/new/share")).text(".ks-banner strong") == "Not published yet"
    await survey.answer(full_name="Ann")
    await _set(survey, max_runs=1)
    assert (await editor_browser.open(PAGE)).text(".ks-banner strong") == "Full"
    await _set(survey, max_runs=2, closes_at="2026-03-03T10:00:00Z", finish_within=30)
    assert "1 of 2 places are taken." in (await editor_browser.open(PAGE)).text(".ks-banner")
    clock.advance(hours=1)
    page = await editor_browser.open(PAGE)
    assert page.text(".ks-banner strong") == "Closed"
    assert "Who had begun may finish until 3 Mar 2026, 10:30." in page.text(".ks-banner")


async def test_in_the_trash_nothing_can_be_set(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.client.delete(survey.url)
    page = await editor_browser.open(PAGE)
    assert page.text(".ks-banner strong") == "This wizard is in the trash"
    assert len(page.tree.select("main form > fieldset:not([disabled])")) == 0
    action, fields = page.form_of("Save")
    assert (await editor_browser.client.post(action, data={**fields, "mode": "link", "mode_was": "open"})).status_code == 410


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/qr.svg", f"{PAGE}/renew-link", f"{PAGE}/prefill", f"{PAGE}/invitations"])
async def test_who_only_reads_sees_neither_link_nor_list(signed_in: SignedIn, survey: WebSurvey, path: str) -> None:
    analyst = await signed_in("analyst")
    assert (await analyst.client.get(path)).status_code == 403
    assert "Share" not in (await analyst.open("/wizards/customer-survey/versions")).text(".ks-tabs")


async def test_the_page_takes_the_same_statements_for_one_run_and_for_many(
    editor_browser: Browser, survey: WebSurvey, resources: Resources
) -> None:
    counts = []
    for runs in (1, 9):
        for n in range(runs):
            await survey.answer(full_name=f"A{n}")
        with count_queries(resources.engine) as statements:
            await editor_browser.open(PAGE)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_time_that_the_clocks_leave_out_is_refused_and_of_one_that_comes_twice_the_first_is_meant() -> None:
    with pytest.raises(RequestInvalid):
        moment_in("opens_at", "2026-03-29T02:30", "Europe/Berlin")
    twice = moment_in("opens_at", "2026-10-25T02:30", "Europe/Berlin")
    assert twice is not None
    assert twice.isoformat() == "2026-10-25T00:30:00+00:00"
    assert local_text(twice, "Europe/Berlin") == "2026-10-25T02:30"


async def test_a_link_brings_answers_along(editor_browser: Browser, survey: WebSurvey) -> None:
    page = await editor_browser.open((await editor_browser.open(PAGE)).link("Bring answers along"))
    asked = [("key", "favorite-color"), ("value", "blue"), ("key", "full-name"), ("value", 'A & "B" ✓'), ("key", ""), ("value", "x")]
    assert page.tree.find(id="prefilled") is None
    made = Page(await editor_browser.client.get(f"{PAGE}/prefill", params=urlencode(asked)))
    link = str(made.labelled("Link with answers")["value"])
    assert link == "http://127.0.0.1:8000/w/customer-survey?favorite-color=blue&full-name=A+%26+%22B%22+%E2%9C%93"
    assert len(made.tree.select("main form fieldset")) == 3
    start = await editor_browser.open(link.removeprefix("http://127.0.0.1:8000"))
    assert start.one('input[name="prefill-full-name"]')["value"] == 'A & "B" ✓'


async def test_the_secret_link_can_bring_answers_along_too(editor_browser: Browser, survey: WebSurvey) -> None:
    await _set(survey, mode="link")
    made = Page(await editor_browser.client.get(f"{PAGE}/prefill", params=[("key", "email"), ("value", "a@b.c")]))
    assert re.search(r"\?t=[\w-]{32}&email=a%40b\.c$", str(made.labelled("Link with answers")["value"]))


async def test_a_question_whose_key_means_something_else_in_addresses_goes_by_its_id(editor_browser: Browser, survey: WebSurvey) -> None:
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"key": "t"})
    assert (await survey.publish()).status_code == 201
    made = Page(await editor_browser.client.get(f"{PAGE}/prefill", params=[("key", survey.email), ("value", "a@b.c")]))
    link = str(made.labelled("Link with answers")["value"])
    assert link.endswith(f"?{survey.email}=a%40b.c")
    start = await editor_browser.open(link.removeprefix("http://127.0.0.1:8000"))
    assert start.one(f'input[name="prefill-{survey.email}"]')["value"] == "a@b.c"


async def test_before_a_version_is_live_nothing_can_be_brought_along(editor_browser: Browser, editor: httpx.AsyncClient) -> None:
    await editor.post("/api/v1/wizards", json={"name": "New", "slug": "new"})
    assert "before a version" in (await editor_browser.open("/wizards/new/share/prefill?key=a&value=b")).text("main")
    assert (await editor_browser.client.get("/wizards/new/share/prefill", params=[("key", "a")] * 30)).status_code == 422
