"""`keepstep verify --job`: the proof of one migration, with the table of where every answer went."""

from typing import Final

from keepstep.cli.exits import FINDINGS
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import counted, print_json, print_lines, print_table, progress
from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.queries.integrity_jobs import FATES, JobProof, verify_job
from keepstep.queries.migration_jobs import get_job

_COLUMNS: Final = ("version", "question", "answered", *FATES)


def verify_one_job(job_id: str, *, as_json: bool) -> None:
    """Recomputes everything that the job left. Ends with 8 when something does not fit, naming the run."""

    async def work(resources: Resources) -> JobProof:
        async with open_read(resources.engine) as tx:
            job = await get_job(tx, operator(resources).actor, job_id)
            with progress() as bar:
                task = bar.add_task("Runs", total=sum(job.expected.values()) or None)
                return await verify_job(tx, job, seen=lambda so_far: bar.update(task, completed=so_far.moved))

    proof = with_resources(work, as_json=as_json)
    if as_json:
        print_json(proof.to_json())
    else:
        _print(proof)
    if not proof.is_intact:
        raise SystemExit(FINDINGS)


def _print(proof: JobProof) -> None:
    print_lines(f"run {finding.run_id or '-'}: {finding.detail} ({finding.code})" for finding in proof.findings)
    lines = proof.to_json()["conservation"]
    rows = [{**line, "version": f"v{line['version_number']}", "question": line["key"]} for line in lines]
    if rows:
        print_table(_COLUMNS, rows)
    left = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in sorted(proof.left.items())) or "none"
    print_lines([f"{counted(proof.moved, 'run')} moved ({proof.erased:,} erased since); left: {left}."])
    if proof.job.kind == "undo":
        print_lines([f"{counted(proof.returned, 'run')} returned byte for byte to what they were before the move."])
    if proof.job.kind == "preview":
        print_lines([f"Job {proof.job.id} is a preview: it moved nothing, so there is nothing to prove."])
        return
    said = "Every answer is accounted for" if proof.is_intact else counted(proof.altered, "alteration")
    print_lines([f"Job {proof.job.id} ({proof.job.kind}, {proof.job.state.replace('_', ' ')}): {said}."])
