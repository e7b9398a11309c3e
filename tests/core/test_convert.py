"""The conversion matrix on single values: the negative cases above all, each a real outcome in another product."""

from decimal import Decimal
from typing import Any

import pytest
from tests.strategies import CLOCK

from keepstep.core.convert import (
    MATRIX,
    RULES,
    TYPES,
    Conflict,
    Conversion,
    Converted,
    Stored,
    convert,
    inverse,
    rule_for,
    sample_conversions,
)
from keepstep.core.structure import OptionSet, parse_option_set

COLOURS = ("blue", "Blue"), ("red", "Red"), ("green", "Green")


def option_set(selection_type: str, *options: tuple[str, str], **members: Any) -> OptionSet:
    data = {"id": "00000000-0000-7000-8000-000000000001", "key": "q", "name": "Q", "selection_type": selection_type} | members
    if options:
        data["options"] = [{"value": value, "label": label} for value, label in options]
    return parse_option_set(data, ("en",), "en")


def between(source: str, target: str, *options: tuple[str, str], **constraints: Any) -> Conversion:
    """A conversion where both sides have these options, if they take any, and the target these constraints."""
    take = ("single_select", "dropdown", "multiple_select")
    left, right = (options if kind in take else () for kind in (source, target))
    return rule_for(option_set(source, *left), option_set(target, *right, constraints=constraints))


def value_of(conversion: Conversion, value: Any, **params: Any) -> Any:
    result = convert({"value": value}, conversion, params, clock=CLOCK)
    assert isinstance(result, Converted), result
    return result.envelope["value"]


def code_of(conversion: Conversion, value: Any, **params: Any) -> str:
    """The code of the conflict; the stored value stays beside it, untouched."""
    result = convert({"value": value}, conversion, params, clock=CLOCK)
    assert isinstance(result, Conflict), result
    assert result.value == value
    return result.code


# --- what other products did -----------------------------------------------------------------------------------------


def test_an_unreadable_text_never_becomes_a_rating_of_zero() -> None:
    assert code_of(between("text_input", "rating", min=0), "invalid") == "not-a-number"


def test_a_random_text_never_becomes_false() -> None:
    assert code_of(between("text_input", "boolean"), "Random text") == "not-a-word"


def test_a_negative_number_is_never_clamped_to_zero() -> None:
    assert code_of(between("number", "slider", min=0, max=100), -100) == "min"
    assert code_of(between("number", "integer", min=0), -100) == "min"


def test_a_two_digit_year_never_becomes_a_year_of_the_first_century() -> None:
    assert code_of(between("text_input", "date"), "10-04-19") == "two-digit-year"


def test_several_choices_never_become_the_first_of_them() -> None:
    assert code_of(between("multiple_select", "single_select", *COLOURS), ["blue", "red"]) == "more-than-one"


@pytest.mark.parametrize(("source", "value"), [("number", Decimal("100.59")), ("text_input", "100.59")])
def test_a_fraction_is_never_rounded(source: str, value: Any) -> None:
    assert code_of(between(source, "integer"), value) == "not-whole"


@pytest.mark.parametrize("target", [kind for kind in TYPES if kind != "text_input"])
def test_an_empty_answer_stays_empty_in_every_type(target: str) -> None:
    empties: tuple[Any, ...] = (None, "", [])
    for empty in empties:
        envelope = {"value": empty, "source": "respondent"}
        assert convert(envelope, between("text_input", target), clock=CLOCK) == Converted(envelope)


def test_a_failed_conversion_leaves_the_value_and_never_null() -> None:
    assert code_of(between("text_input", "number"), "about 3") == "not-a-number"


def test_a_negative_number_never_becomes_a_phone_number() -> None:
    assert code_of(between("integer", "phone"), -10230450, region="CH") == "not-a-phone-number"


# --- rule by rule ----------------------------------------------------------------------------------------------------


def test_a_choice_becomes_a_list_of_one_and_comes_back() -> None:
    conversion = between("single_select", "multiple_select", *COLOURS)
    envelope = {"value": "blue", "source": "respondent"}
    result = convert(envelope, conversion, clock=CLOCK)
    assert isinstance(result, Converted)
    assert result.envelope == {"value": ["blue"], "source": "conversion", "rule": "L13/1", "params": {"was": {"source": "respondent"}}}
    assert inverse(result.envelope, conversion, clock=CLOCK) == Converted(envelope)


def test_a_text_on_several_lines_does_not_fit_one_line() -> None:
    conversion = between("textarea", "text_input", max_length=10)
    assert code_of(conversion, "a\nb") == "line-break"
    assert code_of(conversion, "longer than ten") == "max-length"
    assert value_of(conversion, "short") == "short"


def test_a_text_names_an_option_by_code_then_by_label_in_any_case() -> None:
    conversion = between("text_input", "dropdown", ("1", "Red"), ("Red2", "blue"), ("x", "RED2"))
    assert [value_of(conversion, text) for text in ("1", " red ", "BLUE", "Red2", "red2")] == ["1", "1", "Red2", "Red2", "x"]


def test_a_label_in_another_language_names_its_option() -> None:
    options = [{"value": "r", "label": {"en": "Red", "de": "Rot"}}, {"value": "b", "label": {"en": "Blue", "de": "Blau"}}]
    data = {"id": "00000000-0000-7000-8000-000000000001", "key": "q", "name": "Q", "selection_type": "dropdown", "options": options}
    target = parse_option_set(data, ("en", "de"), "en")
    assert value_of(rule_for(option_set("text_input"), target), "blau") == "b"


def test_a_text_that_names_no_option_or_two_is_a_conflict_until_a_table_says_which() -> None:
    conversion = between("text_input", "single_select", ("a", "Same"), ("b", "same"))
    assert [code_of(conversion, text) for text in ("Same", "other")] == ["option-ambiguous", "option-unknown"]
    assert value_of(conversion, "other", options={"other": "b"}) == "b"


def test_a_text_splits_only_on_the_delimiter_given() -> None:
    conversion = between("text_input", "multiple_select", *COLOURS)
    assert code_of(conversion, "red;blue") == "option-unknown"
    assert value_of(conversion, "red; blue", delimiter=";") == ["blue", "red"]
    assert code_of(conversion, "red,blue", delimiter=";") == "option-unknown"
    assert code_of(conversion, "red;;blue", delimiter=";") == "option-unknown"
    assert code_of(conversion, "red;Red", delimiter=";") == "duplicate-choice"


def test_labels_with_the_delimiter_and_quotes_in_them_are_joined_and_split_again() -> None:
    options = ("a", "One; two"), ("b", 'Say "hi"'), ("c", "plain")
    joined = value_of(between("multiple_select", "textarea", *options), ["a", "b", "c"], delimiter=";")
    assert joined == '"One; two";"Say ""hi""";plain'
    assert value_of(between("textarea", "multiple_select", *options), joined, delimiter=";") == ["a", "b", "c"]


def test_a_label_shared_by_two_options_makes_the_text_conversion_conditional() -> None:
    shared = between("single_select", "text_input", ("a", "Other"), ("b", "other"), ("c", "Clear"))
    assert (between("single_select", "text_input", *COLOURS).kind, shared.kind) == ("S", "C")
    assert (code_of(shared, "a"), value_of(shared, "c")) == ("label-not-unique", "Clear")


def test_an_option_becomes_its_label_and_the_code_stays_for_the_way_back() -> None:
    conversion = between("dropdown", "text_input", *COLOURS)
    result = convert({"value": "red"}, conversion, clock=CLOCK)
    assert result == Converted({"value": "Red", "source": "conversion", "rule": "S14/1", "params": {"original": "red"}})


def test_options_become_numbers_by_a_table_that_codes_and_labels_prefill() -> None:
    conversion = between("single_select", "number", ("low", "1.5"), ("2", "High"), ("none", "None"))
    assert conversion.suggestions["values"] == {"low": Decimal("1.5"), "2": 2}
    assert value_of(conversion, "low", values=conversion.suggestions["values"]) == Decimal("1.5")
    assert code_of(conversion, "none", values=conversion.suggestions["values"]) == "no-mapping"
    assert code_of(conversion, "low") == "parameter-missing"


def test_options_become_true_and_false_by_a_table_that_their_words_prefill() -> None:
    conversion = between("single_select", "boolean", ("1", "Yes"), ("2", "No"), ("3", "Perhaps"))
    assert conversion.suggestions["values"] == {"1": True, "2": False}


def test_true_and_false_become_options_by_a_table() -> None:
    conversion = between("boolean", "multiple_select", ("y", "Yes"), ("n", "No"))
    assert conversion.suggestions["values"] == {"true": "y", "false": "n"}
    assert value_of(conversion, False, values={"true": "y", "false": "n"}) == ["n"]


def test_a_pick_rule_puts_the_whole_list_in_the_archive() -> None:
    conversion = between("multiple_select", "dropdown", *COLOURS)
    envelope = {"value": ["blue", "green"], "source": "respondent"}
    result = convert(envelope, conversion, {"pick": "last"}, clock=CLOCK)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], result.archived) == ("green", envelope)
    assert value_of(conversion, ["blue", "red"], pick=["red", "blue"]) == "red"


def test_several_choices_become_a_count_a_score_or_a_yes() -> None:
    number, boolean = between("multiple_select", "number", *COLOURS), between("multiple_select", "boolean", *COLOURS)
    assert value_of(number, ["blue", "red"], derive={"count": True}) == 2
    assert value_of(number, ["blue", "red"], derive={"scores": {"blue": Decimal("0.1"), "red": Decimal("0.2")}}) == Decimal("0.3")
    assert code_of(number, ["blue", "red"], derive={"scores": {"blue": 1}}) == "no-mapping"
    assert value_of(boolean, ["blue"], derive={"contains": "red"}) is False


def test_scores_are_added_exactly_however_many_digits_they_have() -> None:
    scores = {"blue": Decimal("1E+40"), "red": Decimal("0.0000000001")}
    total = value_of(between("multiple_select", "number", *COLOURS), ["blue", "red"], derive={"scores": scores})
    assert total == Decimal("10000000000000000000000000000000000000000.0000000001")


def test_a_number_becomes_plain_text_without_an_exponent() -> None:
    conversion = between("number", "text_input")
    assert [value_of(conversion, number) for number in (Decimal("1E+3"), Decimal("-0.50"), 10**30)] == ["1000", "-0.5", "1" + "0" * 30]


def test_a_number_names_the_one_option_with_that_code() -> None:
    conversion = between("number", "single_select", ("1", "One"), ("01", "Also one"), ("2.50", "Two and a half"))
    assert value_of(conversion, Decimal("2.5")) == "2.50"
    assert (code_of(conversion, 1), code_of(conversion, 3)) == ("option-ambiguous", "option-unknown")


def test_a_number_falls_into_the_bucket_whose_lower_end_it_reaches() -> None:
    buckets = [{"from": None, "below": 10, "option": "low"}, {"from": 10, "below": 20, "option": "high"}]
    conversion = between("number", "dropdown", ("low", "Low"), ("high", "High"))
    assert [value_of(conversion, number, buckets=buckets) for number in (Decimal("9.99"), 10)] == ["low", "high"]
    assert code_of(conversion, 20, buckets=buckets) == "no-bucket"


def test_a_whole_number_off_the_grid_is_never_snapped() -> None:
    conversion = between("integer", "slider", min=0, max=100, step=10)
    assert (value_of(conversion, 40), code_of(conversion, 45), code_of(conversion, 110)) == (40, "step", "max")


def test_a_rating_fits_a_slider_losslessly_only_where_the_grid_covers_it() -> None:
    assert between("rating", "slider", min=0, max=10).kind == "S"
    assert between("rating", "slider", min=0, max=10, step=2).kind == "C"


def test_rescaling_is_exact_or_a_conflict_and_keeps_both_numbers() -> None:
    conversion = between("slider", "rating", min=1, max=5)
    result = convert({"value": 75}, conversion, {"rescale": True}, clock=CLOCK)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], result.envelope["params"]["original"]) == (4, 75)
    assert code_of(conversion, 33, rescale=True) == "not-exact"
    assert code_of(conversion, 75) == "range"


def test_only_zero_and_one_are_booleans_unless_a_threshold_is_chosen() -> None:
    conversion = between("number", "boolean")
    assert [value_of(conversion, number) for number in (0, 1)] == [False, True]
    assert code_of(conversion, 2) == "not-zero-or-one"
    result = convert({"value": 2}, conversion, {"threshold": {"at_least": 2}}, clock=CLOCK)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], result.archived) == (True, {"value": 2})


def test_a_rating_becomes_a_boolean_by_a_threshold_alone() -> None:
    assert code_of(between("rating", "boolean"), 1) == "parameter-missing"


def test_booleans_become_words_numbers_and_ratings() -> None:
    assert value_of(between("boolean", "text_input"), True) == "true"
    assert value_of(between("boolean", "textarea"), False, spelling={"true": "Ja", "false": "Nein"}) == "Nein"
    assert value_of(between("boolean", "integer"), True) == 1
    assert value_of(between("boolean", "rating"), False, values={"true": 5, "false": 1}) == 1
    assert code_of(between("boolean", "slider", min=1, max=9), False) == "min"


def test_files_become_names_and_the_files_stay_in_the_archive() -> None:
    conversion = rule_for(option_set("file", constraints={"max_files": 2}), option_set("textarea"))
    files = [{"file_id": "f1", "name": "a;b.pdf"}, {"file_id": "f2", "name": "c.pdf"}]
    result = convert({"value": files}, conversion, {"file_as": "names", "delimiter": ";"}, clock=CLOCK)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], result.archived) == ('"a;b.pdf";c.pdf', {"value": files})
    assert code_of(conversion, files, file_as="names") == "parameter-missing"


def test_files_become_a_link_only_where_there_is_one_of_them() -> None:
    conversion, prefix = between("file", "url"), "https://files.example.com/"
    files = [{"file_id": "f1", "name": "a.pdf"}, {"file_id": "f2", "name": "b.pdf"}]
    assert value_of(conversion, files[:1], link_prefix=prefix) == "https://files.example.com/f1"
    assert code_of(conversion, files, link_prefix=prefix) == "more-than-one"


@pytest.mark.parametrize(
    "pair", [("file", "number"), ("url", "file"), ("rating", "date"), ("statement", "text_input"), ("number", "calculated")]
)
def test_where_no_conversion_exists_the_answer_is_a_conflict(pair: tuple[str, str]) -> None:
    conversion = between(*pair)
    assert (conversion.kind, code_of(conversion, [{"file_id": "f"}] if pair[0] == "file" else 3)) == ("-", "no-conversion")


# --- one type, two option sets ---------------------------------------------------------------------------------------


def test_the_same_type_carries_the_very_envelope() -> None:
    envelope = {"value": "blue", "source": "respondent", "flags": [{"code": "x", "detail": "y"}]}
    assert convert(envelope, between("dropdown", "dropdown", *COLOURS), clock=CLOCK) == Converted(envelope)


def test_a_narrower_range_makes_the_violator_a_conflict_and_leaves_a_legacy_value_where_nothing_changed() -> None:
    wide, narrow = option_set("number", constraints={"max": 100}), option_set("number", constraints={"max": 50})
    assert code_of(rule_for(wide, narrow), 80) == "max"
    assert value_of(rule_for(narrow, narrow), 80) == 80


def test_an_option_that_the_target_lacks_is_missing_until_it_is_mapped() -> None:
    conversion = rule_for(option_set("single_select", *COLOURS), option_set("single_select", ("navy", "Blue"), ("red", "Red")))
    assert (code_of(conversion, "blue"), value_of(conversion, "red")) == ("option-missing", "red")
    assert conversion.suggestions["options"] == {"blue": "navy"}
    assert value_of(conversion, "blue", options={"blue": "navy"}) == "navy"


@pytest.mark.parametrize("target", ["single_select", "dropdown"])
def test_a_retired_option_stays_selected(target: str) -> None:
    retired = {"options": [{"value": "blue", "label": "Blue", "retired": True}]}
    conversion = rule_for(option_set("single_select", *COLOURS), option_set(target, **retired))
    assert value_of(conversion, "blue") == "blue"


def test_merged_options_are_one_choice_and_come_apart_again() -> None:
    conversion = between("multiple_select", "multiple_select", *COLOURS)
    envelope, params = {"value": ["blue", "red"], "source": "editor"}, {"options": {"blue": "red"}}
    result = convert(envelope, conversion, params, clock=CLOCK)
    assert isinstance(result, Converted)
    assert result.envelope["value"] == ["red"]
    assert inverse(result.envelope, conversion, params, clock=CLOCK) == Converted(envelope)


def test_an_exclusive_option_switched_on_finds_who_combined_it() -> None:
    alone = {"options": [{"value": "blue", "label": "Blue"}, {"value": "red", "label": "Red", "exclusive": True}]}
    conversion = rule_for(option_set("multiple_select", *COLOURS[:2]), option_set("multiple_select", **alone))
    assert code_of(conversion, ["blue", "red"]) == "exclusive"


# --- other texts -----------------------------------------------------------------------------------------------------


def converted_other(source: str, target: str, envelope: dict[str, Any], allow: bool, **params: Any) -> Converted | Conflict:
    left = option_set(source, *COLOURS, allow_other=True)
    right = option_set(target, *COLOURS, allow_other=allow) if target.endswith(("select", "dropdown")) else option_set(target)
    return convert(envelope, rule_for(left, right), params, clock=CLOCK)


def test_an_other_text_goes_along_where_the_target_allows_one() -> None:
    result = converted_other("single_select", "multiple_select", {"value": None, "other": "Teal"}, True)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], result.envelope["other"]) == (None, "Teal")


@pytest.mark.parametrize("target", ["single_select", "dropdown", "multiple_select", "text_input"])
def test_an_other_text_without_a_place_is_a_conflict(target: str) -> None:
    result = converted_other("single_select", target, {"value": None, "other": "Teal"}, False)
    assert isinstance(result, Conflict)
    assert result.code == "other-not-allowed"


def test_an_other_text_can_be_mapped_to_an_option_and_comes_back() -> None:
    params = {"others": {"Teal": "blue"}}
    envelope = {"value": ["red"], "other": "Teal"}
    result = converted_other("multiple_select", "multiple_select", envelope, False, **params)
    assert isinstance(result, Converted)
    assert (result.envelope["value"], "other" in result.envelope) == (["blue", "red"], False)
    conversion = rule_for(option_set("multiple_select", *COLOURS, allow_other=True), option_set("multiple_select", *COLOURS))
    assert inverse(result.envelope, conversion, params, clock=CLOCK) == Converted(envelope)


# --- misfits, the way back, previews ---------------------------------------------------------------------------------


def test_a_misfit_that_an_import_kept_is_carried_as_text_and_is_otherwise_a_conflict() -> None:
    assert value_of(between("number", "text_input"), "n/a") == "n/a"
    assert code_of(between("number", "boolean"), "n/a") == "value-misfit"
    assert code_of(between("boolean", "number"), 1) == "value-misfit"


def test_a_text_comes_back_as_it_was_typed() -> None:
    conversion, params = between("text_input", "number"), {"locale": {"decimal": ",", "group": "."}}
    envelope = {"value": " 1.234,50 ", "source": "respondent"}
    result = convert(envelope, conversion, params, clock=CLOCK)
    assert isinstance(result, Converted)
    assert result.envelope["params"]["given"] == params
    assert inverse(result.envelope, conversion, params, clock=CLOCK) == Converted(envelope)


def test_a_value_edited_after_the_conversion_comes_back_by_the_rule_of_the_other_direction() -> None:
    conversion = between("single_select", "number", *COLOURS)
    params = {"values": {"blue": 1, "red": 2, "green": 2}}
    back = inverse({"value": 1, "source": "editor"}, conversion, params, clock=CLOCK)
    assert isinstance(back, Converted)
    assert back.envelope["value"] == "blue"
    assert isinstance(inverse({"value": 2, "source": "editor"}, conversion, params, clock=CLOCK), Conflict)


def test_an_edited_value_under_the_old_provenance_is_not_taken_for_the_converted_one() -> None:
    conversion = between("single_select", "text_input", *COLOURS)
    converted = convert({"value": "red"}, conversion, clock=CLOCK)
    assert isinstance(converted, Converted)
    back = inverse({**converted.envelope, "value": "Green"}, conversion, clock=CLOCK)
    assert isinstance(back, Converted)
    assert back.envelope["value"] == "green"


def test_a_preview_has_a_row_for_each_distinct_value_with_conflicts_first() -> None:
    stored = [Stored("3", 5), Stored("x", 1), Stored("4", 9), Stored("y", 2)]
    rows = sample_conversions(stored, between("text_input", "integer"), clock=CLOCK)
    assert [(row.stored.value, row.stored.count, type(row.result)) for row in rows] == [
        ("y", 2, Conflict),
        ("x", 1, Conflict),
        ("4", 9, Converted),
        ("3", 5, Converted),
    ]


def test_every_rule_of_the_table_is_used_and_described() -> None:
    assert {cell.rule for cell in MATRIX.values()} - {0} == set(RULES) == set(range(1, 36))
