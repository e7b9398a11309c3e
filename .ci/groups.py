"""Runs every check and every group of tests, each against its time budget, and ends with the sum over all of them.

Knows the names of the groups and nothing else about the project. Only the standard library: it runs before anything is proven.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"

# Seconds that a group may take on two cores. A slower machine is told so and does not fail: time is a finding, not a verdict.
CHECK_BUDGET = 180
BUDGETS = {"house": 60, "core": 120, "laws": 300, "processes": 300, "web/pages": 300, "e2e": 420}
# These use both cores: each worker has a database and a server of its own, and takes over what the other has not begun.
BOTH_CORES = ("-n", "2", "--dist", "worksteal")
# These use one core each. What kills servers and workers, and looks how soon others notice, does not share its processes with another
# worker; it stands beside the groups that have no processes at all.
BESIDE = "processes"
ALONE = ("house", "core", "laws", BESIDE)
# A group is the folder of its name, but for these: several folders each.
FOLDERS = {"processes": ("cli", "db", "jobs")}
# The rest is whatever else lies in tests/, so that a new folder is run without anybody naming it here.
REST, REST_BUDGET = "database and API", 300

COUNTED = ("passed", "failed", "skipped", "xfailed", "real_ran", "real_skipped")


class Outcome(NamedTuple):
    """What one group came to. Seconds of wall time against the budget; counts are empty for a group without tests of its own."""

    name: str
    seconds: float
    budget: int
    broken: bool
    counts: dict[str, int]


def _run(command: Sequence[str], output: BinaryIO | None = None, **environment: str) -> int:
    sys.stdout.flush()
    whole = {**os.environ, **environment}
    # Hundreds of servers and commands are started; where this is set, each would compile everything again.
    whole.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, cwd=ROOT, env=whole, stdout=output, stderr=output and subprocess.STDOUT, check=False).returncode


def _check() -> Outcome:
    """Format, lint, types and architecture, through the same target that a developer calls."""
    started = time.monotonic()
    code = _run(("make", "--no-print-directory", "lint"))
    return Outcome("check", time.monotonic() - started, CHECK_BUDGET, code != 0, {})


def _tests(name: str, folders: Iterable[Path], budget: int, *, leaving_out: Iterable[str] = (), quietly: bool = False) -> Outcome:
    """A group of its own pytest. `quietly` prints what it says when it has ended, so that two groups at once can be read."""
    paths = [str(folder.relative_to(ROOT)) for folder in folders if any(folder.rglob("test_*.py"))]
    if not paths:
        print(f"\n{name}: no tests yet")
        return Outcome(name, 0.0, budget, broken=False, counts=dict.fromkeys(COUNTED, 0))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "counts.json")
        said = Path(folder, "said")
        heading = f"\n{name}: {' '.join(paths)}"
        left_out = [f"--ignore=tests/{each}" for each in leaving_out]
        workers = () if name in ALONE else BOTH_CORES
        command = (sys.executable, "-m", "pytest", *workers, *paths, *left_out)
        if quietly:
            with said.open("wb") as output:
                code = _run(command, output, KEEPSTEP_REPORT=str(report))
            print(heading, said.read_text(encoding="utf-8", errors="replace"), sep="\n")
        else:
            print(heading)
            code = _run(command, KEEPSTEP_REPORT=str(report))
        # A session that dies before its summary leaves no counts; its exit code is what says so.
        counts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return Outcome(name, time.monotonic() - started, budget, code != 0, counts)


def _named(group: str) -> list[Path]:
    return [TESTS / folder for folder in FOLDERS.get(group, (group,))]


def _rest(named: Iterable[Path]) -> list[Path]:
    return sorted(folder for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "__pycache__" and folder not in named)


def _outcomes() -> Iterable[Outcome]:
    yield _check()
    folders = {group: _named(group) for group in BUDGETS}
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(_tests, BESIDE, folders[BESIDE], BUDGETS[BESIDE], quietly=True)
        for group in ALONE:
            if group != BESIDE:
                yield _tests(group, folders[group], BUDGETS[group])
        yield waiting.result()
    for group, budget in BUDGETS.items():
        if group not in ALONE:
            yield _tests(group, folders[group], budget)
    named = [folder for each in folders.values() for folder in each]
    yield _tests(REST, _rest(named), REST_BUDGET, leaving_out=[str(folder.relative_to(TESTS)) for folder in named])


def _line(outcome: Outcome) -> str:
    late = "  OVER BUDGET" if outcome.seconds > outcome.budget else ""
    verdict = "failed" if outcome.broken else "ok"
    return f"{outcome.name:<18}{outcome.seconds:7.1f} s of {outcome.budget:>3} s  {verdict}{late}"


def main() -> int:
    outcomes = list(_outcomes())
    total = {key: sum(outcome.counts.get(key, 0) for outcome in outcomes) for key in COUNTED}
    # A group that broke without a failed test (a type error, a crash, missing inputs) is one failure of its own.
    failed = total["failed"] + sum(outcome.broken and not outcome.counts.get("failed") for outcome in outcomes)
    print()
    for outcome in outcomes:
        print(_line(outcome))
    print(f"real-input tests: {total['real_ran']} ran, {total['real_skipped']} skipped")
    print(f"{total['passed']} passed, {failed} failed, {total['skipped'] + total['xfailed']} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
