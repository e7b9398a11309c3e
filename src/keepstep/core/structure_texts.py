"""The localised texts of a structure: where they stand, and their canonical form in the JSON of a structure.

Must not know what the texts say.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from keepstep.core.issue import pointer
from keepstep.core.structure_model import EMPTY_DEFAULT, Frozen, OptionSet, Structure, choices_of
from keepstep.core.text import Text, normal_text


def walk(structure: Structure) -> Iterator[tuple[str, OptionSet]]:
    """Each option set with its JSON pointer."""
    for step_index, step in enumerate(structure.steps):
        for index, option_set in enumerate(step.option_sets):
            yield f"/steps/{step_index}/option_sets/{index}", option_set


def localised(structure: Structure) -> Iterator[tuple[str, Text]]:
    """Every localised text of the structure with its JSON pointer."""
    yield from texts_around(structure)
    for path, option_set in walk(structure):
        yield from option_set_texts(path, option_set)


def texts_around(structure: Structure) -> Iterator[tuple[str, Text]]:
    """As `localised`, without those of option sets."""
    yield from _texts_at("", structure, ("name", "description"))
    for index, ending in enumerate(structure.endings):
        yield from _texts_at(f"/endings/{index}", ending, ("name", "text"))
    for index, step in enumerate(structure.steps):
        yield from _texts_at(f"/steps/{index}", step, ("name", "help"))


def option_set_texts(path: str, option_set: OptionSet) -> Iterator[tuple[str, Text]]:
    """As `localised`, for one option set at `path`."""
    yield from _texts_at(path, option_set, ("name", "help", "unit", "text"))
    for index, option in enumerate(choices_of(option_set)):
        yield f"{path}/options/{index}/label", option.label
    for index, rule in enumerate(option_set.constraints.rules):
        yield from _texts_at(f"{path}/constraints/rules/{index}", rule, ("message",))
    for name, text in option_set.constraints.messages.items():
        yield path + pointer("constraints", "messages", name), text


def _texts_at(path: str, node: Frozen, members: tuple[str, ...]) -> Iterator[tuple[str, Text]]:
    for name in members:
        text = getattr(node, name, None)
        if text is not None:
            yield f"{path}/{name}", text


# --- canonical form ------------------------------------------------------------------------------------------------


def with_normal_texts(data: Any) -> Any:
    """The same data with every localised text in canonical form; wrong shapes are left for the model to name."""
    if not isinstance(data, Mapping):
        return data
    languages, default = _languages(data)
    result = _normalised(data, ("name", "description"), languages, default)
    # What is given but wrong stays as it is, for the model to refuse.
    result = {"languages": list(languages), "default_language": default} | result
    if isinstance(data.get("steps"), list | tuple):
        result["steps"] = [step_with_normal_texts(step, languages, default) for step in data["steps"]]
    if isinstance(data.get("endings"), list | tuple):
        result["endings"] = [_normalised(ending, ("name", "text"), languages, default) for ending in data["endings"]]
    return result


def _languages(data: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    given = data.get("languages")
    languages = tuple(given) if isinstance(given, list | tuple) and given and all(isinstance(item, str) for item in given) else ()
    default = data.get("default_language")
    if not isinstance(default, str):
        default = languages[0] if languages else EMPTY_DEFAULT
    return languages or (default,), default


def _normalised(data: Any, members: tuple[str, ...], languages: tuple[str, ...], default: str) -> Any:
    if not isinstance(data, Mapping):
        return data
    return dict(data) | {name: normal_text(data[name], languages, default) for name in members if name in data}


def step_with_normal_texts(data: Any, languages: tuple[str, ...], default: str) -> Any:
    result = _normalised(data, ("name", "help"), languages, default)
    if isinstance(result, dict) and isinstance(result.get("option_sets"), list | tuple):
        result["option_sets"] = [option_set_with_normal_texts(item, languages, default) for item in result["option_sets"]]
    return result


def option_set_with_normal_texts(data: Any, languages: tuple[str, ...], default: str) -> Any:
    result = _normalised(data, ("name", "help", "unit", "text"), languages, default)
    if not isinstance(result, dict):
        return result
    if isinstance(result.get("options"), list | tuple):
        result["options"] = [_normalised(option, ("label",), languages, default) for option in result["options"]]
    if isinstance(result.get("constraints"), Mapping):
        result["constraints"] = _constraint_texts(result["constraints"], languages, default)
    return result


def _constraint_texts(data: Mapping[str, Any], languages: tuple[str, ...], default: str) -> dict[str, Any]:
    result = dict(data)
    if isinstance(result.get("rules"), list | tuple):
        result["rules"] = [_normalised(rule, ("message",), languages, default) for rule in result["rules"]]
    if isinstance(result.get("messages"), Mapping):
        result["messages"] = {name: normal_text(text, languages, default) for name, text in result["messages"].items()}
    return result
