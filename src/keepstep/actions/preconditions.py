"""Which state a client saw before it writes (semantics 25): compare-and-set, never last-writer-wins."""

from collections.abc import Mapping
from typing import Any

from keepstep.errors import PreconditionRequired, Stale


def require_seen(current: str, seen: str | None, changed: Mapping[str, Any]) -> None:
    """Raises PreconditionRequired when the client names no state, Stale when it names another than `current`.

    `seen` is the ETag without quotes, or "*" for any. Both problems carry the ETag as it is now; Stale also what changed.
    """
    if seen is None:
        raise PreconditionRequired("Send If-Match with the ETag that GET gave.", etag=current)
    if seen not in ("*", current):
        raise Stale("It changed since you read it; read it again, then repeat your change.", etag=current, changed=dict(changed))
