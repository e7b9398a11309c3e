"""What root does so that the server's account reaches its folder, and nothing more."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from keepstep.db import passage
from keepstep.db.passage import open_passage

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives passage to another account")
NOBODY = pwd.getpwnam("nobody").pw_uid
OTHER = 12345


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below a closed one; those above are open to all, as a system's are."""
    closed = tmp_path / "closed"
    folder = closed / "home" / "data"
    folder.mkdir(parents=True)
    closed.chmod(0o700)
    open_passage(closed, NOBODY)
    open_passage(closed, OTHER)
    return folder


def _reaches(user: int, folder: Path) -> bool:
    return subprocess.run(("test", "-d", str(folder)), user=user, group=user, extra_groups=(), check=False, cwd="/").returncode == 0


def _lists(user: int, folder: Path) -> bool:
    command = ("ls", str(folder))
    return subprocess.run(command, user=user, group=user, extra_groups=(), check=False, cwd="/", capture_output=True).returncode == 0


def test_the_account_walks_through_a_closed_folder_and_nobody_else_does(folder: Path) -> None:
    assert not _reaches(NOBODY, folder)
    open_passage(folder, NOBODY)
    assert _reaches(NOBODY, folder)
    assert not _lists(NOBODY, folder.parents[1])
    assert not _reaches(OTHER, folder)


def test_giving_passage_twice_changes_nothing_more(folder: Path) -> None:
    open_passage(folder, NOBODY)
    before = os.getxattr(folder.parents[1], "system.posix_acl_access")
    open_passage(folder, NOBODY)
    assert os.getxattr(folder.parents[1], "system.posix_acl_access") == before


def test_a_second_account_is_added_to_the_first(folder: Path) -> None:
    open_passage(folder, NOBODY)
    open_passage(folder, OTHER)
    assert _reaches(NOBODY, folder)
    assert _reaches(OTHER, folder)


def test_what_root_could_do_before_it_still_can(folder: Path) -> None:
    before = folder.parents[1].stat()
    open_passage(folder, NOBODY)
    after = folder.parents[1].stat()
    assert (after.st_mode & 0o707, after.st_uid) == (before.st_mode & 0o707, before.st_uid)


def test_without_access_control_lists_the_search_bit_is_set_and_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    open_passage(folder, NOBODY)
    assert folder.parents[1].stat().st_mode & 0o777 == 0o701
    assert _reaches(NOBODY, folder)


def test_who_is_not_root_runs_the_server_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert passage.account_for_server() is None


def test_without_an_account_and_without_useradd_there_is_still_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage, "ACCOUNT", "no-such-account")
    monkeypatch.setenv("PATH", "")
    account = passage.account_for_server()
    assert account is not None
    assert account.pw_name == "nobody"
