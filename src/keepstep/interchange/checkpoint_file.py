"""A checkpoint as a file: JSON Lines, the format first, then the state line by line, and the signed checkpoint last.

Read and written in a stream, since it holds a line for each run. Must not know whether the store is still so.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from keepstep.core import jsonvalue
from keepstep.core.checkpoint import KINDS, NOTHING, Checkpoint, Line, Summed, is_signed, key_id, with_line
from keepstep.core.integrity import instant
from keepstep.errors import FileUnreadable, MalformedJson

FORMAT: Final = {"format": "keepstep-checkpoint", "format_version": 1}
# The longest line, the last one, has some 500 bytes.
MAX_LINE: Final = 10_000


def first_line() -> bytes:
    return _line(FORMAT)


def state_line(line: Line) -> bytes:
    return _line(list(line))


def last_line(checkpoint: Checkpoint) -> bytes:
    return _line(
        {
            "id": checkpoint.id,
            "at": instant(checkpoint.at),
            "cause": checkpoint.cause,
            "counts": dict(checkpoint.counts),
            "root": checkpoint.root.hex(),
            "key_id": checkpoint.key_id,
            "signature": checkpoint.signature.hex(),
        }
    )


def _line(value: Any) -> bytes:
    return jsonvalue.dump_bytes(value) + b"\n"


def trusted(lines: Iterable[bytes], secret: bytes) -> Checkpoint:
    """The checkpoint of this file, once its lines are those that were signed with this secret. Raises FileUnreadable otherwise."""
    summed, last = _summed(lines)
    checkpoint = _checkpoint(last)
    if checkpoint.key_id != key_id(secret):
        detail = f"The checkpoint was signed with another key ({checkpoint.key_id[:80]}; yours is {key_id(secret)})."
        raise FileUnreadable(f"{detail} Set KEEPSTEP_SECRET_KEY to the one of then.")
    if not is_signed(secret, checkpoint):
        raise FileUnreadable("The signature of the checkpoint is not valid: its last line was altered.")
    if summed.root != checkpoint.root or dict(summed.counts) != dict(checkpoint.counts):
        raise FileUnreadable("The lines of the checkpoint are not those that were signed: the file was altered or cut.")
    return checkpoint


def state_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """The lines of the state alone, of a file that is trusted."""
    return (value for _, value in _values(lines) if isinstance(value, list))


def _summed(lines: Iterable[bytes]) -> tuple[Summed, Any]:
    summed, last = NOTHING, None
    for number, value in _values(lines):
        if last is not None:
            raise FileUnreadable(f"Line {number}: nothing may follow the signed line.")
        if isinstance(value, list):
            summed = with_line(summed, _state(number, value))
        else:
            last = value
    if last is None:
        raise FileUnreadable("The checkpoint has no signed last line: the file was cut.")
    return summed, last


def _values(lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    """Each line after the first with its number, parsed."""
    for number, line in enumerate(lines, start=1):
        try:
            value = jsonvalue.loads(line) if len(line) <= MAX_LINE else None
        except MalformedJson as problem:
            raise FileUnreadable(f"Line {number}: {problem.detail}") from problem
        if number == 1 and value != FORMAT:
            raise FileUnreadable("This is no checkpoint of Keepstep: `keepstep verify --checkpoint FILE` writes one.")
        if number > 1:
            yield number, value


def _state(number: int, line: list[Any]) -> Line:
    kind = line[0] if line else None
    if not isinstance(kind, str) or len(line) != KINDS.get(kind):
        raise FileUnreadable(f"Line {number}: no line of a checkpoint.")
    return line


def _checkpoint(last: Any) -> Checkpoint:
    try:
        return Checkpoint(
            id=str(last["id"]),
            at=datetime.fromisoformat(last["at"]),
            cause=str(last["cause"]),
            counts=dict(last["counts"]),
            root=bytes.fromhex(last["root"]),
            key_id=str(last["key_id"]),
            signature=bytes.fromhex(last["signature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileUnreadable("The last line is not the signed one of a checkpoint: the file was altered or cut.") from error
