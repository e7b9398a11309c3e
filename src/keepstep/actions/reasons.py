"""The reason of an erasure: it stays on record for ever, so it must hold nothing of what goes and not the name of who answered.

Must not know what else an erasure does.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import select

from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.nameless import holds_answer, names
from keepstep.core.text import quoted
from keepstep.db.tables import edits, run_revisions
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.runs import RunState

MAX_REASON: Final = 2_000


def require_reason(reason: str) -> None:
    """Raises RequestInvalid for one that cannot be kept for ever."""
    if not reason.strip() or len(reason) > MAX_REASON or unstorable_text(reason):
        raise _refused("reason", f"Say why, in at most {MAX_REASON:,} characters: the reason stays on record.")


def require_no_respondent(reason: str, respondent: str | None) -> None:
    """Raises RequestInvalid for a reason that names who answered."""
    if names(reason, respondent or ""):
        raise _refused("names-respondent", "The reason stays on record for ever, so it must not name the respondent.")


async def require_nameless(tx: Read, state: RunState, reason: str, going: Collection[str] | None) -> None:
    """Raises RequestInvalid for a reason that names the respondent or holds what goes. `going`: names of answers, None for all."""
    require_no_respondent(reason, state.respondent)
    found = dict.fromkeys(
        name
        for name, envelope in await _stored(tx, state)
        if (going is None or name in going) and holds_answer(reason, envelope, state.version.structure.option_set_by_id.get(name))
    )
    if found:
        held = ", ".join(_label(state, name) for name in found)
        raise _refused("holds-answer", f"The reason stays on record for ever, so it must not hold what is erased: the answer to {held}.")


async def _stored(tx: Read, state: RunState) -> list[tuple[str, Any]]:
    """Every answer of every revision, of the working copy and of what editors typed and did not save yet."""
    own = run_revisions.c
    rows = await tx.rows(select(own.answers, own.archive).where(own.run_id == state.id))
    open_edits = await tx.scalars(select(edits.c.answers).where(edits.c.run_id == state.id))
    kept = [state.answers, *(each for row in rows for each in (row.answers, row.archive)), *open_edits]
    return list(_items(kept))


def _items(kept: list[Any]) -> Iterator[tuple[str, Any]]:
    for envelopes in kept:
        yield from envelopes.items()


def _label(state: RunState, name: str) -> str:
    option_set = state.version.structure.option_set_by_id.get(name)
    return quoted(name if option_set is None else option_set.name, state.version.structure.default_language)


def _refused(code: str, detail: str) -> RequestInvalid:
    return RequestInvalid(detail, errors=[{"pointer": "/reason", "code": code, "detail": detail}])
