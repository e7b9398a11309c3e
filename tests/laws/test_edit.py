"""Laws of edits: each has an exact way back, survives JSON, and changes no draft but the one it returns."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.structure_strategies import edits, structures

from keepstep.core.edit import Applied, apply
from keepstep.core.edits import Draft, draft_from_json, draft_to_json, draft_to_store, from_json, to_json, touches
from keepstep.core.faults import mentions, problems_in
from keepstep.core.jsonvalue import canonical_bytes, dumps, loads
from keepstep.core.shelf import option_id
from keepstep.core.structure import Structure, choices_of, dump, parse
from keepstep.errors import Problem

Story = tuple[Draft, tuple[Applied, ...]]


@st.composite
def stories(draw: st.DrawFn, length: int = 5) -> Story:
    """A draft and the edits that were made of it one after the other; refused ones are left out."""
    first = draft = Draft(draw(structures()))
    made: list[Applied] = []
    for _ in range(draw(st.integers(1, length))):
        edit = draw(edits(draft))
        try:
            made.append(apply(draft, edit))
        except Problem:
            continue
        draft = made[-1].draft
    return first, tuple(made)


@given(stories())
def test_undoing_every_edit_gives_back_exactly_the_first_draft(story: Story) -> None:
    first, made = story
    draft = made[-1].draft if made else first
    for applied in reversed(made):
        draft = apply(draft, applied.inverse).draft
    assert draft == first
    assert canonical_bytes(draft_to_json(draft)) == canonical_bytes(draft_to_json(first))


@given(stories())
def test_undo_of_an_undo_makes_the_edit_again(story: Story) -> None:
    first, made = story
    for before, applied in zip((first, *(one.draft for one in made)), made, strict=False):
        undone = apply(applied.draft, applied.inverse)
        assert undone.draft == before
        redone = apply(undone.draft, undone.inverse)
        assert redone.draft == applied.draft
        assert redone.name == applied.name


@given(stories())
def test_inverses_and_drafts_survive_json(story: Story) -> None:
    for applied in story[1]:
        assert from_json(loads(dumps(to_json(applied.inverse)))) == applied.inverse
        assert draft_from_json(loads(dumps(draft_to_json(applied.draft)))) == applied.draft
        assert dumps(draft_to_store(applied.draft)) == dumps(draft_to_json(applied.draft))


@given(stories())
def test_what_is_remembered_of_nodes_that_drafts_share_is_what_a_fresh_look_finds(story: Story) -> None:
    for draft in (story[0], *(applied.draft for applied in story[1])):
        fresh = parse(dump(draft.structure))
        assert problems_in(draft.structure) == problems_in(fresh)
        for item in fresh.option_sets:
            assert mentions(draft.structure, item.id) == mentions(fresh, item.id)


@given(st.data(), structures())
def test_an_edit_survives_json(data: st.DataObject, structure: Structure) -> None:
    edit = data.draw(edits(Draft(structure)))
    assert from_json(loads(dumps(to_json(edit)))) == edit


@given(st.data(), structures())
def test_editing_changes_no_draft_but_the_one_it_returns(data: st.DataObject, structure: Structure) -> None:
    draft = Draft(structure)
    before = draft_to_json(draft)
    edit = data.draw(edits(draft))
    with suppress(Problem):
        apply(draft, edit)
    assert draft_to_json(draft) == before


@given(stories())
def test_no_node_is_ever_lost_from_the_draft_and_its_shelf(story: Story) -> None:
    first, made = story
    known = _nodes(first)
    for applied in made:
        known |= _nodes(applied.draft)
        assert _nodes(applied.draft) == known


def _nodes(draft: Draft) -> set[str]:
    """Every step, option set and option of a draft, on the shelf or not."""
    inside = {identity for item in draft.shelf for identity in _shelved(item.id, item.node)}
    options = {option_id(item.id, option.value) for item in draft.structure.option_sets for option in choices_of(item)}
    return inside | options | set(draft.structure.step_by_id) | set(draft.structure.option_set_by_id)


def _shelved(identity: str, node: dict[str, object]) -> set[str]:
    from keepstep.core.revert import ids_in

    return {identity, *ids_in(node)} if "id" in node else {identity}


@settings(max_examples=50)
@given(stories(length=2))
def test_an_edit_is_undone_beneath_a_later_edit_of_other_nodes(story: Story) -> None:
    _, made = story
    if len(made) < 2:
        return
    earlier, later = made
    if touches(earlier.inverse) & touches(later.inverse):
        return
    try:
        undone = apply(later.draft, earlier.inverse).draft
    except Problem:
        return
    assert _nodes(undone) <= _nodes(later.draft)
