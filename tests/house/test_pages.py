"""What holds for every page: its texts go through the catalogue, its scripts come from files, its icons exist, its packages are pinned."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi.routing import APIRoute

from keepstep.web.app import ROUTERS
from keepstep.web.icons import ICONS
from keepstep.web.navigation import NAVIGATION, WIZARD_TABS
from keepstep.web.pages.route import PageRoute
from keepstep.web.rendering import environment_of

ROOT = Path(__file__).parents[2]
WEB = ROOT / "src/keepstep/web"
LOCK = ROOT / "assets/package-lock.json"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
NAMES = [path.relative_to(WEB / "templates").as_posix() for path in TEMPLATES]
# What a person reads or hears; other attributes are for the browser.
SPOKEN = re.compile(r"""\b(?:aria-label|alt|title|placeholder)="([^"]*)\"""")
# Names that are the same in every language.
PROPER = {"Keepstep", "–"}


def bare_texts(source: str) -> Iterator[str]:
    """The texts of a template that stand in it as they are, instead of in {% trans %} or _()."""
    without = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    # These blocks hold names for the style sheet and the navigation.
    without = re.sub(r"\{% block (?:main_class|body_class|section|tab) %\}.*?\{% endblock %\}", "", without)
    without = re.sub(r"\{%-?\s*trans\b.*?%\}.*?\{%-?\s*endtrans\s*-?%\}", "", without, flags=re.DOTALL)
    without = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", without, flags=re.DOTALL)
    yield from (text for text in SPOKEN.findall(without) if re.search(r"[^\W\d_]{2}", text))
    for text in re.split(r"<[^>]*>", without, flags=re.DOTALL):
        words = [word for word in text.split() if word not in PROPER]
        if re.search(r"[^\W\d_]{2}", " ".join(words)):
            yield " ".join(words)


@pytest.mark.parametrize("template", NAMES)
def test_every_text_of_a_template_goes_through_the_catalogue(template: str) -> None:
    assert list(bare_texts((WEB / "templates" / template).read_text(encoding="utf-8"))) == []


def test_the_search_for_bare_texts_finds_them() -> None:
    source = '{# no #}<p title="Yes {{ x }}">{% trans %}no{% endtrans %} {{ _("no") }} Also <b class="no">this</b> Keepstep</p>'
    assert list(bare_texts(source)) == ["Yes ", "Also", "this"]


@pytest.mark.parametrize("template", NAMES)
def test_no_template_holds_script_or_style_as_text(template: str) -> None:
    source = (WEB / "templates" / template).read_text(encoding="utf-8")
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle=|\son[a-z]+=|\bhx-on|js:|hx-trigger=\"[^\"]*\[", source)
    assert inline == []


@pytest.mark.parametrize("template", NAMES)
def test_every_form_that_changes_something_holds_the_token(template: str) -> None:
    source = (WEB / "templates" / template).read_text(encoding="utf-8")
    forms = re.findall(r"<form\b[^>]*method=\"post\".*?</form>", source, flags=re.DOTALL)
    # Open to somebody who has not signed in, or holds the token among what was kept.
    open_ones = ('action="/login"', 'action="/setup"', 'action="/password"', 'action="/appearance"', 'action="{{ action }}"')
    assert [form[:120] for form in forms if "csrf_field()" not in form and not any(each in form for each in open_ones)] == []


@pytest.mark.parametrize("template", NAMES)
def test_every_template_can_be_compiled(template: str) -> None:
    assert environment_of("en", "UTC").get_template(template).name == template


def test_the_catalogue_for_translators_is_up_to_date() -> None:
    method_map = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "message": None, "messages": (1, 2), "say": None}
    found = {text for _, _, text, *_ in extract_from_dir(WEB, method_map, options, keywords=keywords)}
    with (WEB / "locale/keepstep.pot").open("rb") as file:
        kept = {message.id for message in read_po(file) if message.id}
    assert {text if isinstance(text, str) else tuple(text) for text in found} == kept, "run `make texts`"


def test_the_lock_of_npm_pins_every_package_and_names_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert len(packages) >= 5
    assert [name for name, each in packages.items() if not each["integrity"].startswith("sha512-")] == []
    assert "resolved" not in text
    assert [each for each in re.findall(r"https?://[^\"\s]+", text) if "tgz" in each] == []


def test_what_npm_is_asked_for_is_exact() -> None:
    asked = json.loads((ROOT / "assets/package.json").read_text(encoding="utf-8"))
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_every_icon_that_is_named_exists_in_the_sprite() -> None:
    sprite = (WEB / "static/vendor/icons.svg").read_text(encoding="utf-8")
    assert set(re.findall(r'<symbol id="([\w-]+)"', sprite)) == set(ICONS)
    named = {name for path in TEMPLATES for name in re.findall(r'\bicon\("([\w-]+)"[,)]', path.read_text(encoding="utf-8"))}
    assert named <= set(ICONS)


def test_every_page_is_named_and_is_no_part_of_the_api() -> None:
    pages = [route for router in ROUTERS for route in router.routes if isinstance(route, PageRoute)]
    assert len(pages) >= 6
    assert [route.path for route in pages if not route.name.startswith("page:") or route.include_in_schema] == []
    names = [route.name for route in pages]
    assert len(names) == len(set(names))


def test_every_tab_of_a_wizard_takes_the_wizard_and_nothing_else() -> None:
    routes = {route.name: route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    tabs = {f"page:{entry.page}" for entry in WIZARD_TABS} & routes.keys()
    assert [name for name in tabs if set(routes[name].param_convertors) != {"wizard_ref"}] == []
    assert "page:home" in {f"page:{entry.page}" for entry in NAVIGATION} & routes.keys()
