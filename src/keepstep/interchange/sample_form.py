"""A form of its own for demonstrations and tests: a household survey of 69 questions with conditions, rules and calculations.

Must not know runs; sample_runs.py answers it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from keepstep.core.logic import rewritten
from keepstep.core.structure import Structure, parse

Members = Mapping[str, Any]
_NOTHING_MORE: Final[Members] = {}


class Asked(NamedTuple):
    """One question. `more`: further members; in its expressions a question is named by its key."""

    key: str
    selection_type: str
    name: str
    more: Members = _NOTHING_MORE


class Page(NamedTuple):
    """One step."""

    key: str
    name: str
    questions: tuple[Asked, ...]
    visible_if: Any = None


def _if(key: str, value: Any) -> Any:
    return {"==": [{"var": key}, value]}


def _when(expression: Any, **more: Any) -> Members:
    return {"visible_if": expression, **more}


def _yes(condition: Any) -> Any:
    """A text, since in other tools' files a calculation has no type."""
    return {"if": [condition, "yes", "no"]}


def _options(codes: str) -> Members:
    return {"options": [{"value": code, "label": code.replace("_", " ").capitalize()} for code in codes.split()]}


def _choice(key: str, name: str, codes: str, **more: Any) -> Asked:
    return Asked(key, "single_select", name, {**_options(codes), **more})


def _several(key: str, name: str, codes: str, **more: Any) -> Asked:
    return Asked(key, "multiple_select", name, {**_options(codes), **more})


def _whole(key: str, name: str, low: int, high: int, **more: Any) -> Asked:
    return Asked(key, "integer", name, {"constraints": {"min": low, "max": high}, **more})


def _yes_no(key: str, name: str, **more: Any) -> Asked:
    return Asked(key, "boolean", name, more)


_CONSENTS: Final = _if("consent", True)
_EMPLOYED: Final = {"in": [{"var": "employment"}, ["employed", "self_employed"]]}
_CHILDREN: Final = {">": [{"var": "children"}, 0]}
_CHEST: Final = {"selected": [{"var": "symptoms"}, "cough"]}

PAGES: Final = (
    Page(
        "visit",
        "The visit",
        (
            Asked("visit_date", "date", "Date of the visit", {"is_required": True}),
            Asked("interviewer", "text_input", "Name of the interviewer"),
            _choice("district", "District", "north east south west centre", is_required=True),
            _yes_no("consent", "Does the household agree to take part?", is_required=True),
            Asked("refusal_reason", "textarea", "Why not?", _when({"==": [{"var": "consent"}, False]})),
        ),
    ),
    Page(
        "people",
        "The people",
        (
            Asked("head_name", "text_input", "Head of the household", {"personal_data": True, "constraints": {"max_length": 80}}),
            _choice("head_gender", "Gender", "woman man other no_answer"),
            _whole("head_age", "Age", 15, 110, is_required=True),
            Asked("is_elderly", "calculated", "Is 65 or older", {"expression": _yes({">=": [{"var": "head_age"}, 65]})}),
            _choice("marital", "Family status", "single married separated widowed"),
            _whole("adults", "Adults", 1, 20, is_required=True),
            _whole("children", "Children under 15", 0, 20, is_required=True),
            Asked("household_size", "calculated", "People altogether", {"expression": {"+": [{"var": "adults"}, {"var": "children"}]}}),
            _whole("under_five", "Children under 5", 0, 20, visible_if=_CHILDREN),
            _yes_no("all_in_school", "Do all children from 6 on go to school?", visible_if=_CHILDREN),
            Asked("phone", "phone", "Telephone", {"personal_data": True}),
            Asked("email", "email", "E-mail", {"personal_data": True}),
        ),
        _CONSENTS,
    ),
    Page(
        "work",
        "Work",
        (
            _choice("employment", "What does the head of the household do?", "employed self_employed unemployed student retired"),
            _choice("sector", "Sector", "farming trade industry services public", visible_if=_EMPLOYED),
            Asked("hours", "slider", "Hours a week", _when(_EMPLOYED, constraints={"min": 0, "max": 100, "step": 5})),
            Asked("income", "number", "Income a month", _when(_EMPLOYED, constraints={"min": 0}, unit="EUR")),
            _yes_no("second_job", "A second job?", visible_if=_EMPLOYED),
            _whole("months_without", "Months without work", 0, 600, visible_if=_if("employment", "unemployed")),
            _choice("looking", "Looking for work?", "actively sometimes no", visible_if=_if("employment", "unemployed")),
            Asked("income_per_head", "calculated", "Income a head", {"expression": {"/": [{"var": "income"}, {"var": "household_size"}]}}),
        ),
        _CONSENTS,
    ),
    Page(
        "home",
        "The home",
        (
            _choice("dwelling", "Dwelling", "house flat room shelter"),
            _choice("tenure", "Owned or rented?", "owned rented free"),
            Asked("rent", "number", "Rent a month", _when(_if("tenure", "rented"), constraints={"min": 0}, unit="EUR")),
            _whole("rooms", "Rooms", 1, 30),
            Asked(
                "crowded",
                "calculated",
                "More than two people a room",
                {"expression": _yes({">": [{"var": "household_size"}, {"*": [2, {"var": "rooms"}]}]})},
            ),
            _choice("roof", "Roof", "tile sheet thatch concrete"),
            _several("heating", "Heating", "gas wood electric district none"),
            _whole("built", "Year of building", 1700, 2026),
            _yes_no("damp", "Damp walls?"),
            _several("repairs", "Repairs needed", "roof walls windows wiring plumbing", visible_if=_if("damp", True)),
        ),
        _CONSENTS,
    ),
    Page(
        "water",
        "Water and power",
        (
            _choice("water", "Drinking water", "tap well bottle tanker"),
            _whole("water_minutes", "Minutes to fetch it", 0, 600, visible_if={"in": [{"var": "water"}, ["well", "tanker"]]}),
            _choice("toilet", "Toilet", "inside shared outside none"),
            _yes_no("electricity", "Electricity?"),
            Asked("outages", "rating", "How reliable is it?", _when(_if("electricity", True), constraints={"max": 5})),
            Asked("bill", "number", "Electricity bill", _when(_if("electricity", True), constraints={"min": 0}, unit="EUR")),
            _several("devices", "Devices", "phone computer fridge washing_machine television car"),
            _yes_no("internet", "Internet at home?"),
            _choice("internet_kind", "Which?", "cable mobile satellite", visible_if=_if("internet", True)),
        ),
        _CONSENTS,
    ),
    Page(
        "health",
        "Health",
        (
            Asked("health", "rating", "Health of the household", {"constraints": {"max": 5}}),
            _several("symptoms", "In the last month", "fever cough headache pain fatigue"),
            _whole("cough_days", "Days with cough", 1, 365, visible_if=_CHEST),
            _yes_no("cough_blood", "Blood?", visible_if=_CHEST),
            _yes_no("doctor", "Seen a doctor this year?"),
            Asked("doctor_date", "date", "When last?", _when(_if("doctor", True), constraints={"max": "today"})),
            Asked("doctor_distance", "number", "Kilometres to the doctor", _when(_if("doctor", True), constraints={"min": 0})),
            _choice("no_doctor", "Why not?", "healthy cost distance time other", visible_if=_if("doctor", False)),
            _yes_no("smokers", "Does anybody smoke?"),
            _whole("cigarettes", "Cigarettes a day", 1, 200, visible_if=_if("smokers", True)),
            _choice("insurance", "Insurance", "public private none"),
        ),
        _CONSENTS,
    ),
    Page(
        "food",
        "Food",
        (
            _whole("meals", "Meals a day", 0, 10),
            _yes_no("went_hungry", "Did anybody go hungry last month?"),
            _whole("hungry_days", "On how many days?", 1, 31, visible_if=_if("went_hungry", True)),
            _several("food", "Eaten yesterday", "bread rice vegetables fruit meat fish dairy eggs"),
            Asked("food_variety", "calculated", "Kinds of food", {"expression": {"count": [{"var": "food"}]}}),
            _yes_no("garden", "A garden?"),
            _several("crops", "What grows there?", "vegetables fruit herbs grain", visible_if=_if("garden", True)),
        ),
        _CONSENTS,
    ),
    Page(
        "end",
        "The end",
        (
            Asked("satisfaction", "rating", "Satisfied with living here?", {"constraints": {"max": 5}}),
            _several("wishes", "What would help most?", "work housing health school transport safety", allow_other=True),
            Asked("comments", "textarea", "Anything else?"),
            _yes_no("again", "May we come again?"),
            Asked("again_time", "time", "At what time?", _when(_if("again", True))),
            Asked("ended", "datetime", "End of the visit"),
            Asked("thanks", "statement", "Thank you."),
        ),
        _CONSENTS,
    ),
)


def sample_form(make_id: Callable[[], str]) -> Structure:
    """The form under new ids."""
    ids = {asked.key: make_id() for page in PAGES for asked in page.questions}
    steps = [
        {
            "id": make_id(),
            "key": page.key,
            "name": page.name,
            "visible_if": rewritten(page.visible_if, ids),
            "option_sets": [_option_set(asked, ids) for asked in page.questions],
        }
        for page in PAGES
    ]
    return parse({"name": "Household Survey", "steps": steps})


def _option_set(asked: Asked, ids: Mapping[str, str]) -> dict[str, Any]:
    expressions = {name: rewritten(asked.more[name], ids) for name in ("visible_if", "expression") if name in asked.more}
    own = {"id": ids[asked.key], "key": asked.key, "name": asked.name, "selection_type": asked.selection_type}
    return {**own, **asked.more, **expressions}
