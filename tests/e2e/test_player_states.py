"""Every page that a respondent meets, in each of its states: axe, and no sideways scrolling at 320 px with a script, and at 200 % of
1280 px, which is 640 px, without one. And every selection type, answered on a phone without a script.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect
from tests.e2e.conftest import CheckPage
from tests.e2e.test_player import go_on, published
from tests.factories import option, option_set, step, wizard
from tests.served import Served

LOOKS = {"320 px with a script": (320, "dark", True), "1280 px at 200 % without a script": (640, "light", False)}
SOME = [option("a", label="Apples"), option("b", label="Bananas " * 9)]
CONTENT = b"\x89PNG\r\n\x1a\n" + b"0" * 900


def everything() -> dict[str, Any]:
    """A question of every selection type, one hidden and one with a default, and two endings."""
    line, mail = option_set("line", "text_input", is_required=True), option_set("mail", "email", is_required=True)
    call, site = option_set("call", "phone", constraints={"regions": ["CH"]}), option_set("site", "url")
    words = step("words", line, mail, call, site, option_set("area", "textarea", constraints={"max_length": 40}))
    some = option_set("some", "multiple_select", options=[*SOME, option("none", exclusive=True)], allow_other=True)
    one = option_set("one", "single_select", options=SOME, allow_other=True, is_required=True)
    menu, sure = option_set("menu", "dropdown", options=SOME, allow_other=True), option_set("sure", "boolean", is_required=True)
    points = (option_set("stars", "rating"), option_set("pain", "slider", constraints={"min": 0, "max": 100, "step": 5}))
    age, born = option_set("age", "integer", constraints={"min": 18}), option_set("born", "date", is_required=True)
    twice = option_set("twice", "calculated", expression={"*": [2, {"var": age["id"]}]}, presentation={"shown": True})
    last = (option_set("at", "time"), option_set("when", "datetime"), option_set("scan", "file", constraints={"max_size": 1_000}))
    numbers = step("numbers", option_set("weight", "number", unit="kg"), age, born, *last, option_set("visits", "integer", default=3))
    read = option_set("read", "statement", text="Please read this.")
    ends = [
        {"key": "adult", "name": "See you", "text": "In two weeks.", "visible_if": {">=": [{"var": age["id"]}, 18]}},
        {"key": "other", "name": "Goodbye", "text": "No visit is needed."},
    ]
    more = step("more", read, twice, option_set("campaign", hidden=True))
    choices = step("choices", one, menu, some, sure, *points)
    return wizard(words, choices, numbers, more, name="Everything", languages=["en", "ar"], default_language="en", endings=ends)


def letter(content: bytes) -> FilePayload:
    return {"name": "a letter.png", "mimeType": "image/png", "buffer": content}


def named(page: Page, structure: dict[str, Any], key: str, part: str = "") -> Any:
    """The input of a question by its key."""
    found = next(each["id"] for each_step in structure["steps"] for each in each_step["option_sets"] if each["key"] == key)
    return page.locator(f'[name="q-{found}{part}"]')


# --- every selection type ----------------------------------------------------------------------------------------------


def test_every_selection_type_is_answered_on_a_phone_without_a_script(open_page: Callable[..., Page], served: Served) -> None:
    structure = everything()
    page = open_page(width=360, script=False)
    page.goto(f"/w/{published(served, structure)}?campaign=spring&line=Ann&area=hello&read=x&twice=9&nobody=1")
    page.get_by_role("button", name="Start").click()
    _answer(page, structure)
    run_id = page.url.split("/")[5]
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    with page.expect_download() as found:
        page.get_by_role("link", name="a letter.png").click()
    assert found.value.path().read_bytes() == CONTENT
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("See you")
    with served.client() as client:
        run = client.get(f"/api/v1/runs/{run_id}").json()
    given = {each["option_set_snapshot"]["key"]: each for each in run["responses"] if each["response_value"]}
    scan = given.pop("scan")["response_value"]["value"][0]
    assert (scan["name"], scan["size"]) == ("a letter.png", len(CONTENT))
    sources = {key: said["source"] for key, said in given.items() if said["source"] != "respondent"}
    assert sources == {"line": "prefill", "campaign": "prefill", "visits": "default", "twice": "calculated"}
    assert {key: (said["response_value"]["value"], said["response_value"].get("other")) for key, said in given.items()} == STORED


STORED: dict[str, Any] = {
    **{key: (text, None) for key, text in {"line": "Ann", "mail": "ann@example.org", "area": "two\nlines", "campaign": "spring"}.items()},
    **{key: (text, None) for key, text in {"call": "+41446681800", "site": "https://example.org", "born": "1985-03-27"}.items()},
    **{key: (text, None) for key, text in {"at": "14:30", "when": "2026-03-27T09:05:00+00:00", "menu": "b"}.items()},
    **{key: (number, None) for key, number in {"stars": 4, "pain": 45, "weight": 70.5, "age": 40, "visits": 3, "twice": 80}.items()},
    "one": (None, "Pears"),
    "some": (["a", "b"], "Plums"),
    "sure": (False, None),
}


def _answer(page: Page, structure: dict[str, Any]) -> None:
    def put(key: str, text: str, part: str = "") -> None:
        named(page, structure, key, part).fill(text)

    expect(named(page, structure, "line")).to_have_value("Ann")
    for key, text in {"mail": "ann@example.org", "call": "044 668 18 00", "site": "example.org", "area": "two\nlines"}.items():
        put(key, text)
    go_on(page)
    put("one", "Pears", "-other")
    named(page, structure, "one").nth(2).check()
    named(page, structure, "menu").select_option("b")
    put("some", "Plums", "-other")
    for place in (0, 1, 2, 3):
        named(page, structure, "some").nth(place).check()
    named(page, structure, "sure").nth(1).check()
    named(page, structure, "stars").nth(3).check()
    put("pain", "45")
    go_on(page)
    expect(page.get_by_role("alert")).to_contain_text("None")
    named(page, structure, "some").nth(3).uncheck()
    go_on(page)
    for key, text in {"weight": "70.5 kg", "age": "40", "at": "2:30 pm"}.items():
        put(key, text)
    for key, parts in {"born": ("27", "3", "1985"), "when": ("27", "March", "2026")}.items():
        for part, text in zip(("-day", "-month", "-year"), parts, strict=True):
            put(key, text, part)
    put("when", "9.05", "-time")
    named(page, structure, "scan").set_input_files(letter(CONTENT))
    go_on(page)
    expect(page.locator("output")).to_have_text("80")
    go_on(page)


# --- every state -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS)
def test_every_state_of_every_page_is_readable_for_everybody(
    open_page: Callable[..., Page], served: Served, accessible: CheckPage, look: str
) -> None:
    width, theme, script = LOOKS[look]
    page = open_page(width=width, theme=theme, script=script)
    judge = page if script else open_page(width=width, theme=theme)
    structure = everything()
    slug = published(served, structure)
    judge.goto(f"/w/{slug}")
    for title in _states(page, served, structure, slug):
        expect(page).to_have_title(title)
        if judge is not page:
            # axe needs a script, which the page itself must not have: it judges a copy.
            judge.set_content(re.sub(r"<script\b[^>]*></script>", "", page.content()))
        accessible(judge)


def _states(page: Page, served: Served, structure: dict[str, Any], slug: str) -> Iterator[re.Pattern[str]]:
    """The title of each page, which then stands in the browser."""
    page.goto(f"/w/{slug}")
    yield re.compile("^Start")
    page.get_by_role("button", name="Start").click()
    yield from _questions(page, structure)
    yield from _around(page, structure)
    yield from _gone(page, served, slug)
    yield from _refused(page, served)


def _questions(page: Page, structure: dict[str, Any]) -> Iterator[re.Pattern[str]]:
    for title, fill in {"Words": _misread_words, "Choices": _misread_choices, "Numbers": _misread_numbers}.items():
        yield re.compile(f"^{title}")
        fill(page, structure)
        go_on(page)
        expect(page.get_by_role("alert")).to_be_focused()
        yield re.compile(f"^Error: {title}")
        fill(page, structure, fits=True)
        go_on(page)
    yield re.compile("^More")
    go_on(page)
    yield re.compile("^Check your answers")


def _misread_words(page: Page, structure: dict[str, Any], *, fits: bool = False) -> None:
    good = {"line": "Ann", "mail": "ann@example.org", "call": "044 668 18 00", "site": "example.org", "area": "hello"}
    bad = {"line": "", "mail": "ann@", "call": "123", "site": "x y", "area": "long " * 20}
    for key, text in (good if fits else bad).items():
        named(page, structure, key).fill(text)


def _misread_choices(page: Page, structure: dict[str, Any], *, fits: bool = False) -> None:
    named(page, structure, "one").nth(0 if fits else 2).check()
    named(page, structure, "menu").select_option("a" if fits else "other")
    named(page, structure, "pain").fill("45" if fits else "1000")
    if fits:
        named(page, structure, "sure").first.check()


def _misread_numbers(page: Page, structure: dict[str, Any], *, fits: bool = False) -> None:
    good = {"weight": "70", "age": "40", "at": "14:30", "visits": "2"}
    for key, text in (good if fits else dict.fromkeys(good, "many")).items():
        named(page, structure, key).fill(text)
    for key, day in {"born": "28" if fits else "31", "when": "1" if fits else "99"}.items():
        for part, text in {"-day": day, "-month": "2", "-year": "2020"}.items():
            named(page, structure, key, part).fill(text)
    named(page, structure, "when", "-time").fill("9:00")
    # Larger than it may be, so that it is told, and not kept.
    named(page, structure, "scan").set_input_files(letter(CONTENT if fits else CONTENT * 2))


def _around(page: Page, structure: dict[str, Any]) -> Iterator[re.Pattern[str]]:
    """A link for later, a collision of two windows, a browser without its cookie, and a link that opens nothing."""
    page.get_by_role("link", name="Get a link").click()
    yield re.compile("^Carry on later")
    page.get_by_role("button", name="Make a new link").click()
    expect(page.get_by_role("status")).to_contain_text("new link")
    yield re.compile("^Carry on later")
    words = page.url.split("/later")[0] + "/step/words"
    page.goto(words)
    other = page.context.new_page()
    other.goto(words)
    named(other, structure, "line").fill("Bob")
    go_on(other)
    other.close()
    named(page, structure, "line").fill("Eve")
    go_on(page)
    expect(page.get_by_role("alert")).to_contain_text("Bob")
    yield re.compile("^Error: Words")
    kept = page.context.cookies()
    page.context.clear_cookies()
    go_on(page)
    yield re.compile("^Not saved")
    page.get_by_label("Your link").fill("/r/" + "x" * 54)
    page.get_by_role("button", name="Save and carry on").click()
    yield re.compile("^Error: Not saved")
    page.goto(words)
    yield re.compile("^This cannot be opened")
    page.context.add_cookies(kept)  # type: ignore[arg-type] # what it gave itself
    page.goto(words)


def _gone(page: Page, served: Served, slug: str) -> Iterator[re.Pattern[str]]:
    """Sent in another window, and put away by whoever asked."""
    other = page.context.new_page()
    other.goto(page.url.replace("/step/words", "/check"))
    other.get_by_role("button", name="Send").click()
    go_on(page)
    yield re.compile("^Not saved")
    page.get_by_role("link", name="See what was sent").click()
    yield re.compile("^See you")
    page.get_by_role("link", name="See a copy").click()
    yield re.compile("^Your answers")
    page.goto(f"/w/{slug}")
    page.get_by_role("button", name="Start").click()
    with served.client() as client:
        assert client.delete(f"/api/v1/runs/{page.url.split('/')[5]}").status_code in (200, 204)
    page.get_by_label("Line").fill("Ann")
    go_on(page)
    yield re.compile("^Not saved")


REFUSED: tuple[tuple[str, Any], ...] = (
    ("proof_of_work", True),
    ("closes_at", "2020-01-01T00:00:00Z"),
    ("opens_at", "2099-01-01T00:00:00Z"),
    ("mode", "signed_in"),
    ("mode", "invitation"),
)


def _refused(page: Page, served: Served) -> Iterator[re.Pattern[str]]:
    """What can stop somebody from beginning, one after the other."""
    slug = published(served, wizard(step("one", option_set("name")), name="Refused"))
    page.goto(f"/w/{slug}")
    page.get_by_label("Leave this field empty").evaluate("field => { field.value = 'x' }")
    page.get_by_role("button", name="Start").click()
    yield re.compile("^Error: Start")
    for name, value in REFUSED:
        with served.client() as client:
            set_it = client.patch(f"/api/v1/wizards/{slug}/access", json={name: value})
            assert set_it.status_code == 200, set_it.text
        page.goto(f"/w/{slug}")
        yield re.compile("^Start" if name == "proof_of_work" else "^This cannot be opened")
        with served.client() as client:
            client.patch(f"/api/v1/wizards/{slug}/access", json={name: "open" if name == "mode" else None})
    for path in ("/i/nobody", f"/w/{slug}x", "/r/nothing", f"/w/{slug}/a/b/c"):
        page.goto(path)
        yield re.compile("^This cannot be opened")
