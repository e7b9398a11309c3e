"""Canonical bytes, digests, chains and Merkle roots: what makes an alteration visible (docs/integrity.md, semantics 7 and 8).

All digests are SHA-256. Must not know the database: a revision is a value here.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from msgspec import Raw

from keepstep.core.jsonvalue import canonical_bytes, plain_bytes


class Header(NamedTuple):
    """What a revision's digest covers besides its answers. Ids are UUID text; `asked` is the bit string; times are aware."""

    run_id: str
    revision: int
    version_id: str
    origin_wizard_id: str
    language: str
    status: str
    cause: str
    actor: str
    at: datetime
    asked: str
    evaluated_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Erased:
    """What stays of a revision after erasure: each leaf's digest, and the leaf keys of the answers that remain readable."""

    answer_leaves: Mapping[str, str]
    archive_leaves: Mapping[str, str]
    keys: Mapping[str, str]


def structure_digest(structure: Mapping[str, Any]) -> bytes:
    """The digest of a dumped structure."""
    return sha256(canonical_bytes(structure)).digest()


RECORDED: Final = (
    "id",
    "version_number",
    "digest",
    "change_summary",
    "changes",
    "based_on",
    "rolled_back_to",
    "in_progress_policy",
    "created_at",
    "created_by",
)
"""The columns of a version that its record covers."""


def version_record(version: Mapping[str, Any]) -> bytes:
    """The digest of everything that a version's row says: the audit trail keeps it, apart from the row."""
    said = {name: version[name] for name in RECORDED}
    return sha256(canonical_bytes(said | {"digest": version["digest"].hex(), "created_at": instant(version["created_at"])})).digest()


def leaf_key(salt: bytes, option_set_id: str) -> bytes:
    """The key of one answer's leaf: without the salt it tells nothing about the others."""
    return hmac.digest(salt, option_set_id.encode(), "sha256")


def leaf_digest(key: bytes, envelope: Mapping[str, Any]) -> bytes:
    """The digest of one answer."""
    return sha256(key + canonical_bytes(envelope)).digest()


def leaves_of(salt: bytes, envelopes: Mapping[str, Any]) -> dict[str, bytes]:
    """The leaf digest of each answer (or archive entry) by its id."""
    return written_with_leaves(salt, envelopes)[1]


def written_with_leaves(salt: bytes, envelopes: Mapping[str, Any]) -> tuple[dict[str, Raw], dict[str, bytes]]:
    """The canonical text of each answer, which is what its leaf covers and may be stored as it is, and the leaf digests, by their ids."""
    if not envelopes:
        return {}, {}
    inner, outer = _hmac_states(salt)
    within, around = inner.copy, outer.copy
    texts: dict[str, Raw] = {}
    leaves: dict[str, bytes] = {}
    # As `leaf_key` and `leaf_digest` do it, without a call for each: a migration does this for every answer of every run.
    for name, envelope in envelopes.items():
        key = within()
        key.update(name.encode())
        leaf = around()
        leaf.update(key.digest())
        text = canonical_bytes(envelope)
        leaves[name] = sha256(leaf.digest() + text).digest()
        texts[name] = Raw(text)
    return texts, leaves


_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


def _hmac_states(key: bytes) -> tuple[Any, Any]:
    """The two states of HMAC-SHA-256 (RFC 2104) that depend on the key alone: with them each `leaf_key` takes a quarter of the time."""
    block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\x00")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))


def content_digest(header: Header, answers: Mapping[str, bytes], archive: Mapping[str, bytes], previous: bytes | None) -> bytes:
    """The digest of a revision, from its header and leaf digests; chained to the revision before by `previous`."""
    fields = [
        header.run_id,
        header.revision,
        header.version_id,
        header.origin_wizard_id,
        header.language,
        header.status,
        header.cause,
        header.actor,
        instant(header.at),
        header.asked,
        instant(header.evaluated_at),
        header.zone,
    ]
    listed = [fields, _listed(answers), _listed(archive), previous.hex() if previous else None]
    return sha256(plain_bytes(listed)).digest()


def _listed(leaves: Mapping[str, bytes]) -> list[list[str]]:
    return [[name, leaves[name].hex()] for name in sorted(leaves)]


# What is stored together bears one time.
@lru_cache(maxsize=64)
def instant(moment: datetime) -> str:
    """A time as digests spell it: RFC 3339, UTC, microseconds."""
    utc = moment.astimezone(UTC)
    # The same text in a tenth of the time, but for years of three digits, which one of them pads.
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z" if utc.year >= _FOUR_DIGITS else utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_FOUR_DIGITS: Final = 1_000


def erased_leaves(salt: bytes, answers: Mapping[str, Any], archive: Mapping[str, Any], erase: Iterable[str]) -> Erased:
    """What is kept when the entries named by `erase` (ids of answers, names of archive entries) go and the salt with them."""
    gone = set(erase)
    keys = {name: leaf_key(salt, name).hex() for name in (*answers, *archive) if name not in gone}
    return Erased(_hexed(leaves_of(salt, answers)), _hexed(leaves_of(salt, archive)), keys)


def _hexed(leaves: Mapping[str, bytes]) -> dict[str, str]:
    return {name: leaf.hex() for name, leaf in leaves.items()}


def remaining_leaves(erased: Erased, answers: Mapping[str, Any], archive: Mapping[str, Any]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The leaves of a partly erased revision: recomputed where content remains, taken from the tombstone where it is gone."""
    return _merged(erased.answer_leaves, erased.keys, answers), _merged(erased.archive_leaves, erased.keys, archive)


def unread_leaves(erased: Erased, answers: Mapping[str, Any], archive: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The answers and the archive entries of which only the leaf remains.

    The digest cannot tell an erased one from one that somebody took out; only a row in `erasures` that names it can.
    """
    return frozenset(erased.answer_leaves.keys() - answers.keys()), frozenset(erased.archive_leaves.keys() - archive.keys())


# No digest of SHA-256: what cannot be read or checked makes the revision's digest differ, which is what `verify` looks for.
_UNKNOWN: Final = b"unknown"


def _merged(stored: Mapping[str, str], keys: Mapping[str, str], envelopes: Mapping[str, Any]) -> dict[str, bytes]:
    leaves = {name: _bytes(leaf) for name, leaf in stored.items()}
    recomputed = {name: leaf_digest(_bytes(keys[name]), envelope) if name in keys else _UNKNOWN for name, envelope in envelopes.items()}
    return leaves | recomputed


def _bytes(digits: str) -> bytes:
    """The bytes of a stored leaf or key; a tombstone that somebody spoiled must not keep `verify` from reporting it."""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return _UNKNOWN


def chained(previous: bytes | None, record: Any) -> bytes:
    """The digest of a record in an append-only chain (erasures, checkpoints)."""
    return sha256((previous or b"") + canonical_bytes(record)).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf digests in the given order; leaves and nodes are told apart by a prefix, as RFC 6962 does."""
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


# --- a tree that grows by one leaf at a time -------------------------------------------------------------------------

Peaks = tuple[tuple[int, bytes], ...]
"""The roots of the complete subtrees so far, the highest first, each with its height: all that a growing tree needs."""


def grown(peaks: Peaks, leaf: bytes) -> Peaks:
    """The tree with one more leaf."""
    height, digest = 0, sha256(b"\x00" + leaf).digest()
    while peaks and peaks[-1][0] == height:
        digest = sha256(b"\x01" + peaks[-1][1] + digest).digest()
        peaks, height = peaks[:-1], height + 1
    return (*peaks, (height, digest))


def root_of_peaks(peaks: Peaks) -> bytes:
    """The same as `merkle_root` of all leaves."""
    if not peaks:
        return sha256(b"").digest()
    *higher, (_, root) = peaks
    for _, digest in reversed(higher):
        root = sha256(b"\x01" + digest + root).digest()
    return root
