"""`keepstep retention`: what is due by a wizard's rule, counted and applied."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.actions_kit import ADMIN, Desk
from tests.db_fixtures import Database
from typer.testing import CliRunner, Result

from keepstep.actions.retention import preview_retention
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.cli.main import app
from keepstep.db.engine import open_engine

Run = Callable[..., Result]
RULE = {"after": "completion", "days": 30, "then": "erase"}


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs a command over a database with a run of last spring."""

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_DATABASE_URL": database.url})

    asyncio.run(_survey(database))
    return invoke


async def _survey(database: Database) -> None:
    engine = open_engine(database.url)
    desk = Desk(engine)
    await desk.run((await desk.survey()).wizard, full_name="Ada")
    await engine.dispose()


async def _switch_on(database: Database) -> None:
    engine = open_engine(database.url)
    desk = Desk(engine).as_(ADMIN)
    due = await desk.do(preview_retention, "customer-survey", RULE)
    await desk.do(change_wizard, "customer-survey", WizardPatch(settings={"retention": RULE}), due.confirm)
    await engine.dispose()


def test_without_a_rule_nothing_is_due_and_nothing_goes(run: Run) -> None:
    assert "no retention rule" in run("retention", "apply", "customer-survey", "--dry-run").stdout
    assert json.loads(run("retention", "apply", "customer-survey", "--json").stdout) == {"trashed_by_rule": 0, "erased_by_rule": 0}


def test_a_dry_run_counts_by_version_and_state_and_changes_nothing(run: Run, database: Database) -> None:
    asyncio.run(_switch_on(database))
    for _ in range(2):
        shown = json.loads(run("retention", "apply", "customer-survey", "--dry-run", "--json").stdout)
        by_version = [{"version_number": 1, "by_status": {"completed": 1}}]
        assert shown == {"retention": RULE, "runs": 1, "by_version": by_version}
    told = run("retention", "apply", "customer-survey", "--dry-run").stdout.splitlines()
    assert told == ["30 days after completion, then erase: 1 run due now.", "  version 1, completed: 1"]


def test_applied_the_run_is_erased_and_verify_passes(run: Run, database: Database) -> None:
    asyncio.run(_switch_on(database))
    assert run("retention", "apply", "customer-survey").stdout == "Moved 0 runs to the trash and erased 1 run.\n"
    assert json.loads(run("retention", "apply", "customer-survey", "--json").stdout)["erased_by_rule"] == 0
    checked = run("verify")
    assert checked.exit_code == 0, checked.stdout


def test_a_wizard_that_is_not_there_is_not_found(run: Run) -> None:
    assert (run("retention", "apply", "nowhere").exit_code, run("retention", "apply", "nowhere", "--dry-run").exit_code) == (5, 5)


WANTED = ("retention", "set", "customer-survey", "--days", "30", "--then", "erase")


def test_a_rule_is_switched_on_by_the_token_of_its_count_and_off_without_one(run: Run) -> None:
    counted = json.loads(run(*WANTED, "--dry-run", "--json").stdout)
    assert (counted["retention"], counted["runs"]) == (RULE, 1)
    assert "no retention rule" in run("retention", "apply", "customer-survey", "--dry-run").stdout
    assert run(*WANTED, "--json").exit_code == 6
    assert run(*WANTED, "--confirm", "another").exit_code == 6
    done = run(*WANTED, "--confirm", counted["confirm"])
    assert done.stdout == "30 days after completion, then erase, by the daily work from now on.\n"
    assert json.loads(run("retention", "apply", "customer-survey", "--dry-run", "--json").stdout)["retention"] == RULE
    assert run("retention", "off", "customer-survey").stdout == "This wizard has no retention rule: its runs stay.\n"
    assert "no retention rule" in run("retention", "apply", "customer-survey", "--dry-run").stdout


def test_without_a_token_the_count_is_shown_and_asked_about(run: Run, database: Database, tmp_path: Path) -> None:
    environment = {"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_DATABASE_URL": database.url}
    refused = CliRunner().invoke(app, list(WANTED), env=environment, input="n\n")
    assert (refused.exit_code, "1 run due now" in refused.stdout) == (1, True)
    assert "no retention rule" in run("retention", "apply", "customer-survey", "--dry-run").stdout
    assert CliRunner().invoke(app, list(WANTED), env=environment, input="y\n").exit_code == 0
    assert "1 run due now" in run("retention", "apply", "customer-survey", "--dry-run").stdout


def test_days_that_no_rule_has_are_refused(run: Run) -> None:
    assert run("retention", "set", "customer-survey", "--days", "0").exit_code == 2
    assert run("retention", "set", "nowhere", "--days", "3", "--dry-run").exit_code == 5
