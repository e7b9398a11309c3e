"""Small forms, one concept each."""

from typing import Any

import pytest
from tests.interchange.xlsform_sheets import codes, imported, numbered_ids, question, workbook

from keepstep.core.faults import problems_in
from keepstep.core.keys import FreeKeys
from keepstep.core.structure import Structure, dump, parse
from keepstep.errors import FileUnreadable
from keepstep.interchange.receipt import Line
from keepstep.interchange.xlsform import key_of, read_xlsform, structure_from_xlsform
from keepstep.interchange.xlsform_headings import heading, languages_of
from keepstep.interchange.xlsform_types import type_of

CHOICES = """
# choices
list_name | name  | label
color     | red   | Red
color     | blue  | Blue
"""


def node(text: str, key: str = "q") -> dict[str, Any]:
    return dump(question(text, key))


def one(type_: str, more: str = "", value: str = "", choices: str = CHOICES) -> dict[str, Any]:
    return node(f"# survey\ntype | name | label | {more}\n{type_} | q | Question | {value}\n{choices}")


def keys(structure: Structure) -> list[tuple[str, list[str]]]:
    return [(step.key, [option_set.key for option_set in step.option_sets]) for step in structure.steps]


def refused(text: str) -> list[Line]:
    return list(imported(text)[1].not_supported)


# --- types ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "selection_type"),
    [
        ("text", "text_input"),
        ("string", "text_input"),
        ("integer", "integer"),
        ("int", "integer"),
        ("decimal", "number"),
        ("date", "date"),
        ("time", "time"),
        ("dateTime", "datetime"),
        ("select_one color", "single_select"),
        ("select one color", "single_select"),
        ("select_multiple color", "multiple_select"),
        ("select all that apply from color", "multiple_select"),
        ("note", "statement"),
        ("calculate", "calculated"),
        ("acknowledge", "boolean"),
        ("trigger", "boolean"),
        ("range", "slider"),
        ("image", "file"),
        ("audio", "file"),
        ("video", "file"),
        ("file", "file"),
        ("barcode", "text_input"),
        ("geopoint", "text_input"),
        ("geotrace", "text_input"),
        ("geoshape", "text_input"),
        ("rank color", "text_input"),
        ("select_one_from_file cities.csv", "text_input"),
        ("select_one ${other}", "text_input"),
        ("nonsense", "text_input"),
    ],
)
def test_each_type_has_a_selection_type(type_: str, selection_type: str) -> None:
    assert one(type_)["selection_type"] == selection_type


@pytest.mark.parametrize("type_", ["barcode", "geopoint", "rank color", "select_one_external color", "nonsense"])
def test_a_type_asked_as_text_is_listed_and_kept_word_for_word(type_: str) -> None:
    structure, receipt = imported(f"# survey\ntype | name | label\n{type_} | q | Question\n{CHOICES}")
    assert "type-approximated" in codes(receipt.approximated)
    assert dump(structure.option_sets[0])["source"]["verbatim"] == {"type": type_}


def test_a_choice_with_or_other_takes_an_other_text() -> None:
    assert one("select_one color or_other")["allow_other"] is True
    assert type_of("select_multiple colors or specify other").or_other


def test_appearance_decides_dropdown_and_textarea() -> None:
    assert one("select_one color", "appearance", "minimal")["selection_type"] == "dropdown"
    assert one("text", "appearance", "multiline")["selection_type"] == "textarea"


def test_a_range_becomes_a_slider_or_where_it_has_fractions_a_number() -> None:
    slider = one("range", "parameters", "start=2 end=20 step=3")
    assert (slider["selection_type"], slider["constraints"]) == ("slider", {"min": 2, "max": 20, "step": 3})
    assert one("range", "parameters", "start=0; end=1; step=0.1")["selection_type"] == "number"


def test_an_image_takes_images() -> None:
    assert one("image")["constraints"]["media_types"] == ["image/*"]


def test_a_hidden_question_is_hidden() -> None:
    assert one("hidden")["hidden"] is True


def test_a_read_only_text_with_a_calculation_is_calculated() -> None:
    text = "# survey\ntype | name | label | calculation | read_only\ninteger | n | N\ntext | q | Q | ${n} * 2 | yes"
    assert node(text)["expression"] == {"*": [{"var": node(text, "n")["id"]}, 2]}
    assert node(text)["presentation"] == {"shown": True}
    assert "presentation" not in node(text.replace("text | q", "calculate | q"))


def test_a_comparison_as_calculation_gives_the_text_that_the_form_stores() -> None:
    text = "# survey\ntype | name | calculation\ninteger | n |\ncalculate | q | ${n} > 2"
    assert node(text)["expression"]["if"][1:] == ["true", "false"]


def test_metadata_is_no_question_but_its_time_can_be_read() -> None:
    text = "# survey\ntype | name | label | relevant\ntoday | day |\ndeviceid | device |\ndate | q | Q | ${day} > '2020-01-01'"
    structure, receipt = imported(text)
    assert [item.key for item in structure.option_sets] == ["q"]
    assert structure.option_sets[0].visible_if == {">": [{"today": []}, "2020-01-01"]}
    assert dump(structure)["source"]["verbatim"]["metadata"] == {"today": "day", "deviceid": "device"}
    assert (codes(receipt.approximated), codes(receipt.not_supported)) == (["metadata"] * 2, ["metadata"] * 2)


# --- groups --------------------------------------------------------------------------------------------------------

GROUPS = """
# survey
type        | name   | label  | relevant
text        | first  | First  |
begin group | outer  | Outer  | ${first} = 'x'
text        | second | Second |
begin group | inner  |        | ${second} = 'y'
text        | third  | Third  |
end group
text        | fourth | Fourth |
begin group | empty  | Empty  |
end group
text        | fifth  | Fifth  |
end group
text        | sixth  | Sixth  |
"""


def test_each_stretch_of_a_group_is_a_step_and_the_order_stays() -> None:
    expected = [("main", ["first"]), ("outer", ["second"]), ("inner", ["third"]), ("outer-2", ["fourth", "fifth"]), ("main-2", ["sixth"])]
    assert keys(imported(GROUPS)[0]) == expected


def test_a_step_without_a_label_has_the_nearest_labelled_ancestors() -> None:
    assert [step.name for step in imported(GROUPS)[0].steps] == ["Questions", "Outer", "Outer", "Outer", "Questions"]


def test_a_step_is_asked_when_all_its_groups_are() -> None:
    structure, _ = imported(GROUPS)
    first, second = (structure.id_by_key[key] for key in ("first", "second"))
    outer, inner = {"==": [{"var": first}, "x"]}, {"==": [{"var": second}, "y"]}
    assert [step.visible_if for step in structure.steps] == [None, outer, {"and": [outer, inner]}, outer, None]


REPEAT = """
# survey
type         | name | label
begin group  | g    | G
text         | a    | A
begin repeat | r    | R
text         | b    | B
end repeat   |      |
text         | c    | C
end group
"""


def test_a_repeat_is_not_supported_and_parts_the_group() -> None:
    structure, receipt = imported(REPEAT)
    assert keys(structure) == [("g", ["a"]), ("g-2", ["c"])]
    assert {line.place.row for line in receipt.not_supported if line.code == "repeat"} == {4, 5, 6}
    assert [row["row"] for row in dump(structure)["source"]["verbatim"]["rows"]] == [4, 5, 6]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ("begin group | g |\ntext | a | A", "row 2"),
        ("text | a | A\nend group | |", "row 3"),
        ("begin group | g |\nend repeat | |", "row 3"),
    ],
)
def test_groups_that_do_not_close_are_refused_with_the_row(rows: str, place: str) -> None:
    with pytest.raises(FileUnreadable, match=place):
        imported(f"# survey\ntype | name | label\n{rows}")


# --- keys and texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key"),
    [("Id10002", "id10002"), ("1st", "q1st"), ("_x", "q_x"), ("Größe.cm", "groe_cm"), ("ΑΒΓ", "q"), ("x" * 90, "x" * 64)],
)
def test_names_become_keys(name: str, key: str) -> None:
    assert key_of(name, FreeKeys()) == key


def test_names_that_give_the_same_key_are_numbered_and_keep_their_names() -> None:
    structure, _ = imported("# survey\ntype | name | label\ntext | A1 | x\ntext | a1 | y")
    assert [(item.key, item.source.name) for item in structure.option_sets if item.source] == [("a1", "A1"), ("a1-2", "a1")]


SPOKEN = """
# survey
type         | name | label::English (en) | hint
select_one c | q    | Colour              | Help
# choices
list_name | name | label::English (en) | label::Français
c         | r    | Red                 | Rouge
"""


def test_every_language_is_kept_also_where_only_choices_have_it() -> None:
    structure, _ = imported(SPOKEN)
    assert (structure.languages, structure.default_language) == (("en", "fr"), "en")
    assert node(SPOKEN)["options"][0]["label"] == {"en": "Red", "fr": "Rouge"}
    assert node(SPOKEN)["help"] == {"en": "Help"}


def test_a_form_without_languages_asks_for_its_language() -> None:
    structure, receipt = imported("# survey\ntype | name | label\ntext | q | Q")
    assert (structure.languages, codes(receipt.questions)) == (("en",), ["language-not-stated"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["English", "French"], ("en", "fr")),
        (["Deutsch (de)", "pt-BR"], ("de", "pt-BR")),
        (["English (UK)", "English (US)"], ("en", "en-2")),
        (["Lingua Franca Nova"], ("und-lingua-franca-nova",)),
    ],
)
def test_language_names_become_codes(names: list[str], expected: tuple[str, ...]) -> None:
    assert languages_of([f"label::{name}" for name in names], None).codes == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Label :: French", ("label", "French")),
        ("label:French", ("label", "French")),
        ("media::image::fr", ("image", "fr")),
        ("bind::relevant", ("relevant", None)),
        ("bind::jr:constraintMsg::fr", ("constraint_message", "fr")),
        ("jr:count", ("repeat_count", None)),
        ("list name", ("list_name", None)),
        ("Required Message", ("required_message", None)),
        ("instance::odk:tag", ("instance::odk:tag", None)),
    ],
)
def test_headings_have_one_name(text: str, expected: tuple[str, str | None]) -> None:
    assert tuple(heading(text)) == expected


def test_names_in_texts_are_piped() -> None:
    text = "# survey\ntype | name | label\ntext | who | Who?\ntext | q | Hello ${who}, ${nobody}"
    assert node(text)["name"] == f"Hello {{{{{node(text, 'who')['id']}}}}}, ${{nobody}}"
    assert "name-not-shown" in codes(imported(text)[1].approximated)


# --- rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "required"), [("yes", True), ("TRUE", True), ("true()", True), ("no", False), ("false()", False)])
def test_required_is_read(cell: str, required: bool) -> None:
    assert one("text", "required", cell)["is_required"] is required


def test_a_condition_for_required_is_listed_and_never_blocks() -> None:
    text = "# survey\ntype | name | required\ntext | q | ${q} = 'x'"
    assert (node(text)["is_required"], codes(tuple(refused(text)))) == (False, ["required-condition"])


def test_a_constraint_brings_its_message() -> None:
    text = "# survey\ntype | name | constraint | constraint_message\ninteger | q | . < 5 | Too much"
    assert node(text)["constraints"]["rules"] == [{"expression": {"<": [{"var": "."}, 5]}, "message": "Too much"}]


def test_a_required_message_is_the_message_of_required() -> None:
    assert one("text", "required | required_message", "yes | Please")["constraints"]["messages"] == {"is_required": "Please"}


def test_an_untranslated_condition_asks_always_and_is_kept_word_for_word() -> None:
    text = "# survey\ntype | name | relevant\ntext | q | pulldata('a', 'b', 'c', 'd') = 1"
    (line,) = refused(text)
    assert (node(text)["visible_if"], line.code, "pulldata()" in line.detail) == (None, "not-translated", True)
    assert node(text)["source"]["verbatim"] == {"relevant": "pulldata('a', 'b', 'c', 'd') = 1"}


def test_relevant_false_is_never_asked() -> None:
    assert one("text", "relevant", "FALSE")["visible_if"] is False


@pytest.mark.parametrize(
    ("type_", "cell", "value"),
    [
        ("text", "five", "five"),
        ("integer", "5", 5),
        ("integer", "5.5", None),
        ("date", "2020-01-31", "2020-01-31"),
        ("date", "31.1.2020", None),
        ("select_one color", "red", "red"),
        ("select_one color", "green", None),
        ("select_multiple color", "blue red", ["red", "blue"]),
        ("date", "today()", None),
        ("text", "${x}", None),
    ],
)
def test_defaults_are_taken_where_they_fit(type_: str, cell: str, value: Any) -> None:
    assert one(type_, "default", cell)["default"] == value


# --- choices -------------------------------------------------------------------------------------------------------

FILTERED = """
# survey
type            | name  | label | choice_filter
select_one land | land  | Land  |
select_one town | town  | Town  | land = ${land} or name = 'none'
# choices
list_name | name | label  | land | code
land      | de   | German |      |
land      | fr   | French |      |
town      | b    | Berlin | de   | 030
town      | x    | Border | de   |
town      | x    | Border | fr   |
town      | none | None   |      |
"""


def test_a_choice_filter_becomes_a_condition_of_each_option() -> None:
    land = {"var": node(FILTERED, "land")["id"]}
    german, french = {"==": [land, "de"]}, {"==": [land, "fr"]}
    conditions = {option["value"]: option.get("visible_if") for option in node(FILTERED, "town")["options"]}
    assert conditions["b"] == {"or": [german, False]}
    assert conditions["x"] == {"or": [german, False, french]}


def test_further_columns_of_a_choice_are_kept_with_the_option() -> None:
    assert node(FILTERED, "town")["options"][0]["source"]["verbatim"] == {"land": "de", "code": "030"}


def test_an_untranslated_filter_offers_every_choice() -> None:
    text = FILTERED.replace("land = ${land} or name = 'none'", "position(..) = 1")
    assert [option.get("visible_if") for option in node(text, "town")["options"]] == [None] * 3
    assert "not-translated" in codes(tuple(refused(text)))


def test_a_missing_list_is_named() -> None:
    assert [(line.code, line.place.row) for line in refused("# survey\ntype | name\nselect_one nowhere | q")] == [("list-missing", 2)]


# --- the account ---------------------------------------------------------------------------------------------------

EVERYTHING = """
# survey
type            | name | label | hint | guidance_hint | appearance | trigger | image  | bind::x | required | default | disabled
start           | s    |       |      |               |            |         |        |         |          |         |
begin group     | g    | G     | H    |               | w1         |         |        |         | yes      |         |
text            | a    | A     | H    | Guide         | w2         | ${b}    | a.png  | y       | ${b}     | now()   |
note            | b    | B     |      |               |            |         |        |         | yes      |         |
select_one l    | c    | C     |      |               |            |         |        |         |          |         |
text            | d    | D     |      |               |            |         |        |         |          |         | yes
                | e    | no type |    |               |            |         |        |         |          |         |
csv-external    | f    |       |      |               |            |         |        |         |          |         |
end group       | g    |       |      |               |            |         |        |         |          |         |
# choices
list_name | name | label | image
l         | 1    | One   | 1.png
l         | 1    | Again |
l         |      | None  |
m         | 1    | One   |
# settings
form_title | form_id | version | style      | instance_name
Form       | f       | 1       | theme-grid | ${a}
# notes to self
whatever
"""


def test_every_cell_of_a_form_is_in_the_receipt_once() -> None:
    book = read_xlsform(workbook(EVERYTHING), "f.xlsx")
    structure, receipt = structure_from_xlsform(book, numbered_ids())
    assert receipt.cells == book.cells
    assert parse(dump(structure)) == structure
    assert [finding for finding in problems_in(structure) if finding.severity == "stops"] == []


def test_every_cell_without_an_equal_is_in_the_structure_word_for_word() -> None:
    structure, receipt = imported(EVERYTHING)
    stored = str(dump(structure))
    places = [line for line in (*receipt.not_supported, *receipt.approximated) if line.code != "sheet-not-read"]
    book = read_xlsform(workbook(EVERYTHING))
    cells = {(sheet, row.number, column): text for sheet in book.sheets for row in book.rows(sheet) for column, text in row.cells.items()}
    assert [line for line in places if cells[line.place.sheet, line.place.row or 0, line.place.column or "name"] not in stored] == []


def test_the_receipt_in_json_counts_and_names() -> None:
    receipt = imported(EVERYTHING)[1].to_json()
    assert receipt["totals"]["kept"] == sum(receipt["kept"].values())
    assert {"place", "code", "detail", "cells"} == set(receipt["not_supported"][0])


def test_the_title_is_the_forms_else_its_id_else_the_file() -> None:
    rows = "# survey\ntype | name\ntext | q"
    assert imported(EVERYTHING)[0].name == "Form"
    assert imported(f"{rows}\n# settings\nform_id\nmy-form")[0].name == "my-form"
    assert imported(rows)[0].name == "form"


def test_a_list_that_nobody_offers_is_one_finding() -> None:
    rows = "\n".join(f"unused | c{number} | Label {number}" for number in range(50))
    _, receipt = imported(f"# survey\ntype | name | label\ntext | q | Q\n# choices\nlist_name | name | label\n{rows}")
    (line,) = receipt.not_supported
    assert (line.code, line.cells, line.place.row) == ("list-unused", 150, 2)
    assert "'unused'" in line.detail


def test_a_table_of_runs_given_as_a_form_shows_nothing_of_it() -> None:
    table = "name,age\n" + "".join(f"Person {number},{number}\n" for number in range(50))
    with pytest.raises(FileUnreadable) as caught:
        read_xlsform(table.encode(), "runs.csv")
    assert "run import" in caught.value.detail
    assert "Person" not in caught.value.detail
