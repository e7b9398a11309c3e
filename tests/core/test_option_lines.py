import pytest
from tests.small_structures import alone, one_page

from keepstep.core.option_lines import Line, Listing, Place, left_out_of, lines_in, listing, text_of
from keepstep.core.structure import ChoiceFields

OPTIONS = [{"value": "r", "label": "Red"}, {"value": "g", "label": "Green"}, {"value": "old", "label": "Old", "retired": True}]


def place(**members: object) -> Place:
    option_set = alone("single_select", options=OPTIONS, **members)
    assert isinstance(option_set, ChoiceFields)
    return Place(option_set, one_page(), "en", frozenset({"r", "g", "old", "blue"}))


def compared(text: str, gone: str = "retire") -> Listing:
    return listing(lines_in(text), place(), gone)  # type: ignore[arg-type]  # one of the two


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Red\n\n  Green  \n", [Line(None, "Red"), Line(None, "Green")]),
        ("r\tRed\ng\tGreen", [Line("r", "Red"), Line("g", "Green")]),
        ('r\t"Red, or ""so"""\r\ng\tGreen\r\n', [Line("r", 'Red, or "so"'), Line("g", "Green")]),
        ('r\tRed 5" wide\ng\tGreen', [Line("r", 'Red 5" wide'), Line("g", "Green")]),
        ('r\t"Two\nlines"\ng\tGreen', [Line("r", "Two lines"), Line("g", "Green")]),
        ('"Two\nlines"\nGreen', [Line(None, "Two lines"), Line(None, "Green")]),
        ('r\t"Two\r\nlines"\r\ng\t5" wide', [Line("r", "Two lines"), Line("g", '5" wide')]),
        ('"Yes"\nNo', [Line(None, '"Yes"'), Line(None, "No")]),
        ('"never closed\nGreen', [Line(None, '"never closed'), Line(None, "Green")]),
        ("\tRed\nr\t", [Line(None, "Red"), Line(None, "r")]),
        ("a\tA\tmore", [Line("a", "A")]),
        ("list_name\tname\tlabel::English (en)\nyn\ty\tYes\nyn\tn\tNo\n", [Line("y", "Yes"), Line("n", "No")]),
        ("Label\tValue\nYes\ty\nNo", [Line("y", "Yes"), Line(None, "No")]),
        ("name\tlabel", []),
        ("<script>", [Line(None, "<script>")]),
        ("", []),
    ],
)
def test_lines_are_read_as_people_and_spreadsheets_write_them(text: str, lines: list[Line]) -> None:
    assert list(lines_in(text)) == lines


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\tApple\tRemark\nb\tPear", [(1, "Remark")]),
        ("list_name\tname\tlabel\nyn\ty\tYes", [(2, "yn")]),
        ("a\tApple\nPear", []),
    ],
)
def test_what_stands_in_further_columns_is_named_with_its_row(text: str, left: list[tuple[int, str]]) -> None:
    assert list(left_out_of(text)) == left


def test_what_is_offered_as_text_comes_back_as_it_was() -> None:
    text = text_of(place().option_set, "en", "en")
    assert text == "r\tRed\ng\tGreen"
    found = compared(text)
    assert {entry.what for entry in found.entries} == {"kept"}
    assert [option["value"] for option in found.options] == ["r", "g", "old"]


def test_a_label_alone_is_the_option_with_exactly_this_label_else_a_new_one() -> None:
    found = compared("Green\nBlue\nRed")
    assert [(entry.what, entry.value) for entry in found.entries] == [("kept", "g"), ("added", "blue-2"), ("kept", "r")]
    assert [entry.moved for entry in found.entries] == [False, False, True]


def test_an_option_without_a_line_is_retired_or_deleted_as_chosen() -> None:
    kept = compared("r\tRed").options
    assert [(option["value"], option.get("retired", False)) for option in kept] == [("r", False), ("g", True), ("old", True)]
    assert [option["value"] for option in compared("r\tRed", "delete").options] == ["r", "old"]
    assert [entry.value for entry in compared("r\tRed").of("gone")] == ["g"]


def test_a_retired_option_comes_back_by_its_line() -> None:
    found = compared("r\tRed\ng\tGreen\nold\tOld")
    assert [entry.what for entry in found.entries] == ["kept", "kept", "back"]
    assert not any(option.get("retired") for option in found.options)


def test_another_label_for_a_value_is_a_relabelling_and_no_new_option() -> None:
    found = compared("r\tCrimson\ng\tGreen")
    assert [(entry.what, entry.old, entry.new) for entry in found.of("relabelled")] == [("relabelled", "Red", "Crimson")]


def test_a_value_that_comes_twice_is_named_with_both_lines() -> None:
    assert [issue.detail for issue in compared("r\tRed\nr\tRose").issues] == ["Line 2 has the value 'r' of line 1 again."]


def test_two_equal_labels_are_two_options() -> None:
    assert [entry.value for entry in compared("Same\nSame").of("added")] == ["same", "same-2"]


def test_labels_that_several_options_have_are_told() -> None:
    assert compared("Same\nSame\nr\tSame\nOther").same_labels == (("Same", 3),)
    assert compared("r\tGreen").same_labels == ()


def test_a_translation_that_is_added_is_no_new_wording() -> None:
    options = [{"value": "r", "label": {"en": "Red", "de": "Rot"}}, {"value": "g", "label": {"en": "Green"}}]
    option_set = alone("single_select", options=options)
    assert isinstance(option_set, ChoiceFields)
    found = listing(lines_in("r\tRubin\ng\tGrün"), Place(option_set, one_page(languages=["en", "de"]), "de"), "retire")
    assert [(entry.what, entry.reworded) for entry in found.entries] == [("relabelled", True), ("translated", False)]


def test_one_language_is_relabelled_and_the_others_stay() -> None:
    structure = one_page(languages=["en", "de"])
    options = [{"value": "r", "label": {"en": "Red", "de": "Rot"}}]
    option_set = structure.option_sets[0] if structure.option_sets else alone("single_select", options=options)
    assert isinstance(option_set, ChoiceFields)
    found = listing(lines_in("r\tRuby"), Place(option_set, structure, "en"), "retire")
    assert found.options[0]["label"] == {"en": "Ruby", "de": "Rot"}
