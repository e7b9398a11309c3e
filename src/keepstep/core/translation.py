"""The texts of a structure one by one, each under an address that edits of other nodes do not move, and how one of them is set.

Must not know who translates or what is stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keepstep.core.languages import by_language
from keepstep.core.nodes import option_set_in, step_in
from keepstep.core.places import TextPlace, texts_in
from keepstep.core.structure import Structure, choices_of, dump
from keepstep.core.text import Text
from keepstep.errors import NodeNotFound


@dataclass(frozen=True, slots=True)
class Wording:
    """One text. `address`: the node's id ("" for the wizard) and a pointer in it that names options by value, endings by key."""

    address: str
    node_id: str
    where: str
    texts: Mapping[str, str]
    retired: bool


def wordings(structure: Structure) -> tuple[Wording, ...]:
    """Every text in the order of the wizard. An empty text in every language is none."""
    found = (Wording(_address(p, structure), p.node_id, p.where, _by_language(p.text, structure), p.retired) for p in texts_in(structure))
    return tuple(each for each in found if any(each.texts.values()))


def _by_language(text: Text, structure: Structure) -> dict[str, str]:
    return by_language(text, structure.default_language)


def _address(place: TextPlace, structure: Structure) -> str:
    parts = place.pointer.split("/")[1:]
    if not place.node_id:
        return _of_wizard(parts, structure)
    inside = parts[4:] if place.node_id in structure.option_set_by_id else parts[2:]
    if inside[0] == "options":
        options = choices_of(structure.option_set_by_id[place.node_id])
        inside = ["options", _escaped(options[int(inside[1])].value), *inside[2:]]
    return "/".join([place.node_id, *inside])


def _of_wizard(parts: list[str], structure: Structure) -> str:
    if parts[0] == "endings":
        parts = ["endings", structure.endings[int(parts[1])].key, *parts[2:]]
    return "/".join(["", *parts])


def _escaped(value: str) -> str:
    return value.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def wording_at(structure: Structure, address: str) -> Wording:
    """Raises NodeNotFound."""
    found = next((each for each in wordings(structure) if each.address == address), None)
    if found is None:
        raise NodeNotFound("The draft no longer has this text.")
    return found


# --- set one -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fields:
    """The members that an edit of the node merges. `value`: the option that they are of."""

    fields: Mapping[str, Any]
    value: str | None = None


def with_text(structure: Structure, wording: Wording, language: str, text: str) -> Fields:
    """What sets the text in one language; an empty one is taken out, so that the default language stands for it."""
    texts = {each: said for each, said in {**wording.texts, language: text}.items() if said}
    whole: Any = texts if len(structure.languages) > 1 else texts.get(language, "")
    parts = wording.address.split("/")[1:]
    if not wording.node_id:
        return Fields(_of_wizard_set(structure, parts, whole))
    if parts[0] == "options":
        return Fields({parts[2]: whole}, _unescaped(parts[1]))
    if parts[0] == "constraints":
        constraints = dump(option_set_in(structure, wording.node_id).constraints)
        return Fields({"constraints": _set(constraints, parts[1:], whole)})
    return Fields({parts[0]: whole})


def _of_wizard_set(structure: Structure, parts: list[str], whole: Any) -> dict[str, Any]:
    if parts[0] != "endings":
        return {parts[0]: whole}
    return {"endings": [{**dump(each), parts[2]: whole} if each.key == parts[1] else dump(each) for each in structure.endings]}


def _set(node: Any, parts: list[str], whole: Any) -> Any:
    """The JSON value with what stands at the pointer replaced."""
    if not parts:
        return whole
    if isinstance(node, list):
        return [_set(each, parts[1:], whole) if str(index) == parts[0] else each for index, each in enumerate(node)]
    name = _unescaped(parts[0])
    return {**node, name: _set(node[name], parts[1:], whole)}


def owner_of(structure: Structure, wording: Wording) -> str:
    """The kind of node that holds the text: `wizard`, `step` or `option_set`. Raises NodeNotFound."""
    if not wording.node_id:
        return "wizard"
    if wording.node_id in structure.option_set_by_id:
        return "option_set"
    step_in(structure, wording.node_id)
    return "step"


def untranslated(structure: Structure, language: str) -> Iterator[Wording]:
    """The texts that respondents would read in another language; retired ones are read by nobody."""
    return (each for each in wordings(structure) if not each.retired and not each.texts.get(language))
