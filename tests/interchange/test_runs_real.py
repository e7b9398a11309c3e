"""Real submissions of a neighbouring revision of a real form: every cell is accounted for, in time."""

import itertools
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.interchange.runs_samples import AT, CLOCK, WIZARD

from keepstep.core.structure import Structure
from keepstep.interchange.columns import columns_of
from keepstep.interchange.runs_in import ImportedRun, ReadOptions, RunsReading, read_runs_csv
from keepstep.interchange.runs_in_jsonl import JsonlOptions, read_runs_jsonl
from keepstep.interchange.runs_out import StoredRun, csv_rows, jsonl_rows
from keepstep.interchange.xlsform import read_xlsform, structure_from_xlsform

# Seconds of processor time; doubled in the assertions, since a slower machine is no fault of the code.
BUDGET = 3.0
UNKNOWN = "Id10056 Id10184 Id10190 Id10197b a_pain_how_long age_neonate_hours age_neonate_minutes illdurnote".split()
# The form has these as metadata of the submission (start, today, end), so they are no questions; the file leaves them empty.
FORM_METADATA = ["Id10011", "Id10012", "Id10481"]


@pytest.fixture(scope="module")
def form(real_inputs: Path) -> Structure:
    numbers = itertools.count(1)
    workbook = read_xlsform((real_inputs / "who-va-1.5.2.xlsx").read_bytes(), "who-va-1.5.2.xlsx")
    return structure_from_xlsform(workbook, lambda: str(UUID(int=next(numbers))))[0]


@pytest.fixture(scope="module")
def content(real_inputs: Path) -> bytes:
    return (real_inputs / "who-va-runs.csv").read_bytes()


@pytest.fixture(scope="module")
def imported(form: Structure, content: bytes) -> tuple[list[ImportedRun], RunsReading, float]:
    started = time.process_time()
    reading = read_runs_csv(content, form, ReadOptions(CLOCK, wizard_id=WIZARD))
    runs = list(reading)
    return runs, reading, time.process_time() - started


@pytest.fixture(scope="module")
def stored(form: Structure, imported: Any) -> list[StoredRun]:
    return [_stored(run, "1" * len(form.option_sets)) for run in imported[0]]


def _stored(run: ImportedRun, asked: str) -> StoredRun:
    assert run.id is not None
    return StoredRun(run.id, 1, 1, run.status, 1, run.language, None, AT, run.completed_at, AT, asked, run.answers, run.archive)


def test_every_non_empty_cell_is_accounted_for(imported: Any) -> None:
    receipt = imported[1].receipt
    assert receipt.totals == {
        "runs": 900,
        "cells": 120_244,
        "blanks": 0,
        "answers": 116_395,
        "flagged": 249,
        "metadata": 2_700,
        "archived": 900,
        "already_there": 0,
    }
    assert receipt.is_complete


def test_the_misfits_are_flagged_where_they_stand(imported: Any) -> None:
    receipt = imported[1].receipt
    flagged = {column.name.rpartition("-")[2]: column.fates["flagged"] for column in receipt.columns if column.fates["flagged"]}
    assert flagged == {"Id10008": 118, "Id10433": 131}
    assert receipt.flags == {"option-unknown": 249}


def test_the_questions_that_the_form_does_not_have_are_archived(imported: Any) -> None:
    columns = [column for column in imported[1].receipt.columns if column.role == "archive"]
    assert sorted(column.name.rpartition("-")[2] for column in columns) == sorted(UNKNOWN + FORM_METADATA)
    assert [(line.code, line.cells) for line in imported[1].receipt.lines if line.code == "question-unknown"] == [("question-unknown", 900)]


def test_the_values_in_the_runs_are_those_of_the_file(imported: Any) -> None:
    runs = imported[0]
    metadata = 3 * len(runs)
    answers = sum(len(run.answers) for run in runs)
    assert answers + sum(len(run.archive) for run in runs) == 120_244
    assert sum(len(run.archive) for run in runs) == 900 + metadata
    assert runs[0].completed_at.isoformat() == "2018-07-26T16:47:29+00:00"


def test_a_second_import_gives_the_same_runs(form: Structure, content: bytes, imported: Any) -> None:
    again = list(read_runs_csv(content, form, ReadOptions(CLOCK, wizard_id=WIZARD)))
    assert again == imported[0]
    assert len({run.id for run in again}) == 900


def test_reading_stays_within_its_budget(imported: Any) -> None:
    assert imported[2] < 2 * BUDGET


def test_writing_and_reading_again_gives_the_same_runs_in_time(form: Structure, imported: Any, stored: list[StoredRun]) -> None:
    names = {name for run in stored for name in (*run.answers, *run.archive)}
    started = time.process_time()
    table = b"".join(csv_rows(stored, columns_of([(1, form)], stored=names)))
    assert time.process_time() - started < 2 * BUDGET
    again = list(read_runs_csv(table, form, ReadOptions(CLOCK)))
    assert [run.id for run in again] == [run.id for run in stored]
    assert [answered(run.answers) for run in again] == [answered(run.answers) for run in imported[0]]
    assert [run.archive for run in again] == [run.archive for run in imported[0]]


def answered(answers: Any) -> dict[str, Any]:
    """What was answered; the table also says of each other question that it was asked and left empty."""
    return {name: envelope for name, envelope in answers.items() if envelope["value"] is not None}


def test_json_lines_hold_the_runs_exactly(form: Structure, imported: Any, stored: list[StoredRun]) -> None:
    again = list(read_runs_jsonl(b"".join(jsonl_rows(stored, {1: form})), form, JsonlOptions(CLOCK)))
    assert [(run.answers, run.archive) for run in again] == [(run.answers, run.archive) for run in imported[0]]
