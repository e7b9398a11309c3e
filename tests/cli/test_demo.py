"""The demo without the real inputs: told, proven, served, and gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from keepstep.cli.main import app

DEMO = (sys.executable, "-c", "from keepstep.cli.main import app; app()", "demo")


def environment(folder: Path) -> dict[str, str]:
    """The database of the caller must not be met, so it is one that cannot be reached."""
    return {**os.environ, "KEEPSTEP_TEST_INPUTS": str(folder / "none"), "KEEPSTEP_DATABASE_URL": "postgresql://nobody@nowhere.invalid/x"}


@pytest.mark.slow
def test_the_demo_tells_its_story_proves_it_and_serves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # A short path: the socket of the database lies in it.
    words = (*DEMO, "--port", str(port), "--home", str(tmp_path / "h"))
    with subprocess.Popen(words, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
        assert demo.stdout is not None
        story = "".join(
            iter(
                demo.stdout.readline,
                f"Keepstep answers at http://127.0.0.1:{port} until Ctrl-C: sign in there. Its reference: http://127.0.0.1:{port}/api/docs\n",
            )
        )
        token = story.rpartition("Token:")[2].split()[0]
        assert found_at(port, token, "flag=option-unknown&flagged=employment") > 0
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        assert demo.wait(60) == 0
    assert "All 500 runs read exactly as before" in story
    assert "every digest as it was stored" in story
    assert "KEEPSTEP_HOME=" in rest


def found_at(port: int, token: str, query: str) -> int:
    """How many runs the served instance lists, once it answers."""
    address = f"http://127.0.0.1:{port}/api/v1/wizards/household-survey/runs?{query}"
    for _ in range(100):
        try:
            answer = httpx.get(address, headers={"Authorization": f"Bearer {token}"})
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])
    raise AssertionError("the demo does not answer")


def test_the_demo_touches_no_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    ended = CliRunner().invoke(app, ["demo", "--no-serve", "--home", str(tmp_path)])
    assert (ended.exit_code, "touches nothing that exists" in ended.stderr) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_port_in_use_is_said_before_the_story_begins(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = CliRunner().invoke(app, ["demo", "--port", port, "--home", str(tmp_path / "home")])
    assert (ended.exit_code, "Choose another --port" in ended.stderr, ended.stdout) == (3, True, "")
