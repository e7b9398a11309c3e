"""What a checkpoint says and how it is signed: a Merkle root over the state of the whole store, to be kept elsewhere (semantics 8).

Must not know where the lines come from, nor how they are kept.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from keepstep.core.integrity import Peaks, grown, instant, root_of_peaks
from keepstep.core.jsonvalue import canonical_bytes, plain_bytes

Line = Sequence[Any]
"""`["version", id, wizard id, number, digest]`, `["run", id, head revision, digest or null]` or `["erasure", run id, number, digest]`."""

KINDS: Final = {"version": 5, "run": 4, "erasure": 4}
"""Each kind of line and how many members it has."""

_PURPOSE: Final = b"keepstep checkpoint 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of the whole store at one moment, signed. `counts`: lines by kind. `root` and `signature` are 32 bytes."""

    id: str
    at: datetime
    cause: str
    counts: Mapping[str, int]
    root: bytes
    key_id: str = ""
    signature: bytes = b""


def signed(secret: bytes, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its signature."""
    key = _key(secret)
    return replace(checkpoint, key_id=_key_id(key), signature=_signature(key, checkpoint))


def key_id(secret: bytes) -> str:
    """The name of the key that a secret gives; it tells keys apart and nothing else about them."""
    return _key_id(_key(secret))


def is_signed(secret: bytes, checkpoint: Checkpoint) -> bool:
    """Whether whoever has this secret signed exactly this."""
    return hmac.compare_digest(checkpoint.signature, _signature(_key(secret), checkpoint))


def _key(secret: bytes) -> bytes:
    """A key of its own, so that no signature of another purpose passes for one of a checkpoint."""
    return hmac.digest(secret, _PURPOSE, "sha256")


def _key_id(key: bytes) -> str:
    return f"hmac-sha256:{sha256(key).hexdigest()[:16]}"


def _signature(key: bytes, checkpoint: Checkpoint) -> bytes:
    said = [checkpoint.id, instant(checkpoint.at), checkpoint.cause, dict(checkpoint.counts), checkpoint.root.hex()]
    return hmac.digest(key, canonical_bytes(said), "sha256")


# --- the root, one line after the other ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summed:
    """Lines summed up: the tree over them, and how many there are of each kind."""

    peaks: Peaks
    counts: Mapping[str, int]

    @property
    def root(self) -> bytes:
        return root_of_peaks(self.peaks)


NOTHING: Final = Summed((), dict.fromkeys(KINDS, 0))


def with_line(summed: Summed, line: Line) -> Summed:
    """The sum with one more line."""
    kind = str(line[0])
    return Summed(grown(summed.peaks, plain_bytes(line)), {**summed.counts, kind: summed.counts[kind] + 1})
