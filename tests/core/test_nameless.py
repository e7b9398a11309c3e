"""Whether a text that stays for ever holds an answer that goes."""

from typing import Any

import pytest
from tests.factories import option_set, step, wizard

from keepstep.core.nameless import holds_answer, names
from keepstep.core.structure import OptionSet, parse


@pytest.mark.parametrize(
    ("text", "envelope", "expected"),
    [
        ("asked by letter ANN@example.org", {"value": "ann@example.org"}, True),
        ("asked by Ann  Lee.", {"value": "ann lee"}, True),
        ("asked by Annabel", {"value": "Ann"}, False),
        ("letter 12", {"value": 12}, False),
        ("customer 4711", {"value": 4711}, True),
        ("as the law says", {"value": "as"}, False),
        ("passport.png shows a face", {"value": [{"file_id": "f", "name": "passport.png", "media_type": "image/png"}]}, True),
        ("an image/png", {"value": [{"file_id": "f", "name": "passport.png", "media_type": "image/png"}]}, False),
        ("works as a falconer", {"value": "other", "other": "Falconer"}, True),
        ("asked by the respondent", {"value": "Ann", "source": "respondent"}, False),
        ("it was true", {"value": True}, False),
        ("nothing", None, False),
    ],
)
def test_whole_words_that_tell_of_somebody_count_in_whatever_case(text: str, envelope: Any, expected: bool) -> None:
    assert holds_answer(text, envelope, None) is expected


def test_the_code_of_an_option_tells_of_nobody_but_an_own_answer_does() -> None:
    job = option_set("job", "single_select", options=[{"value": "office", "label": "Office"}], allow_other=True)
    known: OptionSet = parse(wizard(step("only", job))).option_sets[0]
    assert not holds_answer("asked at the office", {"value": "office"}, known)
    assert holds_answer("asked by a falconer", {"value": "other", "other": "falconer"}, known)


def test_a_respondent_may_be_one_letter_and_marks_alone_name_nobody() -> None:
    assert names("asked by a", "A")
    assert not names("asked - by letter", "-")
