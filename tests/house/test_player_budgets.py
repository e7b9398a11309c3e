"""What a respondent's first page weighs, as it is sent (gzip), and that nothing of it comes from elsewhere."""

import gzip
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.factories import new_id, option, option_set, step, wizard

from keepstep.core.clock import Clock
from keepstep.core.structure import SELECTION_TYPES, parse
from keepstep.web import rendering
from keepstep.web.assets import assets_in
from keepstep.web.gate import Gate
from keepstep.web.player.colliding import fingerprints
from keepstep.web.player.way import Way
from keepstep.web.questions.passage import standing, step_view
from keepstep.web.rendering import environment_of

FIRST_PAGE = 14_000
STYLE = 12_000
SCRIPT = 8_000
TEMPLATES = sorted((Path(rendering.__file__).parent / "templates/player").glob("*.html"))


def start_page() -> str:
    """With a long text, twenty languages and a proof of work."""
    codes = "en de fr es it pt nl pl cs sk da sv fi el hu ro bg tr ar he".split()
    values = {
        "lang": "en",
        "direction": "ltr",
        "name": "Before your first visit",
        "intro": " ".join(f"Sentence {number} of the introduction says something new." for number in range(20)),
        "embedded": False,
        "entry": Gate("x" * 160, "y" * 32, 16),
        "scripts": ("gate.js",),
        "links": [(code, f"/w/before-your-first-visit?lang={code}") for code in codes],
        "prefilled": [],
        "last": "",
        "steps": 5,
        "refused": None,
        "action": "/w/before-your-first-visit",
    }
    return environment_of("en", "UTC").get_template("player/start.html").render(values)


def first_step() -> str:
    """With a question of every selection type, each with a help text, twenty options where it has some, and two other languages."""
    options = [option(f"option-{number}", label=f"The option with the number {number}") for number in range(20)]
    needed = {kind: {"options": options, "allow_other": True} for kind in ("single_select", "dropdown", "multiple_select")}
    needed["calculated"] = {"expression": 1, "presentation": {"shown": True}}
    sets = [option_set(kind.replace("_", "-"), kind, help=f"A few words about {kind}.", **needed.get(kind, {})) for kind in SELECTION_TYPES]
    structure = parse(wizard(step("all", *sets), languages=["en"]) | {"schema_version": 1, "default_language": "en"})
    where = standing(structure, {}, Clock(datetime(2026, 3, 3, tzinfo=UTC), "UTC"), language="en")
    questions = where.questions(structure.steps[0])
    values = {
        "lang": "en",
        "version": 1,
        "direction": "ltr",
        "name": "Before your first visit",
        "embedded": False,
        "scripts": (),
        "languages": ["de", "ar"],
        "way": Way("before-your-first-visit", new_id()),
        "view": step_view(where, structure.steps[0]),
        "action": "/w/before-your-first-visit/step/all",
        "bases": fingerprints(where, questions),
        "form": new_id(),
        "returning": False,
        "opened": False,
        "elsewhere": (),
        "has_back": True,
        "is_live": True,
    }
    assert len(questions) == len(SELECTION_TYPES)
    return environment_of("en", "UTC").get_template("player/step.html").render(values)


def zipped(name: str) -> int:
    return len(assets_in().by_name[name].zipped)


def test_the_first_page_and_its_style_stay_within_their_budget(capsys: pytest.CaptureFixture[str]) -> None:
    style, script = zipped("player.css"), zipped("player.js") + zipped("gate.js")
    pages = {"first page": start_page(), "a step of every selection type": first_step()}
    sizes = {name: len(gzip.compress(page.encode())) for name, page in pages.items()}
    with capsys.disabled():
        told = ", ".join(f"{name} {size:,} B" for name, size in sizes.items())
        limits = f"style {style:,} of {STYLE:,} B, page and style {max(sizes.values()) + style:,} of {FIRST_PAGE:,} B"
        sys.stdout.write(f"\nplayer, gzip: {told}; {limits}, script {script:,} of {SCRIPT:,} B\n")
    assert max(sizes.values()) + style <= FIRST_PAGE
    assert style <= STYLE
    assert script <= SCRIPT


def test_a_page_of_a_respondent_names_no_other_server() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    texts += [assets_in().by_name[name].content.decode() for name in ("player.css", "player.js", "gate.js", "embed.js")]
    assert [found for text in texts for found in re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]{2,}", text)] == []
    loaded = re.findall(r"""(?:src|href)="([^"]*)\"""", start_page())
    assert [each for each in loaded if not each.startswith("/")] == []
