"""An option set's JSON when members are set, perhaps its selection type: what the new type can hold stays, the rest goes.

Not about stored answers: those are converted by `convert`.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from keepstep.core.structure import OPTION_SET_BY_TYPE, Constraints, OptionSet, dump

# Types whose answers have the same shape, so that a default stays a default.
_SAME_SHAPE: Final = ({"text_input", "textarea"}, {"single_select", "dropdown"}, {"number", "integer"})


def retyped(option_set: OptionSet, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of the option set with `fields` merged; without a change of type, exactly that."""
    merged = {**dump(option_set), **fields}
    new_type = merged.get("selection_type")
    if new_type == option_set.selection_type or new_type not in OPTION_SET_BY_TYPE:
        return merged
    known = OPTION_SET_BY_TYPE[new_type].model_fields
    kept = {name: value for name, value in merged.items() if name in known or name in fields}
    if "constraints" not in fields:
        kept["constraints"] = _fitting(kept["constraints"], type(known["constraints"].default))
    if "default" not in fields and not any({option_set.selection_type, new_type} <= shape for shape in _SAME_SHAPE):
        kept["default"] = None
    return kept


def _fitting(constraints: dict[str, Any], model: type[Constraints]) -> dict[str, Any]:
    """The constraints that the new type also has, as far as their values are possible there."""
    nameable = {*model.model_fields, "is_required", "type"}
    known = {name: value for name, value in constraints.items() if name in model.model_fields}
    known["messages"] = {name: text for name, text in constraints.get("messages", {}).items() if name in nameable}
    try:
        model.model_validate(known)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors()}
        return {name: value for name, value in known.items() if name not in wrong}
    return known
