"""What all tests share: how many examples the laws try, and which tests read the real inputs and whether they ran."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.bucket_kit import S3, s3_served

pytest_plugins = ["tests.db_fixtures"]

ROOT = Path(__file__).parents[1]

# Laws over a real database take milliseconds for each example and vary with the machine: a deadline would only be noise.
settings.register_profile("fast", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The default: the same examples on every run, so that a red build is red again on the next machine.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("torture", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("KEEPSTEP_HYPOTHESIS", "ci"))


@pytest.fixture(scope="session")
def real_inputs() -> Path:
    """Folder of files that nobody wrote for these tests; the test is skipped where it is absent."""
    folder = (ROOT / os.environ.get("KEEPSTEP_TEST_INPUTS", "../shared/inputs")).resolve()
    if not folder.is_dir():
        pytest.skip("the folder of real inputs is absent: set KEEPSTEP_TEST_INPUTS")
    return folder


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A service with buckets, of this process."""
    with s3_served(tmp_path_factory.mktemp("s3")) as served:
        yield served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that takes the folder is a real-input test, whether or not it carries the marker."""
    for item in items:
        if "real_inputs" in getattr(item, "fixturenames", ()):
            item.add_marker("real_input")


def _of_real_inputs(reporter: pytest.TerminalReporter, outcomes: tuple[str, ...]) -> int:
    reports = (report for outcome in outcomes for report in reporter.getreports(outcome))
    return sum("real_input" in getattr(report, "keywords", {}) for report in reports)


def _inputs_are_required() -> bool:
    return os.environ.get("KEEPSTEP_REQUIRE_INPUTS") == "1"


def _counts(reporter: pytest.TerminalReporter) -> dict[str, int]:
    """Numbers of tests by outcome; a test that breaks outside its body counts as failed, once for each phase that broke."""
    return {
        "passed": len(reporter.getreports("passed")),
        "failed": len(reporter.getreports("failed")) + len(reporter.getreports("error")),
        "skipped": len(reporter.getreports("skipped")),
        "xfailed": len(reporter.getreports("xfailed")),
        "real_ran": _of_real_inputs(reporter, ("passed", "failed")),
        "real_skipped": _of_real_inputs(reporter, ("skipped",)),
    }


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the real inputs are required, a skipped real-input test fails the session: a green run must have read them."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter):
        return
    missing = _of_real_inputs(reporter, ("skipped",))
    if missing and _inputs_are_required() and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many real-input tests ran, and leaves the counts where KEEPSTEP_REPORT points for the summary over all groups."""
    counts = _counts(terminalreporter)
    terminalreporter.write_line(f"real-input tests: {counts['real_ran']} ran, {counts['real_skipped']} skipped")
    if counts["real_skipped"] and _inputs_are_required():
        terminalreporter.write_line("failed: KEEPSTEP_REQUIRE_INPUTS=1 and real-input tests were skipped")
    report = os.environ.get("KEEPSTEP_REPORT")
    if report:
        Path(report).write_text(json.dumps(counts), encoding="utf-8")
