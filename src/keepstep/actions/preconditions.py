"""What holds before something is written: which state a client saw (semantics 25: compare-and-set, never last-writer-wins), and that a
run is still there to be changed.
"""

from collections.abc import Mapping
from typing import Any

from keepstep.errors import PreconditionRequired, RunErased, RunTrashed, Stale
from keepstep.queries.runs import RunState


def require_seen(current: str, seen: str | None, changed: Mapping[str, Any]) -> None:
    """Raises PreconditionRequired when the client names no state, Stale when it names another than `current`.

    `seen` is the ETag without quotes, or "*" for any. Both problems carry the ETag as it is now; Stale also what changed.
    """
    if seen is None:
        raise PreconditionRequired("Send If-Match with the ETag that GET gave.", etag=current)
    if seen not in ("*", current):
        raise Stale("It changed since you read it; read it again, then repeat your change.", etag=current, changed=dict(changed))


def require_there(state: RunState, *, erased: str) -> None:
    """Raises RunErased, with what it rules out as the sentence `erased`, and RunTrashed."""
    if state.erased_at is not None:
        raise RunErased(erased)
    if state.trashed_at is not None:
        raise RunTrashed("This run is in the trash; restore it first.")
