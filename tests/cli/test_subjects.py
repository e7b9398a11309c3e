"""One respondent from the command line: out into a file, and erased after the list."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.db_fixtures import Database
from tests.interchange.xlsform_sheets import workbook
from typer.testing import CliRunner, Result

from keepstep.cli.main import app

Run = Callable[..., Result]
ANN = "ann@x.org"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs a command over a database with a wizard to which Ann is invited."""

    def invoke(*words: str, typed: str = "") -> Result:
        environment = {"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_DATABASE_URL": database.url}
        return CliRunner().invoke(app, list(words), env=environment, input=typed)

    form, people = tmp_path / "form.xlsx", tmp_path / "people.csv"
    form.write_bytes(workbook("# survey\ntype | name | label\ntext | q | Q"))
    assert invoke("wizard", "import", str(form), "--slug", "survey", "--publish").exit_code == 0
    people.write_text(f"{ANN}\n", encoding="utf-8")
    assert invoke("invitation", "import", "survey", str(people)).exit_code == 0
    return invoke


def test_everything_goes_into_one_file(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "ann.zip"
    assert run("subject", "export", ANN, "-o", str(out)).exit_code == 0
    with zipfile.ZipFile(out) as found:
        assert json.loads(found.read("manifest.json"))["respondent"] == ANN
        assert json.loads(found.read("invitations.json"))["invitations"][0]["respondent"] == ANN


def test_nobody_leaves_no_file(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "nobody.zip"
    assert run("subject", "export", "nobody", "-o", str(out)).exit_code == 5
    assert not out.exists()


def test_a_dry_run_gives_the_token_that_the_erasure_takes(run: Run) -> None:
    listed = json.loads(run("subject", "erase", ANN, "--reason", "asked", "--dry-run", "--json").stdout)
    assert (listed["invitations"], listed["runs"]) == (1, [])
    assert run("subject", "erase", ANN, "--reason", "asked", "--json").exit_code == 6
    assert run("subject", "erase", ANN, "--reason", f"for {ANN}", "--confirm", listed["confirm"]).exit_code == 3
    done = run("subject", "erase", ANN, "--reason", "asked", "--confirm", listed["confirm"])
    assert done.stdout == "Erased 0 runs: 0 answers, 0 files, 1 invitation.\n"
    assert ANN not in run("invitation", "list", "survey").stdout
    assert run("verify").exit_code == 0


def test_whoever_gives_no_token_is_shown_the_list_and_asked(run: Run) -> None:
    refused = run("subject", "erase", ANN, "--reason", "asked", typed="n\n")
    assert (refused.exit_code, "survey: 0 runs (0 in the trash), 0 files, 1 invitation" in refused.stdout) == (1, True)
    assert ANN in run("invitation", "list", "survey").stdout
    assert run("subject", "erase", ANN, "--reason", "asked", typed="y\n").exit_code == 0
    assert ANN not in run("invitation", "list", "survey").stdout
