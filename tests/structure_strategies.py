"""Hypothesis strategies for whole structures and for edits of them.

All draw from one small pool of ids, keys, labels and option values, so that two structures have much in common and much
not: moved, retyped, relabelled and reordered nodes come up without being asked for.
"""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from keepstep.core import edits as e
from keepstep.core.edits import Draft, Edit
from keepstep.core.structure import SELECTION_TYPES, Structure, dump, parse

LANGUAGES = (("en",), ("en", "de"), ("de",), ("de", "en", "fr"), ("fr",))
STEPS = 4
OPTION_SETS = 7
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
        optional={"retired": st.booleans(), "exclusive": st.booleans(), "visible_if": conditions()},
    )
    return st.lists(option, max_size=4, unique_by=lambda item: str(item["value"]))


@cache
def option_sets(number: int, wizard_languages: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """An option set in JSON. Its keys are among those that no other number has."""
    return st.sampled_from(("text_input", "single_select", "multiple_select", "number", *SELECTION_TYPES)).flatmap(
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
        special = {"expression": conditions()}
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
    numbers = draw(st.lists(st.integers(0, STEPS - 1), max_size=STEPS, unique=True))
    steps = [_step(draw, number, text) for number in numbers]
    if steps:
        for number in draw(st.lists(st.integers(0, OPTION_SETS - 1), max_size=OPTION_SETS, unique=True)):
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
    step = draw(st.sampled_from([*structure.step_by_id, *(item.id for item in draft.shelf), step_id(8)]))
    chosen = draw(st.sampled_from([*structure.option_set_by_id, *(item.id for item in draft.shelf), option_set_id(8)]))
    value = draw(st.sampled_from(VALUES))
    text = texts(structure.languages)
    kinds: list[st.SearchStrategy[Edit]] = [
        st.builds(e.AddStep, node=text.map(lambda name: {"id": step_id(9), "key": "s9", "name": name}), position=positions),
        st.builds(e.ChangeStep, step_id=st.just(step), fields=st.fixed_dictionaries({"name": text})),
        st.builds(e.MoveStep, step_id=st.just(step), position=positions),
        st.sampled_from(
            [e.RetireStep(step_id=step), e.UnretireStep(step_id=step), e.DeleteStep(step_id=step), e.RestoreStep(step_id=step)]
        ),
        st.builds(e.AddOptionSet, step_id=st.just(step), node=option_sets(OPTION_SETS, structure.languages), position=positions),
        st.builds(e.ChangeOptionSet, option_set_id=st.just(chosen), fields=flags),
        st.builds(
            e.ChangeOptionSet, option_set_id=st.just(chosen), fields=st.fixed_dictionaries({"options": options(structure.languages)})
        ),
        st.builds(e.MoveOptionSet, option_set_id=st.just(chosen), step_id=st.just(step), position=positions),
        st.sampled_from([e.RetireOptionSet(option_set_id=chosen), e.UnretireOptionSet(option_set_id=chosen)]),
        st.sampled_from([e.DeleteOptionSet(option_set_id=chosen), e.RestoreOptionSet(option_set_id=chosen)]),
        st.builds(e.SplitOptionSet, option_set_id=st.just(chosen), new_id=st.just(option_set_id(9)), new_key=st.just("q9"), fields=flags),
        st.builds(
            e.AddOption, option_set_id=st.just(chosen), node=text.map(lambda label: {"value": "new", "label": label}), position=positions
        ),
        st.builds(e.ChangeOption, option_set_id=st.just(chosen), value=st.just(value), fields=st.fixed_dictionaries({"label": text})),
        st.builds(e.MoveOption, option_set_id=st.just(chosen), value=st.just(value), position=positions),
        st.sampled_from([e.RetireOption(option_set_id=chosen, value=value), e.UnretireOption(option_set_id=chosen, value=value)]),
        st.sampled_from([e.DeleteOption(option_set_id=chosen, value=value), e.RestoreOption(option_set_id=chosen, value=value)]),
        st.builds(e.SplitOption, option_set_id=st.just(chosen), value=st.just(value), new_value=st.just("other"), fields=st.just({})),
        languages().map(lambda chosen: e.ChangeWizard(fields={"languages": list(chosen), "default_language": chosen[-1]})),
        st.builds(e.ChangeWizard, fields=st.fixed_dictionaries({"name": text})),
        structures().map(lambda whole: e.ReplaceStructure(structure=dump(whole))),
        structures().map(lambda whole: e.FollowVersion(structure=dump(whole), version_number=3)),
    ]
    return draw(draw(st.sampled_from(kinds)))
