"""What turns the direction of a text ends with that text, on every page that shows it: no name rewrites a sentence of ours."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from bs4 import Tag
from bs4.element import NavigableString
from tests.pages_kit import Browser, Page
from tests.web_kit import WebSurvey, web_survey

from keepstep.core.bidi import is_isolated
from keepstep.web.assets import FOLDER

RLO = "\u202e"
# Not shown as text of a page, or to be edited as it is stored.
_OTHERS = frozenset({"script", "style", "textarea", "template"})
# What isolates by itself, since it is a paragraph of its own, and what the style sheet isolates.
_BLOCKS = frozenset("p h1 h2 h3 h4 li div title caption optgroup".split())
_STYLES = (FOLDER / "keepstep.css").read_text()
_ISOLATING = _BLOCKS | {
    each.strip() for each in re.findall(r"^([a-z0-9, ]+) \{ unicode-bidi: isolate; \}$", _STYLES, re.MULTILINE)[0].split(",")
}
_SHOWN = ("title", "aria-label", "placeholder", "alt")


def turned(page: Page) -> Iterator[str]:
    """Texts that go on turning what follows: neither closed by Unicode's isolates nor alone in an element, which isolates."""
    for text in page.tree.find_all(string=lambda found: RLO in found):
        inside = [each.name for each in text.parents]
        if not _OTHERS & set(inside) and not is_isolated(text.strip()) and not _is_alone(text):
            yield f"<{inside[0]}> {text.strip()!r}"
    for each in page.tree.select(",".join(f"[{name}]" for name in _SHOWN)):
        for name in _SHOWN:
            value = str(each.get(name, ""))
            if RLO in value and not value.startswith(RLO) and not is_isolated(value):
                yield f"{name} {value!r}"


def _is_alone(text: NavigableString) -> bool:
    """The one text of its element, from its first mark to its last."""
    parent = text.parent
    if parent is None or parent.name not in _ISOLATING or not re.fullmatch(f"{RLO}.*{RLO}x", text.strip(), re.DOTALL):
        return False
    others = [each for each in parent.children if each is not text and str(each).strip()]
    return not [each for each in others if not isinstance(each, Tag) or each.name not in ("svg", "input")]


def evil(text: str) -> str:
    return f"{RLO}{text}{RLO}x"


@pytest.fixture
async def turned_survey(editor: httpx.AsyncClient) -> WebSurvey:
    survey = await web_survey(editor)
    for node, name in ((survey.email, "Email"), (survey.color, "Color"), (survey.full_name, "Name")):
        await survey.send("PATCH", f"/api/v1/option-sets/{node}", json={"name": evil(name), "help": evil("Help")})
    await survey.send("PATCH", f"/api/v1/steps/{survey.steps[0]}", json={"name": evil("Step"), "help": evil("Intro")})
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.color}/options/blue", json={"label": evil("Blue")})
    renamed = await survey.send("PATCH", survey.url, json={"name": evil("Survey")})
    assert renamed.status_code == 200, renamed.text
    assert (await survey.publish()).status_code == 201
    await survey.answer(full_name=evil("Ann"), email="a@b.c", favorite_color="blue")
    changed = await survey.send("PATCH", f"/api/v1/option-sets/{survey.full_name}", json={"name": evil("Your name"), "meaning": "same"})
    assert changed.status_code == 200, changed.text
    return survey


PAGES: dict[str, Callable[[WebSurvey], str]] = {
    "home": lambda _: "/",
    "build": lambda s: f"/wizards/{s.wizard}/build?node={s.color}",
    "build-step": lambda s: f"/wizards/{s.wizard}/build?node={s.steps[0]}",
    "build-wizard": lambda s: f"/wizards/{s.wizard}/build?node=wizard",
    "options": lambda s: f"/wizards/{s.wizard}/build/options?option_set_id={s.color}",
    "copy": lambda s: f"/wizards/{s.wizard}/build/copy?node={s.color}",
    "delete": lambda s: f"/wizards/{s.wizard}/build/impact/delete?node={s.color}",
    "delete-step": lambda s: f"/wizards/{s.wizard}/build/impact/delete?node={s.steps[0]}",
    "change": lambda s: f'/wizards/{s.wizard}/build/impact/change?node={s.color}&fields={{"selection_type":"number"}}',
    "meaning": lambda s: f'/wizards/{s.wizard}/build/impact/change?node={s.color}&fields={{"name":"{evil("New")}"}}',
    "answers": lambda s: f"/wizards/{s.wizard}/build/impact/answers?node={s.full_name}",
    "counts": lambda s: f"/wizards/{s.wizard}/build/impact/counts",
    "conditions": lambda s: f"/wizards/{s.wizard}/conditions",
    "condition": lambda s: f"/wizards/{s.wizard}/conditions?node={s.color}",
    "problems": lambda s: f"/wizards/{s.wizard}/problems",
    "languages": lambda s: f"/wizards/{s.wizard}/languages",
    "preview": lambda s: f"/wizards/{s.wizard}/preview",
    "review": lambda s: f"/wizards/{s.wizard}/review",
    "versions": lambda s: f"/wizards/{s.wizard}/versions?from=1&to=2",
    "version": lambda s: f"/wizards/{s.wizard}/versions/2",
    "rollback": lambda s: f"/wizards/{s.wizard}/versions/1/rollback",
    "restore": lambda s: f"/wizards/{s.wizard}/versions/1/questions/{s.full_name}",
    "audit": lambda s: f"/wizards/{s.wizard}/audit",
    "settings": lambda s: f"/wizards/{s.wizard}/settings",
    "trash": lambda s: f"/wizards/{s.wizard}/trash",
    "runs": lambda s: f"/wizards/{s.wizard}/runs",
}


async def test_a_text_that_turns_its_direction_turns_nothing_beside_it(admin_browser: Browser, turned_survey: WebSurvey) -> None:
    found: dict[str, list[str]] = {}
    for name, address in PAGES.items():
        page = await admin_browser.open(address(turned_survey))
        assert page.answer.status_code in (200, 409), (name, page.answer.status_code)
        assert RLO in page.answer.text or name in ("problems", "conditions", "languages"), name
        found[name] = list(dict.fromkeys(turned(page)))
    assert {name: texts for name, texts in found.items() if texts} == {}
