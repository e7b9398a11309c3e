import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.small_structures import choice, page, pid, qid, question, wizard
from tests.structure_strategies import structures

from keepstep.core.edit import apply
from keepstep.core.edits import ChangeOption, ChangeOptionSet, ChangeStep, ChangeWizard, Draft, Edit
from keepstep.core.structure import Structure
from keepstep.core.translation import Wording, owner_of, untranslated, with_text, wording_at, wordings
from keepstep.errors import NodeNotFound


def both(en: str, de: str = "") -> dict[str, str]:
    return {"en": en} | ({"de": de} if de else {})


OPTIONS = [{"value": "a/b~c", "label": both("Blue", "Blau")}, {"value": "x", "label": both("Red"), "retired": True}]
COLOR = choice(1, name=both("Color"), options=OPTIONS, constraints={"messages": {"is_required": both("Choose")}})
SURVEY = wizard(
    page(1, COLOR, name=both("Start", "Anfang"), help=both("Go on")),
    page(2, question(2, name=both("Old"), retired=True)),
    languages=["en", "de"],
    endings=[{"key": "thanks", "name": both("Thanks")}],
)


def edit_of(structure: Structure, wording: Wording, text: str, language: str = "de") -> Edit:
    made = with_text(structure, wording, language, text)
    if made.value is not None:
        return ChangeOption(option_set_id=wording.node_id, value=made.value, fields=dict(made.fields))
    owner = owner_of(structure, wording)
    if owner == "wizard":
        return ChangeWizard(fields=dict(made.fields))
    if owner == "step":
        return ChangeStep(step_id=wording.node_id, fields=dict(made.fields))
    return ChangeOptionSet(option_set_id=wording.node_id, fields=dict(made.fields))


def test_each_text_has_an_address_that_names_options_by_value_and_endings_by_key() -> None:
    addresses = [each.address for each in wordings(SURVEY)]
    assert f"{qid(1)}/options/a~1b~0c/label" in addresses
    assert f"{qid(1)}/constraints/messages/is_required" in addresses
    assert f"{pid(1)}/help" in addresses
    assert "/endings/thanks/name" in addresses
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("address", [each.address for each in wordings(SURVEY)])
def test_a_text_set_in_one_language_changes_nothing_else(address: str) -> None:
    wording = wording_at(SURVEY, address)
    after = apply(Draft(SURVEY), edit_of(SURVEY, wording, "Neu")).draft.structure
    others = [(each.address, each.texts) for each in wordings(SURVEY) if each.address != address]
    assert wording_at(after, address).texts == {**wording.texts, "de": "Neu"}
    assert [(each.address, each.texts) for each in wordings(after) if each.address != address] == others


def test_an_empty_translation_is_taken_out() -> None:
    wording = wording_at(SURVEY, f"{pid(1)}/name")
    after = apply(Draft(SURVEY), edit_of(SURVEY, wording, "")).draft.structure
    assert wording_at(after, f"{pid(1)}/name").texts == {"en": "Start"}


def test_retired_texts_need_no_translation() -> None:
    missing = {each.address for each in untranslated(SURVEY, "de")}
    assert f"{qid(1)}/name" in missing
    assert f"{qid(2)}/name" not in missing
    assert f"{pid(1)}/name" not in missing


def test_a_text_that_is_gone_is_not_found() -> None:
    with pytest.raises(NodeNotFound):
        wording_at(SURVEY, f"{qid(9)}/name")


@given(structures(), st.data())
def test_every_text_of_any_wizard_can_be_set(structure: Structure, data: st.DataObject) -> None:
    found = wordings(structure)
    wording = data.draw(st.sampled_from(found)) if found else None
    if wording is None:
        return
    language = data.draw(st.sampled_from(structure.languages))
    after = apply(Draft(structure), edit_of(structure, wording, "Neu é", language)).draft.structure
    assert wording_at(after, wording.address).texts[language] == "Neu é"
