"""The texts of a structure by language: rewritten when its languages change, or taken apart into some languages and the others.

Works on the JSON of any node, so that nodes on the shelf keep pace with the wizard.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.issue import pointer
from keepstep.core.structure import Structure, dump
from keepstep.core.text import Text, normal_text, text_in

_TEXTS: Final = frozenset({"name", "description", "help", "unit", "text", "label", "message"})
# Only these hold further texts; `source`, `presentation` and expressions may have members of the same names.
_HOLDERS: Final = frozenset({"steps", "option_sets", "options", "endings", "constraints", "rules", "messages"})


def in_usual_case(tag: str) -> str:
    """The tag of a language as people write it: `pt-BR`, `zh-Hant`. The case of a tag says nothing."""
    first, *rest = tag.strip().replace("_", "-").split("-")
    return "-".join([first.lower(), *(_SIGNS.get(len(part), str.lower)(part) for part in rest)])


# Scripts have four signs, countries two.
_SIGNS: Final[Mapping[int, Callable[[str], str]]] = {4: str.title, 2: str.upper}


def same_languages(old: Structure, new: Structure) -> bool:
    return (old.languages, old.default_language) == (new.languages, new.default_language)


def by_language(text: Text, default_language: str) -> dict[str, str]:
    """A text as a map; a bare string is in the wizard's only language."""
    return {default_language: text} if isinstance(text, str) else dict(text)


def with_wording(text: Text | None, wording: str, language: str, structure: Structure) -> Any:
    """The text with this wording in this language; None when no wording is left."""
    wordings = {} if text is None else by_language(text, structure.default_language)
    after = {**wordings, language: wording} if wording else {name: each for name, each in wordings.items() if name != language}
    return normal_text(after, structure.languages, structure.default_language) if after else None


def rewritten(node: Any, rewrite: Callable[[str, Text], Text], path: str = "", *, all_texts: bool = False) -> Any:
    """The JSON of a node with each localised text rewritten; `rewrite` is given its JSON pointer and the text.

    `all_texts`: every member of this mapping is a text, as in `messages`.
    """
    if isinstance(node, list):
        return [rewritten(item, rewrite, f"{path}/{index}") for index, item in enumerate(node)]
    result = dict(node)
    for name, value in node.items():
        place = path + pointer(name)
        if all_texts or (name in _TEXTS and value is not None):
            result[name] = rewrite(place, value)
        elif name in _HOLDERS:
            result[name] = rewritten(value, rewrite, place, all_texts=name == "messages")
    return result


def relocalised(node: Mapping[str, Any], old: Structure, new: Structure) -> dict[str, Any]:
    """The JSON of a node of `old` in the languages of `new`. A text that would vanish falls back to the default language."""
    result: dict[str, Any] = rewritten(node, lambda _, text: _relocalised_text(text, old, new))
    return result


def _relocalised_text(text: Text, old: Structure, new: Structure) -> Text:
    former = by_language(text, old.default_language)
    kept = {language: former[language] for language in new.languages if language in former}
    if not kept:
        kept = {new.default_language: text_in(text, old.default_language, old.default_language)}
    return kept if len(new.languages) > 1 else kept[new.languages[0]]


@dataclass(frozen=True, slots=True)
class Split:
    """`node` has every text as a map of the common languages; `texts` is `{language: {JSON pointer: text}}` for the others."""

    node: dict[str, Any]
    texts: dict[str, dict[str, str]]


def split_languages(structure: Structure, common: AbstractSet[str]) -> Split:
    """A structure taken apart by language, so that a diff can speak of the languages and of everything else apart."""
    texts: dict[str, dict[str, str]] = {}

    def kept(place: str, text: Text) -> Text:
        former = by_language(text, structure.default_language)
        for language in former.keys() - common:
            texts.setdefault(language, {})[place] = former[language]
        return {language: former[language] for language in former if language in common}

    return Split(rewritten(dump(structure), kept), texts)


def joined_languages(node: Mapping[str, Any], texts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The inverse of `split_languages`, but for the canonical form of the texts, which `parse` gives."""

    def whole(place: str, text: Text) -> Text:
        added = {language: places[place] for language, places in texts.items() if place in places}
        return {**text, **added} if isinstance(text, dict) else text

    result: dict[str, Any] = rewritten(node, whole)
    return result
