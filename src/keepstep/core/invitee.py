"""Somebody to invite: what is taken as a respondent and a note, and by what two are told to be the same. Must not know files."""

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from keepstep.core.jsonvalue import unstorable_text

LONGEST_RESPONDENT: Final = 320
"""As a run takes it (`respondent`)."""
LONGEST_NOTE: Final = 500
Fault = Literal["missing", "too-long", "note-too-long", "line-break", "unstorable", "no-address", "twice", "already-invited"]
FAULTS: Final[dict[Fault, str]] = {
    "missing": "Nobody is named here.",
    "too-long": f"A name or address has up to {LONGEST_RESPONDENT} characters.",
    "note-too-long": f"A note has up to {LONGEST_NOTE} characters.",
    "line-break": "A name or address stands on one line.",
    "unstorable": "A character in it cannot be stored.",
    "no-address": "This line was not understood: an e-mail address is expected here.",
    "twice": "The same person stands further up in the file.",
    "already-invited": "This person is in the list already.",
}


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody to invite. `line`: where in the file, or the place in the list, from 1."""

    line: int
    respondent: str
    note: str = ""

    @property
    def key(self) -> str:
        """The same for everybody who is the same: neither case nor width of the letters makes another person."""
        return unicodedata.normalize("NFKC", self.respondent).casefold()


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that invites nobody. It does not say what stands there: receipts are kept in places where names are not."""

    line: int
    fault: Fault

    @property
    def detail(self) -> str:
        return FAULTS[self.fault]


def invitee(line: int, respondent: str, note: str = "") -> Invitee | BadLine:
    """The person of one line."""
    who, about = respondent.strip(), " ".join(note.split())
    fault: Fault | None = None
    if not who:
        fault = "missing"
    elif len(who) > LONGEST_RESPONDENT:
        fault = "too-long"
    elif len(about) > LONGEST_NOTE:
        fault = "note-too-long"
    elif len(who.splitlines()) > 1:
        fault = "line-break"
    elif unstorable_text(who) or unstorable_text(about) or _has_control(who):
        fault = "unstorable"
    return BadLine(line, fault) if fault else Invitee(line, who, about)


def _has_control(text: str) -> bool:
    """Joiners and directions belong to scripts and emoji; what moves a cursor belongs to no name."""
    return any(unicodedata.category(character) == "Cc" for character in text)
