import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import httpx
import psycopg
import pytest
from sqlalchemy import text
from tests.db_fixtures import Database
from typer.testing import CliRunner, Result

from keepstep import __version__
from keepstep.cli.exits import EXIT_CODES, problems_end_the_command
from keepstep.cli.main import app
from keepstep.cli.opening import database_of, open_resources
from keepstep.cli.printing import print_table
from keepstep.config import settings_from
from keepstep.db.engine import open_engine
from keepstep.db.upgrade import head
from keepstep.errors import Busy, Kind, Problem, RequestInvalid, SettingInvalid

Run = Callable[..., Result]


@pytest.fixture
def environment(database: Database, tmp_path: Path) -> dict[str, str]:
    return {"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_DATABASE_URL": database.url}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs a command over a database of the test's own."""

    def invoke(*words: str, given: str | None = None, **more: str) -> Result:
        return CliRunner().invoke(app, list(words), input=given, env=environment | more, catch_exceptions=True)

    return invoke


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"keepstep {__version__}\n"


@pytest.mark.parametrize("words", [[], ["db"], ["db", "check"], ["user", "add"], ["token", "add"], ["serve"]])
def test_every_command_explains_itself(words: list[str]) -> None:
    for option in ("-h", "--help"):
        found = CliRunner().invoke(app, [*words, option])
        assert (found.exit_code, "Usage" in found.stdout) == (0, True)


def test_every_kind_of_problem_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(get_args(Kind))
    assert not {0, 2} & set(EXIT_CODES.values())


@pytest.mark.parametrize(("problem", "code"), [(Busy(), 7), (SettingInvalid("Mend it."), 3)])
def test_a_problem_ends_the_command_with_the_code_of_its_kind(problem: Problem, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, problems_end_the_command():
        raise problem
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (code, "")
    assert problem.detail in said.err


def test_a_problem_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"pointer": "/a", "code": "x", "detail": "y"}]
    with pytest.raises(SystemExit), problems_end_the_command(as_json=True):
        raise RequestInvalid("No.", errors=errors, known="1")
    told = json.loads(capsys.readouterr().err)
    assert (told["code"], told["errors"], told["known"]) == ("request-invalid", errors, "1")


def test_a_user_and_a_token_are_made_and_the_token_stands_alone(run: Run) -> None:
    assert run("user", "add", "Ada@example.org", "--role", "admin").exit_code == 0
    made = run("token", "add", "ada@example.org", "--name", "laptop", "--scopes", "read, submit", "--days", "30")
    assert (made.exit_code, made.stdout.count("\n"), made.stdout[:3]) == (0, 1, "ks_")
    (found,) = json.loads(run("user", "list", "--json").stdout)
    assert (found["email"], found["role"]) == ("ada@example.org", "admin")
    assert found["id"] in run("user", "list").stdout


def test_a_password_is_read_from_the_input(run: Run) -> None:
    assert run("user", "add", "a@example.org", "--password-stdin", given="correct horse battery\n").exit_code == 0
    short = run("user", "add", "b@example.org", "--password-stdin", given="short\n")
    assert (short.exit_code, "/password" in short.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["token", "add", "nobody@example.org"], 5, "keepstep user add"),
        (["token", "add", "nobody@example.org", "--scopes", "all"], 5, ""),
        (["user", "add", "nobody"], 3, "/email"),
        (["user", "add", "a@example.org", "--role", "owner"], 2, "owner"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_goes_wrong_is_said_with_its_exit_code(run: Run, words: list[str], code: int, said: str) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert said in ended.stderr


def test_a_link_to_set_a_password_stands_alone_and_is_on_record(run: Run, database: Database) -> None:
    run("user", "add", "ada@example.org", "--role", "admin")
    made = run("user", "link", "Ada@Example.org ")
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/password\?token=[\w-]{43}", made.stdout.strip())
    assert run("user", "link", "nobody@example.org").exit_code == EXIT_CODES["not_found"]
    with psycopg.connect(database.superuser_url) as connection:
        rows = connection.execute("SELECT action, channel, actor FROM audit_events ORDER BY at, id").fetchall()
    assert rows == [("user.created", "cli", None), ("user.invited", "cli", None)]


def test_unknown_scopes_are_named(run: Run) -> None:
    run("user", "add", "a@example.org")
    ended = run("token", "add", "a@example.org", "--scopes", "all")
    assert (ended.exit_code, "'all'" in ended.stderr) == (3, True)


def test_an_address_is_used_once(run: Run) -> None:
    assert [run("user", "add", "a@example.org").exit_code for _ in range(2)] == [0, 6]


def test_the_schema_is_said_upgraded_and_checked(run: Run, empty_database: Database) -> None:
    there = {"KEEPSTEP_DATABASE_URL": empty_database.url}
    assert run("db", "current", **there).stdout == "none\n"
    refused = run("user", "list", **there)
    assert (refused.exit_code, "keepstep db upgrade" in refused.stderr) == (7, True)
    assert json.loads(run("db", "upgrade", "--json", **there).stdout) == {"current": head(), "head": head(), "repaired": []}
    checked = run("db", "check", "--json", **there)
    assert (checked.exit_code, json.loads(checked.stdout)) == (0, {"issues": []})


def test_a_fault_of_the_database_is_found(run: Run, database: Database) -> None:
    async def damage() -> None:
        engine = open_engine(database.superuser_url, role=None)
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE users DROP CONSTRAINT uq_users_email"))
        await engine.dispose()

    asyncio.run(damage())
    ended = run("db", "check")
    assert (ended.exit_code, "users" in ended.stdout) == (8, True)


def test_a_wrong_setting_is_said_before_anything_is_opened(run: Run) -> None:
    for name, value in {"KEEPSTEP_ZONE": "Mars/Base", "KEEPSTEP_DATABASE_URL": "mysql://x"}.items():
        ended = run("db", "current", **{name: value})
        assert (ended.exit_code, "setting-invalid" in ended.stderr) == (3, True)


def test_a_table_shows_text_as_it_is_and_breaks_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "b"], [{"a": "[red]x[/red]", "b": "0" * 90}, {"a": None, "b": 1}])
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert "0" * 90 in shown


async def test_resources_are_closed_after_their_use(environment: dict[str, str]) -> None:
    settings = settings_from(environment)
    with database_of(settings) as url:
        async with open_resources(settings, url) as resources:
            ids = [resources.make_id() for _ in range(3)]
            assert ids == sorted(set(ids))
            assert (resources.now().tzinfo is not None, len(resources.make_salt())) == (True, 16)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(address: str, server: subprocess.Popen[str]) -> None:
    for _ in range(300):
        assert server.poll() is None
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not become ready")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_serve_answers_over_http_and_stops_cleanly(environment: dict[str, str], run: Run, workers: int) -> None:
    run("user", "add", "a@example.org", "--role", "admin")
    token = run("token", "add", "a@example.org").stdout.strip()
    port = free_port()
    command = [str(Path(sys.executable).with_name("keepstep")), "serve", "--port", str(port), "--workers", str(workers)]
    server = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, server)
        assert httpx.get(f"{address}/api/v1/me?note=private", headers={"Authorization": f"Bearer {token}"}).status_code == 422
        answer = httpx.get(f"{address}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        too_large = httpx.post(f"{address}/api/v1/users", content=(b"x" * 65_536 for _ in range(400)), headers=headers)
        assert (too_large.status_code, too_large.json()["code"]) == (413, "too-large")
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert "private" not in said
    assert token not in said


def test_a_guard_that_was_off_is_said_until_it_is_put_back(run: Run, database: Database) -> None:
    async def switch_off() -> None:
        engine = open_engine(database.superuser_url, role=None)
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE run_revisions DISABLE TRIGGER USER"))
        await engine.dispose()

    asyncio.run(switch_off())
    # No other command puts it right in passing.
    assert run("wizard", "list").exit_code == 0
    assert (run("db", "check").exit_code, run("verify").exit_code) == (8, 8)
    put_back = run("db", "upgrade").stdout
    assert "/tables/run_revisions" in put_back
    assert "keepstep verify" in put_back
    assert (run("db", "check").exit_code, run("verify").exit_code) == (0, 0)
