"""Whatever rows a form has: it is read, every cell is accounted for, and importing it again changes nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.interchange.xlsform_sheets import numbered_ids

from keepstep.core.edits import Draft
from keepstep.core.structure import dump, parse
from keepstep.interchange.xlsform import structure_from_xlsform
from keepstep.interchange.xlsform_merge import merge_into
from keepstep.interchange.xlsform_types import TYPES
from keepstep.interchange.xlsform_workbook import Row, Sheet, Workbook

NAMES = st.sampled_from(["a", "A", "b", "c d", "1", "ä"])
TEXTS = st.sampled_from(["Label", "Label of ${a}", "${nobody}", "{{x}}", "x" * 300])
EXPRESSIONS = st.sampled_from(
    ["${a} = 'r'", "selected(${b}, 'zz')", ". > 3", "yes", "no", "nonsense(", "${A} + 1", "name = ${a}", "today()"]
)
ROWS = sorted(name for name in TYPES if not name.startswith(("begin_", "end_")))
TYPE_CELLS = st.sampled_from([*ROWS, "select_one c", "select_multiple c or_other", "select_one ${a}", "rank c", "?"])
SURVEY = {
    "type": TYPE_CELLS,
    "name": NAMES,
    "label": TEXTS,
    "label::French": TEXTS,
    "label::fr": TEXTS,
    "hint": TEXTS,
    "media::image::French": TEXTS,
    "relevant": EXPRESSIONS,
    "constraint": EXPRESSIONS,
    "constraint_message": TEXTS,
    "required": EXPRESSIONS,
    "required_message::French": TEXTS,
    "calculation": EXPRESSIONS,
    "choice_filter": EXPRESSIONS,
    "default": st.sampled_from(["1", "r", "2020-01-01", "today()", "r s"]),
    "appearance": st.sampled_from(["minimal", "multiline", "field-list", "w1"]),
    "read_only": EXPRESSIONS,
    "parameters": st.sampled_from(["start=1 end=0.5", "step=0", "x", "start=a"]),
    "disabled": st.sampled_from(["yes", "no"]),
    "anything::else": TEXTS,
}
CHOICES = {
    "list_name": st.sampled_from(["c", "d"]),
    "name": st.sampled_from(["r", "s", "zz z"]),
    "label": TEXTS,
    "label::French": TEXTS,
    "a": NAMES,
}
SETTINGS = {"form_title": TEXTS, "form_id": NAMES, "default_language": st.sampled_from(["French", "Klingon", "default"]), "version": NAMES}


def sheet(name: str, columns: dict[str, st.SearchStrategy[str]], most: int) -> st.SearchStrategy[Sheet]:
    row: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=columns)
    return st.lists(row, max_size=most).map(
        lambda rows: Sheet(name, tuple(columns), tuple(Row(number, cells) for number, cells in enumerate(rows, 2) if cells))
    )


@st.composite
def surveys(draw: st.DrawFn) -> Sheet:
    """Rows, some stretches of them in groups and repeats, which may lie in each other."""
    rows = [dict(row.cells) for row in draw(sheet("survey", SURVEY, 8)).rows]
    group: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {"name": NAMES}, optional={"label": TEXTS, "relevant": EXPRESSIONS, "hint": TEXTS}
    )
    for kind in draw(st.lists(st.sampled_from(["group", "group", "repeat"]), max_size=3)):
        start = draw(st.integers(0, len(rows)))
        end = draw(st.integers(start, len(rows)))
        inner = rows[start:end]
        depth = [row.get("type", "").startswith("begin") - row.get("type", "").startswith("end_") for row in inner]
        if all(sum(depth[:index]) >= 0 for index in range(len(depth) + 1)) and sum(depth) == 0:
            rows[start:end] = [draw(group) | {"type": f"begin_{kind}"}, *inner, {"type": f"end_{kind}"}]
    return Sheet("survey", tuple(SURVEY), tuple(Row(number, cells) for number, cells in enumerate(rows, 2)))


@st.composite
def workbooks(draw: st.DrawFn) -> Workbook:
    sheets = [draw(surveys()), draw(sheet("choices", CHOICES, 5)), draw(sheet("settings", SETTINGS, 2))]
    return Workbook("form.xlsx", {item.name: item for item in sheets})


@given(workbooks())
def test_law_every_cell_of_every_form_is_accounted_for(workbook: Workbook) -> None:
    structure, receipt = structure_from_xlsform(workbook, numbered_ids())
    assert receipt.cells == workbook.cells
    assert parse(dump(structure)) == structure


@given(workbooks())
def test_law_the_same_form_again_keeps_every_id_and_node(workbook: Workbook) -> None:
    structure, _ = structure_from_xlsform(workbook, numbered_ids())
    again, receipt = merge_into(Draft(structure), structure_from_xlsform(workbook, numbered_ids(10_000))[0])
    assert again == structure
    assert (receipt.questions, receipt.suggestions) == ((), ())
