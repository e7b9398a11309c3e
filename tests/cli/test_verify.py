"""`keepstep verify`: its exit code, its words, and checkpoints that find what no digest inside the store can."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk
from tests.db_fixtures import Database
from tests.tampering import flipped, tamper
from typer.testing import CliRunner, Result

from keepstep.actions.confirm import Consent
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.files import Upload, store_file
from keepstep.actions.publishing import Publishing, publish_draft
from keepstep.actions.runs import save_answers
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.cli.main import app
from keepstep.core.integrity import Header, content_digest, leaves_of
from keepstep.db.blobs import FolderStore
from keepstep.db.engine import open_engine
from keepstep.db.transaction import open_read

Verify = Callable[..., Result]
SECRET = "a secret of these tests, long enough"


@pytest.fixture
def keepstep_verify(database: Database, tmp_path: Path) -> Verify:
    return command("verify", database, tmp_path)


@pytest.fixture
def keepstep_sweep(database: Database, tmp_path: Path) -> Verify:
    return command("sweep", database, tmp_path)


def command(name: str, database: Database, home: Path) -> Verify:
    environment = {"KEEPSTEP_HOME": str(home), "KEEPSTEP_DATABASE_URL": database.url, "KEEPSTEP_SECRET_KEY": SECRET}

    def invoke(*words: str, **more: str) -> Result:
        return CliRunner().invoke(app, [name, *words], env=environment | more)

    return invoke


def in_database(url: str, work: Callable[[AsyncEngine], Any], *, role: str | None = "keepstep_app") -> Any:
    async def worked() -> Any:
        engine = open_engine(url, role=role)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(worked())


@pytest.fixture
def store(database: Database) -> list[str]:
    """The ids of three runs: one with two revisions, one with an erasure, one in progress."""

    async def fill(engine: AsyncEngine) -> list[str]:
        desk = Desk(engine)
        survey = await desk.survey()
        runs = [await desk.run(survey.wizard, full_name="John", email="john@example.com") for _ in range(2)]
        runs.append(await desk.run(survey.wizard, complete=False, full_name="Ann"))
        await desk.do(save_answers, runs[0], {"full-name": "J. Doe"}, "1.0")
        await desk.as_(ADMIN).do(erase_run, runs[1], ErasureRequest(reason="asked for", option_sets=["email"]))
        return runs

    ids: list[str] = in_database(database.url, fill)
    return ids


def alter(database: Database, statement: str, **named: str) -> None:
    in_database(database.superuser_url, lambda engine: tamper(engine, statement, named), role=None)


def test_what_is_intact_is_said_with_its_speed(keepstep_verify: Verify, store: list[str]) -> None:
    ended = keepstep_verify()
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Everything is as it was stored: 1 versions, 3 runs, 3 revisions (1 with erasures), ")
    told = json.loads(keepstep_verify("--json", "--wizard", "customer-survey").stdout)
    assert (told["intact"], told["runs"], told["findings"], told["checkpoint"]) == (True, 3, [], None)


def test_one_flipped_byte_ends_with_8_and_names_the_run(keepstep_verify: Verify, store: list[str], database: Database) -> None:
    alter(database, "UPDATE run_revisions SET answers = replace(answers::text, 'J. D', 'J. E')::jsonb WHERE revision = 2")
    ended = keepstep_verify()
    assert (ended.exit_code, f"run {store[0]}, revision 2: " in ended.stdout) == (8, True)
    (finding,) = json.loads(keepstep_verify("--json").stdout)["findings"]
    assert (finding["code"], finding["run_id"], finding["revision"]) == ("revision", store[0], 2)


@pytest.fixture
def uploaded(store: list[str], database: Database, tmp_path: Path) -> Path:
    """Where the bytes of an uploaded file lie."""

    async def fill(engine: AsyncEngine) -> str:
        desk = Desk(engine, minute=[50])
        blobs = FolderStore(tmp_path / "files", 1000)
        stored = await desk.do(store_file, "customer-survey", blobs, Upload(pieces(), "a.txt", "text/plain"))
        return stored.sha256

    (path,) = (tmp_path / "files").rglob(in_database(database.url, fill))
    return path


async def pieces() -> AsyncIterator[bytes]:
    yield b"what somebody uploaded"


def test_uploads_are_read_unless_it_is_told_not_to_and_then_it_says_so(keepstep_verify: Verify, uploaded: Path) -> None:
    assert "0 files in answers; 1 upload read, 22 bytes." in keepstep_verify().stdout
    uploaded.write_bytes(b"What somebody uploaded")
    ended = keepstep_verify()
    assert (ended.exit_code, "are not those of the upload" in ended.stdout, "(file)" in ended.stdout) == (8, True, True)
    unread = keepstep_verify("--no-files")
    assert (unread.exit_code, "the bytes of uploads were not read (--no-files)" in unread.stdout) == (0, True)
    assert json.loads(keepstep_verify("--no-files", "--json").stdout)["contents"] is None


def test_what_no_file_names_is_said_and_swept(
    keepstep_verify: Verify, keepstep_sweep: Verify, uploaded: Path, database: Database, tmp_path: Path
) -> None:
    alter(database, "DELETE FROM files")
    broken_off, going_on = tmp_path / "files/incoming" / ("0" * 32), tmp_path / "files/incoming" / ("1" * 32)
    for path in (broken_off, going_on):
        path.write_bytes(b"half")
    os.utime(broken_off, (0, 0))
    ended = keepstep_verify()
    assert (ended.exit_code, "The store holds 1 content that no file names" in ended.stdout) == (0, True)
    assert keepstep_sweep().stdout == "Removed 1 content that no file names, and 1 upload broken off.\n"
    assert (uploaded.exists(), broken_off.exists(), going_on.exists()) == (False, False, True)
    assert json.loads(keepstep_sweep("--json").stdout) == {"contents": 0, "uploads": 0}
    assert "The store holds" not in keepstep_verify().stdout


def test_a_sweep_is_in_the_audit_trail_and_one_without_anything_to_do_is_not(
    keepstep_sweep: Verify, uploaded: Path, database: Database
) -> None:
    keepstep_sweep()
    assert uploaded.exists()
    alter(database, "DELETE FROM files")
    keepstep_sweep()

    async def events(engine: AsyncEngine) -> Any:
        async with open_read(engine) as tx:
            return await tx.scalars(text("SELECT details FROM audit_events WHERE action = 'files.swept'"))

    assert in_database(database.url, events) == [{"contents": 1}]


def test_guards_that_are_off_are_a_finding(keepstep_verify: Verify, store: list[str], database: Database) -> None:
    async def disable(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE run_revisions DISABLE TRIGGER keepstep_guard"))

    in_database(database.superuser_url, disable, role=None)
    ended = keepstep_verify()
    assert (ended.exit_code, "keepstep_guard" in ended.stdout, "(guard)" in ended.stdout) == (8, True, True)


def test_a_checkpoint_is_written_once_and_agrees_with_the_store(keepstep_verify: Verify, store: list[str], tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.jsonl"
    written = json.loads(keepstep_verify("--checkpoint", str(file), "--json").stdout)
    last = json.loads(file.read_text().splitlines()[-1])
    assert (written["checkpoint"]["root"], last["counts"]) == (last["root"], {"version": 1, "run": 3, "erasure": 1})
    assert keepstep_verify("--against", str(file)).exit_code == 0
    again = keepstep_verify("--checkpoint", str(file))
    assert (again.exit_code, "exists already" in again.stderr) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.fixture
def checkpoint(keepstep_verify: Verify, store: list[str], tmp_path: Path) -> Path:
    file = tmp_path / "checkpoint.jsonl"
    assert keepstep_verify("--checkpoint", str(file)).exit_code == 0
    return file


def codes(ended: Result) -> list[tuple[str, str | None]]:
    return [(finding["code"], finding["run_id"]) for finding in json.loads(ended.stdout)["findings"]]


def test_what_came_since_the_checkpoint_is_no_difference(keepstep_verify: Verify, checkpoint: Path, database: Database) -> None:
    async def go_on(engine: AsyncEngine) -> None:
        desk = Desk(engine, minute=[100])
        survey = await desk.survey(slug="another")
        await desk.run(survey.wizard, email="new@example.com")

    in_database(database.url, go_on)
    assert keepstep_verify("--against", str(checkpoint)).exit_code == 0


def test_a_dropped_run_is_found_by_the_checkpoint_alone(
    keepstep_verify: Verify, store: list[str], checkpoint: Path, database: Database
) -> None:
    alter(database, "DELETE FROM run_revisions WHERE run_id = :run", run=store[0])
    alter(database, "DELETE FROM wizard_runs WHERE id = :run", run=store[0])
    assert keepstep_verify().exit_code == 0
    ended = keepstep_verify("--against", str(checkpoint), "--json")
    assert (ended.exit_code, codes(ended)) == (8, [("dropped", store[0])])


def test_a_cut_tail_is_found_by_the_checkpoint_alone(
    keepstep_verify: Verify, store: list[str], checkpoint: Path, database: Database
) -> None:
    alter(database, "DELETE FROM run_revisions WHERE run_id = :run AND revision = 2", run=store[0])
    alter(database, "UPDATE wizard_runs SET revision = 1 WHERE id = :run", run=store[0])
    assert codes(keepstep_verify("--json")) == [("record", store[0])]  # it was changed after that
    alter(database, "UPDATE wizard_runs SET updated_at = completed_at WHERE id = :run", run=store[0])
    assert keepstep_verify().exit_code == 0
    assert codes(keepstep_verify("--against", str(checkpoint), "--json")) == [("cut", store[0])]


def test_a_chain_that_was_computed_anew_is_found_by_the_checkpoint_alone(
    keepstep_verify: Verify, store: list[str], checkpoint: Path, database: Database
) -> None:
    in_database(database.superuser_url, lambda engine: recompute(engine, store[0]), role=None)
    assert keepstep_verify().exit_code == 0
    assert codes(keepstep_verify("--against", str(checkpoint), "--json")) == [("rewritten", store[0])]


async def recompute(engine: AsyncEngine, run_id: str) -> None:
    """Another name in revision 2, with everything that follows from it: what an attacker who read this source would do."""
    async with engine.begin() as connection:
        found = await connection.execute(
            text(
                "SELECT r.*, r.asked::text AS bits, w.origin_wizard_id FROM run_revisions r JOIN wizard_runs w ON w.id = r.run_id "
                "WHERE run_id = :run AND r.revision = 2"
            ),
            {"run": run_id},
        )
        row = found.one()
    answers = {name: envelope | {"value": "X"} for name, envelope in row.answers.items()}
    header = Header(
        run_id=run_id,
        revision=2,
        version_id=str(row.wizard_version_id),
        origin_wizard_id=str(row.origin_wizard_id),
        language=row.language,
        status=row.status,
        cause=row.cause,
        actor=str(row.actor),
        at=row.at,
        asked=row.bits,
        evaluated_at=row.evaluated_at,
        zone=row.evaluated_zone,
    )
    salt = bytes(row.salt)
    digest = content_digest(header, leaves_of(salt, answers), leaves_of(salt, row.archive), bytes(row.previous_digest))
    await tamper(
        engine,
        "UPDATE run_revisions SET answers = CAST(:answers AS jsonb), content_digest = :digest WHERE run_id = :run AND revision = 2",
        {"run": run_id, "answers": json.dumps(answers), "digest": digest},
    )


def test_a_dropped_tombstone_and_an_altered_version_are_found(
    keepstep_verify: Verify, store: list[str], checkpoint: Path, database: Database
) -> None:
    alter(database, "DELETE FROM erasures")
    alter(database, f"UPDATE wizard_versions SET digest = {flipped('digest')}")
    found = codes(keepstep_verify("--against", str(checkpoint), "--json"))
    assert {("dropped", store[1]), ("rewritten", None), ("tombstone", store[1]), ("version", None)} <= set(found)


def test_versions_that_were_renumbered_together_with_the_trail_are_found_by_the_checkpoint_alone(
    keepstep_verify: Verify, store: list[str], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "two.jsonl"
    in_database(database.url, second_version)
    assert keepstep_verify("--checkpoint", str(file)).exit_code == 0
    alter(database, RENUMBERED)
    assert keepstep_verify().exit_code == 0
    ended = keepstep_verify("--against", str(file), "--json")
    found = [(finding["code"], finding["version_number"]) for finding in json.loads(ended.stdout)["findings"]]
    assert (ended.exit_code, sorted(found)) == (8, [("rewritten", 1), ("rewritten", 2)])


async def second_version(engine: AsyncEngine) -> None:
    desk = Desk(engine, minute=[100])
    wizard = (await desk.read(lambda tx: tx.rows(text("SELECT id::text FROM wizards"))))[0].id
    await desk.do(change_wizard, wizard, WizardPatch(name="Second"))
    await desk.do(publish_draft, wizard, Publishing(), Consent(seen="2"))


# Both versions under each other's number, and everything that says so altered with them.
RENUMBERED = """
    DO $$ BEGIN
      UPDATE wizard_versions SET version_number = version_number + 10;
      UPDATE wizard_versions SET version_number = 13 - version_number;
      UPDATE wizard_versions SET based_on = NULLIF(version_number - 1, 0), created_at = '2026-03-03 10:00+00';
      UPDATE wizards SET active_version_id = (SELECT id FROM wizard_versions WHERE version_number = 2);
      UPDATE audit_events SET at = '2026-03-03 10:00+00', details = details - 'record' WHERE action = 'wizard.published';
    END $$
"""


def test_no_checkpoint_is_written_over_what_was_altered(
    keepstep_verify: Verify, store: list[str], database: Database, tmp_path: Path
) -> None:
    alter(database, "UPDATE run_revisions SET cause = 'import'")
    assert keepstep_verify("--checkpoint", str(tmp_path / "new.jsonl")).exit_code == 8
    assert list(tmp_path.iterdir()) == []


def test_an_altered_record_of_a_checkpoint_is_found(keepstep_verify: Verify, checkpoint: Path, database: Database) -> None:
    alter(database, f"UPDATE checkpoints SET root = {flipped('root')}")
    assert codes(keepstep_verify("--json")) == [("checkpoint", None)]


FORGERIES: dict[str, Callable[[list[str]], list[str]]] = {
    "altered or cut": lambda lines: [line for line in lines if '"run"' not in line or '"counts"' in line],
    "file was cut": lambda lines: lines[:-1],
    "nothing may follow": lambda lines: [*lines, lines[1]],
    "no checkpoint of Keepstep": lambda lines: lines[1:],
    "signature": lambda lines: [*lines[:-1], lines[-1].replace('"request"', '"daily"')],
    "another key": lambda lines: [*lines[:-1], lines[-1].replace("hmac-sha256:", "hmac-sha256:0")],
    "no line of a checkpoint": lambda lines: [lines[0], '["run"]', *lines[1:]],
    "not the signed one": lambda lines: [*lines[:-1], '{"root": 1}'],
    "Line 2": lambda lines: [lines[0], "{", *lines[1:]],
}


@pytest.mark.parametrize("said", FORGERIES)
def test_a_checkpoint_that_was_altered_is_not_trusted(keepstep_verify: Verify, checkpoint: Path, said: str) -> None:
    checkpoint.write_text("\n".join(FORGERIES[said](checkpoint.read_text().splitlines())) + "\n")
    ended = keepstep_verify("--against", str(checkpoint))
    assert (ended.exit_code, said in ended.stderr, ended.stdout) == (3, True, "")


def test_a_checkpoint_of_another_key_and_a_missing_one_are_said_so(keepstep_verify: Verify, checkpoint: Path, tmp_path: Path) -> None:
    other = keepstep_verify("--against", str(checkpoint), KEEPSTEP_SECRET_KEY=SECRET[::-1])
    assert (other.exit_code, "another key" in other.stderr) == (3, True)
    missing = keepstep_verify("--against", str(tmp_path / "nothing"))
    assert (missing.exit_code, "No such file" in missing.stderr) == (3, True)


def test_a_checkpoint_is_over_everything(keepstep_verify: Verify, tmp_path: Path) -> None:
    ended = keepstep_verify("--wizard", "customer-survey", "--checkpoint", str(tmp_path / "a.jsonl"))
    assert (ended.exit_code, "leave --wizard out" in ended.stderr) == (3, True)


def test_an_unknown_wizard_is_said_so(keepstep_verify: Verify) -> None:
    assert keepstep_verify("--wizard", "nothing").exit_code == 5
