"""What an author may have written, in every text there is: it stays text on every page of the player, in any length and direction."""

from typing import Any

import pytest
from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, finished, path_of, send_raw, sent

from keepstep.config import Resources

HOSTILE = "<script>alert(1)</script><b>&\"'{{ 7*7 }}"


def hostile(text: str) -> dict[str, Any]:
    """A wizard that says this everywhere."""
    said = {"name": text, "help": text, "unit": text}
    options = [{"value": "a", "label": text}, {"value": "none", "label": text, "exclusive": True}]
    messages = {"messages": {"is_required": text, "min_length": text}}
    asked = [
        option_set("line", is_required=True, constraints={"min_length": 3, **messages}) | said,
        option_set("many", "multiple_select", options=options, allow_other=True) | said,
        option_set("menu", "dropdown", options=options) | said,
        option_set("note", "statement", text=text) | said,
        option_set("sum", "calculated", expression=text, presentation={"shown": True}) | said,
        option_set("scan", "file") | said,
        option_set("pain", "slider", constraints={"min": 0, "max": 100}) | said,
    ]
    ending = {"key": "end", "name": text, "text": text}
    parts = [step("one", *asked), step("two", option_set("born", "date") | said)]
    return wizard(*[part | {"name": text, "help": text} for part in parts], name=text, description=text, endings=[ending])


TEXTS = {"script": HOSTILE, "right to left": "قصير " * 40, "emoji": "🤷🏽‍♀️" * 20, "long": "W" * 5_000}


@pytest.mark.parametrize("kind", TEXTS)
async def test_what_an_author_wrote_stays_text_on_every_page(stranger: Browser, resources: Resources, kind: str) -> None:
    structure = hostile(TEXTS[kind])
    ref = await published(resources, structure)
    line = f"q-{structure['steps'][0]['option_sets'][0]['id']}"
    first = await begun(stranger, ref)
    wrong = await sent(stranger, first, also={line: "x"})
    second = await sent(stranger, first, also={line: HOSTILE})
    await sent(stranger, await stranger.open(path_of(first)), also={line: "Bob"})
    collided = Page(await send_raw(stranger, first, also={line: "Eve", "form": ""}))
    check = await sent(stranger, second)
    end = await finished(stranger, check)
    copy = await stranger.open(end.link("See a copy of your answers"))
    late = Page(await send_raw(stranger, second, also={"x": "y"}))
    pages = [await stranger.open(f"/w/{ref}"), first, wrong, second, collided, check, end, copy, late]
    assert [each.answer.status_code for each in pages] == [200, 200, 422, 200, 409, 200, 200, 200, 409]
    for page in pages:
        assert "<script>alert" not in page.answer.text
        assert "<b>" not in page.answer.text
        assert "49" not in page.text("h1")
