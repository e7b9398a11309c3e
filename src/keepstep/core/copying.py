"""A step or option set under new ids: what a copy is, within its wizard and in another one.

Ids, keys and languages are given by the caller; must not know which of them are taken.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.languages import relocalised
from keepstep.core.logic import references, rewritten
from keepstep.core.revert import ids_in
from keepstep.core.structure import ID_PATTERN, Structure
from keepstep.core.text import Text, quoted, text_in

_EXPRESSIONS: Final = frozenset(("visible_if", "expression"))
_TEXTS: Final = frozenset(("name", "help", "text", "unit", "label", "message", "messages", "description"))
_VERBATIM: Final = frozenset(("source", "default", "presentation"))
"""What is word for word from elsewhere, or a value of an answer, speaks of no id of this structure."""
_PIPED: Final = re.compile(r"\{\{\s*([0-9a-f-]{36})\s*\}\}")
Node = Mapping[str, Any]


def with_ids(node: Any, ids: Mapping[str, str]) -> Any:
    """The JSON of a structure, or of a part, with ids replaced: of nodes, in expressions and in piped texts."""
    if isinstance(node, list):
        return [with_ids(item, ids) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: _member(name, value, ids) for name, value in node.items()}


def _member(name: str, value: Any, ids: Mapping[str, str]) -> Any:
    if name == "id" and isinstance(value, str) and re.match(ID_PATTERN, value):
        return ids.get(value, value)
    if name in _EXPRESSIONS:
        return rewritten(value, ids)
    if name in _TEXTS:
        return _piped_text(value, lambda match: "{{" + ids.get(match[1], match[1]) + "}}")
    return value if name in _VERBATIM else with_ids(value, ids)


def _piped_text(value: Any, piped: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, str):
        return _PIPED.sub(piped, value)
    return {name: _piped_text(text, piped) for name, text in value.items()} if isinstance(value, dict) else value


# --- what is retired stays ---


@dataclass(frozen=True, slots=True)
class Offered:
    """A node as it is asked and offered, and the names of the retired questions and options in it that no copy needs."""

    node: dict[str, Any]
    left_out: tuple[str, ...]


def as_offered(node: Node, default_language: str) -> Offered:
    """The JSON of a node that is to be copied. It is asked itself, retired or not; in it what is retired stays with the original, since
    no answer is stored of a copy, but for options that an expression in it or its default names.
    """
    left_out: list[str] = []
    kept = {name: value for name, value in node.items() if name != "retired"}
    if "option_sets" in node:
        asked = [each for each in node["option_sets"] if not each.get("retired")]
        left_out += [quoted(each["name"], default_language) for each in node["option_sets"] if each.get("retired")]
        kept["option_sets"] = [_with_offered(each, node, default_language, left_out) for each in asked]
    return Offered(_with_offered(kept, node, default_language, left_out), tuple(left_out))


def _with_offered(option_set: Node, whole: Node, default_language: str, left_out: list[str]) -> dict[str, Any]:
    if "options" not in option_set:
        return dict(option_set)
    named = {value for expression in _expressions(whole) for of, value in references(expression) if of == option_set["id"]}
    kept = []
    for option in option_set["options"]:
        if not option.get("retired") or option["value"] in named or option["value"] in _as_list(option_set.get("default")):
            kept.append(option)
        else:
            left_out.append(f"{quoted(option['label'], default_language)} of {quoted(option_set['name'], default_language)}")
    return {**option_set, "options": kept}


def _as_list(default: Any) -> list[Any]:
    return default if isinstance(default, list) else [default]


def _expressions(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _expressions(item)
    elif isinstance(node, dict):
        yield from (node[name] for name in _EXPRESSIONS & node.keys() if node[name] is not None)
        for name, value in node.items():
            if name not in _EXPRESSIONS | _VERBATIM:
                yield from _expressions(value)


# --- a copy within the wizard --------------------------------------------------------------------------------------


def copy_of(node: Node, make_id: Callable[[], str], taken: Collection[str] = ()) -> dict[str, Any]:
    """The JSON of a step or option set as a new node: new ids, what it says about itself and its inside rewritten.

    A key among `taken` is left out, so that a new one is made; old keys and the origin of an import stay with the original.
    """
    ids = {node_id: make_id() for node_id in ids_in(node) if re.match(ID_PATTERN, node_id)}
    return _as_new(with_ids(dict(node), ids), frozenset(taken))


def _as_new(node: Node, taken: frozenset[str]) -> dict[str, Any]:
    left = {name: value for name, value in node.items() if name not in {"key_aliases", "source"}}
    if left.get("key") in taken:
        del left["key"]
    if "option_sets" in left:
        left["option_sets"] = [_as_new(item, taken) for item in left["option_sets"]]
    if "options" in left:
        left["options"] = [{name: value for name, value in option.items() if name != "source"} for option in left["options"]]
    return left


# --- a copy for another wizard -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """A node as another wizard can take it, and in words what had to stay behind, since it speaks of questions that are not there."""

    node: dict[str, Any]
    left_out: tuple[str, ...]


def carried(node: Node, source: Structure, target: Structure) -> Carried:
    """The JSON of a node of `source` in the languages of `target`, without conditions and calculations on other questions.

    A text that shows the answer to such a question names the question instead.
    """
    left_out: list[str] = []
    known = frozenset(ids_in(node)) | target.option_set_by_id.keys()
    moved = relocalised(node, source, target)
    return Carried(_without_foreign(moved, known, source, left_out), tuple(dict.fromkeys(left_out)))


def _without_foreign(node: Node, known: frozenset[str], source: Structure, left_out: list[str]) -> dict[str, Any]:
    default = source.default_language
    owner = quoted(node.get("name", node.get("label")), default)
    result = dict(node)
    for name in _EXPRESSIONS & node.keys():
        if foreign := _foreign(node[name], known):
            result[name] = None
            left_out.append(f"{_WORDS[name]} of {owner}, which asks about {_named(foreign, source)}")
    for name in _TEXTS & node.keys():
        result[name] = _piped_text(node[name], lambda match: match[0] if match[1] in known else _named([match[1]], source))
    for name in ("option_sets", "options"):
        if name in node:
            result[name] = [_without_foreign(item, known, source, left_out) for item in node[name]]
    if "constraints" in node:
        result["constraints"] = _constraints(node["constraints"], known, source, left_out)
    return result


_WORDS: Final = {"visible_if": "the condition", "expression": "the calculation"}


def _constraints(constraints: Node, known: frozenset[str], source: Structure, left_out: list[str]) -> dict[str, Any]:
    rules = constraints.get("rules", [])
    kept = [rule for rule in rules if not _foreign(rule["expression"], known)]
    left_out.extend(f"a rule about {_named(_foreign(rule['expression'], known), source)}" for rule in rules if rule not in kept)
    result = {name: value for name, value in constraints.items() if name != "rules"}
    return result | ({"rules": kept} if kept else {})


def _foreign(expression: Any, known: frozenset[str]) -> list[str]:
    return sorted({reference.option_set_id for reference in references(expression)} - known)


def _named(ids: Collection[str], source: Structure) -> str:
    return ", ".join(_names(ids, source))


def _names(ids: Collection[str], source: Structure) -> Iterator[str]:
    for option_set_id in ids:
        option_set = source.option_set_by_id.get(option_set_id)
        name: Text = option_set.name if option_set is not None else option_set_id
        yield f"“{text_in(name, source.default_language, source.default_language)}”"
