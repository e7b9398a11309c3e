"""Texts that mention other questions, as their authors read and write them."""

import pytest
from tests.factories import option_set, step, wizard

from keepstep.core.piping import told, unknown_keys, with_ids, with_keys
from keepstep.core.structure import parse

NAME = option_set("full-name")
STRUCTURE = parse(wizard(step("one", NAME)))
PIPED = f"Dear {{{{ {NAME['id']} }}}}, or {{{{{NAME['id']}}}}}"


def test_a_question_is_told_by_its_name_and_written_by_its_key() -> None:
    name = STRUCTURE.option_sets[0].name
    assert told(PIPED, STRUCTURE) == f"Dear [{name}], or [{name}]"
    assert with_keys(PIPED, STRUCTURE) == "Dear {{ full-name }}, or {{full-name}}"


@pytest.mark.parametrize("text", [PIPED, "", "{{", "{{ 7*7 }}", "{{nobody}}", "{{00000000-0000-7000-8000-000000000000}}", "{{full-name }"])
def test_what_is_shown_and_sent_back_is_what_was_stored(text: str) -> None:
    assert with_ids(with_keys(text, STRUCTURE), STRUCTURE) == text


def test_braces_that_no_question_fills_are_found() -> None:
    assert unknown_keys("{{ nobody }} {{ 7*7 }} " + PIPED) == ("nobody",)
