"""What a converted answer keeps so that the way back is exact, and how parameters turn round. Must not know the rules' functions."""

from collections.abc import Mapping
from typing import Any

from keepstep.core.conversion import NOTHING, Conversion, Derived, Envelope, Params, is_number, same
from keepstep.core.jsonvalue import parse_number
from keepstep.core.logic import answered
from keepstep.core.readings import plain_decimal


def enveloped(envelope: Envelope, value: Any, result: Derived, conversion: Conversion) -> Envelope:
    """The converted envelope: value, rule id, and `params`.

    `params.given` is what the rule used, `params.original` the former value where the rule alone does not lead back to it,
    `params.was` the members that the envelope had before. A lossy result has its original in the archive instead.
    """
    members: dict[str, Any] = {"value": value, "source": "conversion", "rule": conversion.rule_id}
    if answered(envelope.get("other")) and "others" not in result.used:
        members["other"] = envelope["other"]
    params = {} if result.lossy else _provenance(envelope, members, result, conversion)
    if result.used:
        params["given"] = dict(result.used)
    return members | ({"params": params} if params else {})


def _provenance(envelope: Envelope, members: Mapping[str, Any], result: Derived, conversion: Conversion) -> dict[str, Any]:
    kept_beside = {"value", "other"} if "other" in members else {"value"}
    was = {name: member for name, member in envelope.items() if name not in kept_beside}
    provenance: dict[str, Any] = {"was": was} if was else {}
    if not same(_led_back(members["value"], conversion, result.used), envelope.get("value")):
        provenance["original"] = envelope.get("value")
    return provenance


def _led_back(value: Any, conversion: Conversion, used: Params) -> Any:
    """The original as the rule alone gives it back from the value; a tuple (no JSON value) where it does not."""
    match conversion.rule:
        case 1 | 2 | 24 | 25 | 26 | 32:
            return value
        case 13:
            return value[0] if isinstance(value, list) else value
        case 21:
            return _number_or_nothing(value)
        case 29:
            return value == used.get("spelling", {"true": "true"})["true"]
        case 31:
            return value == 1
        case _:
            return ()


def _number_or_nothing(text: str) -> Any:
    try:
        return parse_number(text)
    except ValueError:
        return ()


def former_of(envelope: Envelope, conversion: Conversion) -> Envelope:
    """The envelope that this converted one came from, by what it keeps."""
    params = envelope.get("params", {})
    value = params["original"] if "original" in params else _led_back(envelope.get("value"), conversion, params.get("given", NOTHING))
    members = {"value": value} | dict(params.get("was", {}))
    return members | ({"other": envelope["other"]} if "other" in envelope else {})


def turned(params: Params, back: Conversion) -> Params:
    """The parameters of a conversion for the other direction: tables turned round where they are one to one, the rest by name."""
    names: dict[str, Any] = {name: params[name] for name in ("zone", "epoch", "unit", "pattern", "delimiter") if name in params}
    if "spelling" in params:
        names["words"] = {"": {name: [word] for name, word in params["spelling"].items()}}
    if "options" in params:
        names["options"] = _turned_table(params["options"])
    if "values" in params:
        table = _turned_table({code: _as_key(value) for code, value in params["values"].items() if value is not None})
        yes_no = {"true": True, "false": False}
        names["options"] = table
        names["values"] = {code: yes_no.get(value, value) for code, value in table.items()}
    return {name: value for name, value in names.items() if name in back.accepts}


def _turned_table(table: Mapping[str, str]) -> dict[str, str]:
    """Value → key for the values that stand once."""
    values = list(table.values())
    return {value: key for key, value in table.items() if values.count(value) == 1}


def _as_key(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_decimal(value) if is_number(value) else str(value)
