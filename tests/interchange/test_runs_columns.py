import pytest
from tests.interchange.runs_samples import CHOICES, COLOURS, NAME, SMALL, question, sample_id, wizard

from keepstep.interchange.columns import RUN_COLUMNS, TableOptions, columns_of, duplicate_names


def names(versions: object, options: TableOptions | None = None, **more: object) -> list[str]:
    columns = columns_of(versions, options, **more)  # type: ignore[arg-type] # the calls below give what they take
    return [column.name for column in columns[len(RUN_COLUMNS) :]]


PLAIN = TableOptions(states=False)


def test_run_columns_come_first() -> None:
    assert [column.name for column in columns_of([(1, SMALL)])][: len(RUN_COLUMNS)] == list(RUN_COLUMNS)


def test_each_question_has_its_state_and_other_text_where_it_takes_one() -> None:
    assert names([(1, SMALL)])[:7] == ["name", "name.state", "colour", "colour.other", "colour.state", "colours", "colours.state"]


def test_a_question_of_several_versions_has_one_column_under_its_newest_key() -> None:
    versions = [(1, wizard(question(1, "full-name"))), (2, wizard(NAME))]
    assert names(versions, PLAIN) == ["name"]


def test_a_question_that_went_stands_after_its_former_neighbour() -> None:
    first = wizard(question(1, "a"), question(2, "b"), question(3, "c"))
    second = wizard(question(3, "c"), question(4, "d"), question(1, "a"))
    assert names([(1, first), (2, second)], PLAIN) == ["c", "d", "a", "b"]


def test_the_columns_do_not_depend_on_the_order_the_versions_are_given_in() -> None:
    versions = [(1, SMALL), (2, wizard(question(9, "email"), COLOURS)), (3, wizard(NAME))]
    assert names(versions) == names(versions[::-1])


def test_an_older_question_of_the_same_key_carries_its_last_version() -> None:
    versions = [(1, wizard(NAME)), (2, wizard(question(2, "name")))]
    assert names(versions) == ["name.v1", "name.v1.state", "name", "name.state"]


@pytest.mark.parametrize("key", ["status", "version", "archive", "answer"])
def test_a_key_that_is_a_run_column_steps_aside(key: str) -> None:
    assert names([(1, wizard(question(1, key)))]) == [f"answer.{key}", f"answer.{key}.state"]


def test_split_adds_a_column_per_option_of_all_versions() -> None:
    more = question(3, "colours", "multiple_select", options=[{"value": "teal", "label": "Teal"}, CHOICES[0]])
    assert names([(1, wizard(COLOURS)), (2, wizard(more))], TableOptions(states=False, split=True)) == [
        "colours",
        "colours/teal",
        "colours/red",
        "colours/green",
        "colours/blue",
    ]


def test_a_question_that_was_a_multiple_choice_once_is_split_still() -> None:
    versions = [(1, wizard(COLOURS)), (2, wizard(question(3, "colours")))]
    assert "colours/red" in names(versions, TableOptions(split=True))


def test_labels_beside_codes_are_there_for_choices_alone() -> None:
    assert names([(1, wizard(NAME, COLOURS))], TableOptions(states=False, labels="both")) == ["name", "colours", "colours.label"]


def test_a_statement_has_a_column_only_where_something_is_stored_under_it() -> None:
    structure = wizard(NAME, question(8, "note", "statement"))
    assert names([(1, structure)], PLAIN) == ["name"]
    assert names([(1, structure)], PLAIN, stored=[sample_id(8)]) == ["name", "note"]


def test_imported_columns_come_last() -> None:
    stored = ["shoe size", "KEY", sample_id(1)]
    assert names([(1, wizard(NAME))], PLAIN, stored=stored) == ["name", "archive.KEY", "archive.shoe size"]


def test_an_archived_answer_beside_an_answer_has_a_column_of_its_own() -> None:
    assert names([(1, wizard(NAME))], PLAIN, archived_beside=[sample_id(1)]) == ["name", "name.archived"]


def test_no_two_columns_have_one_name() -> None:
    keys = ["archive", "answer", "status", "state", "other", "name", "v1"]
    nodes = [
        question(n, key, "multiple_select", options=[*CHOICES, {"value": "a.state", "label": "x"}]) for n, key in enumerate(keys, start=1)
    ]
    versions = [(1, wizard(*nodes)), (2, wizard(question(90, "name"), question(91, "archive")))]
    stored = ["state", "archive", "v1.state", "x.other", "name"]
    every = [
        column.name
        for column in columns_of(versions, TableOptions(split=True, labels="both"), stored=stored, archived_beside=[sample_id(1)])
    ]
    assert duplicate_names(every) == ()
