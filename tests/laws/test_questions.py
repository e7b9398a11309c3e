"""A question that is rendered and sent back untouched says the same answer, whatever the selection type and whatever is stored."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.browser_form import sent_form
from tests.strategies import ANSWERABLE, CLOCK, answers_for, misfits, option_sets

from keepstep.core.logic import as_datetime, as_time
from keepstep.core.selection import check_value, normal_value
from keepstep.core.structure import SELECTION_TYPES, OptionSet
from keepstep.web.questions.posted import Given, given_in
from keepstep.web.questions.situation import Situation
from keepstep.web.questions.view import question_view
from keepstep.web.rendering import environment_of

PLAYER: Any = environment_of("en", "UTC").globals["player"]
# What a browser sends of a file is never its record: that the record stays is shown below.
TYPED = tuple(each for each in ANSWERABLE if each != "file")
LANGUAGES = ("en", "de", "fr", "ar")


def sent_back(option_set: OptionSet, envelope: dict[str, Any] | None, situation: Situation, *, known: bool) -> Given:
    """What the form of this question says. `known`: the reader knows what was stored before."""
    form = sent_form(str(PLAYER.question(question_view(option_set, situation, envelope))))
    previous = {option_set.id: envelope} if known and envelope is not None else {}
    return given_in(form, [option_set], situation, previous)


def canonical(value: Any, kind: str) -> Any:
    """Times are compared as times: the zone of the respondent writes another offset."""
    if kind == "datetime":
        return as_datetime(value)
    if kind == "time":
        return as_time(value)
    return " ".join(value.split()) if isinstance(value, str) else value


@pytest.mark.parametrize("kind", TYPED)
@given(data=st.data())
def test_a_fitting_answer_is_read_from_its_form_as_it_is_stored(kind: str, data: st.DataObject) -> None:
    option_set = data.draw(option_sets(kind))
    envelope = data.draw(answers_for(option_set))
    situation = Situation(data.draw(st.sampled_from(LANGUAGES)), zone=ZoneInfo("Asia/Kathmandu"))
    found = sent_back(option_set, envelope, situation, known=False)
    assert found.issues == ()
    read = found.answers[option_set.id]
    value = normal_value(read["value"], option_set)
    assert canonical(value, kind) == canonical(envelope["value"], kind)
    assert type(value) is type(envelope["value"])
    assert " ".join((read.get("other") or "").split()) == " ".join((envelope.get("other") or "").split())
    assert check_value(value, option_set, CLOCK) == ()


@pytest.mark.parametrize("kind", ANSWERABLE)
@given(data=st.data())
def test_an_untouched_form_changes_no_stored_answer_whatever_it_is(kind: str, data: st.DataObject) -> None:
    option_set = data.draw(option_sets(kind))
    envelope = data.draw(st.one_of(answers_for(option_set), misfits().map(lambda value: {"value": value, "source": "import"})))
    found = sent_back(option_set, envelope, Situation("de"), known=True)
    assert (found.answers, found.issues, found.uploads) == ({}, (), {})


@pytest.mark.parametrize("kind", ANSWERABLE)
@given(data=st.data())
def test_an_empty_form_says_left_empty(kind: str, data: st.DataObject) -> None:
    option_set = data.draw(option_sets(kind))
    found = sent_back(option_set, None, Situation(), known=True)
    assert found.answers == {option_set.id: {"value": None}}


@pytest.mark.parametrize("kind", SELECTION_TYPES)
@given(data=st.data())
def test_what_was_typed_is_shown_again_as_it_was_typed(kind: str, data: st.DataObject) -> None:
    option_set = data.draw(option_sets(kind))
    typed = {"": ("a <b> & \"c'",), "day": ("31",), "month": ("Feb",), "year": ("",), "time": ("25h",), "other": ("<i>",)}
    markup = str(PLAYER.question(question_view(option_set, Situation(), None, typed=typed)))
    assert "<b>" not in markup
    assert "<i>" not in markup
    again = given_in(sent_form(markup), [option_set], Situation()).typed.get(option_set.id, {})
    assert all(texts in ((), typed.get(part)) for part, texts in again.items())
