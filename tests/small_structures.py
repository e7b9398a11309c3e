"""Structures of a few questions, spelled shortly: questions and pages are numbered, and their ids and keys follow from that."""

from datetime import UTC, datetime
from typing import Any

from keepstep.core.clock import Clock
from keepstep.core.flow import Evaluation, evaluate
from keepstep.core.structure import OptionSet, Structure, parse, parse_option_set

CLOCK = Clock(datetime(2026, 3, 27, 14, 30, tzinfo=UTC))
YES_NO = [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]


def qid(number: int) -> str:
    return f"018f0000-0000-7000-8000-{number:012d}"


def pid(number: int) -> str:
    return f"018f0000-0000-7000-9000-{number:012d}"


def var(number: int) -> dict[str, str]:
    return {"var": qid(number)}


def question(number: int, selection_type: str = "text_input", **members: Any) -> dict[str, Any]:
    return {"id": qid(number), "key": f"q{number}", "name": f"Question {number}", "selection_type": selection_type, **members}


def choice(number: int, selection_type: str = "single_select", **members: Any) -> dict[str, Any]:
    return question(number, selection_type, **({"options": YES_NO} | members))


def page(number: int, *questions: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": pid(number), "key": f"p{number}", "name": f"Page {number}", "option_sets": list(questions), **members}


def wizard(*pages: dict[str, Any], **members: Any) -> Structure:
    return parse({"name": "Survey", "steps": list(pages), **members})


def one_page(*questions: dict[str, Any], **members: Any) -> Structure:
    return wizard(page(1, *questions), **members)


def alone(selection_type: str, **members: Any) -> OptionSet:
    """One option set that belongs to no structure."""
    return parse_option_set(question(1, selection_type, **members), ("en",), "en")


def answers(**values: Any) -> dict[str, dict[str, Any]]:
    """`answers(q1="yes")`: bare values become envelopes, an object is one already."""
    return {qid(int(key[1:])): value if isinstance(value, dict) else {"value": value} for key, value in values.items()}


def evaluated(structure: Structure, **values: Any) -> Evaluation:
    return evaluate(structure, answers(**values), CLOCK)
