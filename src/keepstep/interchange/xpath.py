"""What an XLSForm expression says: the XPath subset of the ODK forms specification, parsed into a tree.

text → tokens → tree, by precedence. Must not know JsonLogic, questions or workbooks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, NamedTuple

from keepstep.core.jsonvalue import parse_number

MAX_LENGTH: Final = 20_000
MAX_NESTING: Final = 30
"""Parentheses in parentheses: three times the deepest form known. Each takes a dozen of Python's thousand frames."""


class NotUnderstood(Exception):
    """An expression, or a part of it, that has no meaning here; its text is a sentence for the receipt. Never leaves the import."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text or a number as written."""

    value: str | int | Decimal


@dataclass(frozen=True, slots=True)
class Question:
    """`${name}`."""

    name: str


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: the answer that a constraint looks at."""


@dataclass(frozen=True, slots=True)
class Path:
    """A location path: its last name, and whether it is nothing but names, `..` and `/`."""

    name: str
    is_plain: bool
    is_bare: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator between two operands."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Negative:
    """`- operand`."""

    operand: "Node"


Node = Literal | Question | Dot | Path | Call | Operation | Negative


class Token(NamedTuple):
    kind: str
    text: str
    at: int


_NAME: Final = r"[^\W\d][\w.\-]*"
_TOKEN: Final = re.compile(
    rf"""(?P<number>\d+(?:\.\d*)?|\.\d+)
    |(?P<text>"[^"]*"|'[^']*')
    |(?P<question>\$\{{[^{{}}]*\}})
    |(?P<operator>!=|<=|>=|[=<>+*|-])
    |(?P<mark>//|\.\.|::|[(),\[\]/.@])
    |(?P<name>{_NAME}(?::(?!:){_NAME})?)""",
    re.VERBOSE,
)
_BLANK: Final = re.compile(r"\s*")
# Spreadsheets turn quotes into typographic ones while the form is being written; the form's own tools turn them back.
_PLAIN_QUOTES: Final = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\xa0": " "})
_WORD_OPERATORS: Final = frozenset(("and", "or", "div", "mod"))
_END: Final = Token("end", "", -1)

_LEVELS: Final[tuple[frozenset[str], ...]] = (
    frozenset(("or",)),
    frozenset(("and",)),
    frozenset(("=", "!=")),
    frozenset(("<", "<=", ">", ">=")),
    frozenset(("+", "-")),
    frozenset(("*", "div", "mod")),
)
_CONNECTIVES: Final = 1
"""Up to this level a row of operators becomes one operation, however long; beyond, each operator nests one deeper."""
MAX_LINKS: Final = 400


@lru_cache(maxsize=4_096)
def parse(text: str) -> Node:
    """The tree of an expression. Raises NotUnderstood, naming the place."""
    if len(text) > MAX_LENGTH:
        raise NotUnderstood(f"the expression is longer than {MAX_LENGTH} characters")
    cursor = _Cursor(tuple(_tokens(text.translate(_PLAIN_QUOTES))))
    node = _operation(cursor, 0)
    if cursor.now is not _END:
        raise NotUnderstood(f"{cursor.now.text!r} at character {cursor.now.at + 1} does not continue the expression")
    return node


def _tokens(text: str) -> Iterator[Token]:
    at = _blank_end(text, 0)
    previous = _END
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NotUnderstood(f"{text[at]!r} at character {at + 1} has no meaning here")
        token = Token(match.lastgroup, match.group(), at)
        if token.kind == "name" and token.text in _WORD_OPERATORS and _ends_operand(previous):
            token = token._replace(kind="operator")
        yield token
        previous, at = token, _blank_end(text, match.end())


def _blank_end(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _ends_operand(token: Token) -> bool:
    """After an operand `and`, `div` … are operators; elsewhere they are names (XPath 1.0, 3.7)."""
    return token.kind in ("number", "text", "question", "name") or token.text in (")", "]", ".", "..")


class _Cursor:
    """Where the parser stands, and how deep."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self.depth = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    @property
    def after(self) -> Token:
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else _END

    def take(self) -> Token:
        token = self.now
        self._at += 1
        return token

    def expect(self, text: str) -> None:
        token = self.take()
        if token.text != text or token.kind == "text":
            found = f"{token.text!r} at character {token.at + 1}" if token is not _END else "the end"
            raise NotUnderstood(f"{text!r} is expected where {found} stands")


def _operation(cursor: _Cursor, level: int) -> Node:
    below: Callable[[_Cursor], Node] = partial(_operation, level=level + 1) if level + 1 < len(_LEVELS) else _signed
    left, links = below(cursor), 0
    while cursor.now.kind == "operator" and cursor.now.text in _LEVELS[level]:
        links += 1
        if links > (MAX_LINKS if level <= _CONNECTIVES else MAX_NESTING):
            raise NotUnderstood(f"more than {links - 1} operators in one row")
        left = Operation(cursor.take().text, left, below(cursor))
    return left


def _signed(cursor: _Cursor) -> Node:
    signs = 0
    while cursor.now.kind == "operator" and cursor.now.text == "-":
        cursor.take()
        signs += 1
    node = _located(cursor)
    if cursor.now.kind == "operator" and cursor.now.text == "|":
        raise NotUnderstood("a union of paths (|) has no meaning here")
    return Negative(node) if signs % 2 else node


def _located(cursor: _Cursor) -> Node:
    """An operand with what may follow it: a filter in brackets, or a further path."""
    node = _operand(cursor)
    name, followed = "", False
    while cursor.now.kind == "mark" and cursor.now.text in ("[", "/", "//"):
        followed = True
        if cursor.take().text == "[":
            _nested(cursor, "]")
        else:
            name = cursor.take().text
    return Path(name, is_plain=False, is_bare=False) if followed else node


def _nested(cursor: _Cursor, closing: str) -> Node:
    node = _inner(cursor)
    cursor.expect(closing)
    return node


def _inner(cursor: _Cursor) -> Node:
    cursor.depth += 1
    if cursor.depth > MAX_NESTING:
        raise NotUnderstood(f"parentheses are nested more than {MAX_NESTING} deep")
    node = _operation(cursor, 0)
    cursor.depth -= 1
    return node


def _operand(cursor: _Cursor) -> Node:
    token = cursor.now
    if token.kind in ("number", "text", "question"):
        return _atom(cursor.take())
    if token.kind == "name" and cursor.after.text == "(" and cursor.after.kind == "mark":
        return _call(cursor)
    if token.text == "(" and token.kind == "mark":
        cursor.take()
        return _nested(cursor, ")")
    if token.text == "." and cursor.after.text not in ("/", "//"):
        cursor.take()
        return Dot()
    return _path(cursor)


def _atom(token: Token) -> Node:
    if token.kind == "question":
        return Question(token.text[2:-1].strip())
    if token.kind == "text":
        return Literal(token.text[1:-1])
    try:
        return Literal(parse_number(token.text))
    except ValueError as error:
        raise NotUnderstood(f"the number {token.text[:40]} cannot be stored exactly") from error


def _call(cursor: _Cursor) -> Call:
    name = cursor.take().text
    cursor.expect("(")
    arguments: list[Node] = []
    while not _stands(cursor, ")"):
        if arguments:
            cursor.expect(",")
        arguments.append(_inner(cursor))
    cursor.expect(")")
    return Call(name, tuple(arguments))


def _stands(cursor: _Cursor, mark: str) -> bool:
    return cursor.now.kind == "mark" and cursor.now.text == mark


_STEPS: Final = ("/", "..", ".")


def _path(cursor: _Cursor) -> Path:
    """A location path from here: `/data/group/name`, `../name`, `name`."""
    parts: list[Token] = []
    while cursor.now.kind == "name" or (cursor.now.kind == "mark" and cursor.now.text in (*_STEPS, "//", "@", "::")):
        if parts and parts[-1].kind == "name" and cursor.now.kind == "name":
            break
        parts.append(cursor.take())
    if not parts:
        found = f"{cursor.now.text!r} at character {cursor.now.at + 1} stands" if cursor.now is not _END else "the expression ends"
        raise NotUnderstood(f"{found} where a value is expected")
    is_plain = parts[-1].kind == "name" and all(part.kind == "name" or part.text in _STEPS for part in parts)
    return Path(parts[-1].text, is_plain=is_plain, is_bare=len(parts) == 1 and is_plain)
