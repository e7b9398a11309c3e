"""How the texts of an XLSForm are said here: every language under its code, `${name}` as a piped answer.

Must not know which text belongs where.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keepstep.interchange.receipt import Ledger
from keepstep.interchange.xlsform_headings import Languages
from keepstep.interchange.xlsform_rows import Record, Text
from keepstep.interchange.xpath_terms import Term

_REFERENCE: Final = re.compile(r"\$\{\s*([^{}]*?)\s*\}")
Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Speech:
    """What texts need in order to be said here: the languages, and what `${name}` stands for."""

    languages: Languages
    names: Mapping[str, Term]
    ledger: Ledger


def texts_in(record: Record, column: str, speech: Speech) -> Texts | None:
    """The texts of a column by language code, settled in the ledger; None where the row has none."""
    texts: Texts = {}
    # A heading with the language goes before one without, which is the default language's as well.
    for text in sorted(record.columns.get(column, ()), key=lambda item: item.language is None):
        code = speech.languages.code(text.language)
        if code in texts:
            speech.ledger.refuse(text.cell, "text-twice", f"There is another text in this language ({code}); it goes before this one.")
        else:
            texts[code] = piped(text, speech)
    return texts or None


def piped(text: Text, speech: Speech) -> str:
    """A text with `${name}` replaced by the piped answer of that question; a name that cannot be shown stays as written."""
    unknown: list[str] = []

    def answer(match: re.Match[str]) -> str:
        term = speech.names.get(match[1])
        if term is None or not isinstance(term.expression, dict) or "var" not in term.expression:
            unknown.append(match[0])
            return match[0]
        return "{{" + str(term.expression["var"]) + "}}"

    said = _REFERENCE.sub(answer, text.text)
    if unknown:
        speech.ledger.approximate(
            text.cell, "name-not-shown", f"{', '.join(unknown[:5])} cannot be shown in a text here; it stays as written."
        )
    else:
        speech.ledger.keep(text.cell)
    return said
