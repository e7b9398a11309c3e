"""Expressions as people write them: with the keys of questions where an expression holds their ids.

Must not know text or JSON, only expressions.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from keepstep.core.issue import Issue, pointer
from keepstep.core.logic import LEAVES, rewritten
from keepstep.core.naming import Naming

SELF = "."
"""What a rule of a question reads its own answer by."""


def with_keys(expression: Any, naming: Naming) -> Any:
    """The expression with keys; an id that is of no question, not of a deleted one either, stays. `with_ids` takes it back."""
    return rewritten(expression, _keys(naming))


def with_ids(expression: Any, naming: Naming) -> Any:
    """The expression with ids. A former key is taken as well; what is no key stays as it is."""
    structure = naming.structure
    ids = {key: option_set_id for option_set_id, key in _keys(naming).items()}
    former = {key: option_set_id for key, option_set_id in structure.id_by_key.items() if key not in structure.option_set_by_id}
    return rewritten(expression, ids | former)


def _keys(naming: Naming) -> dict[str, str]:
    """The key of each question by its id, where it means this one and nothing else."""
    known = naming.structure.option_set_by_id
    keys = {option_set_id: item.key for option_set_id, item in naming.deleted.items() if item.key not in naming.structure.id_by_key}
    keys |= {option_set_id: item.key for option_set_id, item in known.items()}
    return {option_set_id: key for option_set_id, key in keys.items() if key not in known}


def unknown_in(expression: Any, naming: Naming) -> tuple[Issue, ...]:
    """What the expression, with ids, reads and no question is, each with the key that was perhaps meant."""
    known = naming.structure.option_set_by_id
    keys = naming.structure.id_by_key
    found = []
    for at, target in _leaves(expression, ""):
        if target in known or target in naming.deleted or target == SELF:
            continue
        like = get_close_matches(target, keys, n=1)
        meant = f" Did you mean “{like[0]}”?" if like else " The list beside a condition's rules shows every key."
        found.append(Issue(at, "reference-missing", f"no question has the key “{target[:60]}”.{meant}"))
    return tuple(found)


def _leaves(expression: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(expression, list | tuple):
        for index, item in enumerate(expression):
            yield from _leaves(item, at + pointer(index))
    elif isinstance(expression, dict):
        for name, args in expression.items():
            if name not in LEAVES:
                yield from _leaves(args, at + pointer(name))
            elif isinstance(target := args[0] if isinstance(args, list | tuple) and args else args, str):
                yield at + pointer(name), target
