"""What people call the option sets and options that an expression speaks of, those on the shelf of a draft too.

Must not know expressions: those are put into words by `logic_words`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from keepstep.core.shelf import Shelved, option_id, shelved_option_sets
from keepstep.core.structure import ChoiceFields, OptionSet, Structure, parse_option_set
from keepstep.core.text import quoted

GONE: Final = "a question that is gone"


@dataclass(frozen=True)
class Naming:
    """Names in the default language: of what the structure has, else of what was deleted from it and lies on the shelf."""

    structure: Structure
    shelf: tuple[Shelved, ...] = ()

    @cached_property
    def deleted(self) -> dict[str, OptionSet]:
        """The option sets on the shelf, by id."""
        structure = self.structure
        return {
            str(node["id"]): parse_option_set(node, structure.languages, structure.default_language)
            for node in shelved_option_sets(self.shelf)
        }

    def option_set(self, option_set_id: str) -> OptionSet | None:
        """Of the structure, else of the shelf."""
        return self.structure.option_set_by_id.get(option_set_id) or self.deleted.get(option_set_id)

    def is_gone(self, option_set_id: str) -> bool:
        """Whether the structure lacks it, wherever it is."""
        return option_set_id not in self.structure.option_set_by_id

    def name(self, option_set_id: str) -> str:
        """“Email”, “Email” (deleted), or GONE for what nobody knows a name of."""
        option_set = self.option_set(option_set_id)
        if option_set is None:
            return GONE
        name = quoted(option_set.name, self.structure.default_language)
        return f"{name} (deleted)" if self.is_gone(option_set_id) else name

    def label(self, option_set_id: str, value: str) -> str | None:
        """“Red”, “Red” (deleted); None where the option set is none of options, or nobody knows one of this value."""
        option_set, default = self.option_set(option_set_id), self.structure.default_language
        if isinstance(option_set, ChoiceFields) and value in option_set.option_by_value:
            return quoted(option_set.option_by_value[value].label, default)
        deleted = self.deleted_label(option_set_id, value)
        return None if deleted is None else f"{deleted} (deleted)"

    def deleted_label(self, option_set_id: str, value: str) -> str | None:
        """Of an option on the shelf."""
        wanted = option_id(option_set_id, value)
        return next((quoted(item.name, self.structure.default_language) for item in self.shelf if item.id == wanted), None)


def way_back(structure: Structure, shelf: tuple[Shelved, ...], node_id: str) -> Shelved | None:
    """What to restore from the shelf so that this option set (or "<option set>/<value>") comes back: itself, the deleted step that it
    lies in, or first the step or option set that it would go back to. None for what is not there.
    """
    by_id = {item.id: item for item in shelf}
    present = structure.step_by_id.keys() | structure.option_set_by_id.keys()
    found = by_id.get(node_id) or _around(shelf, node_id.partition("/")[0])
    while found is not None and found.parents and found.parents[-1] not in present:
        found = by_id.get(found.parents[-1]) or _around(shelf, found.parents[-1])
    return found


def _around(shelf: tuple[Shelved, ...], option_set_id: str) -> Shelved | None:
    """The shelved step that holds this option set, or the shelved option set itself."""
    for item in shelf:
        if item.id == option_set_id or any(node["id"] == option_set_id for node in item.node.get("option_sets", ())):
            return item
    return None
