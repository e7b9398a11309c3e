"""Rows to test the database with: a wizard with one version, runs and revisions of it, whose digests really follow."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, update

from keepstep.db import tables
from keepstep.db.transaction import Write

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
DIGEST = b"\x01" * 32
SALT = b"\x02" * 32


def new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Survey:
    """A published wizard with one step and two questions: Email (asked) and Color (not asked)."""

    wizard: str
    version: str
    step: str
    email: str
    color: str


async def add_survey(write: Write, slug: str = "survey") -> Survey:
    survey = Survey(*(new_id() for _ in range(5)))
    await write.execute(insert(tables.wizards).values(wizard_row(survey.wizard, slug)))
    await write.execute(insert(tables.wizard_versions).values(version_row(survey.version, survey.wizard, 1)))
    for position, (option_set, key) in enumerate(((survey.email, "email"), (survey.color, "color"))):
        row = {"version_id": survey.version, "option_set_id": option_set, "step_id": survey.step, "position": position, "key": key}
        snapshots = {"option_set_snapshot": {"id": option_set, "name": key.title()}, "step_snapshot": {"id": survey.step}}
        await write.execute(insert(tables.version_option_sets).values(row | snapshots))
    await write.execute(update(tables.wizards).where(tables.wizards.c.id == survey.wizard).values(active_version_id=survey.version))
    return survey


def wizard_row(wizard: str, slug: str) -> dict[str, Any]:
    draft = {"name": "Survey", "draft": {}, "shelf": [], "draft_revision": 1, "settings": {}}
    return {"id": wizard, "slug": slug, "created_at": NOW, "updated_at": NOW} | draft


def version_row(version: str, wizard: str, number: int) -> dict[str, Any]:
    content = {"structure": {}, "digest": DIGEST, "changes": [], "in_progress_policy": "finish"}
    return {"id": version, "origin_wizard_id": wizard, "wizard_id": wizard, "version_number": number, "created_at": NOW} | content


def run_row(survey: Survey, **values: Any) -> dict[str, Any]:
    """A completed run at revision 1, or what `values` say."""
    ids = {"id": new_id(), "origin_wizard_id": survey.wizard, "wizard_id": survey.wizard, "wizard_version_id": survey.version}
    state = {"status": "completed", "revision": 1, "save_number": 0, "working_answers": None, "language": "en", "respondent": None}
    times = {"started_at": NOW, "updated_at": NOW, "completed_at": NOW}
    return ids | state | times | values


def revision_row(survey: Survey, run: str, **values: Any) -> dict[str, Any]:
    """Revision 1 with an e-mail address, or what `values` say."""
    answers = {survey.email: {"value": "john@example.com"}}
    what = {"run_id": run, "revision": 1, "wizard_version_id": survey.version, "language": "en", "status": "completed"}
    content = {"answers": answers, "archive": {}, "asked": "10", "evaluated_at": NOW, "evaluated_zone": "UTC"}
    proof = {"cause": "respondent", "actor": None, "at": NOW, "salt": SALT, "content_digest": DIGEST, "previous_digest": None}
    return what | content | proof | values


async def add_run(write: Write, survey: Survey, **answers: Any) -> str:
    """The id of a completed run; `answers` replace the e-mail address of its revision 1."""
    run = run_row(survey)
    await write.execute(insert(tables.wizard_runs).values(run))
    await write.execute(insert(tables.run_revisions).values(revision_row(survey, run["id"], **answers)))
    return str(run["id"])


async def add_revision(write: Write, survey: Survey, run: str, number: int, **values: Any) -> None:
    """Revision `number`, and the head moved to it."""
    row = revision_row(survey, run, **{"revision": number, "previous_digest": DIGEST, "cause": "editor"} | values)
    await write.execute(insert(tables.run_revisions).values(row))
    head = {"revision": number, "wizard_version_id": row["wizard_version_id"]}
    await write.execute(update(tables.wizard_runs).where(tables.wizard_runs.c.id == run).values(head))


@dataclass(frozen=True)
class World:
    """A survey with one completed run and one in progress."""

    survey: Survey
    completed: str
    in_progress: str


async def add_world(write: Write) -> World:
    survey = await add_survey(write)
    completed = await add_run(write, survey)
    run = run_row(survey, status="in_progress", revision=0, working_answers={}, completed_at=None, respondent="john")
    await write.execute(insert(tables.wizard_runs).values(run))
    return World(survey, completed, str(run["id"]))


async def fill_logs(write: Write, world: World) -> None:
    """One row in each table that only grows, so that a row-level guard has something to refuse. Not as the application."""
    wizard, option_set = world.survey.wizard, world.survey.email
    edit = {"wizard_id": wizard, "revision": 1, "kind": "edit", "name": "First", "edit": {}, "inverse": {}, "at": NOW}
    await write.execute(insert(tables.draft_edits).values(edit))
    node = {"id": option_set, "kind": "option_set", "origin_wizard_id": wizard, "first_seen": NOW}
    await write.execute(insert(tables.nodes).values(node))
    await write.execute(insert(tables.option_values).values(option_set_id=option_set, value="a"))
    await write.execute(insert(tables.reserved_keys).values(origin_wizard_id=wizard, key="email", option_set_id=option_set))
    proof = {"id": new_id(), "at": NOW, "cause": "daily", "root": DIGEST, "counts": {}, "key_id": "k", "signature": b"s"}
    await write.execute(insert(tables.checkpoints).values(proof))
    await _add_job(write, world)
    erasure = {"run_id": new_id(), "number": 1, "leaves": {}, "reason": "r", "at": NOW, "audit_event_id": new_id(), "digest": DIGEST}
    await write.execute(insert(tables.erasures).values(erasure))
    event = {"id": new_id(), "at": NOW, "channel": "api", "action": "run.started", "subject_kind": "run", "details": {}}
    await write.execute(insert(tables.audit_events).values(event))


async def _add_job(write: Write, world: World) -> None:
    """An approved plan, a job of it, what became of a run, and its proof."""
    wizard, version = world.survey.wizard, world.survey.version
    plan = {"id": new_id(), "origin_wizard_id": wizard, "target_id": version, "content": {}, "digest": DIGEST, "revision": 1}
    await write.execute(insert(tables.plans).values(**plan, created_at=NOW, updated_at=NOW, approved_at=NOW))
    job = {"id": new_id(), "plan_id": plan["id"], "origin_wizard_id": wizard, "kind": "apply", "state": "completed", "plan_digest": DIGEST}
    job |= {"scope": {}, "canary": "none", "expected": {}, "frozen_at": NOW, "created_at": NOW, "updated_at": NOW}
    await write.execute(insert(tables.migration_jobs).values(job))
    item = {"run_id": world.completed, "job_id": job["id"], "number": 1, "outcome": "conflicts", "code": "type", "revision": 1}
    await write.execute(insert(tables.migration_items).values(**item, moved=False, at=NOW))
    manifest = {"job_id": job["id"], "origin_wizard_id": wizard, "number": 1, "at": NOW, "record": {}, "digest": DIGEST}
    await write.execute(insert(tables.migration_manifests).values(manifest))
