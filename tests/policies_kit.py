"""What tests of publish policies share: a wizard of two steps, changed and published with a policy, in the middle of a passage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text
from tests.web.conftest import new_id
from tests.web.pages.test_runs_after_edits import structure

from keepstep.config import Resources
from keepstep.jobs.migrations import work_on

Structure = dict[str, Any]
KEYS = ("full-name", "age", "favorite-color", "why", "nickname")


@dataclass
class Case:
    """The wizard under test. `ids` by key of the question."""

    editor: httpx.AsyncClient
    url: str
    ids: dict[str, str]
    steps: list[str]

    async def publish(self, change: Callable[[Structure], None], in_progress: str = "offer", **plan: Any) -> dict[str, Any]:
        """The draft changed and published, with the token of what the dry run told."""
        answer = await self.try_publish(change, in_progress, **plan)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def try_publish(self, change: Callable[[Structure], None], in_progress: str = "offer", **plan: Any) -> httpx.Response:
        draft = await self.editor.get(f"{self.url}/draft")
        changed = draft.json()["structure"]
        change(changed)
        put = await self.editor.put(f"{self.url}/draft", json={"structure": changed}, headers={"If-Match": draft.headers["etag"]})
        assert put.status_code == 200, put.text
        body = {"in_progress": in_progress, **({"plan": plan} if plan else {})}
        seen = {"If-Match": put.headers["etag"]}
        report = await self.editor.post(f"{self.url}/publish", params={"dry_run": "true"}, json=body, headers=seen)
        assert report.status_code == 200, report.text
        return await self.editor.post(f"{self.url}/publish", json={**body, "confirm": report.json()["confirm"]}, headers=seen)


async def new_case(editor: httpx.AsyncClient) -> Case:
    ids, steps = {key: new_id() for key in KEYS}, [new_id(), new_id()]
    made = await editor.post("/api/v1/wizards", json={"name": "Taste", "slug": "taste", "structure": structure(ids, steps)})
    url = f"/api/v1/wizards/{made.json()['id']}"
    answer = await editor.post(f"{url}/publish", headers={"If-Match": "*"})
    assert answer.status_code == 201, answer.text
    return Case(editor, url, ids, steps)


def question(whole: Structure, key: str) -> dict[str, Any]:
    return next(each for step in whole["steps"] for each in step["option_sets"] if each["key"] == key)


def put(key: str, **members: Any) -> Callable[[Structure], None]:
    """A change of one question."""
    return lambda whole: question(whole, key).update(members)


def dropped(key: str) -> Callable[[Structure], None]:
    def change(whole: Structure) -> None:
        for step in whole["steps"]:
            step["option_sets"] = [each for each in step["option_sets"] if each["key"] != key]

    return change


def added(key: str, selection_type: str = "text_input", step: int = 0, **members: Any) -> Callable[[Structure], None]:
    made = {"id": new_id(), "key": key, "name": key.replace("-", " ").title(), "selection_type": selection_type, **members}
    return lambda whole: whole["steps"][step]["option_sets"].append(made)


def both(*changes: Callable[[Structure], None]) -> Callable[[Structure], None]:
    def change(whole: Structure) -> None:
        for each in changes:
            each(whole)

    return change


async def stored_run(resources: Resources, run_id: str) -> dict[str, Any]:
    """What is stored of a run now: its version, status, answers by key with their bare values, archive by key."""
    statement = """
      SELECT version.version_number AS version, run.status, coalesce(run.working_answers, head.answers) AS answers,
        coalesce(head.archive, '{}') AS archive, head.cause
      FROM wizard_runs AS run JOIN wizard_versions AS version ON version.id = run.wizard_version_id
      LEFT JOIN run_revisions AS head ON head.run_id = run.id AND head.revision = run.revision WHERE run.id = :id
    """
    async with resources.engine.connect() as connection:
        row = (await connection.execute(text(statement), {"id": run_id})).one()
        named = await connection.execute(text("SELECT option_set_id::text, min(key) FROM version_option_sets GROUP BY 1"))
        keys: dict[str, str] = dict(map(tuple, named))
    answers = {keys[name]: each["value"] for name, each in row.answers.items()}
    archive = {keys[name]: each["value"] for name, each in row.archive.items()}
    return {"version": row.version, "status": row.status, "answers": answers, "archive": archive, "cause": row.cause}


async def moved_by_job(resources: Resources, published: dict[str, Any]) -> None:
    """The job of a `migrate`, done by a worker."""
    assert published["job_id"]
    assert await work_on(resources, published["job_id"]) in ("over", "busy")
