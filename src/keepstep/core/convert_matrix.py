"""Which selection type converts to which, by which rule, and how faithfully: the table, and the rules in words.

Must not know values. The rules themselves are in convert_text, convert_choices, convert_numbers and convert_times.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["·", "L", "S", "C", "M", "X", "-"]
"""· same type · L lossless · S lossless if a structural condition holds · C per value, else conflict · M needs a mapping
or a parameter, then as C · X lossy, chosen, the original archived · - impossible."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Cell(NamedTuple):
    """One cell of the table. `rule` is 0 where no conversion exists."""

    kind: Kind
    rule: int


TYPES: Final = (
    "text_input",
    "textarea",
    "single_select",
    "multiple_select",
    "dropdown",
    "number",
    "integer",
    "slider",
    "rating",
    "boolean",
    "date",
    "time",
    "datetime",
    "email",
    "phone",
    "url",
    "file",
)
"""The selection types that take an answer, in the order of the table. `statement` and `calculated` convert to and from nothing."""

_ROWS: Final = """
·   L1  C3  C4  C3  C5  C6  C7  C7  C8  C9  C9  C10 C11 C12 C11 -
C2  ·   C3  C4  C3  C5  C6  C7  C7  C8  C9  C9  C10 C11 C12 C11 -
S14 S14 ·   L13 L1  M15 M15 M15 M15 M16 M17 M17 M17 M17 M17 M17 -
C19 S19 C18 ·   C18 X20 X20 X20 X20 X20 -   -   -   -   -   -   -
S14 S14 L1  L13 ·   M15 M15 M15 M15 M16 M17 M17 M17 M17 M17 M17 -
L21 L21 C22 C22 C22 ·   C23 C7  C7  C27 M28 M28 M28 -   -   -   -
L21 L21 C22 C22 C22 L24 ·   C7  C7  C27 M28 M28 M28 -   M12 -   -
L21 L21 C22 C22 C22 L24 S25 ·   C26 X27 -   -   -   -   -   -   -
L21 L21 C22 C22 C22 L24 L24 S26 ·   X27 -   -   -   -   -   -   -
L29 L29 M30 M30 M30 L31 L31 S31 M31 ·   -   -   -   -   -   -   -
L32 L32 C3  C3  C3  M28 M28 -   -   -   ·   -   M33 -   -   -   -
L32 L32 C3  C3  C3  M28 M28 M28 -   -   -   ·   -   -   -   -   -
L32 L32 C3  C3  C3  M28 M28 -   -   -   C34 X34 ·   -   -   -   -
L1  L1  C3  C3  C3  -   -   -   -   -   -   -   -   ·   -   -   -
L1  L1  C3  C3  C3  -   -   -   -   -   -   -   -   -   ·   -   -
L1  L1  C3  C3  C3  -   -   -   -   -   -   -   -   -   -   ·   -
X35 X35 -   -   -   -   -   -   -   -   -   -   -   -   -   X35 ·
"""


def _cell(written: str) -> Cell:
    kind = next(kind for kind in KINDS if written[0] == kind)
    return Cell(kind, int(written[1:] or (kind == "·")))


MATRIX: Final[Mapping[tuple[str, str], Cell]] = MappingProxyType(
    {
        (source, target): _cell(written)
        for source, row in zip(TYPES, _ROWS.split("\n")[1:-1], strict=True)
        for target, written in zip(TYPES, row.split(), strict=True)
    }
)
"""(from type, to type) → cell, for all 17 × 17 pairs of types that take an answer."""

IMPOSSIBLE: Final = Cell("-", 0)

RULE_VERSIONS: Final[Mapping[int, int]] = MappingProxyType(dict.fromkeys(range(1, 36), 1))
"""The version of each rule. It rises with any change of what the rule gives for some value, and old envelopes keep the old number."""

RULES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "the value stays as it is",
        2: "without a line break, and short enough",
        3: "names exactly one option: by code, else by label in any language, case-folded; or a table says which",
        4: "as 3; several choices only where a delimiter is given, with RFC 4180 quoting, and every part names one option",
        5: "a plain decimal in the given locale; currency, unit, percent, range or exponent do not convert",
        6: "as 5, and a whole number (“3.0” is one, “3.4” is none)",
        7: "a whole number within the target's range and on its grid; never clamped, never snapped",
        8: "one of the words given for true and false; anything else does not convert",
        9: "ISO 8601, or the one pattern given; two-digit years and an unclear order of day and month do not convert",
        10: "RFC 3339 with offset, or a local time and a zone; times that do not exist or occur twice do not convert",
        11: "passes the check of the target type",
        12: "an international number (E.164), or a national one and a region",
        13: "the choice becomes a list of one",
        14: "the label in the default language; the code is kept beside it, so that the way back is exact",
        15: "a table from option to number",
        16: "a table from option to true or false",
        17: "a table from option to value",
        18: "exactly one choice is taken out of the list; several only with a rule that picks one, the list then goes to the archive",
        19: "the labels joined by the given delimiter, with RFC 4180 quoting; the codes are kept beside them",
        20: "the count, a score or “contains”; the list goes to the archive",
        21: "the plain decimal",
        22: "the option whose code is that number; or buckets say which",
        23: "a whole number only",
        24: "every whole number is a number",
        25: "the grid of a slider has whole numbers only",
        26: "the same number where the target has it; or rescaled in a straight line, where that is exact, both numbers kept",
        27: "1 is true and 0 is false; or a threshold, the number then goes to the archive",
        28: "counted from the given epoch in the given unit, or written by the given pattern",
        29: "“true” and “false”, or the words given",
        30: "a table from true and false to options",
        31: "1 for true and 0 for false; a rating takes a table",
        32: "ISO 8601 as stored, with its offset",
        33: "at the given local time in the given zone",
        34: "the date of a time at exactly 00:00 in the given zone; otherwise only where the loss is accepted, the original archived",
        35: "names, or stable links, as text; the files stay with the run and in its archive",
    }
)


def cell_of(source_type: str, target_type: str) -> Cell:
    """The cell of a pair of selection types, `statement` and `calculated` included."""
    return MATRIX.get((source_type, target_type), IMPOSSIBLE)
