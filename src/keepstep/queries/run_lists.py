"""Lists of a wizard's runs: which runs a filter holds, in which order, and how many they are. Reads only.

The API and the pages ask the same functions, so that a count and a list never disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, any_, cast, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH, UUID, aggregate_order_by

from keepstep.core.counts import RunStatus
from keepstep.db.tables import Id, Moment, run_revisions, version_option_sets, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import RequestInvalid
from keepstep.queries.run_search import Search
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row

Holding = Literal["flags", "archive", "erased"]
Dated = Literal["changed", "started", "completed"]


@dataclass(frozen=True, slots=True)
class Between:
    """From `since` on, and before `until`; None is open."""

    dated: Dated = "changed"
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list holds. `answers`: option set key or id → the text of its value; `answered`: keys or ids with any answer.

    `flag`: some answer has a flag of this code; `flagged`: the option set with this key or id has a flag; with both, it has this one.
    `archived`: the archive has an entry of this name: an imported column, or an option set by its id. `holds`: any flag, any archive
    entry, or anything erased. `ids`: these runs alone. `newest_change`: in the order of the last change, the newest first.
    `trashed`: in the trash or not, None for both. `erasable`: not erased whole yet.
    `until`: changed no earlier than at this position, which `end_of_stretch` gave.
    """

    version: int | None = None
    status: str | None = None
    updated_after: datetime | None = None
    trashed: bool | None = False
    answers: Sequence[tuple[str, str]] = ()
    flag: str | None = None
    flagged: str | None = None
    archived: str | None = None
    answered: Sequence[str] = ()
    holds: Holding | None = None
    between: Between | None = None
    search: Search | None = None
    ids: Sequence[str] | None = None
    newest_change: bool = False
    erasable: bool = False
    until: Sequence[str] | None = None


async def list_runs(tx: Read, wizard_id: str, chosen: RunFilter, *, limit: int, after: Sequence[str] | None = None) -> Sequence[RunState]:
    """A page of a wizard's runs, newest first; by last change, oldest first, when `updated_after` is given (to keep in step)."""
    statement = runs_with_heads(wizard_runs).where(*await conditions_of(tx, wizard_id, chosen))
    rows = await tx.rows(_in_order(statement, chosen, after).limit(limit))
    return [await state_of_row(tx, row) for row in rows]


async def end_of_stretch(tx: Read, wizard_id: str, chosen: RunFilter, size: int, after: Sequence[str] | None = None) -> list[str] | None:
    """The position of the last of the next `size` runs in the order of change, whatever is looked for in them; None when that is all.

    A search reads the documents of every run that it looks at, so a page of it looks at no more than so many.
    """
    own = wizard_runs.c
    statement = select(own.updated_at, own.id).where(*_plain_conditions(wizard_id, chosen), *_dates(chosen))
    rows = await tx.rows(_in_order(statement, chosen, after).offset(size - 1).limit(2))
    return [rows[0].updated_at.isoformat(), str(rows[0].id)] if len(rows) == 2 else None


def _in_order(statement: Select[Any], chosen: RunFilter, after: Sequence[str] | None) -> Select[Any]:
    own = wizard_runs.c
    if chosen.newest_change:
        statement = statement.order_by(own.updated_at.desc(), own.id.desc())
        return statement.where(tuple_(own.updated_at, own.id) < _seen(after)) if after else statement
    if chosen.updated_after is None:
        statement = statement.order_by(own.id.desc())
        return statement.where(own.id < after[0]) if after else statement
    statement = statement.order_by(own.updated_at, own.id)
    return statement.where(tuple_(own.updated_at, own.id) > _seen(after)) if after else statement


def _seen(after: Sequence[str]) -> Any:
    return tuple_(literal(datetime.fromisoformat(after[0]), Moment), literal(after[1], Id))


def position_of(state: RunState, chosen: RunFilter) -> list[str]:
    """What a cursor keeps of the last run of a page."""
    by_id = chosen.updated_after is None and not chosen.newest_change
    return [state.id] if by_id else [state.updated_at.isoformat(), state.id]


# --- counts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunSum:
    """How many runs a filter holds, by version number and status, and a fingerprint of which ones. `ids`: the oldest of them."""

    total: int
    by_version: Mapping[int, Mapping[RunStatus, int]]
    fingerprint: str
    ids: Sequence[str] = ()


async def count_listed(tx: Read, wizard_id: str, chosen: RunFilter) -> int:
    """How many runs the list has, whatever page is shown: exact."""
    conditions = await conditions_of(tx, wizard_id, chosen)
    return int(await tx.scalar(select(func.count()).select_from(_source(chosen)).where(*conditions)))


async def sum_listed(tx: Read, wizard_id: str, chosen: RunFilter, *, first: int = 0) -> RunSum:
    """The runs of the list by version and status, and the ids of the `first` of them: one statement, so that what reads every answer
    reads it once.
    """
    conditions = await conditions_of(tx, wizard_id, chosen)
    listed = select(wizard_runs.c.id, wizard_runs.c.status, wizard_runs.c.wizard_version_id).select_from(_source(chosen)).where(*conditions)
    ordered = listed.cte("listed").prefix_with("MATERIALIZED")
    oldest = select(ordered.c.id).order_by(ordered.c.id).limit(first).subquery("oldest")
    joined = ordered.join(wizard_versions, wizard_versions.c.id == ordered.c.wizard_version_id)
    ids = func.md5(func.string_agg(cast(ordered.c.id, Text), aggregate_order_by(literal_column("','"), ordered.c.id))).label("ids")
    columns = (wizard_versions.c.version_number, ordered.c.status, func.count().label("runs"), ids)
    told = select(func.array_agg(aggregate_order_by(oldest.c.id, oldest.c.id))).scalar_subquery().label("oldest")
    grouped = select(*columns, *([told] if first else [])).select_from(joined).group_by(columns[0], columns[1])
    rows = await tx.rows(grouped.order_by(columns[0], columns[1]))
    by_version: dict[int, dict[RunStatus, int]] = {}
    for row in rows:
        by_version.setdefault(row.version_number, {})[row.status] = row.runs
    fingerprint = ".".join(f"{row.version_number}{row.status}{row.ids}" for row in rows)
    return RunSum(sum(row.runs for row in rows), by_version, fingerprint, [str(each) for each in rows[0].oldest] if first and rows else ())


async def ids_listed(tx: Read, wizard_id: str, chosen: RunFilter, *, limit: int) -> Sequence[str]:
    """The ids of the list in their own order, oldest first, as far as `limit`."""
    conditions = await conditions_of(tx, wizard_id, chosen)
    statement = select(wizard_runs.c.id).select_from(_source(chosen)).where(*conditions)
    return await tx.scalars(statement.order_by(wizard_runs.c.id).limit(limit))


def among(ids: Sequence[str]) -> ColumnElement[bool]:
    """One of these runs: an array, since a statement has at most 32,767 parameters."""
    return wizard_runs.c.id == any_(literal(list(ids), ARRAY(UUID(as_uuid=False))))


def _source(chosen: RunFilter) -> FromClause:
    """Runs alone where the filter asks nothing of their answers: a count is then read from an index."""
    asks_content = (chosen.answers, chosen.flag, chosen.flagged, chosen.archived, chosen.answered, chosen.holds, chosen.search)
    if not any(asks_content):
        return wizard_runs
    head = and_(run_revisions.c.run_id == wizard_runs.c.id, run_revisions.c.revision == wizard_runs.c.revision)
    return wizard_runs.outerjoin(run_revisions, head)


# --- conditions ----------------------------------------------------------------------------------------------------

_ANSWERS: Final = func.coalesce(wizard_runs.c.working_answers, run_revisions.c.answers, type_=JSONB)
_DATES: Final[Mapping[Dated, ColumnElement[Any]]] = {
    "changed": wizard_runs.c.updated_at,
    "started": wizard_runs.c.started_at,
    "completed": wizard_runs.c.completed_at,
}


async def conditions_of(tx: Read, wizard_id: str, chosen: RunFilter) -> list[ColumnElement[bool]]:
    """What the filter asks of `wizard_runs` and, where it asks for content, of the head in `run_revisions`."""
    conditions = [*_plain_conditions(wizard_id, chosen), *_dates(chosen)]
    for key, value in chosen.answers:
        conditions.append(_answer_is(await _option_set_id(tx, wizard_id, key), value))
    conditions += [_is_answered(await _option_set_id(tx, wizard_id, key)) for key in chosen.answered]
    if chosen.flagged is not None:
        conditions.append(_is_flagged(chosen.flag, await _option_set_id(tx, wizard_id, chosen.flagged, "flagged")))
    elif chosen.flag is not None:
        conditions.append(_is_flagged(chosen.flag))
    if chosen.archived is not None:
        conditions.append(run_revisions.c.archive.has_key(chosen.archived))
    if chosen.holds is not None:
        conditions.append(_holds(chosen.holds))
    if chosen.search is not None:
        conditions.append(_found(chosen.search))
    return conditions


def _plain_conditions(wizard_id: str, chosen: RunFilter) -> list[ColumnElement[bool]]:
    own = wizard_runs.c
    conditions: list[ColumnElement[bool]] = [own.origin_wizard_id == wizard_id]
    if chosen.trashed is not None:
        conditions.append(own.trashed_at.is_not(None) if chosen.trashed else own.trashed_at.is_(None))
    if chosen.status is not None:
        conditions.append(own.status == chosen.status)
    if chosen.updated_after is not None:
        conditions.append(own.updated_at > chosen.updated_after)
    if chosen.version is not None:
        of_number = (wizard_versions.c.origin_wizard_id == wizard_id, wizard_versions.c.version_number == chosen.version)
        conditions.append(own.wizard_version_id.in_(select(wizard_versions.c.id).where(*of_number)))
    if chosen.ids is not None:
        conditions.append(among(chosen.ids))
    if chosen.erasable:
        conditions.append(own.erased_at.is_(None))
    if chosen.until is not None:
        conditions.append(tuple_(own.updated_at, own.id) >= _seen(chosen.until))
    return conditions


def _dates(chosen: RunFilter) -> list[ColumnElement[bool]]:
    between = chosen.between or Between()
    column = _DATES[between.dated]
    since = [] if between.since is None else [column >= between.since]
    return since + ([] if between.until is None else [column < between.until])


def _holds(what: Holding) -> ColumnElement[bool]:
    if what == "flags":
        return _is_flagged(None)
    if what == "archive":
        return run_revisions.c.archive != _json("{}")
    return or_(wizard_runs.c.erased_at.is_not(None), run_revisions.c.leaves.is_not(None))


def _found(search: Search) -> ColumnElement[bool]:
    """In an answer or an archived one, in the name of who answered, or in the run's id, which is also told as its reference."""
    own, path = wizard_runs.c, cast(search.path, JSONPATH)
    by_reference = [] if search.id_end is None else [cast(own.id, Text).endswith(search.id_end)]
    return or_(
        *by_reference,
        func.jsonb_path_exists(_ANSWERS, path),
        func.jsonb_path_exists(run_revisions.c.archive, path),
        own.respondent.icontains(search.words, autoescape=True),
        cast(own.id, Text).contains(search.words.lower(), autoescape=True),
    )


def _is_flagged(code: str | None, option_set_id: str | None = None) -> ColumnElement[bool]:
    """Whether an answer, or that of one option set, has a flag, or one of this code."""
    path = ("$.*" if option_set_id is None else f'$."{option_set_id}"') + ".flags[*].code"
    if code is None:
        return func.jsonb_path_exists(_ANSWERS, cast(path, JSONPATH))
    return func.jsonb_path_exists(_ANSWERS, cast(f"{path} ? (@ == $code)", JSONPATH), func.jsonb_build_object("code", cast(code, Text)))


def _answer_is(option_set_id: str, value: str) -> ColumnElement[bool]:
    stored = _ANSWERS[option_set_id]["value"]
    return or_(stored.astext == value, stored.contains(func.to_jsonb(cast(value, Text))))


def _json(written: str) -> ColumnElement[Any]:
    """The value that this JSON writes. As a bare parameter of the type, `null` would be the text “null”."""
    return cast(literal(written, Text), JSONB)


def _is_answered(option_set_id: str) -> ColumnElement[bool]:
    """As `core.flow.is_answered` has it."""
    given = _ANSWERS[option_set_id]
    empty = [_json(each) for each in ("null", '""', "[]")]
    return or_(given["value"].not_in(empty), func.coalesce(given["other"].astext, "") != "")


async def _option_set_id(tx: Read, wizard_id: str, key: str, filter_name: str = "") -> str:
    """The option set that this wizard's newest version with the key (or id) means. Raises RequestInvalid."""
    joined = version_option_sets.join(wizard_versions, wizard_versions.c.id == version_option_sets.c.version_id)
    named = or_(version_option_sets.c.key == key, func.text(version_option_sets.c.option_set_id) == key)
    statement = select(version_option_sets.c.option_set_id).select_from(joined)
    statement = statement.where(wizard_versions.c.origin_wizard_id == wizard_id, named)
    found = await tx.scalar(statement.order_by(wizard_versions.c.version_number.desc()).limit(1))
    if found is None:
        raise RequestInvalid(
            f"No version of this wizard has a question “{key[:80]}”.",
            errors=[
                {
                    "pointer": f"/{filter_name or f'answer[{key[:80]}]'}",
                    "code": "unknown-option-set",
                    "detail": "Use a key or an id of one of its versions.",
                }
            ],
        )
    return str(found)
