"""Small wizards and runs that the tests of imports and exports of runs share."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from keepstep.core.clock import Clock
from keepstep.core.structure import Structure, parse
from keepstep.interchange.runs_in import ReadOptions, RunsReading, read_runs_csv
from keepstep.interchange.runs_out import StoredRun

AT = datetime(2026, 3, 27, 12, 30, tzinfo=UTC)
CLOCK = Clock(AT)
WIZARD = str(UUID(int=900))
CHOICES = [{"value": value, "label": value.title()} for value in ("red", "green", "blue")]


def sample_id(number: int) -> str:
    return str(UUID(int=number))


def question(number: int, key: str, selection_type: str = "text_input", **members: Any) -> dict[str, Any]:
    return {"id": sample_id(number), "key": key, "name": key.title(), "selection_type": selection_type, **members}


def wizard(*questions: dict[str, Any], **step: Any) -> Structure:
    return parse(
        {"name": "Sample", "steps": [{"id": sample_id(800), "key": "only", "name": "Only", "option_sets": list(questions), **step}]}
    )


NAME = question(1, "name")
COLOUR = question(2, "colour", "single_select", options=CHOICES, allow_other=True)
COLOURS = question(3, "colours", "multiple_select", options=CHOICES)
AGE = question(4, "age", "integer")
PRICE = question(5, "price", "number")
MEMBER = question(6, "member", "boolean")
BORN = question(7, "born", "date")
SMALL = wizard(NAME, COLOUR, COLOURS, AGE, PRICE, MEMBER, BORN)


def options(**members: Any) -> ReadOptions:
    return ReadOptions(CLOCK, wizard_id=WIZARD, **members)


def reading(text: str | bytes, structure: Structure = SMALL, older: Any = None, **members: Any) -> RunsReading:
    source = text if isinstance(text, bytes) else text.encode()
    return read_runs_csv(source, structure, options(**members), older=older or {})


def only(text: str | bytes, structure: Structure = SMALL, **members: Any) -> Any:
    """The one run of a file, checked to be fully accounted for."""
    read = reading(text, structure, **members)
    (run,) = read
    assert read.receipt.is_complete
    return run


def answer(run: Any, number: int) -> Any:
    return run.answers[sample_id(number)]


def codes(envelope: Any) -> list[str]:
    return [flag["code"] for flag in envelope.get("flags", ())]


def imported(value: Any, **members: Any) -> dict[str, Any]:
    return {"value": value, "source": "import", **members}


def stored(answers: dict[int, Any], asked: str = "1111111", **members: Any) -> StoredRun:
    """A completed run of version 1; bare values become envelopes as an import makes them."""
    given = {sample_id(number): value if isinstance(value, dict) else imported(value) for number, value in answers.items()}
    fields: dict[str, Any] = {
        "id": sample_id(1000),
        "version_number": 1,
        "first_version_number": 1,
        "status": "completed",
        "revision": 1,
        "language": "en",
        "respondent": None,
        "started_at": AT,
        "completed_at": AT,
        "updated_at": AT,
    }
    return StoredRun(**(fields | {"answers": given, "asked": asked} | members))
