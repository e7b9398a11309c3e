"""Localised text: a string in a wizard of one language, else a map from language to string. Must not know any node."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, StringConstraints

from keepstep.core.bidi import isolated
from keepstep.core.jsonvalue import unstorable_text

MAX_TEXT = 20_000
"""Characters. Twice the longest label that a real form is known to carry, so that imports never lose a sentence."""


def _storable(text: str) -> str:
    reason = unstorable_text(text)
    if reason:
        raise ValueError(reason)
    return text


Plain = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_storable)]
Text = Plain | dict[str, Plain]


def normal_text(value: Any, languages: Sequence[str], default: str) -> Any:
    """The canonical form of a localised text for these languages; anything that is no text is returned as it is.

    One language: a string. Several: a map, in the order of `languages`; a bare string is the default language's.
    """
    if isinstance(value, str):
        return value if len(languages) == 1 else {default: value}
    if not isinstance(value, Mapping):
        return value
    if len(languages) == 1 and set(value) == set(languages):
        return value[languages[0]]
    known = {language: value[language] for language in languages if language in value}
    return known | {language: text for language, text in value.items() if language not in known}


def text_in(text: Text | None, language: str, default: str) -> str:
    """The text in `language`, else in the default language, else in any; "" for None."""
    if text is None:
        return ""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get(default) or next(filter(None, text.values()), "")


def texts_of(text: Text | None) -> tuple[str, ...]:
    """Every wording of a text."""
    if text is None:
        return ()
    return (text,) if isinstance(text, str) else tuple(text.values())


# --- answers in texts ----------------------------------------------------------------------------------------------

_PIPED: Final = re.compile(r"\{\{\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*\}\}")
# What stands where an answer would, as long as there is none.
UNANSWERED: Final = "…"


def piped_references(wording: str) -> tuple[str, ...]:
    """The ids of the option sets whose answers `{{id}}` puts into this wording, each once, in order of appearance."""
    return tuple(dict.fromkeys(_PIPED.findall(wording))) if "{{" in wording else ()


def piped(wording: str, shown: Callable[[str], str]) -> str:
    """The wording with each `{{id}}` as `shown(id)`, plain text. An answer that itself looks like `{{id}}` stays as it is."""
    return _PIPED.sub(lambda found: shown(found[1]) or UNANSWERED, wording) if "{{" in wording else wording


def without_pipes(wording: str) -> str:
    """The wording where no run is at hand."""
    return piped(wording, lambda _: UNANSWERED)


# Longer names would fill a sentence or a menu; the whole text stands where it belongs.
_SHOWN: Final = 60


def shortened(text: str, longest: int) -> str:
    """On one line what fits: long questions of one form begin alike, so their ends are kept, too."""
    full = " ".join(text.split())
    if len(full) <= longest:
        return full
    end = longest // 3
    return f"{full[: longest - end - 1].rstrip()}…{full[-end:].lstrip()}"


def quoted(text: Text | None, default: str) -> str:
    """A text as a sentence names it: in the default language, on one line, in quotes, with its middle left out beyond 60 characters."""
    full = " ".join(without_pipes(text_in(text, default, default)).split())
    return f"“{isolated(shortened(full, _SHOWN))}”"
