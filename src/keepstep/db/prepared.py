"""A statement of SQLAlchemy's as the driver takes it: compiled once, so that the hot path only fills in values.

Must not know which statements there are, nor execute any.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from keepstep.core import jsonvalue


@dataclass(frozen=True, slots=True)
class Prepared:
    """`text` has $1, $2, …; `parameters` are their names in that order, each with what turns its value into the driver's, if anything."""

    text: str
    parameters: Sequence[tuple[str, Callable[[Any], Any] | None]]

    @classmethod
    def of(cls, statement: ClauseElement) -> Self:
        dialect = asyncpg.dialect(json_serializer=jsonvalue.dumps)  # type: ignore[no-untyped-call]  # SQLAlchemy types no dialect's constructor
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # DDL takes no parameters
        names: Sequence[str] = compiled.positiontup or ()
        return cls(str(compiled), [(name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names])

    def arguments(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """The values in the order of the parameters. Raises KeyError when one is missing."""
        return [values[name] if process is None else process(values[name]) for name, process in self.parameters]
