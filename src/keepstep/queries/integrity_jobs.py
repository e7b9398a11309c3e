"""Whether what a job says it did is what is stored: its manifest and the chain of manifests, every run before and after, every answer.

Reads only; trusts neither the decision that was made nor the counts that were kept. Must not know how findings are shown.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, exists, func, select

from keepstep.core.conservation import Fate, fates
from keepstep.core.integrity import chained
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.manifest import Moved
from keepstep.core.migration_counts import Tallies, tallies_of
from keepstep.core.moving import Subject
from keepstep.core.plan import plan_digest
from keepstep.core.ways import Prepared
from keepstep.db.tables import migration_items, migration_jobs, migration_manifests, run_revisions, wizard_runs
from keepstep.db.transaction import Read
from keepstep.queries.findings import MAX_FINDINGS, Finding, Place
from keepstep.queries.migration_jobs import Job, StoredManifest, find_manifest, tallied
from keepstep.queries.migration_proof import Pair, befores_of, moved_by, pairs_of, stored_digest
from keepstep.queries.plans import StoredPlan, Versions, load_plan, prepared_among, versions_by_id

FATES: Final[tuple[Fate, ...]] = ("carried", "converted", "mapped", "archived", "conflicted", "lost", "unanswered")
"""In the order of the table: what was answered went into one of these, the last but one excepted; the last had nothing to go anywhere."""


@dataclass(slots=True)
class JobProof:
    """What was looked at and what was found. `table`: by source version number and question (key and label) where its answers went.

    `erased`: runs whose answers were erased since, of which digests alone are left. `returned`: of an undo, runs that are byte for byte
    what they were before the move.
    """

    job: Job
    moved: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    erased: int = 0
    returned: int = 0
    table: dict[tuple[int, str, str], Counter[str]] = field(default_factory=dict)
    altered: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, *found: Finding) -> None:
        self.altered += len(found)
        self.findings += found[: MAX_FINDINGS - len(self.findings)]

    @property
    def is_intact(self) -> bool:
        return self.altered == 0

    def to_json(self) -> dict[str, Any]:
        """With a line for each question of each source version."""
        lines = [
            {"version_number": number, "key": key, "label": label, "answered": _answered(counts), **{fate: counts[fate] for fate in FATES}}
            for (number, key, label), counts in self.table.items()
        ]
        counts = {"moved": self.moved, "left": dict(self.left), "erased": self.erased, "returned": self.returned}
        found = {"altered": self.altered, "findings": [finding.to_json() for finding in self.findings]}
        return (
            {"job_id": self.job.id, "kind": self.job.kind, "state": self.job.state, "intact": self.is_intact}
            | counts
            | {"conservation": lines}
            | found
        )


def _answered(counts: Counter[str]) -> int:
    return sum(counts[fate] for fate in FATES if fate != "unanswered")


def _nothing(_: JobProof) -> None:
    """Nobody waits."""


async def verify_job(tx: Read, job: Job, *, seen: Callable[[JobProof], None] = _nothing) -> JobProof:
    """The proof of one job. `seen` is told after every few runs, for progress. Memory does not grow with their number."""
    proof = JobProof(job)
    stored = await load_plan(tx, job.plan_id)
    versions = await versions_by_id(tx, job.origin_wizard_id)
    prepared = prepared_among(stored, versions)
    look = _Look(job, prepared, versions)
    async for pairs in pairs_of(tx, job):
        befores = await _before_the_move(tx, job, pairs) if job.kind == "undo" else {}
        await asyncio.to_thread(look.at, proof, pairs, befores)
        seen(proof)
    proof.left = await _left(tx, job.id)
    await _check_manifest(tx, stored, proof)
    await _check_coverage(tx, proof)
    if not proof.is_intact:
        proof.add(*await _broken_chains(tx, job))
    return proof


@dataclass(frozen=True, slots=True)
class _Look:
    """What pairs are held to."""

    job: Job
    prepared: Prepared
    versions: Versions

    def at(self, proof: JobProof, pairs: Sequence[Pair], befores: Mapping[str, Subject]) -> None:
        for pair in pairs:
            proof.moved += 1
            proof.add(*self.of_pair(proof, pair, befores))

    def of_pair(self, proof: JobProof, pair: Pair, befores: Mapping[str, Subject]) -> list[Finding]:
        place = Place(self.job.origin_wizard_id, pair.after.run_id, pair.after.revision)
        if pair.before is None:
            return [place.finding("chain", "The revision that the job moved is gone.")]
        found = list(self.of_digests(pair, place))
        if found:
            return found
        if pair.erased:
            proof.erased += 1
            return []
        before, after = pair.subjects()
        if self.job.kind == "undo":
            proof.returned += _same(after, befores.get(pair.after.run_id))
            return []
        return list(self.of_answers(proof, before, after, place))

    def of_digests(self, pair: Pair, place: Place) -> Iterator[Finding]:
        for row in (pair.before, pair.after):
            assert row is not None
            if stored_digest(row, self.job.origin_wizard_id) != bytes(row.content_digest):
                at = Place(place.wizard_id, place.run_id, row.revision)
                yield at.finding("revision", "The stored content does not match its digest.")
        assert pair.before is not None
        if pair.before.content_digest != pair.after.previous_digest:
            yield place.finding("chain", "It does not follow the digest of the revision that the job moved.")

    def of_answers(self, proof: JobProof, before: Subject, after: Subject, place: Place) -> Iterator[Finding]:
        """Conservation, from the two revisions alone."""
        if before.version_id not in self.prepared.ways or after.version_id != self.prepared.plan.target:
            yield place.finding("conservation", "The job moved a run between versions that its plan does not name.")
            return
        version = self.versions[before.version_id]
        for option_set_id, fate in fates(before, after, self.prepared).items():
            option_set = version.structure.option_set_by_id[option_set_id]
            label = option_set.name if isinstance(option_set.name, str) else next(iter(option_set.name.values()), "")
            proof.table.setdefault((version.number, option_set.key, label), Counter())[fate] += 1
            if fate == "lost":
                yield place.finding("conservation", f"The answer to “{option_set.key}” is neither in the target nor in the archive.")


def _same(after: Subject, before: Subject | None) -> bool:
    if before is None:
        return False
    return canonical_bytes([after.answers, after.archive, after.version_id]) == canonical_bytes(
        [before.answers, before.archive, before.version_id]
    )


async def _before_the_move(tx: Read, job: Job, pairs: Sequence[Pair]) -> Mapping[str, Subject]:
    """Each run as it was before the job that is taken back, where it can still be read."""
    assert job.undoes is not None
    return await befores_of(tx, job.undoes, [pair.after.run_id for pair in pairs])


# --- the manifest ----------------------------------------------------------------------------------------------------


async def _check_manifest(tx: Read, stored: StoredPlan, proof: JobProof) -> None:
    job = proof.job
    manifest = await find_manifest(tx, job.id)
    if manifest is None:
        if not job.is_active and job.kind != "preview":
            proof.add(_of_job(job, "The job is over and has left no manifest."))
        return
    if stored.approved_at is None or plan_digest(stored.plan) != stored.digest or stored.digest != job.plan_digest:
        proof.add(_of_job(job, "The plan is not the one that was approved."))
    proof.add(*manifest_findings(manifest, job.origin_wizard_id, await moved_by(tx, job.id), await _previous(tx, job, manifest)))
    if manifest.record.get("plan_digest") != job.plan_digest.hex():
        proof.add(_of_job(job, "The manifest names another plan."))


def _of_job(job: Job, detail: str) -> Finding:
    return Finding(code="manifest", wizard_id=job.origin_wizard_id, detail=f"Job {job.id}: {detail}")


async def _previous(tx: Read, job: Job, manifest: StoredManifest) -> bytes | None:
    own = migration_manifests.c
    wanted = own.origin_wizard_id == job.origin_wizard_id, own.number == manifest.number - 1
    digest = await tx.scalar(select(own.digest).where(*wanted))
    return None if digest is None else bytes(digest)


def manifest_findings(manifest: StoredManifest, wizard_id: str, moved: Moved, previous: bytes | None) -> Iterator[Finding]:
    """What of a manifest does not fit the revisions that are stored, or the manifest before it."""
    before, after = moved.roots
    said = manifest.record

    def finding(detail: str) -> Finding:
        return Finding(code="manifest", wizard_id=wizard_id, detail=f"Job {manifest.job_id}: {detail}")

    if said.get("job_id") != manifest.job_id or chained(manifest.previous_digest, said) != manifest.digest:
        yield finding("The manifest does not match its digest.")
    if manifest.previous_digest != previous:
        yield finding("The manifest does not follow the one before it.")
    if (said.get("before"), said.get("after")) != (before.hex(), after.hex()):
        yield finding("The roots over its runs are not those of the manifest.")
    if said.get("counts", {}).get("moved") != moved.runs:
        yield finding(f"The manifest says that {said.get('counts', {}).get('moved')} runs moved; stored are {moved.runs}.")


async def verify_manifests(tx: Read, wizard_id: str | None) -> list[Finding]:
    """The chains of all manifests, or of one wizard's, with the roots of each recomputed; and what no job wrote."""
    own = migration_manifests.c
    statement = select(migration_manifests).order_by(own.origin_wizard_id, own.number)
    rows = await tx.rows(statement if wizard_id is None else statement.where(own.origin_wizard_id == wizard_id))
    found: list[Finding] = []
    before: Row[Any] | None = None
    for row in rows:
        follows = before is not None and before.origin_wizard_id == row.origin_wizard_id and before.number == row.number - 1
        previous = bytes(before.digest) if follows and before is not None else None
        told = None if row.previous_digest is None else bytes(row.previous_digest)
        manifest = StoredManifest(row.job_id, row.number, row.at, row.record, bytes(row.digest), told)
        found += manifest_findings(manifest, row.origin_wizard_id, await moved_by(tx, row.job_id), previous)
        before = row
    return [*found, *await _without_manifest(tx, wizard_id), *await _of_no_job(tx)]


async def _without_manifest(tx: Read, wizard_id: str | None) -> list[Finding]:
    own = migration_jobs.c
    over = own.state.not_in(("queued", "running", "paused", "reverting")), own.kind != "preview"
    missing = select(own.id, own.origin_wizard_id).where(*over, ~exists().where(migration_manifests.c.job_id == own.id))
    rows = await tx.rows((missing if wizard_id is None else missing.where(own.origin_wizard_id == wizard_id)).limit(MAX_FINDINGS))
    detail = "The job is over and has left no manifest."
    return [Finding(code="manifest", wizard_id=row.origin_wizard_id, detail=f"Job {row.id}: {detail}") for row in rows]


async def _of_no_job(tx: Read) -> list[Finding]:
    own = run_revisions.c
    strange = own.job_id.is_not(None), ~exists().where(migration_jobs.c.id == own.job_id)
    rows = await tx.rows(select(own.run_id, own.revision).where(*strange).limit(MAX_FINDINGS))
    return [Place(None, row.run_id, row.revision).finding("record", "It names a job that does not exist.") for row in rows]


# --- coverage --------------------------------------------------------------------------------------------------------


async def _left(tx: Read, job_id: str) -> Mapping[str, int]:
    """Runs that stayed, by the reason of their first item; each is listed."""
    own = migration_items.c
    first = own.job_id == job_id, own.number == 1, ~own.moved
    rows = await tx.rows(select(own.outcome, func.count().label("runs")).where(*first).group_by(own.outcome))
    return {row.outcome: row.runs for row in rows}


async def _check_coverage(tx: Read, proof: JobProof) -> None:
    """In scope = moved + left, each listed: what the pieces counted is what is stored."""
    job = proof.job
    counted: Tallies = tallies_of(job.counts) if job.counts is not None else await tallied(tx, job.id)
    if job.kind == "preview":
        return
    if counted.moving != proof.moved:
        detail = f"The job counted {counted.moving} runs that moved; stored are {proof.moved}."
        proof.add(Finding(code="coverage", wizard_id=job.origin_wizard_id, detail=f"Job {job.id}: {detail}"))
    left = sum(proof.left.values())
    if counted.runs != counted.moving + left:
        detail = f"The job counted {counted.runs - counted.moving} runs that stayed; listed are {left}."
        proof.add(Finding(code="coverage", wizard_id=job.origin_wizard_id, detail=f"Job {job.id}: {detail}"))


async def _broken_chains(tx: Read, job: Job) -> list[Finding]:
    """Something is missing: the runs of the wizard of which a revision is gone, by name."""
    own = run_revisions.c
    kept = select(own.run_id, func.count().label("revisions")).group_by(own.run_id).subquery("kept")
    joined = wizard_runs.outerjoin(kept, kept.c.run_id == wizard_runs.c.id)
    gaps = wizard_runs.c.origin_wizard_id == job.origin_wizard_id, func.coalesce(kept.c.revisions, 0) != wizard_runs.c.revision
    rows = await tx.rows(select(wizard_runs.c.id, wizard_runs.c.revision).select_from(joined).where(*gaps).limit(MAX_FINDINGS))
    detail = "A revision of this run is missing."
    return [Place(job.origin_wizard_id, row.id, row.revision).finding("chain", detail) for row in rows]
