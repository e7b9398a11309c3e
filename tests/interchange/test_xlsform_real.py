"""The real forms: exact counts, and the translated logic against XPath's own outcome on real submissions."""

import csv
import random
import time
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.interchange.xlsform_sheets import codes, numbered_ids
from tests.interchange.xpath_oracle import evaluate, number, text, truth

from keepstep.core.clock import Clock
from keepstep.core.faults import problems_in
from keepstep.core.flow import evaluate as flow
from keepstep.core.flow import flow_of
from keepstep.core.logic import Scope, evaluate_expression, to_text
from keepstep.core.logic import truth as holds
from keepstep.core.structure import Calculated, OptionSet, Structure, choices_of, dump, parse
from keepstep.interchange.receipt import Receipt
from keepstep.interchange.xlsform import read_xlsform, structure_from_xlsform
from keepstep.interchange.xlsform_workbook import Workbook
from keepstep.interchange.xpath import parse as parse_xpath

CLOCK = Clock(datetime(2020, 6, 1, 12, tzinfo=UTC))
Imported = tuple[Workbook, Structure, Receipt]


def imported(folder: Path, name: str) -> Imported:
    workbook = read_xlsform((folder / name).read_bytes(), name)
    return workbook, *structure_from_xlsform(workbook, numbered_ids())


@pytest.fixture(scope="module")
def who(real_inputs: Path) -> Imported:
    return imported(real_inputs, "who-va-1.5.2.xlsx")


@pytest.fixture(scope="module")
def household(real_inputs: Path) -> Imported:
    return imported(real_inputs, "socio-economic-survey.xlsx")


def test_the_verbal_autopsy_form_has_its_questions(who: Imported) -> None:
    types = Counter(option_set.selection_type for option_set in who[1].option_sets)
    assert types == {
        "single_select": 331,
        "integer": 89,
        "calculated": 42,
        "text_input": 29,
        "textarea": 1,
        "statement": 16,
        "date": 9,
        "multiple_select": 8,
        "number": 2,
    }


def test_all_its_relevance_constraints_and_calculations_are_translated(who: Imported) -> None:
    kept = who[2].kept
    assert (kept["survey/relevant"], kept["survey/constraint"], kept["survey/calculation"]) == (420, 93, 42)
    assert "not-translated" not in codes(who[2].not_supported)


def test_the_translated_logic_stands_in_the_structure(who: Imported) -> None:
    option_sets = who[1].option_sets
    assert sum(option_set.visible_if is not None for option_set in option_sets) == 401
    assert sum(len(option_set.constraints.rules) for option_set in option_sets) == 93
    assert sum(isinstance(item, Calculated) and item.expression is not None for item in option_sets) == 42


def test_its_groups_become_38_steps_in_the_order_of_the_form(who: Imported) -> None:
    workbook, structure, _ = who
    rows = [row.cells.get("name") for row in workbook.rows("survey")]
    names = [option_set.source.name for option_set in structure.option_sets if option_set.source]
    assert [name for name in rows if name in set(names)] == names
    assert len(structure.steps) == 38
    assert [step.key for step in structure.steps if step.key.startswith("illhistory")] == ["illhistory", "illhistory-2", "illhistory-3"]


ACCOUNTS = {"who": (4149, 4080, 22, 47), "household": (1107, 355, 3, 749)}


@pytest.mark.parametrize("form", ACCOUNTS)
def test_every_cell_is_accounted_for(form: str, request: pytest.FixtureRequest) -> None:
    workbook, _, receipt = request.getfixturevalue(form)
    totals = receipt.totals
    assert (workbook.cells, totals["kept"], totals["approximated"], totals["not_supported"]) == ACCOUNTS[form]
    assert receipt.cells == workbook.cells


def test_codes_that_no_list_has_are_asked_about_and_do_not_stop_publishing(who: Imported) -> None:
    assert codes(who[2].questions) == ["code-without-choice"] * 5
    assert [finding for finding in problems_in(who[1]) if finding.severity == "stops"] == []
    assert flow_of(who[1]).cycles == ()


def test_french_of_the_choices_is_kept_without_french_questions(who: Imported) -> None:
    structure = who[1]
    assert (structure.languages, structure.default_language) == (("en", "fr"), "en")
    option = dump(structure.option_set_by_id[structure.id_by_key["id10002"]])["options"][0]
    assert set(option["label"]) == {"en", "fr"}


def test_the_result_is_a_canonical_structure(who: Imported) -> None:
    assert parse(dump(who[1])) == who[1]


def test_importing_the_form_takes_less_than_two_seconds(real_inputs: Path) -> None:
    start = time.process_time()
    imported(real_inputs, "who-va-1.5.2.xlsx")
    assert time.process_time() - start < 2


def test_the_household_survey_filters_districts_by_region(household: Imported) -> None:
    structure = household[1]
    region = structure.id_by_key["region"]
    districts = dump(structure.option_set_by_id[structure.id_by_key["district"]])["options"]
    assert {"==": [{"var": region}, "Sindh"]} in [district.get("visible_if") for district in districts]


def test_the_household_survey_names_what_it_cannot_do(household: Imported) -> None:
    refused = household[2].not_supported
    (calculation,) = [line for line in refused if line.code == "not-translated"]
    assert (calculation.place.name, "jr:itext()" in calculation.detail) == ("SEClass", True)
    assert {line.place.row for line in refused if line.code == "repeat"} == {22, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33, 34}
    assert codes(household[2].suggestions) == ["formulas", "formulas"]


# --- against XPath on real submissions -----------------------------------------------------------------------------


def submissions(folder: Path) -> list[dict[str, str]]:
    with (folder / "who-va-runs.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return [{column.split("-")[-1]: cell for column, cell in row.items() if cell not in ("", "n/a")} for row in rows]


def stored(cell: str, option_set: OptionSet) -> Any:
    if option_set.selection_type == "multiple_select":
        return cell.split()
    return int(cell) if option_set.selection_type == "integer" and cell.isdigit() else cell


def shaken(row: dict[str, str], structure: Structure, random_: random.Random) -> dict[str, str]:
    """The submissions leave most questions empty; here every second one has some answer that its type allows."""
    result = dict(row)
    for option_set in structure.option_sets:
        if random_.random() < 0.5 and option_set.source and option_set.source.name:
            result[option_set.source.name] = some_answer(option_set, random_)
    return {name: cell for name, cell in result.items() if cell}


def some_answer(option_set: OptionSet, random_: random.Random) -> str:
    options = [option.value for option in choices_of(option_set)]
    match option_set.selection_type:
        case "multiple_select":
            return " ".join(value for value in options if random_.random() < 0.3)
        case "single_select":
            return random_.choice(options)
        case "integer" | "number":
            return str(random_.randint(0, 100))
        case "calculated" if option_set.key != "id10023":
            return random_.choice(["", "0", "1", "yes", "no", "12", "400"])
        # Id10023 is a date that the form calculates.
        case "date" | "calculated":
            return date.fromordinal(date(2015, 1, 1).toordinal() + random_.randint(0, 1500)).isoformat()
        case _:
            return random_.choice(["", "some text"])


def cases(who: Imported, folder: Path, column: str) -> Any:
    """For each expression of the column and a sample of rows: name, tree, answers as texts, the scope, the option set."""
    workbook, structure, _ = who
    random_ = random.Random(20)
    by_name = {option_set.source.name: option_set for option_set in structure.option_sets if option_set.source}
    rows = [shaken(row, structure, random_) for row in random_.sample(submissions(folder), 40)]
    for row in rows:
        values = {by_name[name].id: stored(cell, by_name[name]) for name, cell in row.items() if name in by_name}
        for line in workbook.rows("survey"):
            if column in line.cells and line.cells["name"] in by_name:
                option_set = by_name[line.cells["name"]]
                yield parse_xpath(line.cells[column]), row, Scope(CLOCK, values, dot=values.get(option_set.id)), option_set


def test_each_relevance_has_the_outcome_of_xpath(who: Imported, real_inputs: Path) -> None:
    compared = 0
    for tree, row, scope, option_set in cases(who, real_inputs, "relevant"):
        wanted = truth(evaluate(tree, dict(row), CLOCK.today))
        assert holds(evaluate_expression(option_set.visible_if, scope)) == wanted, (option_set.key, row)
        compared += 1
    assert compared == 401 * 40


def test_each_constraint_has_the_outcome_of_xpath(who: Imported, real_inputs: Path) -> None:
    compared = 0
    for tree, row, scope, option_set in cases(who, real_inputs, "constraint"):
        given = row.get(option_set.source.name, "")
        if given:
            wanted = truth(evaluate(tree, dict(row), CLOCK.today, given))
            assert holds(evaluate_expression(option_set.constraints.rules[0].expression, scope)) == wanted, (option_set.key, given)
            compared += 1
    assert compared > 1_000


def test_each_calculation_has_the_outcome_of_xpath(who: Imported, real_inputs: Path) -> None:
    compared = 0
    for tree, row, scope, option_set in cases(who, real_inputs, "calculation"):
        wanted = evaluate(tree, dict(row), CLOCK.today)
        found = evaluate_expression(option_set.expression, scope)
        if isinstance(found, int | Decimal):
            assert float(found) == pytest.approx(number(wanted)), (option_set.key, row)
        else:
            assert (to_text(found) or "") == text(wanted), (option_set.key, row)
        compared += 1
    assert compared == 42 * 40


def test_a_whole_interview_asks_sanely(who: Imported) -> None:
    structure = who[1]
    given = {"Id10013": "yes", "Id10020": "yes", "Id10021": "1950-01-01", "Id10022": "yes", "Id10023_a": "2018-07-01", "Id10019": "male"}
    answers = {structure.id_by_key[name.lower()]: {"value": value} for name, value in given.items()}
    evaluation = flow(structure, answers, CLOCK)
    asked = {item.key for item, bit in zip(structure.option_sets, evaluation.asked, strict=True) if bit == "1"}
    values = {item.key: evaluation.calculated.get(item.id) for item in structure.option_sets}
    assert (values["ageindays"], values["ageinyears"], values["isadult"], values["ischild"]) == (25018, 68, "1", "0")
    assert "id10411" in asked
    assert {"id10104", "id10296", "id10023_b"} & asked == set()
