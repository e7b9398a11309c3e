"""What respondents read exists in every language that is shipped: nothing missing, nothing doubtful, and the same places in each text."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from keepstep.core import selection_checks, validate
from keepstep.web.questions.wording import _BY_CODE, _COUNTED
from keepstep.web.texts import FOLDER, respondent_languages

SHIPPED = ("ar", "de", "es", "fr", "pt")
WEB = FOLDER.parent
PLACES = re.compile(r"%\((\w+)\)s")
# What no form of ours can send: the API tells programs of it, in its own words.
OF_PROGRAMS = {
    "not-answerable",
    "value-unstorable",
    "too-many-values",
    "duplicate-answer",
    "unknown-option-set",
    "member-missing",
    "member-unknown",
}


def catalogue(path: str, language: str | None = None) -> Catalog:
    with (FOLDER / path).open("rb") as file:
        return read_po(file, locale=language)


def wanted() -> dict[object, Message]:
    return {each.id: each for each in catalogue("respondent.pot") if each.id}


def test_the_languages_are_those_that_are_told_of() -> None:
    assert respondent_languages() == ("en", *SHIPPED)


def test_the_catalogue_for_respondents_is_up_to_date() -> None:
    with (FOLDER / "respondent.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # the library has no types here
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "message": None, "messages": (1, 2), "say": None}
    found = {text for _, _, text, *_ in extract_from_dir(WEB, methods, options, keywords=keywords)}
    assert {text if isinstance(text, str) else tuple(text) for text in found} == set(wanted()), "run `make texts`"


@pytest.mark.parametrize("language", SHIPPED)
def test_every_text_is_translated_with_the_same_places(language: str) -> None:
    found = catalogue(f"{language}/LC_MESSAGES/respondent.po", language)
    by_id = {each.id: each for each in found if each.id}
    assert set(by_id) == set(wanted())
    for own in by_id.values():
        texts = [own.string] if isinstance(own.string, str) else list(own.string or ())
        assert len(texts) == (found.num_plurals if own.pluralizable else 1), own.id
        assert all(texts), own.id
        assert not own.fuzzy, own.id
        (places,) = {tuple(sorted(PLACES.findall(each))) for each in ([own.id] if isinstance(own.id, str) else own.id)}
        assert [tuple(sorted(PLACES.findall(each))) for each in texts] == [places] * len(texts), own.id


def test_arabic_has_its_six_forms() -> None:
    assert catalogue("ar/LC_MESSAGES/respondent.po", "ar").num_plurals == 6


def test_every_finding_on_an_answer_has_words_for_its_respondent() -> None:
    sources = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (selection_checks, validate))
    codes = set(re.findall(r'Issue\((?:""|pointer[^"]*), "([a-z-]+)"', sources))
    codes |= {each.replace("_", "-") for each in re.findall(r'_fails\(context, "([a-z_]+)"', sources)}
    known = {*_BY_CODE, *_COUNTED, "required", "missing-required", "type"}
    assert len(codes) > 15
    assert codes - known - OF_PROGRAMS == set()


def test_no_element_stands_in_an_attribute() -> None:
    """Where a text says its language by an element, an attribute takes that off."""
    parts = [*(WEB / "templates/player").glob("*.html"), *(WEB / "templates/option_sets").glob("*.html")]
    found = [path.name for path in parts if re.search(r'="[^">]*\{% trans', path.read_text(encoding="utf-8"))]
    assert found == []
