"""Access and invitations from the command line: set, lists in with a receipt, links out once."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.db_fixtures import Database
from tests.interchange.xlsform_sheets import workbook
from typer.testing import CliRunner, Result

from keepstep.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs a command over a database with a published wizard."""

    def invoke(*words: str) -> Result:
        environment = {"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_DATABASE_URL": database.url, "KEEPSTEP_ZONE": "Europe/Berlin"}
        return CliRunner().invoke(app, list(words), env=environment)

    form = tmp_path / "form.xlsx"
    form.write_bytes(workbook("# survey\ntype | name | label\ntext | q | Q"))
    assert invoke("wizard", "import", str(form), "--slug", "survey", "--publish").exit_code == 0
    return invoke


def test_access_is_set_and_shown(run: Run) -> None:
    options = ("--mode", "link", "--closes", "2026-07-01T12:00", "--max-runs", "50", "--embed-on", "https://a.example", "--no-trap")
    shown = json.loads(run("access", "set", "survey", *options, "--json").stdout)
    assert (shown["mode"], shown["closes_at"], shown["max_runs"], shown["trap"]) == ("link", "2026-07-01T10:00:00Z", 50, False)
    renewed = json.loads(run("access", "renew-link", "survey", "--json").stdout)
    assert renewed["link"] != shown["link"]
    cleared = run("access", "set", "survey", "--closes", "none", "--max-runs", "none", "--embed-on", "none")
    assert {"closes_at: none", "max_runs: none", "embed_on: none", "trap: no"} <= set(cleared.stdout.splitlines())


@pytest.mark.parametrize("options", [("--closes", "soon"), ("--max-runs", "many"), ("--embed-on", "a b"), ("--max-runs", "0")])
def test_what_cannot_be_is_refused(run: Run, options: tuple[str, str]) -> None:
    assert run("access", "set", "survey", *options).exit_code == 3


def test_a_list_goes_in_and_its_links_come_out_once(run: Run, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("name,note\nann@x.org,a\n,nobody\n=cmd(),b\n", encoding="utf-8")
    told = json.loads(run("invitation", "import", "survey", str(people), "--json").stdout)
    assert (told["added"], told["bad"]) == (2, [{"line": 3, "code": "missing", "detail": "Nobody is named here."}])
    out = tmp_path / "links.csv"
    assert run("invitation", "links", "survey", "-o", str(out)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline="")))
    assert [row["respondent"] for row in rows] == ["ann@x.org", "'=cmd()"]
    assert run("invitation", "links", "survey").stdout.count("/i/") == 0
    listed = json.loads(run("invitation", "list", "survey", "--json").stdout)
    one = listed[0]["id"]
    assert run("invitation", "revoke", "survey", one).stdout == "revoked: =cmd()\n"
    assert run("invitation", "renew", "survey", one).stdout.startswith("http://127.0.0.1:8000/i/")
    assert "not_used" in run("invitation", "list", "survey").stdout


def test_a_file_that_cannot_be_written_takes_nobodys_link_away(run: Run, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("ann\n", encoding="utf-8")
    run("invitation", "import", "survey", str(people))
    assert run("invitation", "links", "survey", "-o", str(tmp_path / "no" / "links.csv")).exit_code == 3
    assert json.loads(run("access", "show", "survey", "--json").stdout)["invitations"]["without_link"] == 1
