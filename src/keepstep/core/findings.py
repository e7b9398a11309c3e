"""What pydantic finds wrong, in sentences that help whoever wrote it. Must not know where the value came from."""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.core.structure_model import ID_PATTERN, KEY_PATTERN, LANGUAGE_PATTERN

_PATTERNS: Final = {
    ID_PATTERN: "Give an id: a UUID, such as 0199a000-7d1e-7000-8000-000000000001.",
    KEY_PATTERN: "A key begins with a small letter and goes on with small letters, digits, - and _; 64 characters at most.",
    LANGUAGE_PATTERN: "Give the tag of a language, such as en or pt-BR.",
}


def sentence_of(item: Mapping[str, Any]) -> str:
    """The sentence for one of `ValidationError.errors()`. The value itself is left out: it may be an answer."""
    context = item.get("ctx") or {}
    match item["type"]:
        case "string_pattern_mismatch":
            return _PATTERNS.get(context["pattern"], f"This has not the form {context['pattern']}.")
        case "union_tag_invalid":
            return f"This is none of {context['expected_tags']}."
        case "union_tag_not_found":
            return f"{_discriminator(item)} is missing."
        case "extra_forbidden":
            return "There is no member of this name here."
        case "string_type":
            return "Give a text."
        case "string_too_long":
            return f"This text is too long: {context['max_length']:,} characters at most."
        case "missing":
            return "This is missing."
        case _:
            return _ended(str(item["msg"]).removeprefix("Value error, "))


def place_of(item: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Where it was found; for one of several kinds of node the member that tells the kind."""
    place = tuple(item["loc"])
    return (*place, _discriminator(item)) if item["type"] in ("union_tag_invalid", "union_tag_not_found") else place


def _discriminator(item: Mapping[str, Any]) -> str:
    return str(item["ctx"]["discriminator"]).strip("'")


def _ended(text: str) -> str:
    first = text[:1].upper() + text[1:]
    return first if first.endswith(".") else first + "."
