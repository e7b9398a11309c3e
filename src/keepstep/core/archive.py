"""What a run keeps without a place in its version, when moving it put it there: in which version it stood, and what lay there before.

An entry is the envelope as it was, and beside it `from` (a version id), `conflict` (why no rule converted it) and `earlier` (the
entry of the same name before). `conflict` is `{code, detail, to}`: `to` is the question that the answer was meant for. Entries of an
import have none of these. Must not know plans.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.conversion import Conflict, Envelope

OWN: Final = frozenset({"from", "conflict", "earlier"})


@dataclass(frozen=True, slots=True)
class Parked:
    """An answer that waits for a person: why, and the question of the run's version that it was meant for."""

    conflict: Conflict
    to: str


def put(archive: dict[str, Any], option_set_id: str, envelope: Envelope, *, version_id: str, parked: Parked | None = None) -> None:
    """Adds the answer to `archive`; what lay under its name stays beneath it, so that nothing is ever overwritten."""
    entry: dict[str, Any] = {**envelope, "from": version_id}
    if parked is not None:
        entry["conflict"] = {"code": parked.conflict.code, "detail": parked.conflict.detail, "to": parked.to}
    if option_set_id in archive:
        entry["earlier"] = archive[option_set_id]
    archive[option_set_id] = entry


def envelope_in(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The answer exactly as it was before it was put away."""
    return {name: member for name, member in entry.items() if name not in OWN}


def origin_of(entry: Mapping[str, Any]) -> str | None:
    """The id of the version in which the answer stood; None for what an import kept."""
    origin = entry.get("from")
    return origin if isinstance(origin, str) else None


def parked_in(archive: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The entries that wait for a person: each as the question that it was meant for, its name and the entry."""
    for name, entry in archive.items():
        conflict = entry.get("conflict") if isinstance(entry, Mapping) else None
        if isinstance(conflict, Mapping):
            # Entries of before this was kept were meant for the question of their own name.
            yield conflict.get("to", name), name, entry


def decided(archive: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The archive in which the entry of this name waits for nobody any more."""
    return {**archive, name: {member: value for member, value in archive[name].items() if member != "conflict"}}
