"""Laws of restoring one question from an old version: it is as it was, under its own id, and everything else is as it is."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.structure_strategies import edits, structures

from keepstep.core.edit import apply
from keepstep.core.edits import Draft, draft_to_json, from_json, to_json
from keepstep.core.jsonvalue import canonical_bytes, dumps, loads
from keepstep.core.languages import relocalised
from keepstep.core.restoring import place_is_open, restoring
from keepstep.core.structure import Structure, dump
from keepstep.errors import Problem

Restored = tuple[Draft, Draft, Structure, str]


@st.composite
def restored(draw: st.DrawFn) -> Restored:
    """A draft, the draft after it, the version and the option set that came from it; the draft may be a stranger to the version."""
    version = draw(structures())
    assume(version.option_sets)
    before = Draft(version if draw(st.booleans()) else draw(structures()))
    for _ in range(draw(st.integers(0, 4))):
        try:
            before = apply(before, draw(edits(before))).draft
        except Problem:
            continue
    own = draw(st.sampled_from(version.option_sets)).id
    steps = list(before.structure.step_by_id)
    assume(steps or own in before.structure.option_set_by_id)
    chosen = draw(st.sampled_from(steps)) if place_is_open(before.structure, version, own) else None
    edit = restoring(before, (3, version), own, step_id=chosen)
    assert from_json(loads(dumps(to_json(edit)))) == edit
    try:
        applied = apply(before, edit)
    except Problem as problem:
        # Two strangers may have given one key to different questions, which versions of one wizard never do.
        assume(problem.code != "key-reserved")
        raise
    assert apply(applied.draft, applied.inverse).draft == before
    return before, applied.draft, version, own


def _without_keys(node: dict[str, Any]) -> bytes:
    return canonical_bytes({name: value for name, value in node.items() if name != "key_aliases"})


@given(restored())
def test_the_question_is_as_the_version_had_it_under_its_own_id(case: Restored) -> None:
    _, after, version, own = case
    former = relocalised(dump(version.option_set_by_id[own]), version, after.structure)
    assert _without_keys(dump(after.structure.option_set_by_id[own])) == _without_keys(former)


@given(restored())
def test_nothing_else_of_the_draft_changes(case: Restored) -> None:
    before, after, _, own = case
    assert _others(after.structure, own) == _others(before.structure, own)
    assert [step.id for step in after.structure.steps] == [step.id for step in before.structure.steps]


def _others(structure: Structure, own: str) -> bytes:
    whole = dump(structure)
    for step in whole["steps"]:
        step["option_sets"] = [item for item in step["option_sets"] if item["id"] != own]
    return canonical_bytes(whole)


@given(restored())
def test_a_question_that_is_there_stays_where_it_stands(case: Restored) -> None:
    before, after, _, own = case
    if own in before.structure.option_set_by_id:
        assert [item.id for item in after.structure.option_sets] == [item.id for item in before.structure.option_sets]


@given(restored())
def test_no_key_that_it_ever_had_is_free_for_another(case: Restored) -> None:
    before, after, version, own = case
    had = {version.option_set_by_id[own].key, *version.option_set_by_id[own].key_aliases}
    present = before.structure.option_set_by_id.get(own)
    had |= {present.key, *present.key_aliases} if present else set()
    now = after.structure.option_set_by_id[own]
    assert had <= {now.key, *now.key_aliases}


@given(restored())
def test_restoring_twice_changes_nothing_more(case: Restored) -> None:
    _, after, version, own = case
    again = apply(after, restoring(after, (3, version), own)).draft
    assert canonical_bytes(draft_to_json(again)) == canonical_bytes(draft_to_json(after))
