"""Journeys of respondents in a real Chromium, with and without a script; axe on each page and error."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Page, expect
from tests.e2e.conftest import LOOKS, CheckPage
from tests.factories import option, option_set, step, wizard
from tests.served import Served, free_port

YES_NO = [option("yes"), option("no")]


def published(served: Served, structure: dict[str, Any]) -> str:
    """The slug of a new wizard with this structure."""
    with served.client() as client:
        made = client.post("/api/v1/wizards", json={"structure": structure})
        assert made.status_code == 201, made.text
        publish(served, made.json()["id"])
        return str(made.json()["slug"])


def publish(served: Served, wizard_id: str) -> None:
    with served.client() as client:
        draft = client.get(f"/api/v1/wizards/{wizard_id}/draft")
        done = client.post(f"/api/v1/wizards/{wizard_id}/publish", json={}, headers={"If-Match": draft.headers["etag"]})
        assert done.status_code in (200, 201), done.text


def offer(served: Served, slug: str) -> None:
    """Another version, with a new wording and a new question on the first page, offered to whoever comes back."""
    with served.client() as client:
        draft = client.get(f"/api/v1/wizards/{slug}/draft")
        structure = draft.json()["structure"]
        first = structure["steps"][0]["option_sets"]
        first[0]["name"] = "Full name"
        first.append({"key": "town", "name": "Town", "selection_type": "text_input", "is_required": True})
        seen = {"If-Match": draft.headers["etag"]}
        seen = {"If-Match": client.put(f"/api/v1/wizards/{slug}/draft", json={"structure": structure}, headers=seen).headers["etag"]}
        body = {"in_progress": "offer"}
        report = client.post(f"/api/v1/wizards/{slug}/publish?dry_run=true", json=body, headers=seen).json()
        done = client.post(f"/api/v1/wizards/{slug}/publish", json={**body, "confirm": report["confirm"]}, headers=seen)
        assert done.status_code == 201, done.text


def clinic() -> dict[str, Any]:
    before = option_set("patient", "single_select", options=YES_NO, is_required=True)
    since = option_set("since", "date", visible_if={"==": [{"var": before["id"]}, "yes"]}, is_required=True)
    kinds = ["dropdown", "number", "rating", "boolean", "time", "datetime", "file", "phone", "url", "textarea"]
    others = [option_set(each, each, **({"options": YES_NO} if each == "dropdown" else {})) for each in kinds]
    several = option_set("several", "multiple_select", options=[*YES_NO, option("none", exclusive=True)], allow_other=True)
    slider = option_set("slider", "slider", constraints={"min": 0, "max": 100})
    name = option_set("name", is_required=True)
    again = option_set("again", "calculated", expression={"var": name["id"]}, presentation={"shown": True})
    about = step("about", name, before, since, again)
    return wizard(about, step("more", several, slider, *others), name="Clinic", languages=["en"])


def go_on(page: Page) -> None:
    page.locator("button.pl-button[value=next]").click()


# Every state at 320 px is in test_player_states.py.
@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_and_error_is_readable_for_everybody(
    open_page: Callable[..., Page], served: Served, accessible: CheckPage, theme: str, width: int
) -> None:
    page = open_page(width=width, theme=theme)
    slug = published(served, clinic())
    page.goto(f"/w/{slug}")
    accessible(page)
    page.get_by_role("button", name="Start").click()
    accessible(page)
    go_on(page)
    expect(page).to_have_title(re.compile("^Error: About"))
    expect(page.get_by_role("alert")).to_be_focused()
    accessible(page)
    page.get_by_role("link", name="Answer “Name”").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Ann")
    page.get_by_label("No", exact=True).check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("More")
    accessible(page)
    page.get_by_role("button", name="Save and get a link").click()
    accessible(page)
    offer(served, slug)
    page.get_by_role("link", name="Carry on now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 questions changed since you started")
    accessible(page)
    go_on(page)
    expect(page.get_by_role("alert")).to_be_focused()
    accessible(page)
    page.get_by_label("Town", exact=True).fill("Oslo")
    page.keyboard.press("Enter")
    go_on(page)
    accessible(page)
    page.get_by_role("button", name="Send").click()
    accessible(page)
    page.get_by_role("link", name="See a copy").click()
    accessible(page)
    page.goto("/r/nothing")
    accessible(page)


def test_with_a_script_an_answer_opens_a_question_at_once_and_what_was_typed_stays(open_page: Callable[..., Page], served: Served) -> None:
    page = open_page(width=360)
    page.goto(f"/w/{published(served, clinic())}")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Name", exact=True).fill("Ann")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("Year").fill("2020")
    expect(page.get_by_text("Ann", exact=True)).to_be_visible()
    page.get_by_label("No", exact=True).check()
    expect(page.get_by_label("Year")).to_be_hidden()
    page.get_by_label("Yes", exact=True).check()
    expect(page.get_by_label("Year")).to_have_value("2020")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ann")
    page.get_by_label("Day").fill("3")
    page.get_by_label("Month").fill("may")
    go_on(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("More")
    page.go_back()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ann")


def test_framed_by_a_site_that_may_it_is_answered_and_the_frame_grows(open_page: Callable[..., Page], served: Served) -> None:
    slug = published(served, clinic())
    page = open_page()
    frame_code = f'<iframe id="f" src="{served.address}/w/{slug}?embed=1" style="height:90px"></iframe>'
    host = f'{frame_code}<script src="{served.address}/embed.js"></script>'
    site = f"http://localhost:{free_port()}"
    with served.client() as client:
        answer = client.patch(f"/api/v1/wizards/{slug}/access", json={"embed_on": [site]})
        assert answer.status_code == 200, answer.text
    with _host(site, host):
        page.goto(site)
        _answered_in_frame(page)
        # So a browser that takes none from other sites changes nothing.
        assert page.context.cookies() == []


@contextmanager
def _host(site: str, content: str) -> Iterator[None]:
    """A page of somebody else's, really served: to a browser, localhost is another site than 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(site.rsplit(":", 1)[1])), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def _answered_in_frame(page: Page) -> None:
    frame = page.frame_locator("#f")
    frame.get_by_role("button", name="Start").click()
    frame.get_by_label("Name", exact=True).fill("Ann")
    frame.get_by_label("No", exact=True).check()
    frame.locator("button.pl-button[value=next]").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("More")
    page.wait_for_function("document.getElementById('f').clientHeight > 1000")
    frame.locator("button.pl-button[value=next]").click()
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Thank you")


# --- the real form ---------------------------------------------------------------------------------------------------


def test_the_real_form_is_filled_on_a_phone_without_a_script_over_two_publishes(
    open_page: Callable[..., Page], signed_in: Callable[..., Page], served: Served, real_inputs: Path
) -> None:
    """Filled, interrupted, resumed on another device after two publishes, completed, and read back as it was asked."""
    wizard_id, slug = _imported(served, real_inputs / "who-va-1.5.2.xlsx")
    page = open_page(width=360, script=False)
    page.goto(f"/w/{slug}")
    page.get_by_role("button", name="Start").click()
    typed = _filled(page, stop_after=6)
    page.get_by_role("button", name="Save and get a link").click()
    link = page.get_by_label("Your link").input_value()
    for name in ("Renamed once", "Renamed twice"):
        _rename_a_question(served, wizard_id, name)
    phone = open_page(width=320, script=False)
    phone.goto("/r/" + link.rsplit("/", 1)[1])
    typed |= _filled(phone)
    shown = _answers_on(phone)
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("Your reference number", exact=True)).to_be_visible()
    run_id = phone.url.split("/")[5]
    with served.client() as client:
        run = client.get(f"/api/v1/runs/{run_id}").json()
    assert (run["status"], run["version"]["version_number"]) == ("completed", 1)
    stored = {each["option_set_snapshot"]["id"]: each for each in run["responses"]}
    assert len(typed) > 60
    wrong = [each for each, value in typed.items() if stored[each]["state"] != "answered" or not _says(stored[each], value)]
    assert wrong == []
    phone.get_by_role("link", name="See a copy").click()
    assert _answers_on(phone) == shown
    _reads_back(signed_in(width=360, script=False), f"/wizards/{slug}/runs/{run_id}", shown)


def _reads_back(page: Page, path: str, shown: list[tuple[str, str]]) -> None:
    """On the page of the run, in the words and the order in which they were asked."""
    page.goto(path)
    expect(page.locator(".ks-run-banner strong")).to_contain_text("Wizard v1 (older version")
    tree = BeautifulSoup(page.content(), "html.parser")
    lines = [
        (line.select("dt")[0].get_text(" ", strip=True), "".join(each.get_text(" ", strip=True) for each in line.select(".ks-answer-text")))
        for line in tree.select(".ks-answer")
    ]
    told = iter(lines)
    assert [each for each in shown if each[1] != "You left this empty" and each not in told] == []


def _imported(served: Served, path: Path) -> tuple[str, str]:
    with served.client() as client:
        files = {"file": (path.name, path.read_bytes(), "application/octet-stream")}
        made = client.post("/api/v1/import", files=files)
        assert made.status_code in (200, 201), made.text[:500]
        found = made.json().get("wizard") or made.json()
        publish(served, found["id"])
        return str(found["id"]), str(found["slug"])


def _rename_a_question(served: Served, wizard_id: str, name: str) -> None:
    with served.client() as client:
        draft = client.get(f"/api/v1/wizards/{wizard_id}/draft")
        structure = draft.json()["structure"]
        structure["steps"][-1]["option_sets"][0]["name"] = name
        put = client.put(f"/api/v1/wizards/{wizard_id}/draft", json={"structure": structure}, headers={"If-Match": draft.headers["etag"]})
        assert put.status_code == 200, put.text[:500]
        publish(served, wizard_id)


def _filled(page: Page, *, stop_after: int = 1_000) -> dict[str, str]:
    """Fills one page after the other as somebody would who answers yes and the first of each list. What was typed, by option set."""
    typed: dict[str, str] = {}
    for _ in range(stop_after):
        if page.url.split("?")[0].endswith("/check"):
            break
        typed |= dict(_fill(page))
        # What is read next is the page that comes, also where it is the same one with further questions.
        with page.expect_navigation():
            go_on(page)
        assert not page.locator(".pl-summary").count(), page.locator(".pl-summary").inner_text()
    return typed


def _fill(page: Page) -> Iterator[tuple[str, str]]:
    tree = BeautifulSoup(page.content(), "html.parser")
    for question in tree.select(".pl-question"):
        name = str(question["data-option-set"])
        if question.select_one("[name^=q-][checked]") or any(each.get("value") for each in question.select("input[type=text]")):
            continue
        value = _fill_one(page, question, name)
        if value is not None:
            yield name, value


def _fill_one(page: Page, question: Tag, name: str) -> str | None:
    choice = question.select_one("input[type=radio], input[type=checkbox]:not([name$=remove])")
    day = question.select_one(f'[id="q-{name}-day"]')
    if choice is not None:
        page.locator(f'[id="{choice["id"]}"]').check()
        return str(choice["value"])
    if day is not None:
        # Died after being born, as the form itself checks.
        year = "1950" if "born" in question.select(".pl-label")[0].get_text() else "2020"
        for part, value in (("day", "14"), ("month", "2"), ("year", year)):
            page.locator(f'[id="q-{name}-{part}"]').fill(value)
        if question.select_one(f'[id="q-{name}-time"]'):
            page.locator(f'[id="q-{name}-time"]').fill("14:30")
        return f"{year}-02-14"
    field = question.select_one("input[type=text], input[type=email], textarea")
    if field is None:
        return None
    value = "3" if field.get("inputmode") else "Words, “quoted” & <b>"
    page.locator(f'[id="{field["id"]}"]').fill(value)
    return value


def _says(response: dict[str, Any], typed: str) -> bool:
    value = response["response_value"]["value"]
    said = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
    return typed in said if isinstance(said, list) else str(said).startswith(typed)


def _answers_on(page: Page) -> list[tuple[str, str]]:
    tree = BeautifulSoup(page.content(), "html.parser")
    return [
        (row.select("dt")[0].get_text(" ", strip=True), row.select("dd")[0].get_text(" ", strip=True))
        for row in tree.select(".pl-answers > div")
    ]
