"""Every template can be published as it is, and every way through it comes to an end."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keepstep.core.clock import Clock
from keepstep.core.faults import problems_in
from keepstep.core.flow import Evaluation, evaluate, steps_asked
from keepstep.core.jsonvalue import dump_bytes
from keepstep.core.structure import Calculated, OptionSet, Statement, Structure, choices_of, dump
from keepstep.core.validate import misfits, verdict_on
from keepstep.errors import TemplateNotFound
from keepstep.interchange.keepstep_json import read_keepstep_json
from keepstep.interchange.wizard_templates import NAMES, wizard_template, wizard_templates

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
CLOCK = Clock(NOW)
PASSAGES = 150
TEXTS = {"email": "ann@example.org", "phone": "+41446681800", "url": "https://example.org"}
FILE = {"file_id": "018f0000-0000-7000-8000-000000000001", "name": "a.png", "size": 10, "media_type": "image/png", "sha256": "0" * 64}


def some_value(option_set: OptionSet, chance: random.Random) -> Any:
    """A value of its type; it may break a rule, and then another one is tried."""
    options = [option.value for option in choices_of(option_set)]
    exclusive = [option.value for option in choices_of(option_set) if option.exclusive]
    limits: Any = option_set.constraints
    match option_set.selection_type:
        case "single_select" | "dropdown":
            return chance.choice(options)
        case "multiple_select":
            plain = [value for value in options if value not in exclusive]
            return (
                [chance.choice(exclusive)] if exclusive and chance.random() < 0.3 else [value for value in plain if chance.random() < 0.5]
            )
        case "boolean":
            return chance.random() < 0.5
        case "rating" | "slider" | "integer" | "number":
            step = getattr(limits, "step", None) or 1
            return chance.randrange(int(limits.min or 0), int(limits.max or 99) + 1, int(step))
        case "date":
            return (NOW.date() + timedelta(days=chance.choice([-20_000, -5_000, -400, -3, 0, 3, 20, 300, 700]))).isoformat()
        case "datetime":
            return (NOW - timedelta(hours=chance.randrange(1, 99))).isoformat()
        case "file":
            return [FILE]
        case kind:
            return TEXTS.get(kind) or chance.choice(["A sentence that is long enough.", "GB33BUKB20201555555555", "octo-cat"])


def answered(structure: Structure, chance: random.Random) -> tuple[dict[str, Mapping[str, Any]], Evaluation, set[str]]:
    """A passage: each question that is asked gets an answer, in the order of the wizard, until nothing new is asked."""
    answers: dict[str, Mapping[str, Any]] = {}
    while True:
        state = evaluate(structure, answers, CLOCK)
        asked = [each for each, bit in zip(structure.option_sets, state.asked, strict=True) if bit == "1"]
        open_ones = [each for each in asked if each.id not in answers and not isinstance(each, Statement | Calculated)]
        if not open_ones:
            return answers, state, {each.key for each in asked}
        answers[open_ones[0].id] = fitting(open_ones[0], state, chance)


def fitting(option_set: OptionSet, state: Evaluation, chance: random.Random) -> Mapping[str, Any]:
    for _ in range(200):
        envelope = {"value": some_value(option_set, chance)}
        if not misfits(envelope, option_set, state.scope) and (envelope["value"] != [] or not option_set.is_required):
            return envelope
    pytest.fail(f"no value fits {option_set.key}")


def passages(name: str) -> Iterator[tuple[Structure, dict[str, Mapping[str, Any]], Evaluation, set[str]]]:
    structure = wizard_template(name)
    for seed in range(PASSAGES):
        yield structure, *answered(structure, random.Random(f"{name}{seed}"))


def test_there_are_six_of_different_names() -> None:
    assert len(NAMES) == len({str(structure.name) for structure in wizard_templates().values()}) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_no_problem_at_all(name: str) -> None:
    structure = wizard_template(name)
    assert [finding.issue for finding in problems_in(structure)] == []
    assert structure.description
    assert structure.endings


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_a_real_form_with_conditions_on_questions(name: str) -> None:
    structure = wizard_template(name)
    conditions = [each for each in structure.option_sets if each.visible_if is not None]
    assert (len(structure.steps) >= 5, len(structure.option_sets) >= 20, len(conditions) >= 5) == (True, True, True)
    assert len({each.selection_type for each in structure.option_sets}) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_every_way_through_a_template_can_be_completed_and_every_question_is_on_one(name: str) -> None:
    met: set[str] = set()
    for structure, answers, state, asked in passages(name):
        verdict = verdict_on(answers, structure, state, "complete")
        assert verdict.errors == ()
        assert len(steps_asked(structure, state.asked)) >= 3
        met |= asked
    assert met == {each.key for each in wizard_template(name).option_sets}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_an_export_of_it_would_be(name: str) -> None:
    structure = wizard_template(name)
    assert read_keepstep_json(dump_bytes(dump(structure))) == structure


def test_the_age_in_the_clinic_is_that_of_the_calendar() -> None:
    structure = wizard_template("clinic-intake")
    born, age = structure.id_by_key["birth-date"], structure.id_by_key["age"]
    days = {"2008-03-03": 18, "2008-03-04": 17, "2008-02-29": 18, "2026-03-03": 0, "1950-12-31": 75}
    found = {day: evaluate(structure, {born: {"value": day}}, CLOCK).calculated[age] for day in days}
    assert found == days


def test_the_price_of_the_event_is_halved_for_students_and_nothing_for_speakers() -> None:
    structure = wizard_template("event-registration")
    ids = structure.id_by_key

    def price(ticket: str, role: str) -> Any:
        answers = {ids["ticket-type"]: {"value": ticket}, ids["role"]: {"value": role}}
        return evaluate(structure, answers, CLOCK).calculated[ids["price"]]

    assert [price("full", "attendee"), price("full", "student"), price("day2", "attendee"), price("full", "speaker")] == [280, 140, 160, 0]


def test_a_template_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(TemplateNotFound, match="clinic-intake"):
        wizard_template("../secrets")
