"""The law of both directions: what Keepstep writes, it reads as the same runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.interchange.runs_samples import AT, CLOCK, COLOUR, COLOURS, NAME, imported, question, sample_id, stored, wizard
from tests.strategies import ANSWERABLE, answers_for, option_sets

from keepstep.core.structure import OptionSet, Structure, dump
from keepstep.interchange.columns import TableOptions, columns_of
from keepstep.interchange.runs_in import ImportedRun, ReadOptions, read_runs_csv
from keepstep.interchange.runs_in_jsonl import JsonlOptions, read_runs_jsonl
from keepstep.interchange.runs_out import StoredRun, WriteOptions, csv_rows, jsonl_rows

Versions = Sequence[tuple[int, Structure]]


def through_csv(runs: list[StoredRun], versions: Versions, write: WriteOptions | None = None, **table: Any) -> list[ImportedRun]:
    """The runs written as a table and read again, each for its own version."""
    names = {name for run in runs for name in (*run.answers, *run.archive)}
    beside = {name for run in runs for name in run.answers.keys() & run.archive.keys()}
    columns = columns_of(versions, TableOptions(**table), stored=names, archived_beside=beside)
    options = ReadOptions(CLOCK, by_version=True, guarded=bool(write and write.excel_safe))
    read = read_runs_csv(b"".join(csv_rows(runs, columns, write)), versions[-1][1], options, older=dict(versions))
    result = list(read)
    assert read.receipt.is_complete
    return result


def told(run: StoredRun | ImportedRun) -> dict[str, Any]:
    """What both kinds of run tell; flags are found anew at each import, and so is who gave an answer."""
    said = "id language status started_at completed_at updated_at respondent version_number first_version_number revision".split()
    return {name: getattr(run, name) for name in said} | {"answers": given_in(run.answers), "archive": given_in(run.archive)}


def given_in(envelopes: Any) -> dict[str, Any]:
    return {
        name: (type(it.get("value")), it.get("value"), it.get("other"))
        for name, it in envelopes.items()
        if it.get("value") or "other" in it or it.get("value") in (0, False)
    }


@st.composite
def answered(draw: st.DrawFn) -> tuple[Structure, StoredRun]:
    """A wizard with a question of every type, and a run that answers some of them."""
    nodes: list[OptionSet] = [draw(option_sets(kind)) for kind in ANSWERABLE]
    ids = [sample_id(number) for number in range(1, len(nodes) + 1)]
    structure = wizard(*(dump(node) | {"id": id_, "key": f"q{number}"} for number, (id_, node) in enumerate(zip(ids, nodes, strict=True))))
    chosen = draw(st.lists(st.booleans(), min_size=len(nodes), max_size=len(nodes)))
    answers = {option_set.id: draw(answers_for(option_set)) for option_set, some in zip(structure.option_sets, chosen, strict=True) if some}
    return structure, replace(stored({}, "1" * len(nodes)), answers=answers, respondent=draw(st.sampled_from([None, 'Ada; "L"'])))


@given(answered(), st.sampled_from([",", ";", "\t"]), st.booleans(), st.booleans())
def test_an_exported_table_is_read_as_the_same_runs(sample: tuple[Structure, StoredRun], delimiter: str, safe: bool, split: bool) -> None:
    structure, run = sample
    write = WriteOptions(delimiter=delimiter, excel_safe=safe)
    (read,) = through_csv([run], [(1, structure)], write, split=split)
    assert told(read) == told(run)
    assert not any("flags" in envelope for envelope in read.answers.values())


@given(answered())
def test_exported_json_lines_are_read_as_the_same_runs_exactly(sample: tuple[Structure, StoredRun]) -> None:
    structure, run = sample
    (read,) = read_runs_jsonl(b"".join(jsonl_rows([run], {1: structure})), structure, JsonlOptions(CLOCK))
    assert told(read) == told(run)
    assert (read.answers, read.archive) == (run.answers, run.archive)


FIRST = wizard(NAME, COLOUR, question(9, "email", "email"))
SECOND = wizard(question(1, "full-name"), COLOURS, question(2, "colour", "multiple_select", options=COLOUR["options"]))
VERSIONS = ((1, FIRST), (2, SECOND))


def test_runs_of_several_versions_go_back_to_their_own() -> None:
    runs = [
        stored({1: "Ada", 2: "red", 9: "a@b.example.com"}, "111"),
        stored(
            {1: "Bob", 2: ["red"], 3: ["blue"]},
            "111",
            id=sample_id(1001),
            version_number=2,
            archive={sample_id(9): imported("b@b.example.com")},
        ),
    ]
    assert [told(run) for run in through_csv(runs, VERSIONS)] == [told(run) for run in runs]


def test_the_archive_comes_back_under_its_names() -> None:
    archive = {"KEY": imported("uuid:1"), "state": imported("n/a"), sample_id(1): imported("Ada before")}
    run = stored({1: "Ada"}, "111", archive=archive)
    (read,) = through_csv([run], VERSIONS)
    assert told(read) == told(run)


@pytest.mark.parametrize("key", ["status", "version", "answer", "archive"])
def test_a_question_with_the_key_of_a_run_column_comes_back(key: str) -> None:
    run = stored({1: "Ada"}, "1")
    assert told(through_csv([run], [(1, wizard(question(1, key)))])[0]) == told(run)


def test_a_former_question_of_the_same_key_comes_back() -> None:
    versions = [(1, wizard(NAME)), (2, wizard(question(5, "name")))]
    run = stored({5: "Ada"}, "1", version_number=2, archive={sample_id(1): imported("Ada before")})
    assert told(through_csv([run], versions)[0]) == told(run)


def test_the_states_come_back() -> None:
    run = stored({1: "Ada", 2: None}, "110", erased=frozenset([sample_id(9)]))
    (read,) = through_csv([run], VERSIONS)
    assert read.states == {sample_id(1): "answered", sample_id(2): "empty", sample_id(9): "erased", sample_id(3): "not_in_version"}
    assert read.answers == {sample_id(1): imported("Ada"), sample_id(2): imported(None)}


def test_a_conflict_comes_back_as_one() -> None:
    run = stored({1: "Ada"}, "111", archive={sample_id(2): imported("pink")}, conflicts=frozenset([sample_id(2)]))
    (read,) = through_csv([run], VERSIONS)
    assert (read.states[sample_id(2)], read.archive) == ("conflict", {sample_id(2): imported("pink")})


@pytest.mark.parametrize("status", ["in_progress", "abandoned"])
def test_a_run_that_is_not_complete_comes_back_so(status: Any) -> None:
    run = stored({1: "Ada"}, "100", status=status, completed_at=None)
    assert told(through_csv([run], VERSIONS)[0]) == told(run)


def test_an_imported_misfit_is_flagged_again() -> None:
    run = stored({1: "Ada", 2: "pink"}, "111")
    (read,) = through_csv([run], VERSIONS)
    assert [flag["code"] for flag in read.answers[sample_id(2)]["flags"]] == ["option-unknown"]


def test_times_keep_their_microseconds() -> None:
    run = stored({}, "111", started_at=AT.replace(microsecond=123456))
    assert through_csv([run], VERSIONS)[0].started_at == run.started_at
