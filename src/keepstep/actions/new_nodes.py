"""A node that a client sends, completed: ids, keys and option values where it gives none. What it gives stays as it is.

Works on JSON that nobody has checked yet; wrong shapes are left for `core.structure` to name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keepstep.core.edits import Draft
from keepstep.core.keys import Reserved, free_key, owners_of_keys
from keepstep.core.structure import Structure, choices_of

MakeId = Callable[[], str]


def new_step(node: Mapping[str, Any], draft: Draft, reserved: Reserved, make_id: MakeId) -> dict[str, Any]:
    """The step in JSON with an id and a key, its option sets as `new_option_set`."""
    step_keys = {step.key for step in draft.structure.steps}
    keys = set(owners_of_keys(draft.structure, draft.shelf, reserved))
    return _step(node, step_keys, keys, make_id)


def new_option_set(node: Mapping[str, Any], draft: Draft, reserved: Reserved, make_id: MakeId) -> dict[str, Any]:
    """The option set in JSON with an id, a key that no option set of the wizard ever had, and values for its options."""
    return _option_set(node, set(owners_of_keys(draft.structure, draft.shelf, reserved)), make_id)


def new_option(node: Mapping[str, Any], option_set_id: str, draft: Draft, reserved: Reserved) -> dict[str, Any]:
    """The option in JSON with a value that was never used in its option set."""
    option_set = draft.structure.option_set_by_id.get(option_set_id)
    present = {option.value for option in choices_of(option_set)} if option_set is not None else set()
    return _option(node, {*present, *reserved.values.get(option_set_id, ())})


def new_structure(data: Any, make_id: MakeId, former: Structure | None = None) -> Any:
    """A whole structure with ids, keys and values where it gives none. `former` keeps its keys from being given away."""
    if not isinstance(data, Mapping) or not isinstance(data.get("steps"), Sequence) or isinstance(data["steps"], str):
        return data
    nodes = [step for step in data["steps"] if isinstance(step, Mapping)]
    inner = [item for step in nodes for item in _list(step, "option_sets") if isinstance(item, Mapping)]
    step_keys, keys = {str(step["key"]) for step in nodes if "key" in step}, {str(item["key"]) for item in inner if "key" in item}
    if former is not None:
        keys |= former.id_by_key.keys()
    return {**data, "steps": [_step(step, step_keys, keys, make_id) if isinstance(step, Mapping) else step for step in data["steps"]]}


def _step(node: Mapping[str, Any], step_keys: set[str], keys: set[str], make_id: MakeId) -> dict[str, Any]:
    result = {"id": make_id(), **node}
    if "key" not in result:
        result["key"] = _free(result.get("name"), step_keys, "step")
    inner = _list(result, "option_sets")
    if inner:
        keys |= {str(item["key"]) for item in inner if isinstance(item, Mapping) and "key" in item}
        result["option_sets"] = [_option_set(item, keys, make_id) if isinstance(item, Mapping) else item for item in inner]
    return result


def _option_set(node: Mapping[str, Any], keys: set[str], make_id: MakeId) -> dict[str, Any]:
    result = {"id": make_id(), **node}
    if "key" not in result:
        result["key"] = _free(result.get("name"), keys, "question")
    options = _list(result, "options")
    if options:
        values = {str(option["value"]) for option in options if isinstance(option, Mapping) and "value" in option}
        result["options"] = [_option(option, values) if isinstance(option, Mapping) else option for option in options]
    return result


def _option(node: Mapping[str, Any], values: set[str]) -> dict[str, Any]:
    """`values` grows by what is given, so that two options of one request never get the same."""
    return dict(node) if "value" in node else {"value": _free(node.get("label"), values, "option"), **node}


def _free(text: Any, taken: set[str], fallback: str) -> str:
    wording = next((item for item in text.values() if isinstance(item, str)), "") if isinstance(text, Mapping) else text
    key = free_key(wording if isinstance(wording, str) else "", taken, fallback)
    taken.add(key)
    return key


def _list(node: Mapping[str, Any], member: str) -> Sequence[Any]:
    found = node.get(member)
    return found if isinstance(found, list | tuple) else ()
