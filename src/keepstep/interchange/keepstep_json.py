"""Keepstep's own JSON of a wizard: the structure in a small envelope, and a foreign structure under new ids.

Must not know which ids are taken: the caller decides when new ones are needed (an id of another wizard is refused there).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from keepstep.core.jsonvalue import dump_bytes, loads
from keepstep.core.logic import rewritten
from keepstep.core.structure import ID_PATTERN, Structure, dump, parse
from keepstep.errors import FileUnreadable
from keepstep.interchange.formats import text_of

KIND: Final = "wizard"
_EXPRESSIONS: Final = frozenset(("visible_if", "expression"))
_TEXTS: Final = frozenset(("name", "help", "text", "unit", "label", "message", "messages", "description"))
_PIPED: Final = re.compile(r"\{\{\s*([0-9a-f-]{36})\s*\}\}")


def keepstep_json(structure: Structure) -> bytes:
    """`{"keepstep": "wizard", "structure": …}` in UTF-8, with a line end."""
    return dump_bytes({"keepstep": KIND, "structure": dump(structure)}) + b"\n"


def read_keepstep_json(data: bytes, filename: str = "") -> Structure:
    """The structure in an export; a bare structure is read too. Raises FileUnreadable, MalformedJson or StructureInvalid."""
    value = loads(text_of(data, filename).removeprefix("\ufeff"))
    if isinstance(value, Mapping) and "keepstep" in value:
        if value["keepstep"] != KIND or not isinstance(value.get("structure"), Mapping):
            raise FileUnreadable(f"{filename or 'The file'} is a Keepstep file, but holds no wizard.")
        return parse(value["structure"])
    if isinstance(value, Mapping) and "steps" in value:
        return parse(value)
    raise FileUnreadable(f'{filename or "The file"} is JSON, but no Keepstep wizard: it has neither "keepstep" nor "steps".')


def with_new_ids(structure: Structure, make_id: Callable[[], str]) -> tuple[Structure, Mapping[str, str]]:
    """The same wizard under new ids, every reference rewritten; and old id → new id for steps and option sets."""
    ids = {node.id: make_id() for step in structure.steps for node in (step, *step.option_sets)}
    return parse(with_ids(dump(structure), ids)), ids


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
        return _text(value, ids)
    # What is word for word from elsewhere, or a value of an answer, speaks of no id of this structure.
    return value if name in ("source", "default", "presentation") else with_ids(value, ids)


def _text(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PIPED.sub(lambda match: "{{" + ids.get(match[1], match[1]) + "}}", value)
    return {name: _text(text, ids) for name, text in value.items()} if isinstance(value, dict) else value
