"""How a command shows what it found: as a table for people, as JSON for programs, and its progress on the error stream."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from keepstep.core import jsonvalue

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: Any) -> None:
    """One JSON value, indented, numbers exact."""
    print(msgspec.json.format(jsonvalue.dump_bytes(value), indent=2).decode())


def print_lines(lines: Iterable[str]) -> None:
    """A line each, as it is."""
    for line in lines:
        print(line)


def counted(number: int, noun: str) -> str:
    """Such as "1 alteration", "1,200 alterations"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """These columns of the rows. Text is shown as it is: what somebody typed is never read as markup."""
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_shown(row[name])) for name in columns))
    console = Console()
    # A pipe has no width; the assumed 80 columns would break ids in two.
    (console if console.is_terminal else Console(width=1000)).print(table)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else str(value)


def progress() -> Progress:
    """A bar for long work, on the error stream, so that a pipe gets the result alone; silent where nobody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
