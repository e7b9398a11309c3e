"""What the builder shows of a wizard: its draft against what is live, its log, its problems, and the answers stored beside its nodes.

A constant number of queries, however large the wizard is. Must not know how it is laid out.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from keepstep.core.by_identity import ByIdentity
from keepstep.core.change import Change
from keepstep.core.counts import STATUSES, Chosen, RunStatus, RunTally, Tally, chosen_options, total
from keepstep.core.diff import diff
from keepstep.core.edits import Draft
from keepstep.core.faults import Finding, problems_in
from keepstep.core.permissions import Actor
from keepstep.core.sharing import sharing
from keepstep.core.structure import Structure
from keepstep.db.transaction import Read
from keepstep.queries.drafts import LoggedEdit, WizardDraft, get_draft, recent_edits
from keepstep.queries.impact import count_run_tallies, stored_counts
from keepstep.queries.kept_drafts import KEPT
from keepstep.queries.versions import Version, version_by_id

# Counting reads every stored answer, a second for some ten thousand runs. Above this the page comes first and the counts after it.
COUNTED_AT_ONCE: Final = 2_000


@dataclass(frozen=True)
class Construction:
    """A draft and everything that stands beside it. `changes` and `active` are empty before the first publish."""

    state: WizardDraft
    active: Version | None
    changes: tuple[Change, ...]
    log: tuple[LoggedEdit, ...]

    @property
    def structure(self) -> Structure:
        return self.state.draft.structure

    @cached_property
    def problems(self) -> tuple[Finding, ...]:
        """Looked for when asked for, and once for each draft: it takes as long as everything else."""
        return _problems_of(self.state.draft)


_problems_of: Final = ByIdentity[Draft, tuple[Finding, ...]](lambda draft: problems_in(draft.structure, draft.shelf))


async def get_construction(tx: Read, actor: Actor, ref: str) -> Construction:
    """The wizard as its builder shows it. Raises as `get_draft`. Three queries, four when its live version is not in memory."""
    return await construction_of(tx, await get_draft(tx, actor, ref))


async def construction_of(tx: Read, state: WizardDraft) -> Construction:
    """As `get_construction`, of a draft that is at hand."""
    wizard = state.wizard
    active = await version_by_id(tx, wizard.active_version_id) if wizard.active_version_id is not None else None
    if active is not None:
        state = replace(state, draft=shared_draft(state.draft, active.structure))
    log = await recent_edits(tx, wizard.id, wizard.draft_revision)
    changes = diff(active.structure, state.draft.structure) if active is not None else ()
    return Construction(state, active, changes, log)


def shared_draft(draft: Draft, live: Structure) -> Draft:
    """The draft with the objects of the live version where they are the same, kept so for whoever reads or edits it next."""
    structure = sharing(draft.structure, live)
    if structure is draft.structure:
        return draft
    shared = Draft(structure, draft.shelf)
    KEPT.exchange(draft, shared)
    return shared


# --- stored answers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one option set, trashed runs left out: answers by version and by the state of their runs, exactly counted."""

    by_version: Mapping[int, int]
    by_status: Mapping[RunStatus, int]
    oldest: datetime | None
    newest: datetime | None

    @property
    def answers(self) -> int:
        return sum(self.by_version.values())


async def count_runs(tx: Read, wizard_id: str) -> int:
    """Every run of the wizard, trashed ones too: what counting its answers would have to read."""
    runs: tuple[RunTally, ...] = await count_run_tallies(tx, wizard_id)
    return sum(run.count for run in runs)


async def stored_of(tx: Read, wizard_id: str, option_sets: Collection[str], *, as_of: datetime) -> Mapping[str, Stored]:
    """What is stored of these option sets; those without a stored answer are not in it. Two or three queries."""
    if not option_sets:
        return {}
    counts = await stored_counts(tx, wizard_id, option_sets, as_of=as_of)
    return {item: _stored(tallies) for item, tallies in counts.answers.items() if total(tallies)}


async def chosen_of(tx: Read, wizard_id: str, option_set_id: str, *, as_of: datetime) -> Mapping[str, Chosen]:
    """What was chosen of one option set, by the value of the option. One to three queries."""
    counts = await stored_counts(tx, wizard_id, {option_set_id}, as_of=as_of)
    return chosen_options(counts.answers.get(option_set_id, ()))


def _stored(tallies: tuple[Tally, ...]) -> Stored:
    live = [tally for tally in tallies if not tally.trashed]
    versions = sorted({tally.version_number for tally in live})
    return Stored(
        {number: total(tally for tally in live if tally.version_number == number) for number in versions},
        {status: total(tally for tally in live if tally.status == status) for status in STATUSES},
        min((tally.oldest for tally in live if tally.oldest is not None), default=None),
        max((tally.newest for tally in live if tally.newest is not None), default=None),
    )
