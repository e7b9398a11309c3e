"""Laws of copies: nothing of the original is shared or changed, and the copy says of itself what the original says of itself."""

from hypothesis import given
from hypothesis import strategies as st
from tests.structure_strategies import structures

from keepstep.core import edits as e
from keepstep.core.copying import carried, copy_of, with_ids
from keepstep.core.edit import apply
from keepstep.core.edits import Draft
from keepstep.core.keys import free_key
from keepstep.core.logic import references
from keepstep.core.places import expressions_in
from keepstep.core.revert import ids_in
from keepstep.core.structure import Structure, dump, parse

NEW = [f"01a2{number:04x}-0000-7000-8000-00000000beef" for number in range(200)]


def keyed(node: dict, taken: set[str]) -> dict:  # type: ignore[type-arg]  # JSON of a step
    """The step with keys where the copy has none."""
    sets = []
    for item in node.get("option_sets", []):
        key = item.get("key") or free_key("copy", taken, "question")
        taken.add(key)
        sets.append({**item, "key": key})
    return {**node, "key": node.get("key") or free_key("copy", taken, "step"), "option_sets": sets}


def all_keys(structure: Structure) -> set[str]:
    sets = {key for item in structure.option_sets for key in (item.key, *item.key_aliases)}
    return sets | {step.key for step in structure.steps}


@given(structures(), st.data())
def test_a_copied_step_can_stand_beside_the_original(structure: Structure, data: st.DataObject) -> None:
    if not structure.steps:
        return
    step = data.draw(st.sampled_from(structure.steps))
    fresh, keys = iter(NEW), all_keys(structure)
    copy = keyed(copy_of(dump(step), lambda: next(fresh), keys), set(keys))
    made = apply(Draft(structure), e.AddStep(node=copy)).draft.structure
    assert made.steps[:-1] == structure.steps
    assert set(ids_in(copy)).isdisjoint(ids_in(dump(step)))
    back = dict(
        zip((each for each in ids_in(copy) if "/" not in each), (each for each in ids_in(dump(step)) if "/" not in each), strict=True)
    )
    own = [each for each in expressions_in(made) if each.node_id in back]
    was = [each for each in expressions_in(structure) if each.node_id in back.values()]
    assert [references(with_ids({"expression": each.expression}, back)["expression"]) for each in own] == [
        references(e.expression) for e in was
    ]


@given(structures(), structures(), st.data())
def test_what_is_carried_to_another_wizard_speaks_of_nothing_that_is_not_there(
    source: Structure, target: Structure, data: st.DataObject
) -> None:
    if not source.steps:
        return
    step = data.draw(st.sampled_from(source.steps))
    fresh = iter(NEW)
    moved = keyed(
        copy_of(
            carried(dump(step), source, Structure(name="", languages=target.languages, default_language=target.default_language)).node,
            lambda: next(fresh),
        ),
        set(),
    )
    frame = {"name": "x", "languages": list(target.languages), "default_language": target.default_language}
    alone = parse({**frame, "steps": [moved]})
    known = alone.option_set_by_id.keys()
    assert all(reference.option_set_id in known for place in expressions_in(alone) for reference in references(place.expression))
