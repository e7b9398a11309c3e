"""What holds for the repository as a whole: it runs anywhere, pins what it installs, and enforces its own architecture."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src/keepstep/core"
LOCKS = ("requirements/main.txt", "requirements/dev.txt")
MEGABYTE = 1024 * 1024

# Put together here, since this file is searched for them as well.
REGISTRIES = tuple(
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("anaconda", "org"), ("crates", "io"))
)
IMAGE_REGISTRIES = tuple(".".join(parts) for parts in (("docker", "io"), ("ghcr", "io"), ("quay", "io"), ("gcr", "io")))
FOLDERS = ("home", "Users", "root", "work", "tmp")
MACHINE_PATH = re.compile(r"(?<![\w/.{}<>)*-])/(?:" + "|".join(FOLDERS) + r")/\w")
OPEN_WORK = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """The text of a file; empty for one that is not text, which can name nothing."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places_of(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def requirements_in(lock: str) -> dict[str, str]:
    """The requirement lines of a lock file with what follows up to the next one, by package name."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", text_of(ROOT / lock), flags=re.MULTILINE)[1:]
    return {re.split(r"[=\[ ;]", block, maxsplit=1)[0]: block for block in blocks}


def version_of(block: str) -> str:
    return block.split("==", maxsplit=1)[1].split(maxsplit=1)[0]


def name_of(requirement: str) -> str:
    return requirement.split(";", maxsplit=1)[0].strip()


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile("|".join(map(re.escape, (*REGISTRIES, *IMAGE_REGISTRIES))))
    assert places_of(hosts, tracked_files()) == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert places_of(MACHINE_PATH, tracked_files()) == []


def test_the_search_for_machine_paths_finds_one() -> None:
    assert MACHINE_PATH.search(f"open('{os.sep}home/somebody/file')")


def test_the_source_holds_no_open_work() -> None:
    assert places_of(OPEN_WORK, [path for path in tracked_files() if path.is_relative_to(ROOT / "src")]) == []


@pytest.mark.parametrize(("document", "most"), [("README.md", 120), ("docs/architecture.md", 150)])
def test_a_document_stays_short_enough_to_be_read(document: str, most: int) -> None:
    assert 10 < len(text_of(ROOT / document).splitlines()) <= most


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    requirements = requirements_in(lock)
    loose = [name for name, block in requirements.items() if not re.match(r"[\w.\[\],-]+==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", block)]
    assert requirements
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_holds_no_address(lock: str) -> None:
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url|--find-links", text_of(ROOT / lock)) == []


def test_the_two_lock_files_agree_on_every_version() -> None:
    main, dev = (requirements_in(lock) for lock in LOCKS)
    assert {name for name in main.keys() & dev.keys() if version_of(main[name]) != version_of(dev[name])} == set()


def test_the_project_asks_for_exactly_what_the_lock_pins() -> None:
    asked = {name_of(each) for each in tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["dependencies"]}
    listed = {name_of(line) for line in text_of(ROOT / "requirements/main.in").splitlines() if not line.startswith("#")}
    assert asked == listed


def test_no_tracked_file_is_larger_than_a_megabyte() -> None:
    assert [str(path.relative_to(ROOT)) for path in tracked_files() if path.stat().st_size > MEGABYTE] == []


def imported_by(source: str) -> set[str]:
    """Every module that the source may import, by its full name; `from a import b` counts as `a` and as `a.b`."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    origins = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return plain | origins | {f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_the_core_imports_only_pure_libraries() -> None:
    allowed = sys.stdlib_module_names | {"email_validator", "keepstep", "msgspec", "phonenumbers", "pydantic", "re2"}
    imported = set().union(*(imported_by(text_of(path)) for path in CORE.rglob("*.py")))
    assert {module.partition(".")[0] for module in imported} - allowed == set()
    assert {module for module in imported if module.startswith("urllib.") and not module.startswith("urllib.parse")} == set()


def test_the_search_for_imports_finds_each_form() -> None:
    assert imported_by("import a.b\nfrom c import d") == {"a.b", "c", "c.d"}


def contracts_over(folder: Path, planted: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the import contracts say about a copy of the source with some more modules in it."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module, source in planted.items():
        Path(folder, "src/keepstep", module).write_text(source, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_the_source_keeps_every_import_contract(tmp_path: Path) -> None:
    found = contracts_over(tmp_path, {})
    assert (found.returncode, found.stdout.count("BROKEN")) == (0, 0), found.stdout


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ({"utils.py": ""}, "keepstep.utils"),
        ({"db/planted.py": "import keepstep.actions"}, "keepstep.db is not allowed to import keepstep.actions"),
        ({"core/planted.py": "import time"}, "keepstep.core is not allowed to import time"),
        ({"actions/planted.py": "import fastapi"}, "keepstep.actions is not allowed to import fastapi"),
        ({"core/planted.py": "import keepstep.core.other", "core/other.py": "import keepstep.core.planted"}, "No cycles are allowed"),
    ],
    ids=["a module without a layer", "an import upwards", "a clock in the core", "HTTP below web", "a cycle"],
)
def test_a_planted_fault_breaks_the_import_contracts(tmp_path: Path, planted: dict[str, str], complaint: str) -> None:
    found = contracts_over(tmp_path, planted)
    assert found.returncode == 1
    assert complaint in found.stdout
