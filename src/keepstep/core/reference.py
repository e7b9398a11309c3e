"""The reference number of a run: what a respondent is told and reads out on the telephone. It follows from the run's id alone."""

from typing import Final
from uuid import UUID

# Crockford's: without I, L, O and U, which are misread or spell words.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 50 bits from the random end of a UUIDv7: two of a million runs are alike once in 2,000 such wizards.
_LENGTH: Final = 10
_GROUP: Final = 5


def reference_of(run_id: str) -> str:
    """`7KQ2M-9XT4B`."""
    rest = UUID(run_id).int
    digits = ""
    for _ in range(_LENGTH):
        rest, digit = divmod(rest, 32)
        digits = _DIGITS[digit] + digits
    return f"{digits[:_GROUP]}-{digits[_GROUP:]}"


def end_of_id(reference: str) -> str | None:
    """How the id of the run ends whose reference this is, as somebody says or types it; None for what is no reference."""
    digits = reference.upper().translate(_MISREAD)
    if len(digits) != _LENGTH or any(each not in _DIGITS for each in digits):
        return None
    number = 0
    for each in digits:
        number = number * 32 + _DIGITS.index(each)
    # The last group of a UUID has 48 of the 50 bits.
    return f"{number % 2**48:012x}"


_MISREAD: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, "\u2010": None, "\u2011": None, "\u2013": None})
