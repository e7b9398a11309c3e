"""What became of the files that a wizard was imported from: the receipts that imports kept. Must not know any format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from keepstep.db.tables import import_receipts, users
from keepstep.db.transaction import Read
from keepstep.errors import ReceiptNotFound
from keepstep.queries.wizards import is_id

# What the settings of a wizard list; older ones stay readable by their address.
MOST_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLine:
    """One import without its receipt. `by` is None for the system and for somebody who is no longer known."""

    id: str
    at: datetime
    by: str | None
    filename: str
    is_new: bool
    edit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReceipt:
    """One import with its receipt as `interchange.receipt` writes it."""

    line: ImportLine
    receipt: Mapping[str, Any]


_OWN: Final = import_receipts.c
_COLUMNS: Final = (_OWN.id, _OWN.at, users.c.name.label("by"), _OWN.filename, _OWN.is_new, _OWN.edit)
_BY: Final = import_receipts.outerjoin(users, users.c.id == _OWN.actor)


async def list_imports(tx: Read, wizard_id: str) -> Sequence[ImportLine]:
    """The newest first. One query."""
    statement = select(*_COLUMNS).select_from(_BY).where(_OWN.wizard_id == wizard_id)
    rows = await tx.rows(statement.order_by(_OWN.at.desc(), _OWN.id.desc()).limit(MOST_LISTED))
    return [ImportLine(**row._asdict()) for row in rows]


async def get_receipt(tx: Read, wizard_id: str, import_id: str) -> StoredReceipt:
    """One import of this wizard. Raises ReceiptNotFound."""
    wanted = (_OWN.wizard_id == wizard_id, _OWN.id == import_id)
    row = await tx.one_or_none(select(*_COLUMNS, _OWN.receipt).select_from(_BY).where(*wanted)) if is_id(import_id) else None
    if row is None:
        raise ReceiptNotFound("This wizard has no import of this id.")
    values = row._asdict()
    return StoredReceipt(receipt=values.pop("receipt"), line=ImportLine(**values))
