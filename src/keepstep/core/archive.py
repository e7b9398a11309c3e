"""What a run keeps without a place in its version, when moving it put it there: in which version it stood, and what lay there before.

An entry is the envelope as it was, and beside it `from` (a version id), `conflict` (why no rule converted it) and `earlier` (the
entry of the same name before). Entries of an import have none of these. Must not know plans.
"""

from collections.abc import Mapping
from typing import Any, Final

from keepstep.core.conversion import Conflict, Envelope

OWN: Final = frozenset({"from", "conflict", "earlier"})


def put(archive: dict[str, Any], option_set_id: str, envelope: Envelope, *, version_id: str, conflict: Conflict | None = None) -> None:
    """Adds the answer to `archive`; what lay under its name stays beneath it, so that nothing is ever overwritten."""
    entry: dict[str, Any] = {**envelope, "from": version_id}
    if conflict is not None:
        entry["conflict"] = {"code": conflict.code, "detail": conflict.detail}
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
