"""Hypothesis strategies for whole structures and for edits of them.

All draw from one small pool of ids, keys, labels and option values, so that two structures have much in common and much
not: moved, retyped, relabelled and reordered nodes come up without being asked for.
"""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from keepstep.core import edits as e
from keepstep.core.edits import Draft, Edit
from keepstep.core.structure import SELECTION_TYPES, Structure, choices_of, dump, parse

LANGUAGES = (("en",), ("en", "de"), ("de",), ("de", "en", "fr"), ("fr",))
STEPS = 4
OPTION_SETS = 7
# Each option set is mostly of one type, so that two structures differ in more than that; the last is for new ones.
FAVOURITES = ("single_select", "multiple_select", "slider", "calculated", "number", "single_select", "text_input", "date")
VALUES = ("red", "blue", "green", "1")
WORDS = ("Red", "Blue", "Green", "How old?", "")


def step_id(number: int) -> str:
    return f"018f0000-0000-7000-8000-{number:012d}"


def option_set_id(number: int) -> str:
    return f"018f0000-0000-7000-9000-{number:012d}"


@cache
def languages() -> st.SearchStrategy[tuple[str, ...]]:
    # Mostly one language, as wizards have.
    return st.one_of(st.just(("en",)), st.just(("en",)), st.sampled_from(LANGUAGES))


@cache
def texts(wizard_languages: tuple[str, ...]) -> st.SearchStrategy[Any]:
    word = st.sampled_from(WORDS)
    if len(wizard_languages) == 1:
        return word
    return st.dictionaries(st.sampled_from(wizard_languages), word, min_size=1)


@cache
def conditions() -> st.SearchStrategy[Any]:
    numbers = st.integers(0, OPTION_SETS - 1)
    # Python holds true and 1 for equal; conditions and JSON do not.
    literals = st.sampled_from(("red", 1, True))
    compared = st.builds(lambda number, literal: {"==": [{"var": option_set_id(number)}, literal]}, numbers, literals)
    return st.one_of(st.none(), st.none(), compared)


LIMITS: dict[str, tuple[dict[str, Any], ...]] = {
    "text_input": ({"max_length": 10}, {"max_length": 20, "min_length": 2}, {"pattern": "a+"}),
    "number": ({"min": 0, "max": 9}, {"max_decimals": 2}, {"max_decimals": 1, "min": 0}),
    "multiple_select": ({"max_choices": 2}, {"min_choices": 1}),
    "slider": ({"max": 50}, {"min": 10, "step": 5}),
    "rating": ({"max": 10}, {}),
    "date": ({"min": "today"}, {"max": "2030-01-01"}),
}


@cache
def constraints(selection_type: str, wizard_languages: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    text = texts(wizard_languages)
    limits = st.sampled_from(({}, *LIMITS.get(selection_type, ())))
    rule = st.fixed_dictionaries({"expression": st.just({">": [{"var": "."}, 1]})}, optional={"message": text})
    extras = st.fixed_dictionaries({}, optional={"rules": st.lists(rule, max_size=2), "messages": st.fixed_dictionaries({"type": text})})
    return st.tuples(limits, extras).map(lambda parts: parts[0] | parts[1])


@cache
def options(wizard_languages: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    option = st.fixed_dictionaries(
        {"value": st.sampled_from(VALUES), "label": texts(wizard_languages)},
        optional={
            "retired": st.booleans(),
            "exclusive": st.booleans(),
            "visible_if": conditions(),
            "source": st.just({"format": "xlsform"}),
        },
    )
    # The same values and labels in any pairing and order, so that labels swap and lists are reordered.
    shuffled = st.tuples(st.permutations(VALUES), st.permutations(WORDS[:4])).map(
        lambda pair: [{"value": value, "label": {wizard_languages[0]: label}} for value, label in zip(*pair, strict=True)]
    )
    return st.one_of(shuffled, st.lists(option, min_size=1, max_size=4, unique_by=lambda item: str(item["value"])))


@cache
def option_sets(number: int, wizard_languages: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """An option set in JSON. Its keys are among those that no other number has."""
    return st.sampled_from((*[FAVOURITES[number]] * 20, *SELECTION_TYPES)).flatmap(
        lambda selection_type: _of_type(number, selection_type, wizard_languages)
    )


@cache
def _of_type(number: int, selection_type: str, wizard_languages: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    text = texts(wizard_languages)
    special: dict[str, st.SearchStrategy[Any]] = {}
    if selection_type in ("single_select", "dropdown", "multiple_select"):
        special = {"options": options(wizard_languages), "allow_other": st.booleans()}
    if selection_type == "statement":
        special = {"text": text}
    if selection_type == "calculated":
        special = {"expression": st.sampled_from((1, True, {"today": []}))}
    optional = {
        "help": text,
        "key_aliases": st.just([f"old{number}"]),
        "is_required": st.booleans(),
        "visible_if": conditions(),
        "default": st.sampled_from((None, "red", 1, True)),
        "retired": st.booleans(),
        "hidden": st.booleans(),
        "unit": text,
        "presentation": st.just({"name": "wide"}),
        "source": st.just({"format": "xlsform", "name": "a", "verbatim": {"label": "x"}}),
        "constraints": constraints(selection_type, wizard_languages),
    }
    fixed = {"id": st.just(option_set_id(number)), "key": st.sampled_from((f"q{number}", f"k{number}")), "name": text}
    return st.fixed_dictionaries(fixed | {"selection_type": st.just(selection_type)}, optional=optional | special)


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    """Any valid structure over the pool."""
    of_wizard = draw(languages())
    text = texts(of_wizard)
    numbers = draw(st.permutations(range(STEPS)))[: draw(st.sampled_from((STEPS, 2, 1, 0)))]
    steps = [_step(draw, number, text) for number in numbers]
    if steps:
        for number in draw(st.permutations(range(OPTION_SETS)))[: draw(st.sampled_from((OPTION_SETS, 4, 2, 0)))]:
            draw(st.sampled_from(steps))["option_sets"].append(draw(option_sets(number, of_wizard)))
    wizard = {"name": draw(text), "languages": list(of_wizard), "default_language": draw(st.sampled_from(of_wizard)), "steps": steps}
    endings = [{"key": "thanks", "name": draw(text)}] if draw(st.booleans()) else []
    return parse(wizard | {"description": draw(st.one_of(st.none(), text)), "endings": endings})


def _step(draw: st.DrawFn, number: int, text: st.SearchStrategy[Any]) -> dict[str, Any]:
    members = draw(st.fixed_dictionaries({"name": text}, optional={"help": text, "visible_if": conditions(), "retired": st.booleans()}))
    return members | {"id": step_id(number), "key": f"s{number}", "option_sets": []}


# --- edits ---------------------------------------------------------------------------------------------------------

positions = st.integers(0, 5)
flags = st.fixed_dictionaries(
    {}, optional={"retired": st.booleans(), "is_required": st.booleans(), "selection_type": st.sampled_from(SELECTION_TYPES)}
)


@st.composite
def edits(draw: st.DrawFn, draft: Draft) -> Edit:
    """An edit of nodes that the draft or its shelf has, or might have: it may well be refused."""
    structure = draft.structure
    step = st.just(draw(st.sampled_from([*structure.step_by_id, step_id(8)])))
    chosen = st.just(draw(st.sampled_from([*structure.option_set_by_id, option_set_id(8)])))
    with_options = [item for item in structure.option_sets if choices_of(item)]
    choice = draw(st.sampled_from(with_options)) if with_options else None
    of_set = st.just(choice.id if choice else option_set_id(8))
    value = st.sampled_from([option.value for option in choices_of(choice)] if choice else VALUES)
    text = texts(structure.languages)
    listed = st.fixed_dictionaries({"options": options(structure.languages)})
    new_option = text.map(lambda label: {"value": "new", "label": label})
    labelled = st.fixed_dictionaries({"label": text})
    # Earlier ones are drawn more often.
    kinds: list[st.SearchStrategy[Edit]] = [
        st.just(_restoring(draft)) if draft.shelf else st.builds(e.DeleteOption, option_set_id=of_set, value=value),
        st.builds(e.ChangeStep, step_id=step, fields=st.fixed_dictionaries({"name": text})),
        st.builds(e.MoveStep, step_id=step, position=positions),
        st.one_of(st.builds(e.RetireStep, step_id=step), st.builds(e.UnretireStep, step_id=step)),
        st.builds(e.DeleteStep, step_id=step),
        st.builds(e.AddOptionSet, step_id=step, node=option_sets(OPTION_SETS, structure.languages), position=positions),
        st.builds(e.ChangeOptionSet, option_set_id=chosen, fields=flags),
        st.builds(e.ChangeOptionSet, option_set_id=of_set, fields=listed),
        st.builds(e.MoveOptionSet, option_set_id=chosen, step_id=step, position=positions),
        st.one_of(st.builds(e.RetireOptionSet, option_set_id=chosen), st.builds(e.UnretireOptionSet, option_set_id=chosen)),
        st.builds(e.DeleteOptionSet, option_set_id=chosen),
        st.builds(e.SplitOptionSet, option_set_id=chosen, new_id=st.just(option_set_id(9)), new_key=st.just("q9"), fields=flags),
        option_sets(1, structure.languages).flatmap(lambda node: _from_version(node, step)),
        st.builds(e.AddOption, option_set_id=of_set, node=new_option, position=positions),
        st.builds(e.ChangeOption, option_set_id=of_set, value=value, fields=labelled),
        st.builds(e.MoveOption, option_set_id=of_set, value=value, position=positions),
        st.one_of(*(st.builds(kind, option_set_id=of_set, value=value) for kind in (e.RetireOption, e.UnretireOption))),
        st.builds(e.DeleteOption, option_set_id=of_set, value=value),
        st.builds(e.SplitOption, option_set_id=of_set, value=value, new_value=st.just("other"), fields=st.just({})),
        languages().map(lambda chosen: e.ChangeWizard(fields={"languages": list(chosen), "default_language": chosen[-1]})),
        st.builds(e.ChangeWizard, fields=st.fixed_dictionaries({"name": text})),
        st.builds(e.AddStep, node=text.map(lambda name: {"id": step_id(9), "key": "s9", "name": name}), position=positions),
        structures().map(lambda whole: e.ReplaceStructure(structure=dump(whole))),
        structures().map(lambda whole: e.FollowVersion(structure=dump(whole), version_number=3)),
    ]
    return draw(draw(st.sampled_from(kinds)))


def _from_version(node: dict[str, Any], step: st.SearchStrategy[str]) -> st.SearchStrategy[Edit]:
    """The option set as some version may have had it."""
    own = st.just(node["id"])
    return st.builds(
        e.RestoreFromVersion, version_number=st.just(2), option_set_id=own, node=st.just(node), step_id=step, position=positions
    )


def _restoring(draft: Draft) -> Edit:
    """What was deleted last comes back; where nothing was, an edit that is refused."""
    if not draft.shelf:
        return e.RestoreStep(step_id=step_id(8))
    last = draft.shelf[-1]
    if last.kind == "step":
        return e.RestoreStep(step_id=last.id)
    if last.kind == "option_set":
        return e.RestoreOptionSet(option_set_id=last.id)
    return e.RestoreOption(option_set_id=last.parents[-1], value=str(last.node["value"]))
