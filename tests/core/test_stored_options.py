from typing import Any

import pytest
from tests.small_structures import CLOCK, alone

from keepstep.core.conversion import Converted
from keepstep.core.convert import convert, rule_for
from keepstep.core.stored_options import LONGEST_LABEL, MOST_OPTIONS, options_of


def made(*texts: str, taken: tuple[str, ...] = ()) -> list[dict[str, Any]] | None:
    return options_of([(text, None, 1) for text in texts], ["en"], "en", taken)


@pytest.mark.parametrize(
    "texts",
    [
        ("Bern", "Basel", "Zürich"),
        ("A 1", "a-1", "a-1-2", "A  1 "),
        ("bern", "Bern", " BERN "),
        ("3", "3.5", "-1", "option-3"),
        ("日本", "日", "שלום"),
    ],
)
@pytest.mark.parametrize("kind", ["single_select", "dropdown", "multiple_select"])
def test_every_answer_names_the_option_that_was_made_of_it(texts: tuple[str, ...], kind: str) -> None:
    options = made(*texts)
    assert options is not None
    conversion = rule_for(alone("text_input"), alone(kind, options=options))
    labels = {option["value"]: option["label"] for option in options}
    for text in texts:
        found = convert({"value": text}, conversion, clock=CLOCK)
        assert isinstance(found, Converted), (text, found)
        value = found.envelope["value"]
        label = labels[value[0] if isinstance(value, list) else value]
        assert " ".join(text.split()).casefold() == label.casefold()


def test_a_value_that_was_used_before_is_given_to_no_other_meaning() -> None:
    assert made("Bern", taken=("bern",)) == [{"value": "bern-2", "label": "Bern"}]


def test_a_label_is_in_the_default_language_of_a_wizard_of_several() -> None:
    assert options_of([("Bern", None, 2)], ["en", "de"], "de", ()) == [{"value": "bern", "label": {"de": "Bern"}}]


def test_what_is_no_list_makes_none() -> None:
    assert made() is None
    assert made("x" * (LONGEST_LABEL + 1)) is None
    assert made(*map(str, range(MOST_OPTIONS + 1))) is None
    assert options_of([(3, None, 1)], ["en"], "en", ()) is None
    assert options_of([("a", "own", 1)], ["en"], "en", ()) is None
