import pytest

from keepstep.core.bidi import is_isolated, isolated
from keepstep.core.text import quoted, shortened

FSI, RLI, PDI, RLO = "\u2068", "\u2067", "\u2069", "\u202e"


@pytest.mark.parametrize("text", ["", "Email", "Grüße – 42 %", "日本語", "🙂"])
def test_what_turns_nothing_stays_as_it_is(text: str) -> None:
    assert isolated(text) == text


@pytest.mark.parametrize("text", [f"{RLO}evil", "שלום", f"{RLI}open", f"{PDI}{PDI}{RLO}out", f"{RLI}a{PDI}{RLO}b"])
def test_what_turns_a_direction_is_closed_and_keeps_its_letters(text: str) -> None:
    found = isolated(text)
    assert is_isolated(found)
    assert isolated(found) == found
    assert [each for each in found if each not in f"{FSI}{RLI}{PDI}"] == [each for each in text if each not in f"{FSI}{RLI}{PDI}"]


def test_a_name_in_a_sentence_is_isolated_within_its_quotes() -> None:
    assert quoted(f"{RLO}x", "en") == f"“{FSI}{RLO}x{PDI}”"


def test_long_questions_that_begin_alike_are_told_apart_by_their_ends() -> None:
    alike = [
        shortened(f"(Id1012{n}) Did the person who died have a fever that went on for {days} days?", 40) for n, days in ((1, 7), (2, 14))
    ]
    assert alike == ["(Id10121) Did the person w…n for 7 days?", "(Id10122) Did the person w…for 14 days?"]
    assert [len(each) <= 40 for each in alike] == [True, True]
