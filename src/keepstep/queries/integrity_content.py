"""The content of a stored revision, read as it is, and the digest that it has now. Must not know which rows are looked at, or why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row

from keepstep.core.integrity import Erased, Header, content_digest, leaves_of, remaining_leaves


@dataclass(frozen=True, slots=True)
class Content:
    """The JSON of a revision. `erased` None: nothing was erased from it."""

    answers: Mapping[str, Any]
    archive: Mapping[str, Any]
    erased: Erased | None


def content_of(answers: Any, archive: Any, leaves: Any) -> Content | None:
    """From the values of the columns; `leaves` None where there are none. None when it is nothing that Keepstep could have stored."""
    erased = None if leaves is None else _erased(leaves)
    if not isinstance(answers, dict) or not isinstance(archive, dict) or (leaves is not None and erased is None):
        return None
    return Content(answers, archive, erased)


def _erased(leaves: Any) -> Erased | None:
    if not isinstance(leaves, dict):
        return None
    parts: list[Any] = [leaves.get(name, {}) for name in ("answers", "archive", "keys")]
    if not all(isinstance(part, dict) and all(isinstance(leaf, str) for leaf in part.values()) for part in parts):
        return None
    return Erased(*parts)


class Owner(NamedTuple):
    """What a run has as well as each of its revisions, so that a row that joins both has it twice: here the revision's."""

    origin_wizard_id: str
    version_id: str
    language: str
    status: str


def recomputed_digest(row: Row[Any], content: Content, owner: Owner) -> bytes:
    """The digest that a revision's stored content has now; a spoiled salt or tombstone gives another one, never an error."""
    if content.erased is None:
        salt = bytes(row.salt or b"")
        answers, archive = leaves_of(salt, content.answers), leaves_of(salt, content.archive)
    else:
        answers, archive = remaining_leaves(content.erased, content.answers, content.archive)
    header = Header(
        run_id=row.run_id,
        revision=row.revision,
        version_id=owner.version_id,
        origin_wizard_id=owner.origin_wizard_id,
        language=owner.language,
        status=owner.status,
        cause=row.cause,
        actor=row.actor or "",
        at=row.at,
        asked=row.asked,
        evaluated_at=row.evaluated_at,
        zone=row.evaluated_zone,
    )
    return content_digest(header, answers, archive, digest_or_none(row.previous_digest))


def digest_or_none(digest: Any) -> bytes | None:
    return None if digest is None else bytes(digest)
