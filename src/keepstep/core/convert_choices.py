"""Rules 1, 3, 4, 13–20, 22 and 30: from and to options. Must not know envelopes; the target's own checks run later."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from keepstep.core.conversion import Conversion, Derived, Params, Refusal, Result
from keepstep.core.convert_text import one_line
from keepstep.core.read_text import as_read, folded
from keepstep.core.readings import joined, parts_in, plain_decimal
from keepstep.core.structure import ChoiceFields, choices_of
from keepstep.core.time_readings import exact_quotient

# --- a text or a number names an option ------------------------------------------------------------------------------


def option_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 3; in a list of one where the target takes several."""
    return _in_list(_named(value, conversion, params), conversion)


def options_from(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 4. A text that a table or an option names whole is not split."""
    whole = _named(value, conversion, params)
    delimiter = params.get("delimiter")
    if delimiter is None or isinstance(whole, Derived):
        return _in_list(whole, conversion)
    parts = parts_in(value, delimiter)
    if isinstance(parts, Refusal):
        return parts
    chosen = _each(parts.value, lambda part: _named(part, conversion, params))
    if isinstance(chosen, Refusal):
        return chosen
    if len(set(chosen.value)) != len(chosen.value):
        return Refusal("duplicate-choice", "The text names one option more than once.")
    return Derived(chosen.value, {**parts.used, **chosen.used})


def _named(text: str, conversion: Conversion, params: Params) -> Result:
    table: Mapping[str, str] = params.get("options", {})
    for spelling in (text, as_read(text)):
        if spelling in table:
            return Derived(table[spelling], {"options": {spelling: table[spelling]}})
    return _matching(text, conversion)


def _matching(text: str, conversion: Conversion) -> Result:
    """The one option whose code, else whose label, this is."""
    assert isinstance(conversion.target, ChoiceFields)
    for spelling in (text, as_read(text)):
        if spelling in conversion.target.option_by_value:
            return Derived(spelling)
    codes = conversion.codes_by_label.get(folded(text), ())
    if len(codes) == 1:
        return Derived(codes[0])
    if codes:
        return Refusal("option-ambiguous", f"“{text[:60]}” is the label of {len(codes)} options: {', '.join(codes)}.")
    return Refusal("option-unknown", f"No option has the code or the label “{text[:60]}”.")


def _each(items: list[Any], rule: Callable[[Any], Result]) -> Result:
    """The rule over every item: all values, with the options named on the way, or the first refusal."""
    values: list[Any] = []
    named: dict[str, str] = {}
    for item in items:
        result = rule(item)
        if isinstance(result, Refusal):
            return result
        values.append(result.value)
        named |= result.used.get("options", {})
    return Derived(values, {"options": named} if named else {})


def _in_list(result: Result, conversion: Conversion) -> Result:
    if isinstance(result, Refusal) or conversion.target.selection_type != "multiple_select":
        return result
    return Derived([result.value], result.used, lossy=result.lossy)


def option_by_number(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 22: a table or buckets where given, else the one option whose code is this number."""
    table, buckets = params.get("options", {}), params.get("buckets")
    plain = plain_decimal(value)
    if plain in table:
        return _in_list(Derived(table[plain], {"options": {plain: table[plain]}}), conversion)
    if buckets is not None:
        return _in_list(_in_bucket(value, buckets), conversion)
    codes = conversion.codes_by_number.get(value, ())
    if len(codes) != 1:
        detail = f"{len(codes) or 'No'} options have the code {plain}."
        return Refusal("option-ambiguous" if codes else "option-unknown", detail)
    return _in_list(Derived(codes[0]), conversion)


def _in_bucket(value: Any, buckets: list[Mapping[str, Any]]) -> Result:
    for bucket in buckets:
        low, below = bucket.get("from"), bucket.get("below")
        if (low is None or value >= low) and (below is None or value < below):
            return Derived(bucket["option"], {"buckets": [dict(bucket)]})
    return Refusal("no-bucket", f"{plain_decimal(value)} lies in none of the ranges given.")


def option_by_boolean(value: bool, conversion: Conversion, params: Params) -> Result:  # noqa: FBT001  the value under conversion, no flag
    """Rule 30."""
    return _in_list(by_table("true" if value else "false", conversion, params), conversion)


# --- an option becomes an option -------------------------------------------------------------------------------------


def same_choice(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 1 between types with options: the same codes, or those that the table gives for them."""
    if isinstance(value, list):
        chosen = _each(value, lambda code: _code(code, conversion, params))
        if isinstance(chosen, Refusal):
            return chosen
        # Two codes merged into one are one choice; the list as it was stays beside it.
        return Derived(list(dict.fromkeys(chosen.value)), chosen.used)
    return _code(value, conversion, params)


def _code(code: str, conversion: Conversion, params: Params) -> Result:
    assert isinstance(conversion.target, ChoiceFields)
    table: Mapping[str, str] = params.get("options", {})
    if code in table:
        return Derived(table[code], {"options": {code: table[code]}})
    if code in conversion.target.option_by_value:
        return Derived(code)
    label = conversion.labels.get(code, code)
    return Refusal("option-missing", f"The target has no option {code!r} (“{label}”); say which option takes its place.")


def wrapped(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 13."""
    return _in_list(_code(value, conversion, params), conversion)


def unwrapped(value: list[str], conversion: Conversion, params: Params) -> Result:
    """Rule 18."""
    if len(value) == 1:
        return _code(value[0], conversion, params)
    picked = _picked(value, conversion, params.get("pick"))
    if isinstance(picked, Refusal):
        return picked
    code = _code(picked.value, conversion, params)
    return code if isinstance(code, Refusal) else Derived(code.value, {**code.used, **picked.used}, lossy=True)


def _picked(value: list[str], conversion: Conversion, pick: Any) -> Result:
    if pick is None:
        return Refusal("more-than-one", f"{len(value)} options are chosen, and the target takes one.")
    ranking = [option.value for option in choices_of(conversion.source)] if isinstance(pick, str) else pick
    ranked = [code for code in (reversed(ranking) if pick == "last" else ranking) if code in value]
    if not ranked:
        return Refusal("more-than-one", "None of the options chosen is in the order of preference.")
    return Derived(ranked[0], {"pick": pick})


# --- an option becomes something else --------------------------------------------------------------------------------


def by_table(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rules 15–17, and the table of rules 30 and 31."""
    entry = params["values"].get(value)
    if entry is None:
        return Refusal("no-mapping", f"The table has no entry for {value!r}.")
    return Derived(entry, {"values": {value: entry}})


def label_of(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 14."""
    label = conversion.labels.get(value)
    if not label:
        return Refusal("option-missing", f"The option {value!r} has no label in {conversion.language}.")
    if folded(label) in conversion.shared_labels:
        return Refusal("label-not-unique", f"More than one option is labelled “{label}”: as text they could not be told apart.")
    return one_line(label, conversion, params) if conversion.target.selection_type == "text_input" else Derived(label)


def labels_joined(value: list[str], conversion: Conversion, params: Params) -> Result:
    """Rule 19."""
    labels = _each(value, lambda code: label_of(code, conversion, params))
    if isinstance(labels, Refusal):
        return labels
    return Derived(joined(labels.value, params["delimiter"]), {"delimiter": params["delimiter"]})


def derived(value: list[str], conversion: Conversion, params: Params) -> Result:
    """Rule 20: `derive` is `{"count": true}`, `{"scores": {code: number}}` or `{"contains": code}`."""
    derive = params["derive"]
    if "contains" in derive:
        return Derived(derive["contains"] in value, {"derive": derive}, lossy=True)
    if "count" in derive:
        return Derived(len(value), {"derive": derive}, lossy=True)
    scores: Mapping[str, Any] = derive["scores"]
    missing = [code for code in value if code not in scores]
    if missing:
        return Refusal("no-mapping", f"No score is given for {', '.join(missing)}.")
    used = {code: scores[code] for code in value}
    total = exact_quotient(*sum(map(Fraction, used.values()), Fraction()).as_integer_ratio())
    return total if isinstance(total, Refusal) else Derived(total.value, {"derive": {"scores": used}}, lossy=True)
