"""Laws of the conversion matrix, over generated option sets and answers of every pair of selection types."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import CLOCK, answers_for, misfits, option_sets, values_for

from keepstep.core.convert import (
    MATRIX,
    TYPES,
    Conflict,
    Conversion,
    Converted,
    Stored,
    convert,
    faults_in_parameters,
    inverse,
    rule_for,
    sample_conversions,
)
from keepstep.core.jsonvalue import canonical_bytes, dumps, loads
from keepstep.core.logic import answered
from keepstep.core.selection import check_value
from keepstep.core.structure import OptionSet, choices_of, dump

PAIRS = sorted(MATRIX)
# Examples for each of 289 pairs: a tenth of the profile's number keeps the law within seconds, and torture still tries hundreds.
EACH_PAIR = settings(max_examples=max(4, settings().max_examples // 10))
LOSSLESS = [pair for pair in PAIRS if MATRIX[pair].kind in ("L", "S")]


def targets(draw: st.DrawFn, source: OptionSet, target_type: str) -> OptionSet:
    """A target; half of those with options have the options of the source, as after a change of type."""
    target = draw(option_sets(target_type))
    alike = bool(choices_of(source) and choices_of(target)) and draw(st.booleans())
    return target.model_copy(update={"options": choices_of(source)}) if alike else target


@st.composite
def parameters(draw: st.DrawFn, conversion: Conversion) -> dict[str, Any]:
    """Parameters without a fault: one group of those needed, and now and then others that the rule takes."""
    names = set(draw(st.sampled_from(conversion.needs))) if conversion.needs else set()
    optional = [name for name in conversion.accepts if name not in ("unit", "epoch", "pattern", "zone", "file_as", "link_prefix")]
    names |= draw(st.sets(st.sampled_from(optional))) if optional else set()
    given_names = {name: _parameter(draw, name, conversion) for name in sorted(names)}
    params = {name: value for name, value in given_names.items() if value is not None}
    return params if not faults_in_parameters(conversion, params, CLOCK) else {}


def _parameter(draw: st.DrawFn, name: str, conversion: Conversion) -> Any:
    source, target = choices_of(conversion.source), choices_of(conversion.target)
    match name:
        case "options" | "others":
            texts = [option.value for option in source] or ["3", "a", "1"]
            return draw(st.dictionaries(st.sampled_from(texts), st.sampled_from([option.value for option in target])))
        case "values":
            keys = [option.value for option in source] or ["true", "false"]
            entries = st.sampled_from([option.value for option in target]) if target else values_for(conversion.target)
            return {key: draw(entries) for key in keys}
        case "derive":
            contains = {"contains": source[0].value}
            scores = {"scores": {option.value: draw(st.integers(-3, 9)) for option in source}}
            return contains if conversion.target.selection_type == "boolean" else draw(st.sampled_from([{"count": True}, scores]))
        case "pick":
            return draw(st.sampled_from(["first", "last", [source[-1].value]]))
        case "buckets":
            return [{"from": None, "below": 3, "option": target[0].value}, {"from": 3, "below": 9, "option": target[-1].value}]
        case "pattern":
            return draw(st.sampled_from(["YYYYMMDD", "HHmm", "HHmmss", "YYYYMMDDHHmmss", "DD/MM/YYYY", "H:mm"]))
        case "epoch":
            return (
                "1970-01-01" if "date" in (conversion.source.selection_type, conversion.target.selection_type) else "1970-01-01T00:00:00Z"
            )
        case _:
            return draw(st.sampled_from(PLAIN_PARAMETERS[name]))


PLAIN_PARAMETERS: dict[str, list[Any]] = {
    "accept_loss": [True],
    "delimiter": [";", "|", ","],
    "file_as": ["names"],
    "link_prefix": ["https://files.example.com/"],
    "local_time": ["00:00", "12:30"],
    "locale": [{"decimal": ".", "group": ""}, {"decimal": ",", "group": "."}],
    "region": ["CH", "US"],
    "rescale": [True],
    "spelling": [{"true": "Ja", "false": "Nein"}],
    "threshold": [{"at_least": 3}],
    "unit": ["days", "seconds", "minutes"],
    "words": [{"en": {"true": ["yes", "1"], "false": ["no", "0"]}}],
    "zone": ["UTC", "Europe/Zurich", "America/St_Johns"],
}


@st.composite
def conversions(draw: st.DrawFn, pair: tuple[str, str]) -> tuple[Conversion, dict[str, Any]]:
    source = draw(option_sets(pair[0]))
    conversion = rule_for(source, targets(draw, source, pair[1]))
    return conversion, draw(parameters(conversion))


def texts_for(conversion: Conversion) -> st.SearchStrategy[str]:
    """Texts that say a value of the target, so that reading them succeeds often enough."""
    options = choices_of(conversion.target)
    if options:
        return st.sampled_from([text for option in options for text in (option.value, str(option.label))])
    return values_for(conversion.target).map(lambda value: value if isinstance(value, str) else dumps(value))


@st.composite
def cases(draw: st.DrawFn, pair: tuple[str, str]) -> tuple[Conversion, dict[str, Any], dict[str, Any]]:
    conversion, params = draw(conversions(pair))
    envelope = draw(answers_for(conversion.source))
    if pair[0] in ("text_input", "textarea") and draw(st.booleans()):
        envelope = envelope | {"value": draw(texts_for(conversion))}
    return conversion, params, envelope


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@EACH_PAIR
@given(data=st.data())
def test_an_answer_becomes_a_fitting_value_or_a_conflict_and_comes_back_exactly(pair: tuple[str, str], data: st.DataObject) -> None:
    conversion, params, envelope = data.draw(cases(pair))
    before = dumps(envelope)
    result = convert(envelope, conversion, params, clock=CLOCK)
    assert dumps(envelope) == before
    if isinstance(result, Conflict):
        assert (result.value, bool(result.code), bool(result.detail)) == (envelope["value"], True, True)
        return
    assert check_value(result.envelope["value"], conversion.target, CLOCK) == ()
    assert answered(result.envelope["value"]) or (envelope["value"] is None and answered(result.envelope.get("other")))
    stored = loads(dumps(result.envelope))
    back = inverse(stored, conversion, params, clock=CLOCK, archived=result.archived)
    assert isinstance(back, Converted)
    assert canonical_bytes(back.envelope) == canonical_bytes(envelope)


@pytest.mark.parametrize("source_type", TYPES)
@given(data=st.data())
def test_no_stored_value_whatever_makes_a_conversion_raise_or_become_null(source_type: str, data: st.DataObject) -> None:
    conversion, params = data.draw(conversions((source_type, data.draw(st.sampled_from(TYPES)))))
    envelope = {"value": data.draw(misfits()), "source": "import"}
    result = convert(envelope, conversion, params, clock=CLOCK)
    if isinstance(result, Conflict):
        assert answered(envelope["value"])
    elif answered(envelope["value"]):
        assert answered(result.envelope["value"])
    else:
        assert result == Converted(envelope)


@pytest.mark.parametrize("pair", LOSSLESS, ids="-".join)
@EACH_PAIR
@given(data=st.data())
def test_a_lossless_conversion_converts_every_answer(pair: tuple[str, str], data: st.DataObject) -> None:
    source = data.draw(option_sets(pair[0]))
    target = data.draw(option_sets(pair[1])).model_copy(update={"options": choices_of(source)} if choices_of(source) else {})
    conversion = rule_for(source, target)
    params = {"delimiter": ";"} if conversion.rule == 19 else {}
    if conversion.kind in ("L", "S"):
        assert isinstance(convert({"value": data.draw(values_for(source))}, conversion, params, clock=CLOCK), Converted)


@given(data=st.data())
def test_the_preview_shows_what_a_single_conversion_gives(data: st.DataObject) -> None:
    conversion, params, envelope = data.draw(cases(data.draw(st.sampled_from(PAIRS))))
    stored = Stored(envelope["value"], 3, envelope.get("other"))
    (sample,) = sample_conversions([stored], conversion, params, clock=CLOCK)
    single = convert(envelope, conversion, params, clock=CLOCK)
    assert type(sample.result) is type(single)
    if isinstance(sample.result, Converted) and isinstance(single, Converted):
        assert sample.result.envelope["value"] == single.envelope["value"]


@given(data=st.data())
def test_the_parameters_that_an_envelope_keeps_are_enough_to_convert_it_again(data: st.DataObject) -> None:
    conversion, params, envelope = data.draw(cases(data.draw(st.sampled_from(PAIRS))))
    result = convert(envelope, conversion, params, clock=CLOCK)
    if isinstance(result, Converted) and result.envelope is not envelope:
        again = convert(envelope, conversion, result.envelope.get("params", {}).get("given", {}), clock=CLOCK)
        assert isinstance(again, Converted)
        assert dumps(again.envelope["value"]) == dumps(result.envelope["value"])


@given(data=st.data())
def test_suggested_parameters_have_no_fault(data: st.DataObject) -> None:
    conversion, _ = data.draw(conversions(data.draw(st.sampled_from(PAIRS))))
    missing = {"parameter-missing", "parameter-invalid"}
    assert {issue.code for issue in faults_in_parameters(conversion, conversion.suggestions, CLOCK)} <= missing


def test_the_table_has_every_pair_of_types_that_take_an_answer() -> None:
    assert set(MATRIX) == set(product(TYPES, TYPES))
    assert len(TYPES) == 17


def test_the_strategies_give_answers_that_fit() -> None:
    @given(data=st.data())
    def fits(data: st.DataObject) -> None:
        option_set = data.draw(option_sets(data.draw(st.sampled_from(TYPES))))
        envelope = data.draw(answers_for(option_set))
        assert check_value(envelope["value"], option_set, CLOCK) == (), dump(option_set)

    fits()
