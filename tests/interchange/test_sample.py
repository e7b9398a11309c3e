"""The form and the runs that Keepstep makes itself."""

import csv
import io
import itertools
from random import Random
from uuid import UUID

import pytest
from tests.interchange.runs_samples import options

from keepstep.core.faults import problems_in
from keepstep.core.places import expressions_in
from keepstep.core.structure import Structure
from keepstep.interchange.runs_in import read_runs_csv
from keepstep.interchange.sample_form import sample_form
from keepstep.interchange.sample_runs import MISFIT, UNKNOWN, sample_runs


@pytest.fixture(scope="module")
def form() -> Structure:
    numbers = itertools.count(1)
    return sample_form(lambda: str(UUID(int=next(numbers))))


def test_the_form_is_large_has_logic_and_nothing_that_stops_it(form: Structure) -> None:
    assert len(form.option_sets) >= 60
    assert len(list(expressions_in(form))) >= 25
    assert len({item.selection_type for item in form.option_sets}) >= 12
    assert list(problems_in(form)) == []


def test_the_same_seed_gives_the_same_runs(form: Structure) -> None:
    assert sample_runs(form, Random(7), 20) == sample_runs(form, Random(7), 20)
    assert sample_runs(form, Random(7), 20) != sample_runs(form, Random(8), 20)


def test_every_run_is_read_and_only_what_was_meant_to_does_not_fit(form: Structure) -> None:
    content = sample_runs(form, Random(7), 100)
    reading = read_runs_csv(content, form, options())
    assert len({run.id for run in reading}) == 100
    assert reading.receipt.is_complete
    flagged = {column.name: column.fates["flagged"] for column in reading.receipt.columns if column.fates["flagged"]}
    assert flagged == {"work-employment": content.count(MISFIT.encode())}
    assert {column.name for column in reading.receipt.columns if column.role == "archive"} == set(UNKNOWN)


def test_what_a_household_is_not_asked_stays_empty(form: Structure) -> None:
    rows = list(csv.DictReader(io.StringIO(sample_runs(form, Random(7), 200).decode())))
    refused = [row for row in rows if row["visit-consent"] == "false"]
    assert refused
    assert all(not row["people-adults"] and not row["food-meals"] for row in refused)
