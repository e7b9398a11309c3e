"""`keepstep plan` and `verify --job`: runs moved from the command line, with what was seen, and proven."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.actions_kit import Desk
from tests.db_fixtures import Database
from typer.testing import CliRunner, Result

from keepstep.actions.confirm import Consent
from keepstep.actions.nodes import Plan, changing_option_set, edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.runs import RunRequest, start_run
from keepstep.cli.main import app
from keepstep.core import edits as e
from keepstep.db.engine import open_engine
from keepstep.queries.drafts import get_draft
from keepstep.queries.wizards import get_wizard

Keepstep = Callable[..., Result]


def over(url: str, home: Path) -> Keepstep:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"KEEPSTEP_HOME": str(home), "KEEPSTEP_DATABASE_URL": url})

    return invoke


async def _second_version(url: str) -> None:
    """A survey with three runs, and a version 2 without the e-mail address and with several colours."""
    engine = open_engine(url)
    try:
        desk = Desk(engine)
        survey = await desk.survey()
        for number in range(3):
            await desk.run(survey.wizard, full_name=f"N{number}", email="a@b.org", favorite_color="blue")
        await _edited(desk, survey.wizard, fixed(e.DeleteOptionSet(option_set_id=survey.email)))
        await _edited(desk, survey.wizard, changing_option_set(survey.color, {"selection_type": "multiple_select"}, None))
        report = await desk.do(report_of_publish, survey.wizard, Publishing())
        await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="*", confirm=report.token))
    finally:
        await engine.dispose()


async def _edited(desk: Desk, wizard: str, plan: Plan) -> None:
    report = await desk.do(report_of_edit, wizard, plan)
    await desk.do(edit_node, wizard, plan, Consent(seen="*", confirm=report.token))


@pytest.fixture
def keepstep(database: Database, tmp_path: Path) -> Keepstep:
    asyncio.run(_second_version(database.url))
    return over(database.url, tmp_path / "home")


def _json(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_runs_are_planned_previewed_moved_proven_and_taken_back(keepstep: Keepstep) -> None:
    plan = _json(keepstep("plan", "make", "customer-survey", "--json"))
    assert ([each["version_number"] for each in plan["sources"]], plan["faults"]) == ([1], [])
    shown = _json(keepstep("plan", "preview", plan["id"], "--json"))
    assert (shown["runs"], shown["moves"]) == (3, 3)
    assert keepstep("plan", "apply", plan["id"]).exit_code == 6
    job = _json(keepstep("plan", "apply", plan["id"], "--confirm", shown["confirm"], "--json"))
    assert (job["state"], job["progress"]["moved"]) == ("completed", 3)
    proof = keepstep("verify", "--job", job["id"])
    assert proof.exit_code == 0, proof.output
    table = {line.split()[1]: line.split()[2:] for line in proof.stdout.splitlines() if line.startswith("v1")}
    # answered, carried, converted, mapped, archived, conflicted, lost, unanswered
    assert table == {
        "full-name": ["3", "3", "0", "0", "0", "0", "0", "0"],
        "email": ["3", "0", "0", "0", "3", "0", "0", "0"],
        "favorite-color": ["3", "0", "3", "0", "0", "0", "0", "0"],
    }
    undo = _json(keepstep("plan", "undo", job["id"], "--json"))
    assert "3 runs returned byte for byte" in keepstep("verify", "--job", undo["id"]).stdout
    assert keepstep("plan", "undo", job["id"]).exit_code == 6
    assert keepstep("verify").exit_code == 0
    assert job["id"] in keepstep("plan", "status", job["id"]).stdout
    assert plan["id"] in keepstep("plan", "list", "customer-survey").stdout


async def _in_progress(url: str) -> None:
    """Somebody has chosen a colour on version 2, which is to be a number in the draft."""
    engine = open_engine(url)
    try:
        desk = Desk(engine)
        wizard = (await desk.read(get_wizard, desk.actor, "customer-survey")).id
        await desk.do(start_run, wizard, RunRequest(answers={"favorite-color": ["blue"]}))
        structure = (await desk.read(get_draft, desk.actor, wizard)).draft.structure
        (color,) = [each.id for each in structure.option_sets if each.key == "favorite-color"]
        await _edited(desk, wizard, changing_option_set(color, {"selection_type": "single_select"}, None))
        await _edited(desk, wizard, changing_option_set(color, {"name": "Best colour"}, "same"))
    finally:
        await engine.dispose()


def test_runs_in_progress_move_at_a_publish_by_what_a_file_says(keepstep: Keepstep, database: Database, tmp_path: Path) -> None:
    asyncio.run(_in_progress(database.url))
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"mapping": {"favorite-color": "archive"}}))
    moving = ("customer-survey", "--in-progress", "migrate")
    plain = _json(keepstep("impact", *moving, "--json"))["in_progress"]
    shown = _json(keepstep("impact", *moving, "--words", str(words), "--json"))
    told = shown["in_progress"]
    assert (told["policy"], told["moves"], told["plan_digest"] == plain["plan_digest"]) == ("migrate", 1, False)
    # What was confirmed is this plan, not the one that ids make.
    assert keepstep("wizard", "publish", *moving, "--confirm", shown["confirm"]).exit_code == 6
    published = _json(keepstep("wizard", "publish", *moving, "--words", str(words), "--confirm", shown["confirm"], "--json"))
    assert published["version_number"] == 3
    assert published["job_id"] in keepstep("plan", "status", published["job_id"]).stdout


def test_a_plan_is_completed_from_a_file(keepstep: Keepstep, tmp_path: Path) -> None:
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"mapping": {"favorite-color": "archive"}, "policy": {"on_conflict": "park"}}))
    plan = _json(keepstep("plan", "make", "customer-survey", "--from", "1", "--to", "2", "--words", str(words), "--json"))
    assert plan["policy"]["on_conflict"] == "park"
    words.write_text(json.dumps({"mapping": {"nothing": "archive"}}))
    assert keepstep("plan", "change", plan["id"], "--words", str(words)).exit_code == 3
    words.write_text("[]")
    assert keepstep("plan", "change", plan["id"], "--words", str(words)).exit_code == 3
    assert keepstep("verify", "--job", plan["id"]).exit_code == 5
