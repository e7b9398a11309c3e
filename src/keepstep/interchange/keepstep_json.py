"""Keepstep's own JSON of a wizard: the structure in a small envelope, and a foreign structure under new ids.

Must not know which ids are taken: the caller decides when new ones are needed (an id of another wizard is refused there).
"""

from collections.abc import Callable, Mapping
from typing import Final

from keepstep.core.copying import with_ids
from keepstep.core.faults import problems_in
from keepstep.core.jsonvalue import dump_bytes, loads
from keepstep.core.places import expressions_in
from keepstep.core.structure import OptionSet, Step, Structure, choices_of, dump, parse
from keepstep.errors import FileUnreadable
from keepstep.interchange.formats import text_of
from keepstep.interchange.receipt import Line, Place, Receipt

KIND: Final = "wizard"


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


def account_of(structure: Structure) -> Receipt:
    """What an export brings, all of it taken over as it is, and what in it stops the wizard from being published."""
    counts = {
        "steps": len(structure.steps),
        "questions": len(structure.option_sets),
        "options": sum(len(choices_of(each)) for each in structure.option_sets),
        "conditions": sum(place.kind in ("condition", "option-condition") for place in expressions_in(structure)),
        "rules": sum(place.kind == "rule" for place in expressions_in(structure)),
        "calculations": sum(place.kind == "calculation" for place in expressions_in(structure)),
        "endings": len(structure.endings),
        "languages": len(structure.languages),
    }
    stopping = (each for each in problems_in(structure) if each.severity == "stops")
    nodes = structure.step_by_id | structure.option_set_by_id
    questions = tuple(Line(Place(name=_key(nodes.get(each.node_id))), each.issue.code, each.issue.detail, cells=0) for each in stopping)
    return Receipt(kept={f"{KIND}/{name}": count for name, count in counts.items() if count}, questions=questions)


def _key(node: Step | OptionSet | None) -> str:
    return "" if node is None else node.key


def with_new_ids(structure: Structure, make_id: Callable[[], str]) -> tuple[Structure, Mapping[str, str]]:
    """The same wizard under new ids, every reference rewritten; and old id → new id for steps and option sets."""
    ids = {node.id: make_id() for step in structure.steps for node in (step, *step.option_sets)}
    return parse(with_ids(dump(structure), ids)), ids
