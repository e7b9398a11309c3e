"""Hypothesis strategies for expressions, the values that they meet, and JSON of any kind."""

from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from keepstep.core.jsonvalue import exact
from keepstep.core.logic import OPERATORS

NAMES = ("a", "b", "c")
TEXTS = ("", "yes", "no", "1", "1.50", "2026-03-27", "2024-02-29", "14:30", "2026-03-27T14:30:00+01:00", "[a-z]+", "(", "é", "ß")


@cache
def scalars() -> st.SearchStrategy[Any]:
    """Values of answers: the texts that spell something are as likely as any other."""
    numbers = st.one_of(st.integers(-5, 70), st.integers(-(10**59), 10**59), st.decimals(-100, 100, places=3).map(exact))
    return st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(TEXTS), st.text(max_size=8).filter(_storable))


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@cache
def values() -> st.SearchStrategy[Any]:
    return st.one_of(scalars(), st.lists(st.sampled_from(TEXTS), max_size=4))


def _operation(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def of(name: str) -> st.SearchStrategy[Any]:
        least, most, _ = OPERATORS[name]
        return st.lists(inner, min_size=least, max_size=min(most if most is not None else 4, 4)).map(lambda args: {name: args})

    return st.sampled_from(sorted(OPERATORS)).flatmap(of)


@cache
def expressions() -> st.SearchStrategy[Any]:
    """Well-formed expressions over the names, with every operator."""
    names = st.sampled_from(NAMES)
    read = st.one_of(names.map(lambda name: {"var": name}), st.just({"var": "."}), names.map(lambda name: {"other": name}))
    leaves = st.one_of(read, scalars())
    return st.recursive(leaves, lambda inner: st.one_of(_operation(inner), st.lists(inner, max_size=3)), max_leaves=12)


@cache
def json_values() -> st.SearchStrategy[Any]:
    """JSON of any shape, with members that look like those of expressions and structures."""
    keys = st.sampled_from(["var", "==", "and", "value", "other", "steps", "option_sets", "id", "name", "options", "x"])
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.text(max_size=5))
    return st.recursive(
        plain, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)), max_leaves=15
    )


def is_flat_value(value: Any) -> bool:
    """Whether this is what an answer may be: a scalar, or a list of scalars."""
    items = value if isinstance(value, list) else [value]
    return all(item is None or isinstance(item, bool | int | Decimal | str) for item in items)
