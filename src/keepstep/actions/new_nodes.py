"""A node that a client sends, completed: ids, keys and option values where it gives none. What it gives stays as it is.

Works on JSON that nobody has checked yet: its size is checked before anything is made, wrong shapes are left for
`core.structure` to name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from keepstep.core.edits import Draft
from keepstep.core.keys import FreeKeys, Reserved, owners_of_keys
from keepstep.core.structure import Structure, choices_of, require_sizes

MakeId = Callable[[], str]


def new_step(node: Mapping[str, Any], draft: Draft, reserved: Reserved, make_id: MakeId) -> dict[str, Any]:
    """The step in JSON with an id and a key, its option sets as `new_option_set`."""
    require_sizes({"steps": [node]})
    step_keys = FreeKeys(step.key for step in draft.structure.steps)
    return _step(node, step_keys, FreeKeys(owners_of_keys(draft.structure, draft.shelf, reserved)), make_id)


def new_option_set(node: Mapping[str, Any], draft: Draft, reserved: Reserved, make_id: MakeId) -> dict[str, Any]:
    """The option set in JSON with an id, a key that no option set of the wizard ever had, and values for its options."""
    require_sizes({"steps": [{"option_sets": [node]}]})
    return _option_set(node, FreeKeys(owners_of_keys(draft.structure, draft.shelf, reserved)), make_id)


def new_option(node: Mapping[str, Any], option_set_id: str, draft: Draft, reserved: Reserved) -> dict[str, Any]:
    """The option in JSON with a value that was never used in its option set."""
    option_set = draft.structure.option_set_by_id.get(option_set_id)
    present = {option.value for option in choices_of(option_set)} if option_set is not None else set()
    return _option(node, FreeKeys({*present, *reserved.values.get(option_set_id, ())}))


def new_structure(data: Any, make_id: MakeId, former: Structure | None = None) -> Any:
    """A whole structure with ids, keys and values where it gives none. `former` keeps its keys from being given away."""
    if not isinstance(data, Mapping) or not isinstance(data.get("steps"), Sequence) or isinstance(data["steps"], str):
        return data
    require_sizes(data)
    nodes = [step for step in data["steps"] if isinstance(step, Mapping)]
    inner = [item for step in nodes for item in _list(step, "option_sets") if isinstance(item, Mapping)]
    step_keys, keys = FreeKeys(_keys_given(nodes)), FreeKeys(_keys_given(inner))
    if former is not None:
        keys.reserve(former.id_by_key)
    return {**data, "steps": [_step(step, step_keys, keys, make_id) if isinstance(step, Mapping) else step for step in data["steps"]]}


def _keys_given(nodes: Sequence[Any]) -> Iterator[str]:
    return (str(node["key"]) for node in nodes if isinstance(node, Mapping) and "key" in node)


def _step(node: Mapping[str, Any], step_keys: FreeKeys, keys: FreeKeys, make_id: MakeId) -> dict[str, Any]:
    result = {"id": make_id(), **node}
    if "key" not in result:
        result["key"] = _free(result.get("name"), step_keys, "step")
    inner = _list(result, "option_sets")
    if inner:
        keys.reserve(_keys_given(inner))
        result["option_sets"] = [_option_set(item, keys, make_id) if isinstance(item, Mapping) else item for item in inner]
    return result


def _option_set(node: Mapping[str, Any], keys: FreeKeys, make_id: MakeId) -> dict[str, Any]:
    result = {"id": make_id(), **node}
    if "key" not in result:
        result["key"] = _free(result.get("name"), keys, "question")
    options = _list(result, "options")
    if options:
        values = FreeKeys(str(option["value"]) for option in options if isinstance(option, Mapping) and "value" in option)
        result["options"] = [_option(option, values) if isinstance(option, Mapping) else option for option in options]
    return result


def _option(node: Mapping[str, Any], values: FreeKeys) -> dict[str, Any]:
    """`values` grows by what is given, so that two options of one request never get the same."""
    return dict(node) if "value" in node else {"value": _free(node.get("label"), values, "option"), **node}


def _free(text: Any, taken: FreeKeys, fallback: str) -> str:
    wording = next((item for item in text.values() if isinstance(item, str)), "") if isinstance(text, Mapping) else text
    return taken.take(wording if isinstance(wording, str) else "", fallback)


def _list(node: Mapping[str, Any], member: str) -> Sequence[Any]:
    found = node.get(member)
    return found if isinstance(found, list | tuple) else ()
