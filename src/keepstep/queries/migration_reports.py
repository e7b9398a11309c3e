"""What a preview says: groups, why, samples side by side, and the values that do not convert. Reads only.

Counts are kept with the job; answers are read from the runs when somebody looks, so that nothing keeps a second copy of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.conversion import Conflict
from keepstep.core.convert import Sample, sample_conversions
from keepstep.core.migration_counts import OPEN, Tallies, groups_of, tallies_of
from keepstep.core.moving import Decision, Reason, decide
from keepstep.core.side_by_side import Line, side_by_side
from keepstep.core.structure import OptionSet
from keepstep.core.text import text_in
from keepstep.core.ways import Prepared, Way
from keepstep.db.tables import wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.impact import stored_counts
from keepstep.queries.migration_jobs import Job
from keepstep.queries.movable import subject_of
from keepstep.queries.plans import StoredPlan, Versions, prepared_among, stored_in, versions_by_id
from keepstep.queries.run_lists import among
from keepstep.queries.runs import RunState, runs_with_heads, state_of_row

MOST_VALUES: Final = 20
"""Failing values of one question that are listed; more are counted."""


@dataclass(frozen=True, slots=True)
class Why:
    """So many runs of one version have this reason. `option_set` None: the reason is about no question."""

    version_number: int
    option_set: OptionSet | None
    outcome: str
    code: str
    runs: int


@dataclass(frozen=True, slots=True)
class SampleRun:
    """A run that the preview counted, as it is now. `is_as_counted`: nothing was stored in it since."""

    state: RunState
    outcome: str
    decision: Decision
    lines: tuple[Line, ...]
    is_as_counted: bool


@dataclass(frozen=True, slots=True)
class Failing:
    """The stored values of one question that its rule does not convert, the most frequent first; `more`: how many others there are."""

    version_number: int
    way: Way
    values: tuple[Sample, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is shown of a preview. `groups`: `{outcome, runs, moves}`, summing to the runs in scope."""

    job: Job
    tallies: Tallies
    groups: Sequence[Mapping[str, Any]]
    by_version: Mapping[int, Mapping[str, int]]
    reasons: Sequence[Why]
    samples: Sequence[SampleRun]
    failing: Sequence[Failing]
    as_of: datetime

    @property
    def runs(self) -> int:
        return self.tallies.runs

    @property
    def moving(self) -> int:
        return self.tallies.moving


async def preview_report(tx: Read, stored: StoredPlan, job: Job, *, samples: int = 20, values: bool = True) -> Report:
    """The report of a preview that is over. The number of statements does not depend on the number of runs, versions or questions.

    `samples`: of each outcome so many at most. `values` False leaves the failing values out, for which answers are counted anew.
    """
    versions = await versions_by_id(tx, stored.origin_wizard_id)
    prepared = prepared_among(stored, versions)
    tallies = tallies_of(job.counts)
    by_version = {versions[version_id].number: dict(counts) for version_id, counts in tallies.by_version.items()}
    return Report(
        job=job,
        tallies=tallies,
        groups=groups_of(tallies),
        by_version=dict(sorted(by_version.items())),
        reasons=list(_reasons(tallies, prepared, versions)),
        samples=await _samples(tx, tallies, prepared, samples),
        failing=await _failing(tx, (stored, versions, job.frozen_at), tallies, prepared) if values else (),
        as_of=job.frozen_at,
    )


def _reasons(tallies: Tallies, prepared: Prepared, versions: Versions) -> Iterator[Why]:
    """The gravest first, then those of most runs."""
    grave = {outcome: place for place, outcome in enumerate(reversed(("carries", "loses", *OPEN)))}
    ordered = sorted(tallies.reasons.items(), key=lambda item: (grave.get(item[0][2], 0), -item[1], item[0]))
    for (version_id, option_set_id, outcome, code), runs in ordered:
        own = versions[version_id].structure.option_set_by_id.get(option_set_id)
        yield Why(versions[version_id].number, own or prepared.target.option_set_by_id.get(option_set_id), outcome, code, runs)


async def _samples(tx: Read, tallies: Tallies, prepared: Prepared, most: int) -> Sequence[SampleRun]:
    wanted = {run_id: (outcome, revision) for outcome, runs in tallies.samples.items() for run_id, revision in runs[:most]}
    if not wanted:
        return ()
    rows = await tx.rows(runs_with_heads(wizard_runs).where(among(list(wanted))).order_by(wizard_runs.c.id))
    states = {row.id: await state_of_row(tx, row) for row in rows}
    return [_sample(states[run_id], outcome, revision, prepared) for run_id, (outcome, revision) in wanted.items() if run_id in states]


def _sample(state: RunState, outcome: str, revision: int, prepared: Prepared) -> SampleRun:
    subject = subject_of(state)
    decision = decide(subject, prepared)
    same = state.head_revision == revision and decision.outcome == outcome
    return SampleRun(state, outcome, decision, side_by_side(subject, decision, prepared), same)


# --- values that do not convert --------------------------------------------------------------------------------------


async def _failing(tx: Read, of: tuple[StoredPlan, Versions, datetime], tallies: Tallies, prepared: Prepared) -> Sequence[Failing]:
    stored, versions, as_of = of
    grave = {(version_id, name) for version_id, name, outcome, _ in tallies.reasons if outcome in ("conflicts", "blocked")}
    ways = {(version_id, way.source.id): way for version_id, each in prepared.ways.items() for way in each}
    asked = sorted(place for place in grave if place in ways and ways[place].conversion is not None)
    if not asked:
        return ()
    clock = Clock(as_of)
    counts = await stored_counts(tx, stored.origin_wizard_id, {name for _, name in asked}, as_of=as_of)
    return [
        _of_way(versions[version_id].number, ways[version_id, name], stored_in(counts.answers[name], versions[version_id].number), clock)
        for version_id, name in asked
    ]


def _of_way(number: int, way: Way, stored: Sequence[Any], clock: Clock) -> Failing:
    assert way.conversion is not None
    converted = sample_conversions(stored, way.conversion, way.params, clock=clock)
    failing = tuple(sample for sample in converted if isinstance(sample.result, Conflict))
    return Failing(number, way, failing[:MOST_VALUES], len(failing) - len(failing[:MOST_VALUES]))


# --- as JSON ---------------------------------------------------------------------------------------------------------


def report_json(report: Report, *, language: str, default: str) -> dict[str, Any]:
    """The report as the API answers it, but for the token."""
    return {
        "job_id": report.job.id,
        "state": report.job.state,
        "as_of": report.as_of,
        "runs": report.runs,
        "moves": report.moving,
        "groups": list(report.groups),
        "by_version": [{"version_number": number, "outcomes": counts} for number, counts in report.by_version.items()],
        "reasons": [_why_json(why, language, default) for why in report.reasons],
        "samples": [_sample_json(sample) for sample in report.samples],
        "failing_values": [_failing_json(failing, language, default) for failing in report.failing],
    }


def _why_json(why: Why, language: str, default: str) -> dict[str, Any]:
    own = why.option_set
    named: dict[str, Any] = {"option_set_id": None, "key": None, "label": None}
    named |= {} if own is None else {"option_set_id": own.id, "key": own.key, "label": text_in(own.name, language, default)}
    return {"version_number": why.version_number, **named, "outcome": why.outcome, "code": why.code, "runs": why.runs}


def _sample_json(sample: SampleRun) -> dict[str, Any]:
    state = sample.state
    default = state.version.structure.default_language
    return {
        "run_id": state.id,
        "version_number": state.version.number,
        "revision": state.head_revision,
        "status": state.status,
        "outcome": sample.outcome,
        "as_counted": sample.is_as_counted,
        "moves": sample.decision.moved is not None,
        "answers": [line.to_json(state.language, default) for line in sample.lines],
    }


def _failing_json(failing: Failing, language: str, default: str) -> dict[str, Any]:
    source, target = failing.way.source, failing.way.target
    return {
        "version_number": failing.version_number,
        "option_set_id": source.id,
        "key": source.key,
        "label": text_in(source.name, language, default),
        "selection_type": source.selection_type,
        "target_type": None if target is None else target.selection_type,
        "values": [
            {"value": each.stored.value, "other": each.stored.other, "count": each.stored.count, **_conflict_json(each)}
            for each in failing.values
        ],
        "more_values": failing.more,
    }


def _conflict_json(sample: Sample) -> dict[str, str]:
    assert isinstance(sample.result, Conflict)
    return {"code": sample.result.code, "detail": sample.result.detail}


def reasons_json(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    """The errors of a problem about one run: pointers name the question."""
    return [{"pointer": f"/{reason.option_set_id}", "code": reason.code, "detail": reason.detail} for reason in reasons]
