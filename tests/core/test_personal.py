"""Which option sets hold personal data: marked in any version, or calculated from one that is."""

from typing import Any

from tests.factories import option_set, step, wizard

from keepstep.core.personal import personal_option_sets
from keepstep.core.structure import Structure, parse


def structure(*option_sets: dict[str, Any]) -> Structure:
    return parse(wizard(step("only", *option_sets)))


def calculated(key: str, *inputs: dict[str, Any]) -> dict[str, Any]:
    return option_set(key, "calculated", expression={"cat": [{"var": each["id"]} for each in inputs]})


def test_a_mark_of_one_version_holds_for_all() -> None:
    name, colour = option_set("name"), option_set("colour")
    versions = [structure(name, colour), structure(name | {"personal_data": True}), structure(colour)]
    assert personal_option_sets(versions) == {name["id"]}


def test_what_is_calculated_from_personal_data_is_personal_through_any_number_of_steps() -> None:
    name, colour = option_set("name", personal_data=True), option_set("colour")
    greeting, other = calculated("greeting", name, colour), calculated("other", colour)
    letter = calculated("letter", greeting)
    assert personal_option_sets([structure(name, colour, letter, greeting, other)]) == {name["id"], greeting["id"], letter["id"]}
