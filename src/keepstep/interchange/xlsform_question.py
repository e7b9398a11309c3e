"""How one question of an XLSForm becomes an option set, every cell of its row judged on the way.

Must not know the order of questions, or groups.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from keepstep.core.jsonvalue import parse_number
from keepstep.core.logic import as_date
from keepstep.interchange.receipt import Ledger
from keepstep.interchange.xlsform_choices import Lists, filter_of, options_of
from keepstep.interchange.xlsform_rows import Asked, Record, Text
from keepstep.interchange.xlsform_texts import Speech, texts_in
from keepstep.interchange.xpath_logic import Names, Translation, translate
from keepstep.interchange.xpath_terms import Term

Node = dict[str, Any]
_TRUE: Final = frozenset(("yes", "true", "true()"))
_FALSE: Final = frozenset(("no", "false", "false()"))
_CHOICES: Final = ("single_select", "dropdown", "multiple_select")


@dataclass(frozen=True, slots=True)
class Place:
    """A question with its identity here: what is known before any expression is read."""

    asked: Asked
    id: str
    key: str
    selection_type: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a question's cells may speak of: other questions, lists of choices, languages."""

    names: Mapping[str, Term]
    lists: Lists
    speech: Speech

    @property
    def ledger(self) -> Ledger:
        return self.speech.ledger


def selection_type_of(asked: Asked) -> str:
    """The selection type of a question, which its appearance, its calculation and its parameters have a say in."""
    record, name = asked.record, asked.type.type.selection_type
    words = record.text("appearance").split()
    if record.text("calculation") and name != "statement" and (asked.type.name == "hidden" or _says_yes(record.text("read_only"))):
        return "calculated"
    if name == "single_select" and any(word.startswith(("minimal", "autocomplete", "search")) for word in words):
        return "dropdown"
    if name == "text_input" and asked.type.name == "text" and "multiline" in words:
        return "textarea"
    if name == "slider" and not all(isinstance(bound, int) for bound in _range_of(record).values()):
        return "number"
    return name


def option_set_of(place: Place, around: Surroundings) -> Node:
    """The option set in JSON."""
    node: Node = {"id": place.id, "key": place.key, "selection_type": place.selection_type}
    constraints: Node = {}
    for members in (_identity, _texts, _required, _shown, _calculation, _choices, _default, _look):
        node |= members(place, around)
    for limits in (_rules, _range, _files):
        constraints |= limits(place, around)
    messages = _messages(place, around)
    node["constraints"] = constraints | ({"messages": messages} if messages else {})
    verbatim = {item.cell[2]: item.text for item in place.asked.record.cells if not around.ledger.is_kept(item.cell)}
    return node | {"source": {"format": "xlsform", "name": place.asked.name, "verbatim": verbatim}}


def _says_yes(text: str) -> bool:
    return text.strip().lower() in _TRUE


def _says_no(text: str) -> bool:
    return text.strip().lower() in _FALSE


def _identity(place: Place, around: Surroundings) -> Node:
    kind, name = place.asked.record.first("type"), place.asked.record.first("name")
    if kind is not None:
        difference = place.asked.type.type.difference
        missing = place.asked.type.list_name
        if place.asked.type.type.selection_type in _CHOICES and missing not in around.lists:
            around.ledger.refuse(kind.cell, "list-missing", f"The sheet 'choices' has no list {missing!r}; the question has no options.")
        elif difference is None:
            around.ledger.keep(kind.cell)
        else:
            around.ledger.approximate(kind.cell, "type-approximated", difference)
    if name is not None:
        around.ledger.keep(name.cell)
    return {}


def _texts(place: Place, around: Surroundings) -> Node:
    record = place.asked.record
    members: Node = {"name": texts_in(record, "label", around.speech) or place.asked.name}
    help_text = texts_in(record, "hint", around.speech)
    return members | {"help": help_text} if help_text else members


# --- conditions ----------------------------------------------------------------------------------------------------


def condition_of(text: str, names: Names) -> Translation:
    """What a cell says that holds yes, no or an expression."""
    if _says_yes(text) or _says_no(text):
        return Translation(_says_yes(text), "truth")
    return translate(text, names)


def untranslated(ledger: Ledger, item: Text, reason: str, outcome: str) -> None:
    """Judges a cell whose expression has no equal here."""
    ledger.refuse(item.cell, "not-translated", f"Not translated: {reason}. {outcome}")


def translated(ledger: Ledger, item: Text, translation: Translation) -> None:
    """Judges a cell whose expression means the same here."""
    ledger.keep(item.cell)
    if translation.strange:
        codes = ", ".join(repr(code) for code in translation.strange[:5])
        detail = f"Compares a choice with {codes}, which its list does not have. Only imported answers can be that. Is it a mistake?"
        ledger.ask(item.cell, "code-without-choice", detail)


def visible_if(record: Record, names: Mapping[str, Term], ledger: Ledger) -> Any:
    """The condition of a row: None for "always", also where it could not be translated."""
    item = record.first("relevant")
    if item is None:
        return None
    condition = condition_of(item.text, Names(names))
    if condition.reason:
        untranslated(ledger, item, condition.reason, "It is always asked here.")
        return None
    translated(ledger, item, condition)
    return None if condition.expression is True else condition.expression


def _shown(place: Place, around: Surroundings) -> Node:
    condition = visible_if(place.asked.record, around.names, around.ledger)
    members: Node = {} if condition is None else {"visible_if": condition}
    return members | ({"hidden": True} if place.asked.type.name == "hidden" else {})


def _required(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("required")
    if item is None:
        return {}
    ledger = around.ledger
    if _says_no(item.text):
        ledger.keep(item.cell)
    elif place.selection_type == "statement":
        ledger.refuse(item.cell, "note-required", "A note takes no answer, so a required one cannot hold anybody up here.")
    elif place.selection_type == "calculated":
        ledger.approximate(item.cell, "calculation-required", "A calculation is not asked, so nothing can be required.")
    elif _says_yes(item.text):
        ledger.keep(item.cell)
        return {"is_required": True}
    else:
        ledger.refuse(item.cell, "required-condition", "Required only under a condition: not supported yet, so it is never required here.")
    return {}


def _messages(place: Place, around: Surroundings) -> Node:
    required = place.asked.record.first("required")
    if required is None or not around.ledger.is_kept(required.cell) or _says_no(required.text):
        return {}
    message = texts_in(place.asked.record, "required_message", around.speech)
    return {"is_required": message} if message else {}


def _rules(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("constraint")
    if item is None:
        return {}
    if place.selection_type == "statement":
        around.ledger.refuse(item.cell, "note-constraint", "A note takes no answer, so there is nothing to check.")
        return {}
    dot = Term({"var": "."}, place.asked.type.type.kind, is_answer=True)
    rule = condition_of(item.text, Names(around.names, dot))
    if rule.reason:
        untranslated(around.ledger, item, rule.reason, "Any answer of the type is taken here.")
        return {}
    translated(around.ledger, item, rule)
    message = texts_in(place.asked.record, "constraint_message", around.speech)
    return {} if rule.expression is True else {"rules": [{"expression": rule.expression} | ({"message": message} if message else {})]}


def _calculation(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("calculation")
    if item is None:
        return {}
    if place.selection_type != "calculated":
        detail = "A calculated value that people may change is not supported yet; the question starts empty."
        around.ledger.refuse(item.cell, "calculated-default", detail)
        return {}
    calculation = translate(item.text, Names(around.names))
    if calculation.reason:
        untranslated(around.ledger, item, calculation.reason, "The value is not calculated here; imported ones are stored as given.")
        return {}
    translated(around.ledger, item, calculation)
    # The form stores the outcome of a comparison as the text true or false, and other expressions compare with that text.
    is_truth = calculation.kind in ("truth", "trigger")
    return {"expression": {"if": [calculation.expression, "true", "false"]} if is_truth else calculation.expression}


# --- choices, ranges, files ----------------------------------------------------------------------------------------


def _choices(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("choice_filter")
    if place.selection_type not in _CHOICES:
        return {}
    records = around.lists.get(place.asked.type.list_name or "", ())
    found = filter_of(item.text, records, Names(around.names)) if item else None
    if item is not None and found is not None:
        if found.reason:
            untranslated(around.ledger, item, found.reason, "Every choice of the list is offered here.")
        else:
            around.ledger.keep(item.cell)
    options = options_of(records, found if found and not found.reason else None, around.speech)
    return {"options": options} | ({"allow_other": True} if place.asked.type.or_other else {})


Number = int | Decimal
_RANGE_DEFAULTS: Final[dict[str, Number]] = {"start": 1, "end": 10, "step": 1}


def parameters_of(record: Record) -> dict[str, str]:
    """The parameters column: `start=1 end=10; step=2`."""
    return dict(re.findall(r"([^\s=,;]+)\s*=\s*([^\s=,;]+)", record.text("parameters")))


def _range_of(record: Record) -> dict[str, Number]:
    """Start, end and step of a range; what is not a number counts as not given."""
    given = parameters_of(record)
    bounds = dict(_RANGE_DEFAULTS)
    for name in bounds:
        try:
            bounds[name] = parse_number(given.get(name, ""))
        except ValueError:
            continue
    return bounds


def _range(place: Place, around: Surroundings) -> Node:
    if place.asked.type.name != "range" or place.selection_type not in ("slider", "number"):
        return {}
    bounds = _range_of(place.asked.record)
    item = place.asked.record.first("parameters")
    if item is not None and set(parameters_of(place.asked.record)) <= set(bounds):
        around.ledger.keep(item.cell)
    low, high = sorted((bounds["start"], bounds["end"]))
    return {"min": low, "max": high} | ({"step": abs(bounds["step"])} if bounds["step"] else {})


def _files(place: Place, _around: Surroundings) -> Node:
    media = place.asked.type.type.media
    return {"media_types": [media]} if media and place.selection_type == "file" else {}


# --- defaults and looks --------------------------------------------------------------------------------------------


def _truth_default(text: str) -> Any:
    return True if text == "OK" else None


def _number_default(text: str) -> Any:
    try:
        return parse_number(text)
    except ValueError:
        return None


def _integer_default(text: str) -> Any:
    number = _number_default(text)
    return number if isinstance(number, int) else None


def _date_default(text: str) -> Any:
    """Spreadsheets store a date as a date and a time of midnight."""
    day = text.removesuffix(" 00:00:00")
    return day if len(day) == 10 and as_date(day) else None


def _time_default(text: str) -> Any:
    return text if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", text) else None


_DEFAULTS: Final[dict[str, Callable[[str], Any]]] = {
    "text_input": str,
    "textarea": str,
    "number": _number_default,
    "integer": _integer_default,
    "slider": _integer_default,
    "boolean": _truth_default,
    "date": _date_default,
    "time": _time_default,
}
_IS_DYNAMIC: Final = re.compile(r"\$\{|\w\(|[^\W\d]\s*\(|\bdiv\b|\bmod\b")


def _default(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("default")
    if item is None:
        return {}
    if _IS_DYNAMIC.search(item.text):
        around.ledger.refuse(item.cell, "default-calculated", "A calculated default is not supported yet; the question starts empty.")
        return {}
    value = _static_default(place, item.text, around)
    if value is None:
        around.ledger.refuse(item.cell, "default-misfit", "The default does not fit the question; the question starts empty.")
        return {}
    around.ledger.keep(item.cell)
    return {"default": value}


def _static_default(place: Place, text: str, around: Surroundings) -> Any:
    if place.selection_type in _CHOICES:
        codes = [record.text("name") for record in around.lists.get(place.asked.type.list_name or "", ())]
        if place.selection_type != "multiple_select":
            return text if text in codes else None
        chosen = text.split()
        return [code for code in dict.fromkeys(codes) if code in chosen] if set(chosen) <= set(codes) else None
    read = _DEFAULTS.get(place.selection_type)
    return read(text) if read else None


_BUILT_IN: Final = {"dropdown": ("minimal",), "textarea": ("multiline",)}


def _look(place: Place, around: Surroundings) -> Node:
    """What only concerns the look, or cannot be enforced here, is kept for whoever shows the question."""
    record, ledger = place.asked.record, around.ledger
    members: Node = {}
    appearance = record.first("appearance")
    if appearance is not None:
        if tuple(appearance.text.split()) == _BUILT_IN.get(place.selection_type):
            ledger.keep(appearance.cell)
        else:
            members["appearance"] = appearance.text
            ledger.approximate(appearance.cell, "appearance", "Kept with the question; pages show it their own way.")
    guidance = texts_in(record, "guidance_hint", around.speech)
    if guidance:
        members["guidance"] = guidance
        for item in record.columns["guidance_hint"]:
            ledger.approximate(item.cell, "guidance", "Kept with the question; pages do not show it.")
    members |= _read_only(place, around)
    return {"presentation": members} if members else {}


def _read_only(place: Place, around: Surroundings) -> Node:
    item = place.asked.record.first("read_only")
    if item is None:
        return {}
    if _says_no(item.text) or place.selection_type in ("calculated", "statement"):
        around.ledger.keep(item.cell)
        # Unlike a `calculate`, it has a place among the questions, where respondents read what it comes to.
        is_shown = place.selection_type == "calculated" and _says_yes(item.text) and place.asked.type.name not in ("calculate", "hidden")
        return {"shown": True} if is_shown else {}
    around.ledger.approximate(item.cell, "read-only", "Kept with the question; answers to it are taken here.")
    return {"read_only": True} if _says_yes(item.text) else {}
