"""Commands that read and write files of wizards and runs."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.db_fixtures import Database
from tests.factories import customer_survey
from typer.testing import CliRunner, Result

from keepstep.cli.files import written_whole
from keepstep.cli.main import app
from keepstep.errors import FileUnreadable

Run = Callable[..., Result]
ROWS = "meta-instanceID,full-name,email,favorite-color,note\nuuid:1,John,j@example.com,purple,tall\n"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    environment = {"KEEPSTEP_HOME": str(tmp_path / "home"), "KEEPSTEP_DATABASE_URL": database.url}
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], env=environment)


@pytest.fixture
def survey(run: Run, tmp_path: Path) -> str:
    """The slug of the Customer Survey, imported from a file and published."""
    file = tmp_path / "survey.json"
    file.write_text(json.dumps(customer_survey()))
    assert run("wizard", "import", file, "--slug", "survey", "--publish").exit_code == 0
    return "survey"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    file = tmp_path / "runs.csv"
    file.write_text(ROWS)
    return file


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("words", [["wizard"], ["wizard", "import"], ["run"], ["run", "import"], ["run", "export"], ["impact"], ["demo"]])
def test_every_command_for_files_explains_itself(words: list[str]) -> None:
    for option in ("-h", "--help"):
        found = CliRunner().invoke(app, [*words, option])
        assert (found.exit_code, "Usage" in found.stdout) == (0, True)


def test_a_wizard_is_listed_and_shown(run: Run, survey: str) -> None:
    (listed,) = told(run("wizard", "list", "--json"))
    shown = told(run("wizard", "show", survey, "--json"))
    assert (listed["slug"], shown["option_sets"], [each["version_number"] for each in shown["versions"]]) == ("survey", 3, [1])
    assert "Customer Survey" in run("wizard", "list").stdout
    assert "Imported from survey.json" in run("wizard", "show", survey).stdout


def test_runs_are_imported_and_exported_again(run: Run, survey: str, runs: Path, tmp_path: Path) -> None:
    said = run("run", "import", survey, runs).stdout
    assert "1 added, 0 there already" in said
    assert "favorite-color: option-unknown 1" in said
    assert "archived note: 1 cells" in said
    assert told(run("run", "import", survey, runs, "--json"))["runs"]["already_there"] == 1
    out = tmp_path / "out.csv"
    assert run("run", "export", survey, "-o", out).exit_code == 0
    assert b"archive.note" in out.read_bytes()
    assert run("run", "export", survey).stdout_bytes == out.read_bytes()
    assert b"archive.note" not in run("run", "export", survey, "--without-personal-data").stdout_bytes


def test_json_lines_are_exported_by_version(run: Run, survey: str, runs: Path) -> None:
    run("run", "import", survey, runs)
    line = run("run", "export", survey, "--format", "jsonl", "--versions", "1").stdout
    assert json.loads(line)["responses"][0]["response_value"] == {"value": "John", "source": "import"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "export", "survey", "--format", "xlsx"], 3, "csv or jsonl"),
        (["run", "export", "survey", "--versions", "some"], 3, "all, latest or a number"),
        (["run", "export", "survey", "--versions", "9"], 5, "no version 9"),
        (["run", "export", "nobody"], 5, "nobody"),
        (["run", "import", "survey", "missing.csv"], 3, "missing.csv cannot be read"),
        (["wizard", "import", "missing.xlsx"], 3, "missing.xlsx cannot be read"),
        (["wizard", "show", "nobody"], 5, "nobody"),
        (["impact", "nobody"], 5, "nobody"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(run: Run, survey: str, words: list[str], code: int, said: str) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert said in ended.stderr


def test_an_export_that_fails_leaves_the_old_file_alone(run: Run, survey: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("kept")
    assert run("run", "export", "nobody", "-o", out).exit_code == 5
    assert [path.name for path in tmp_path.glob("*out.csv*")] == ["out.csv"]
    assert out.read_text() == "kept"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with suppress(KeyboardInterrupt), written_whole(out) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileUnreadable, match="cannot be written"), written_whole(tmp_path / "no" / "out"):
        pass


def test_publishing_what_touches_answers_wants_the_token_of_its_impact(run: Run, survey: str, runs: Path, tmp_path: Path) -> None:
    run("run", "import", survey, runs)
    exported = tmp_path / "draft.json"
    run("wizard", "export", survey, "-o", exported)
    wizard = json.loads(exported.read_text())
    wizard["structure"]["steps"][0]["option_sets"].pop()
    exported.write_text(json.dumps(wizard))
    waiting = run("wizard", "import", exported, "--into", survey, "--publish")
    assert (waiting.exit_code, "1 answer in 1 run" in waiting.stdout) == (6, True)
    assert run("wizard", "publish", survey).exit_code == 6
    assert "“Email” was removed" in run("impact", survey).stdout
    token = told(run("impact", survey, "--json"))["confirm"]
    assert told(run("wizard", "publish", survey, "--confirm", token, "--summary", "No e-mail", "--json"))["version_number"] == 2
    assert run("impact", survey).stdout == "The draft is what is live.\n"
