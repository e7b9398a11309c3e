"""What a respondent's first page weighs, as it is sent (gzip), and that nothing of it comes from elsewhere."""

import gzip
import re
import sys
from pathlib import Path

import pytest

from keepstep.web import rendering
from keepstep.web.assets import assets_in
from keepstep.web.gate import Gate
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


def zipped(name: str) -> int:
    return len(assets_in().by_name[name].zipped)


def test_the_first_page_and_its_style_stay_within_their_budget(capsys: pytest.CaptureFixture[str]) -> None:
    page = len(gzip.compress(start_page().encode()))
    with capsys.disabled():
        script = zipped("player.js") + zipped("gate.js")
        told = f"first page {page:,} B + style {zipped('player.css'):,} B of {FIRST_PAGE:,} B; script {script:,} B of {SCRIPT:,} B"
        sys.stdout.write(f"\nplayer, gzip: {told}\n")
    assert page + zipped("player.css") <= FIRST_PAGE
    assert zipped("player.css") <= STYLE
    assert zipped("player.js") + zipped("gate.js") <= SCRIPT


def test_a_page_of_a_respondent_names_no_other_server() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    texts += [assets_in().by_name[name].content.decode() for name in ("player.css", "player.js", "gate.js", "embed.js")]
    assert [found for text in texts for found in re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]{2,}", text)] == []
    loaded = re.findall(r"""(?:src|href)="([^"]*)\"""", start_page())
    assert [each for each in loaded if not each.startswith("/")] == []
