"""`verify` of a job finds whatever was altered of what it did, names the run, and passes where a person was erased."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk, new_id
from tests.migration_kit import Bench, changed, options, question
from tests.tampering import flipped, tampered

from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.migration_jobs import undo_job
from keepstep.config import Resources, settings_from
from keepstep.db.tables import run_revisions
from keepstep.queries.integrity import verify
from keepstep.queries.integrity_jobs import JobProof, verify_job
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.migration_proof import stored_digest


@pytest.fixture
def resources(engine: AsyncEngine, tmp_path: Path) -> Resources:
    settings = settings_from({"KEEPSTEP_HOME": str(tmp_path / "home")})
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return Resources(engine, settings, b"secret of the tests, thirty-two bytes", lambda: now, new_id, lambda: os.urandom(16))


@pytest.fixture
async def bench(desk: Desk, resources: Resources) -> Bench:
    made = await Bench.of(
        desk, resources, question("name"), question("age"), question("colour", "single_select", options=options("red", "blue"))
    )
    await made.answer(12, lambda number: {"name": f"N{number}", "age": "x" if number == 5 else str(number), "colour": "red"})
    second = changed(made.structure, drop=["name"], age={"selection_type": "integer"}, colour={"selection_type": "multiple_select"})
    await made.publish(second)
    return made


@pytest.fixture
async def job(bench: Bench) -> Job:
    return await bench.finished(await bench.started(await bench.plan()))


async def _proof(bench: Bench, job: Job) -> JobProof:
    return await bench.desk.read(verify_job, job)


async def test_the_table_says_where_every_answer_went(bench: Bench, job: Job) -> None:
    proof = await _proof(bench, job)
    assert (proof.is_intact, proof.moved, proof.left) == (True, 11, {"conflicts": 1})
    assert {key: dict(counts) for (_, key, _), counts in proof.table.items()} == {
        "name": {"archived": 11},
        "age": {"converted": 11},
        "colour": {"converted": 11},
    }
    assert (await bench.desk.read(verify)).is_intact


OF_RUN = "WHERE run_id = CAST(:run AS uuid)"
ALTERED = {
    "a byte of a revision": (
        f"UPDATE run_revisions SET answers = replace(answers::text, '3', '4')::jsonb {OF_RUN} AND revision = 2",
        "revision",
    ),
    "a byte of the revision before": (
        f"UPDATE run_revisions SET answers = replace(answers::text, 'N3', 'N4')::jsonb {OF_RUN} AND revision = 1",
        "revision",
    ),
    "a digest": (f"UPDATE run_revisions SET content_digest = {flipped('content_digest')} {OF_RUN} AND revision = 2", "revision"),
    "a revision that is gone": (f"DELETE FROM run_revisions {OF_RUN} AND revision = 2", "chain"),
    "the revision before, gone": (f"DELETE FROM run_revisions {OF_RUN} AND revision = 1", "chain"),
    "an archive entry that is gone": (f"UPDATE run_revisions SET archive = '{{}}' {OF_RUN} AND revision = 2", "revision"),
}


async def test_what_was_altered_of_a_moved_run_is_found_and_the_run_is_named(bench: Bench, job: Job, superuser_engine: AsyncEngine) -> None:
    missed = []
    for what, (statement, code) in ALTERED.items():
        async with tampered(superuser_engine, statement, {"run": bench.runs[3]}) as tx:
            found = {(finding.run_id, finding.code) for finding in (await verify_job(tx, job)).findings}
        missed += [] if (bench.runs[3], code) in found else [what]
    assert missed == []


async def test_an_answer_that_was_dropped_together_with_its_digest_is_still_missed(
    bench: Bench, job: Job, superuser_engine: AsyncEngine
) -> None:
    """Whoever can compute digests anew cannot make the answers add up."""
    forged = _forged_without_archive(await _row(bench, bench.runs[3]), bench.wizard)
    statement = f"UPDATE run_revisions SET archive = '{{}}', content_digest = decode(:digest, 'hex') {OF_RUN} AND revision = 2"
    async with tampered(superuser_engine, statement, {"run": bench.runs[3], "digest": forged}) as tx:
        proof = await verify_job(tx, job)
    found = {(finding.run_id, finding.code) for finding in proof.findings}
    assert {(bench.runs[3], "conservation"), (None, "manifest")} <= found


async def _row(bench: Bench, run_id: str) -> Any:
    wanted = run_revisions.c.run_id == run_id, run_revisions.c.revision == 2
    return await bench.desk.read(lambda tx: tx.row(select(run_revisions).where(*wanted)))


def _forged_without_archive(row: Any, wizard: str) -> str:
    forged: Any = SimpleNamespace(**{**row._mapping, "archive": {}})
    return stored_digest(forged, wizard).hex()


MANIFEST: Mapping[str, str] = {
    "leaves in another order": "UPDATE migration_manifests SET record = jsonb_set(record, '{after}', record -> 'before')",
    "another count": "UPDATE migration_manifests SET record = jsonb_set(record, '{counts,moved}', '10')",
    "no manifest": "DELETE FROM migration_manifests",
    "another plan": "UPDATE plans SET content = jsonb_set(content, '{on_conflict}', '\"park\"')",
    "a job renamed": "UPDATE migration_jobs SET plan_digest = sha256('x')",
}


async def test_a_manifest_that_does_not_fit_is_found(bench: Bench, job: Job, superuser_engine: AsyncEngine) -> None:
    missed = []
    for what, statement in MANIFEST.items():
        async with tampered(superuser_engine, statement) as tx:
            found = {finding.code for finding in (await verify_job(tx, await load_job(tx, job.id))).findings}
        missed += [] if "manifest" in found else [what]
    assert missed == []


async def test_a_run_that_was_left_and_is_listed_no_more_is_missed(bench: Bench, job: Job, superuser_engine: AsyncEngine) -> None:
    async with tampered(superuser_engine, "DELETE FROM migration_items") as tx:
        assert [finding.code for finding in (await verify_job(tx, job)).findings] == ["coverage"]


async def test_the_whole_check_finds_a_broken_chain_of_manifests(bench: Bench, job: Job, superuser_engine: AsyncEngine) -> None:
    undo = await bench.finished(await bench.act(undo_job, job.id))
    assert undo.state == "completed"
    for statement in ("DELETE FROM migration_manifests WHERE number = 1", MANIFEST["leaves in another order"]):
        async with tampered(superuser_engine, statement) as tx:
            assert "manifest" in {finding.code for finding in (await verify(tx)).findings}
    stray = f"UPDATE run_revisions SET job_id = gen_random_uuid() {OF_RUN} AND revision = 2"
    async with tampered(superuser_engine, stray, {"run": bench.runs[3]}) as tx:
        assert "record" in {finding.code for finding in (await verify(tx)).findings if finding.run_id == bench.runs[3]}


async def test_erasing_a_person_leaves_the_proof_whole(bench: Bench, job: Job) -> None:
    await bench.desk.as_(ADMIN).do(erase_run, bench.runs[3], ErasureRequest(reason="asked for"))
    await bench.desk.as_(ADMIN).do(erase_run, bench.runs[4], ErasureRequest(reason="asked for", option_sets=["colour"]))
    proof = await _proof(bench, job)
    assert ([finding.to_json() for finding in proof.findings], proof.erased, proof.moved) == ([], 2, 11)
    undo = await bench.finished(await bench.act(undo_job, job.id))
    back = await _proof(bench, undo)
    assert (back.is_intact, back.moved, back.left) == (True, 10, {"erased": 1})
    assert (await bench.desk.read(verify)).is_intact


async def test_an_undo_is_proven_to_have_brought_every_run_back(bench: Bench, job: Job) -> None:
    undo = await bench.finished(await bench.act(undo_job, job.id))
    proof = await _proof(bench, undo)
    assert (proof.is_intact, proof.moved, proof.returned) == (True, 11, 11)
