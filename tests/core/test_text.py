"""Localised texts: their canonical form, and which wording is read."""

from typing import Any

import pytest

from keepstep.core.text import normal_text, piped, quoted, text_in, texts_of, without_pipes


@pytest.mark.parametrize(
    ("given", "languages", "expected"),
    [
        ("Name", ["en"], "Name"),
        ({"en": "Name"}, ["en"], "Name"),
        ("Name", ["en", "de"], {"en": "Name"}),
        ({"de": "Name", "en": "Name"}, ["en", "de"], {"en": "Name", "de": "Name"}),
        ({"de": "Name"}, ["en"], {"de": "Name"}),
        (None, ["en"], None),
        (7, ["en"], 7),
    ],
)
def test_the_canonical_form_follows_the_languages(given: Any, languages: list[str], expected: Any) -> None:
    assert normal_text(given, languages, "en") == expected


def test_the_languages_of_a_map_are_in_the_order_of_the_wizard() -> None:
    assert list(normal_text({"de": "b", "fr": "c", "en": "a"}, ["en", "de"], "en")) == ["en", "de", "fr"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ({"en": "Yes", "de": "Ja"}, "de", "Ja"),
        ({"en": "Yes", "de": ""}, "de", "Yes"),
        ({"fr": "", "it": "Sì"}, "de", "Sì"),
        ({"fr": ""}, "de", ""),
        ("Yes", "de", "Yes"),
        (None, "de", ""),
    ],
)
def test_a_missing_translation_falls_back(text: Any, language: str, expected: str) -> None:
    assert text_in(text, language, "en") == expected


def test_every_wording_is_listed() -> None:
    assert [texts_of(text) for text in (None, "a", {"en": "a", "de": "b"})] == [(), ("a",), ("a", "b")]


def test_a_text_in_a_sentence_is_short_and_on_one_line() -> None:
    assert quoted("Full\n  name", "en") == "“Full name”"
    assert quoted("x" * 40 + "y" * 21, "en") == "“" + "x" * 39 + "…" + "y" * 20 + "”"


ONE, TWO = "0199a000-0000-7000-8000-000000000001", "0199a000-0000-7000-8000-000000000002"


def test_answers_are_put_into_a_wording_once() -> None:
    answers = {ONE: "{{" + TWO + "}} <b>", TWO: ""}
    wording = f"Was {{{{{ONE}}}}} {{{{ {TWO} }}}} {{{{name}}}}?"
    assert piped(wording, answers.__getitem__) == f"Was {{{{{TWO}}}}} <b> … {{{{name}}}}?"
    assert without_pipes(wording) == "Was … … {{name}}?"
    assert quoted(f"How old is {{{{{ONE}}}}}?", "en") == "“How old is …?”"
