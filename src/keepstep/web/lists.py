"""Where a list goes on: cursors that are opaque, signed, and bound to their list and its filters. Must not know what is listed."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query

from keepstep.core import jsonvalue
from keepstep.errors import CursorInvalid, MalformedJson

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before; leave it out for the first page.")]
DEFAULT_LIMIT: Final = 50
# 128 bits of the signature: nobody guesses them, and the cursor stays short enough for a log line.
_SIGNATURE: Final = 16

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list as it was asked for. A cursor of another list, of other filters or of another server is refused."""

    name: str
    filters: Mapping[str, Any]
    secret: bytes = field(repr=False)

    def after(self, cursor: str | None) -> Sequence[Any] | None:
        """The position that a cursor stands for (JSON values, as given to `cursor`); None without one. Raises CursorInvalid."""
        if cursor is None:
            return None
        raw = _decoded(cursor)
        signature, content = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(content)):
            raise CursorInvalid("This cursor belongs to another list or other filters. Start again without one.")
        position = jsonvalue.loads(content)
        assert isinstance(position, list)  # signed here
        return position

    def cursor(self, position: Sequence[Any]) -> str:
        """The cursor of a position: the sort key of the last item, of JSON values, times and ids."""
        content = jsonvalue.dump_bytes(list(position))
        return base64.urlsafe_b64encode(self._signature(content) + content).rstrip(b"=").decode()

    def page(self, found: Sequence[Item], limit: int, *, position: Callable[[Item], Sequence[Any]]) -> tuple[Sequence[Item], str | None]:
        """The items to show and the cursor of the next page. `found` holds one more than `limit` when there is a next page."""
        shown = found[:limit]
        return shown, self.cursor(position(shown[-1])) if len(found) > limit else None

    def _signature(self, content: bytes) -> bytes:
        bound = jsonvalue.dump_bytes(["cursor", self.name, sorted(self.filters.items())])
        return hmac.digest(self.secret, hashlib.sha256(bound).digest() + content, "sha256")[:_SIGNATURE]


def _decoded(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, MalformedJson) as error:
        raise CursorInvalid from error
