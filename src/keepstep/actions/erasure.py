"""Erasure: removing personal values of a run for good, through the database's one door (P10, semantics 7).

Never a side effect of anything else. What goes is listed first; a tombstone stays, and `verify` passes afterwards.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, select

from keepstep.actions.context import Context
from keepstep.actions.files import remove_unnamed
from keepstep.actions.reasons import require_nameless, require_reason
from keepstep.core.permissions import require
from keepstep.core.text import text_in
from keepstep.core.validate import find_option_set
from keepstep.db import erasure as door
from keepstep.db.blobs import BlobStore
from keepstep.db.tables import files, invitations, run_revisions
from keepstep.db.transaction import Read, Write
from keepstep.errors import RequestInvalid, RunErased
from keepstep.queries.files import named_files
from keepstep.queries.runs import RunState, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """What to erase. `option_sets`: ids, keys or names of archive entries; None erases every answer of the run.

    `by_rule`: the reason is the sentence of a rule that nobody wrote about this run.
    """

    reason: str
    option_sets: Sequence[str] | None = None
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """What goes: labels of the answers by name, in which revisions, and the files by id with their digests.

    `answers` counts those of revisions, `saved` those of the working copy; `number` is the tombstone's, None while nothing is done.
    """

    run_id: str
    labels: Mapping[str, str]
    revisions: Sequence[int]
    answers: int
    saved: int
    files: Mapping[str, str]
    number: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The list that is shown before, and kept by the caller after; it holds no answer."""
        erased = [{"name": name, "label": label} for name, label in self.labels.items()]
        counts = {"revisions": list(self.revisions), "answers": self.answers, "saved": self.saved, "files": len(self.files)}
        return {"run_id": self.run_id, "erased": self.number is not None, "number": self.number, "option_sets": erased} | counts


async def preview_erasure(ctx: Context, tx: Read, run_id: str, request: ErasureRequest) -> Erasure:
    """What `erase_run` would remove now. Raises Forbidden, RequestInvalid, RunErased."""
    state = await _erasable(ctx, await load_run(tx, run_id), request)
    return (await _going_from(tx, state, request))[1]


async def erase_run(ctx: Context, tx: Write, run_id: str, request: ErasureRequest) -> Erasure:
    """The answers, gone from every revision and from the working copy; the tombstone and the audit event written with it."""
    state = await _erasable(ctx, await load_run(tx, run_id, locked=True), request)
    names, going = await _going_from(tx, state, request)
    erasure = door.Erasure(
        run_id=run_id,
        names=names,
        reason=request.reason,
        actor=ctx.actor.id,
        at=ctx.now,
        event_id=ctx.make_id(),
        channel=ctx.actor.channel,
    )
    done = await door.erase(tx, erasure)
    if request.option_sets is None:
        # Whoever was invited to this run stands in the list by name.
        await tx.execute(delete(invitations).where(invitations.c.run_id == run_id))
    return replace(going, answers=done.answers, files=done.files, number=done.number)


async def _erasable(ctx: Context, state: RunState, request: ErasureRequest) -> RunState:
    require(ctx.actor, "administer", state.origin_wizard_id)
    require_reason(request.reason)
    if state.erased_at is not None:
        raise RunErased("The answers of this run are erased already.")
    return state


# --- what goes -----------------------------------------------------------------------------------------------------


async def _going_from(tx: Read, state: RunState, request: ErasureRequest) -> tuple[list[str] | None, Erasure]:
    """The names for the door, and what it will take. Raises RequestInvalid for a name under which nothing is stored."""
    own = run_revisions.c
    rows = await tx.rows(select(own.revision, own.answers, own.archive).where(own.run_id == state.id).order_by(own.revision))
    working = state.answers if state.is_working_copy else {}
    stored = {name for row in rows for name in (*row.answers, *row.archive)} | set(working)
    names = None if request.option_sets is None else _names(state, stored, request.option_sets)
    if not request.by_rule:
        await require_nameless(tx, state, request.reason, names)
    taken = {row.revision: [*_going(row.answers, names), *_going(row.archive, names)] for row in rows}
    named = _file_ids([*(row.answers for row in rows), *(row.archive for row in rows), working], names)
    kept = await tx.rows(select(files.c.id, files.c.sha256).where(files.c.run_id == state.id))
    return names, Erasure(
        run_id=state.id,
        labels={name: _label(state, name) for name in _going(dict.fromkeys(_in_order(state, stored)), names)},
        revisions=[revision for revision, gone in taken.items() if gone],
        answers=sum(map(len, taken.values())),
        saved=len(_going(working, names)),
        files={row.id: bytes(row.sha256).hex() for row in kept if names is None or row.id in named},
    )


def _names(state: RunState, stored: Collection[str], wanted: Sequence[str]) -> list[str]:
    """Ids of answers and names of archive entries, sorted."""
    found: set[str] = set()
    unknown = []
    for index, name in enumerate(wanted):
        option_set = find_option_set(state.version.structure, name)
        known = option_set.id if option_set is not None and name not in stored else name
        found.add(known)
        if known not in stored:
            detail = f"Nothing is stored in this run under {name[:80]!r}."
            unknown.append({"pointer": f"/option_sets/{index}", "code": "nothing-stored", "detail": detail})
    if unknown or not found:
        raise RequestInvalid("Name option sets or archive entries of this run, or leave option_sets out for all.", errors=unknown)
    return sorted(found)


def _going(envelopes: Mapping[str, Any], names: Sequence[str] | None) -> list[str]:
    return [name for name in envelopes if names is None or name in names]


def _in_order(state: RunState, stored: Collection[str]) -> list[str]:
    """As the run's version asks them, then what has no place in it."""
    place = {option_set.id: index for index, option_set in enumerate(state.version.structure.option_sets)}
    return sorted(stored, key=lambda name: (place.get(name, len(place)), name))


def _label(state: RunState, name: str) -> str:
    option_set = state.version.structure.option_set_by_id.get(name)
    return name if option_set is None else text_in(option_set.name, state.language, state.version.structure.default_language)


def _file_ids(stored: Sequence[Mapping[str, Any]], names: Sequence[str] | None) -> set[str]:
    going = ({name: envelopes[name] for name in _going(envelopes, names)} for envelopes in stored)
    return {file["file_id"] for envelopes in going for file in named_files(envelopes)}


# --- files ---


async def remove_contents(tx: Write, blobs: BlobStore, erased: Erasure) -> int:
    """How many contents were removed from the store: those of erased files that no other file shares. In a transaction after
    the one that erased, or a failing commit would leave answers that name missing bytes.
    """
    return await remove_unnamed(tx, blobs, map(str, erased.files.values()))
