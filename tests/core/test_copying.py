from itertools import count
from typing import Any

from tests.factories import option, option_set
from tests.factories import step as step_of
from tests.small_structures import choice, one_page, page, qid, question, var, wizard

from keepstep.core.copying import as_offered, carried, copy_of
from keepstep.core.structure import dump


def ids() -> Any:
    numbers = count(900)
    return lambda: qid(next(numbers))


def test_a_copy_speaks_of_itself_under_its_new_id() -> None:
    rule = {"expression": {"!=": [var(1), "x"]}}
    node = {**question(1), "help": "{{" + qid(1) + "}} and {{" + qid(2) + "}}", "constraints": {"rules": [rule]}}
    copy = copy_of(node, ids())
    assert copy["id"] == qid(900)
    assert copy["help"] == "{{" + qid(900) + "}} and {{" + qid(2) + "}}"
    assert copy["constraints"]["rules"][0]["expression"] == {"!=": [var(900), "x"]}


def test_a_copy_of_a_step_keeps_what_its_questions_say_about_each_other() -> None:
    step = dump(wizard(page(1, question(1), question(2, visible_if={"==": [var(1), "a"]}))).steps[0])
    copy = copy_of(step, ids())
    first, second = copy["option_sets"]
    assert second["visible_if"] == {"==": [{"var": first["id"]}, "a"]}
    assert {copy["id"], first["id"], second["id"]}.isdisjoint({step["id"], qid(1), qid(2)})


def test_a_key_that_is_taken_is_left_out_and_old_keys_stay_with_the_original() -> None:
    node = {**question(1), "key": "email", "key_aliases": ["mail"], "source": {"format": "xlsform"}}
    assert copy_of(node, ids(), {"email"}).keys().isdisjoint({"key", "key_aliases", "source"})
    assert copy_of(node, ids())["key"] == "email"


def test_a_default_that_looks_like_an_id_is_a_value_and_stays() -> None:
    assert copy_of({**question(1), "default": qid(1)}, ids())["default"] == qid(1)


def test_conditions_on_questions_that_stay_behind_are_left_out_and_named() -> None:
    source = one_page(question(1, name="Color"), question(2, name="Why", visible_if={"==": [var(1), "red"]}, help="{{" + qid(1) + "}}?"))
    moved = carried(dump(source.option_sets[1]), source, one_page())
    assert (moved.node["visible_if"], moved.node["help"]) == (None, "“Color”?")
    assert moved.left_out == ("the condition of “Why”, which asks about “Color”",)


def test_rules_and_options_on_questions_that_stay_behind_are_left_out_too() -> None:
    rules = [{"expression": {">": [{"var": "."}, 1]}}, {"expression": {">": [{"var": "."}, var(1)]}}]
    options = [{"value": "a", "label": "A", "visible_if": {"==": [var(1), 3]}}]
    sets = (question(1, "integer"), question(2, "integer", constraints={"rules": rules}), choice(3, options=options))
    source = one_page(*sets)
    step = carried(dump(source.steps[0]), source, one_page())
    assert (step.node["option_sets"][1]["constraints"]["rules"], step.left_out) == (dump(source.option_sets[1])["constraints"]["rules"], ())
    alone = carried(dump(source.option_sets[1]), source, one_page())
    assert alone.node["constraints"]["rules"] == [dump(source.option_sets[1])["constraints"]["rules"][0]]
    assert len(carried(dump(source.option_sets[2]), source, one_page()).left_out) == 1


def test_texts_come_in_the_languages_of_the_other_wizard() -> None:
    source = one_page(question(1, name={"en": "Name", "de": "Name?"}), languages=["en", "de"])
    target = one_page(languages=["fr"], default_language="fr")
    assert carried(dump(source.option_sets[0]), source, target).node["name"] == "Name"


# --- what is retired ---------------------------------------------------------------------------------------------------


def test_a_copy_is_asked_and_leaves_behind_what_is_retired_in_it() -> None:
    gone = option_set("gone", retired=True)
    color = option_set("color", "single_select", options=[option("red", retired=True), option("blue")])
    offered = as_offered(step_of("taste", color, gone, retired=True), "en")
    assert "retired" not in offered.node
    assert [each["key"] for each in offered.node["option_sets"]] == ["color"]
    assert [each["value"] for each in offered.node["option_sets"][0]["options"]] == ["blue"]
    assert offered.left_out == ("“Gone”", "“Red” of “Color”")


def test_a_retired_option_goes_along_where_a_condition_or_the_default_names_it() -> None:
    color = option_set(
        "color", "multiple_select", options=[option(each, retired=True) for each in ("red", "blue", "green")], default=["blue"]
    )
    asking = option_set("why", visible_if={"in": ["red", {"var": color["id"]}]})
    offered = as_offered(step_of("taste", color, asking), "en")
    assert [each["value"] for each in offered.node["option_sets"][0]["options"]] == ["red", "blue"]
    assert offered.left_out == ("“Green” of “Color”",)
