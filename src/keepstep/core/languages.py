"""The texts of a structure when its languages change: which wording stays, and what shows where none is left.

Works on the JSON of any node, so that nodes on the shelf keep pace with the wizard.
"""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.core.structure import Structure
from keepstep.core.text import Text, text_in

_TEXTS: Final = frozenset({"name", "description", "help", "unit", "text", "label", "message"})
# Only these hold further texts; `source`, `presentation` and expressions may have members of the same names.
_LISTS: Final = frozenset({"steps", "option_sets", "options", "endings", "rules"})


def relocalised(node: Mapping[str, Any], old: Structure, new: Structure) -> dict[str, Any]:
    """The JSON of a node of `old` in the languages of `new`. A text that would vanish falls back to the default language."""
    return {name: _member(name, value, old, new) for name, value in node.items()}


def _member(name: str, value: Any, old: Structure, new: Structure) -> Any:
    if name in _TEXTS and value is not None:
        return relocalised_text(value, old, new)
    if name in _LISTS and isinstance(value, list):
        return [relocalised(item, old, new) for item in value]
    if name == "constraints":
        return relocalised(value, old, new)
    if name == "messages":
        return {key: relocalised_text(text, old, new) for key, text in value.items()}
    return value


def relocalised_text(text: Text, old: Structure, new: Structure) -> Text:
    """One text of `old` in the canonical form of `new`."""
    by_language = {old.default_language: text} if isinstance(text, str) else text
    kept = {language: by_language[language] for language in new.languages if language in by_language}
    if not kept:
        kept = {new.default_language: text_in(text, old.default_language, old.default_language)}
    if len(new.languages) > 1:
        return kept
    return kept[new.languages[0]]


def same_languages(old: Structure, new: Structure) -> bool:
    return (old.languages, old.default_language) == (new.languages, new.default_language)
