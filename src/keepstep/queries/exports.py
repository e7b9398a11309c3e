"""The runs of a wizard for an export: which versions and names they have, then all of them in batches by key.

Runs in the trash are left out and counted. Must not know file formats.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import ColumnElement, Select, Text, and_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from keepstep.core.structure import Statement
from keepstep.db.tables import run_revisions, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import NothingPublished, VersionNotFound
from keepstep.queries.run_lists import RunFilter, conditions_of
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row
from keepstep.queries.versions import Version, versions_of
from keepstep.queries.wizards import Wizard

Versions = Literal["all", "latest"] | int
# Rows that are held at once: a run of a large form takes some 100 kB as an object.
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an export is about: the wizard and the versions whose runs it holds, oldest first; of those, the runs that `only` holds.

    Names and so columns are those of all runs of these versions, so that exports of some runs fit under each other.
    """

    wizard: Wizard
    versions: tuple[Version, ...]
    only: RunFilter | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Every name that the runs store something under and that only stored content tells: archive entries, statements.

    `beside`: option sets that some run has an answer and an archived one for. `others`: those that some run has an "other" text
    for. `trashed`: runs that are left out.
    """

    stored: frozenset[str]
    beside: frozenset[str]
    others: frozenset[str]
    trashed: int


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A run with the number of the version that it started on."""

    state: RunState
    first_version_number: int


async def chosen_versions(tx: Read, wizard: Wizard, versions: Versions) -> Chosen:
    """All versions, the latest alone, or the one of a number. Raises NothingPublished, VersionNotFound."""
    known = await versions_of(tx, wizard.id)
    if not known:
        raise NothingPublished("This wizard has no published version yet, so there are no runs to export.")
    if versions == "all":
        return Chosen(wizard, known)
    number = known[-1].number if versions == "latest" else versions
    found = tuple(version for version in known if version.number == number)
    if not found:
        raise VersionNotFound(f"This wizard has no version {number}.")
    return Chosen(wizard, found)


# --- names ---------------------------------------------------------------------------------------------------------

_HELD: Final = """
  SELECT coalesce(run.working_answers, head.answers) AS answers, coalesce(head.archive, '{}') AS archive
  FROM wizard_runs AS run LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision
  WHERE run.wizard_version_id = ANY(CAST(:versions AS uuid[])) AND run.trashed_at IS NULL
"""
_ARCHIVED: Final = text(f"""
  SELECT name, bool_or(held.answers ? name) AS beside
  FROM ({_HELD}) AS held CROSS JOIN LATERAL jsonb_object_keys(held.archive) AS name
  WHERE held.archive <> '{{}}'
  GROUP BY name
""").bindparams(bindparam("versions", type_=ARRAY(Text)))  # noqa: S608 - constants of this module
_ANSWERED: Final = text(f"""
  SELECT wanted AS name FROM unnest(CAST(:names AS text[])) AS wanted
  WHERE EXISTS (SELECT FROM ({_HELD}) AS held WHERE held.answers ? wanted)
""").bindparams(bindparam("versions", type_=ARRAY(Text)), bindparam("names", type_=ARRAY(Text)))  # noqa: S608 - constants of this module
# Looking whether a document has any such text is far cheaper than going through its members.
_OTHERS: Final = text(f"""
  SELECT DISTINCT given.name FROM ({_HELD}) AS held CROSS JOIN LATERAL jsonb_each(held.answers) AS given (name, envelope)
  WHERE jsonb_path_exists(held.answers, '$.*.other') AND envelope ? 'other'
""").bindparams(bindparam("versions", type_=ARRAY(Text)))  # noqa: S608 - constants of this module


async def stored_names(tx: Read, chosen: Chosen) -> Names:
    """The names that the columns of a table need besides those of the versions. Four queries."""
    ids = [version.id for version in chosen.versions]
    archived = await tx.rows(_ARCHIVED, {"versions": ids})
    texts = sorted({item.id for version in chosen.versions for item in version.structure.option_sets if isinstance(item, Statement)})
    answered = await tx.scalars(_ANSWERED, {"versions": ids, "names": texts}) if texts else ()
    return Names(
        stored=frozenset((*(row.name for row in archived), *answered)),
        beside=frozenset(row.name for row in archived if row.beside),
        others=frozenset(await tx.scalars(_OTHERS, {"versions": ids})),
        trashed=await count_trashed(tx, chosen),
    )


async def count_trashed(tx: Read, chosen: Chosen) -> int:
    """The runs that an export leaves out because they are in the trash."""
    wanted = (_on([version.id for version in chosen.versions]), wizard_runs.c.trashed_at.is_not(None))
    return int(await tx.scalar(select(func.count()).select_from(wizard_runs).where(*wanted)))


def _on(version_ids: Collection[str]) -> ColumnElement[bool]:
    return wizard_runs.c.wizard_version_id.in_(sorted(version_ids))


# --- runs ----------------------------------------------------------------------------------------------------------

_first: Final = run_revisions.alias("first_revision")
_started: Final = wizard_versions.alias("started_version")


def _statement(chosen: Chosen) -> Select[tuple[object, ...]]:
    """Runs with their heads, and the version of their first revision; a run without one is on the version that it started on."""
    joined = and_(_first.c.run_id == wizard_runs.c.id, _first.c.revision == 1)
    version_id = func.coalesce(_first.c.wizard_version_id, wizard_runs.c.wizard_version_id)
    number = select(_started.c.version_number).where(_started.c.id == version_id).scalar_subquery()
    statement = runs_with_heads(wizard_runs.outerjoin(_first, joined), number.label("first_version_number"))
    return statement.where(_on([version.id for version in chosen.versions]), wizard_runs.c.trashed_at.is_(None))


async def exported_runs(tx: Read, chosen: Chosen, *, size: int = _BATCH) -> AsyncIterator[Sequence[ExportedRun]]:
    """Every run that is not in the trash, oldest id first, in batches; all of one snapshot."""
    statement = _statement(chosen).order_by(wizard_runs.c.id).limit(size)
    if chosen.only is not None:
        statement = statement.where(*await conditions_of(tx, chosen.wizard.id, chosen.only))
    after = ""
    while True:
        rows = await tx.rows(statement.where(wizard_runs.c.id > after) if after else statement)
        if rows:
            yield [ExportedRun(await state_of_row(tx, row), row.first_version_number) for row in rows]
            after = rows[-1].id
        if len(rows) < size:
            return
