"""Keys and option values that belong to somebody: which are free, which stay reserved for ever, which become aliases.

Answers and clients find a question by its key and an option by its value, so neither is ever given to another meaning.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from keepstep.core.shelf import Shelved, option_id, shelved_option_sets
from keepstep.core.structure import OptionSet, Structure, choices_of, dump
from keepstep.core.text import text_in, without_pipes
from keepstep.errors import KeyReserved, OptionValueReserved

LONGEST_KEY: Final = 64
# Leaves room for a hyphen and a number of seven digits.
_COUNTED: Final = 56
_NO_VALUES: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the wizard used before: the option set that owns each key, and the values once used in each option set (by id)."""

    keys: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)


NOTHING_RESERVED: Final = Reserved()


class FreeKeys:
    """Hands out keys that nobody has: it lives for one request and remembers what it gave.

    Where it left off counting is remembered for each stem, so that thousands of questions of one name cost no more than
    thousands of names: each number is tried once.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._tried: dict[str, int] = {}

    def reserve(self, keys: Iterable[str]) -> None:
        """These belong to somebody from now on."""
        self._taken.update(keys)

    def take(self, name: str, fallback: str) -> str:
        """A key spelled like `name` that is nobody's, and is from now on: "Full Name" → "full-name", else "full-name-2", …"""
        return self.take_stem(_stem(name, fallback))

    def take_stem(self, stem: str) -> str:
        """The key `stem` itself where it is nobody's, else numbered; somebody's from now on."""
        key = stem if stem not in self._taken else self._numbered(stem)
        self._taken.add(key)
        return key

    def _numbered(self, stem: str) -> str:
        # Long stems that only differ behind this are the same ones with a number at their end, so they count together.
        counted = stem[:_COUNTED]
        for number in count(self._tried.get(counted, 1) + 1):
            key = f"{stem[: LONGEST_KEY - 1 - len(str(number))]}-{number}"
            if key not in self._taken:
                self._tried[counted] = number
                return key
        raise AssertionError  # the numbers do not end


def free_key(name: str, taken: Iterable[str], fallback: str) -> str:
    """One key spelled like `name` that nobody has; `FreeKeys` gives many."""
    return FreeKeys(taken).take(name, fallback)


def _stem(name: str, fallback: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:LONGEST_KEY].rstrip("-")
    return stem if stem[:1].isalpha() else f"{fallback}-{stem}".rstrip("-")[:LONGEST_KEY]


def following_key(option_set: OptionSet, name: str, default: str, owners: Mapping[str, str], reserved: Reserved) -> str | None:
    """The key that an option set gets along with another name; None for one that keeps its own.

    A key follows the name as long as it is spelled like it and nobody can know it: published once, given by hand or brought along by an
    import, it stays.
    """
    derived = _stem(without_pipes(text_in(option_set.name, default, default)), "question")
    numbered = re.fullmatch("(.*)-([0-9]+)", option_set.key)
    is_counted = numbered is not None and numbered[1] == derived[: LONGEST_KEY - 1 - len(numbered[2])]
    if not (option_set.key == derived or is_counted) or option_set.source is not None or option_set.id in set(reserved.keys.values()):
        return None
    key = free_key(without_pipes(name), (key for key, owner in owners.items() if owner != option_set.id), "question")
    return None if key == option_set.key else key


def owners_of_keys(structure: Structure, shelf: tuple[Shelved, ...], reserved: Reserved) -> dict[str, str]:
    """The option set that owns each key: in the draft, on its shelf, or once in the wizard."""
    owners = dict(reserved.keys)
    for node in shelved_option_sets(shelf):
        owners |= dict.fromkeys([node["key"], *node.get("key_aliases", [])], node["id"])
    return owners | {alias: item.id for item in structure.option_sets for alias in (item.key, *item.key_aliases)}


def aliases_after(old: OptionSet, new: OptionSet) -> tuple[str, ...]:
    """The key aliases of an option set whose key may have changed: no key that it ever had is dropped."""
    former = dict.fromkeys((*old.key_aliases, old.key, *new.key_aliases))
    return tuple(key for key in former if key != new.key)


def check_keys(old: Structure, new: Structure, owners: Mapping[str, str]) -> None:
    """Raises KeyReserved when an option set of `new` takes a key that another one has or had."""
    for option_set in new.option_sets:
        if option_set is not old.option_set_by_id.get(option_set.id):
            check_key_owners(dict.fromkeys((option_set.key, *option_set.key_aliases), option_set.id), owners)


def check_key_owners(wanted: Mapping[Any, Any], owners: Mapping[str, str]) -> None:
    """`wanted`: the id of the option set that is to have each key. Raises KeyReserved when one belongs to another."""
    for key, option_set_id in wanted.items():
        owner = owners.get(key, option_set_id) if isinstance(key, str) else option_set_id
        if owner != option_set_id:
            raise KeyReserved(
                f"The key {key!r} belongs to another question of this wizard; exports and clients that know it "
                "must not read other answers under it. Choose another key."
            )


def check_values(old: Structure, new: Structure, shelf: tuple[Shelved, ...], reserved: Reserved) -> None:
    """Raises OptionValueReserved when a value once used comes as a new option.

    The same value with the same label as on the shelf is that option coming back.
    """
    labels = dict(_shelved_labels(shelf))
    for option_set in new.option_sets:
        before = old.option_set_by_id.get(option_set.id)
        if option_set is before:
            continue
        present = {option.value for option in choices_of(before)} if before is not None else _NO_VALUES
        used = reserved.values.get(option_set.id, _NO_VALUES)
        for option in choices_of(option_set):
            shelved = labels.get(option_id(option_set.id, option.value))
            if option.value not in present and (option.value in used or shelved is not None) and shelved != dump(option)["label"]:
                raise reserved_value(option.value)


def reserved_value(value: str) -> OptionValueReserved:
    return OptionValueReserved(
        f"An option of this set once had the value {value!r}, and stored answers may mean it. "
        "Restore that option, or give the new one another value."
    )


def _shelved_labels(shelf: tuple[Shelved, ...]) -> Iterator[tuple[str, Any]]:
    for node in shelved_option_sets(shelf):
        for option in node.get("options", []):
            yield option_id(node["id"], option["value"]), option["label"]
    for item in shelf:
        if item.kind == "option":
            yield item.id, item.node["label"]
