"""Regular expressions that an author writes and a respondent's text is matched with: RE2, whose time is linear in the text.

A backtracking engine can be made to run for ever by one answer, whatever guard stands before it. Must not know questions.
"""

import re
from functools import lru_cache
from typing import Any, Final

import re2

from keepstep.core.jsonvalue import unstorable_text

MAX_PATTERN: Final = 1_000
"""Characters of a pattern."""
# Bounds the program that a pattern becomes, and with it the time for one answer of the greatest length (about 0.1 s).
_MEMORY: Final = 1 << 20
# One wizard seldom has more patterns; the memory for all of them stays within a few megabytes.
_REMEMBERED: Final = 512


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


@lru_cache(maxsize=_REMEMBERED)
def _compiled(pattern: str) -> tuple[Any, str | None]:
    try:
        return re2.compile(pattern, _options()), None
    except re2.error as error:
        reason = error.args[0]
        return None, reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    except UnicodeEncodeError:
        return None, "a lone surrogate is no character"


def fault_in_pattern(pattern: str) -> str | None:
    """Why this is no regular expression that can be used, or None."""
    if len(pattern) > MAX_PATTERN:
        return f"a pattern has at most {MAX_PATTERN} characters"
    reason = _compiled(pattern)[1]
    if reason is None:
        return None
    if "perl operator" in reason or re.search(r"escape sequence: \\[1-9]", reason):
        return f"{reason}; look-around and back-references are not supported, since they can take for ever"
    return reason


def fits_pattern(text: str, pattern: str) -> bool:
    """Whether the whole text has this form; nothing has the form of a faulty pattern."""
    compiled = _compiled(pattern)[0] if len(pattern) <= MAX_PATTERN else None
    if compiled is None or unstorable_text(text) is not None:
        return False
    return compiled.fullmatch(text) is not None
