"""The database as a file and back, by PostgreSQL's own programs: what they are told, and what they say when they fail.

Who owns what and who may do what is left out of a dump: `upgrade` puts that right on the server that it is restored to.
Must not know what the tables hold.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import make_url, text

from keepstep.db.embedded import program
from keepstep.db.transaction import Read
from keepstep.errors import DatabaseUnavailable

_LONGEST_SAID: Final = 600
# Members of a URL's query, and the variable under which PostgreSQL's programs know each.
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "ssl": "PGSSLMODE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE",
}


async def exported_snapshot(tx: Read) -> str:
    """The name of this transaction's snapshot, under which `dump` sees the same state while the transaction is open."""
    return str(await tx.scalar(text("SELECT pg_export_snapshot()")))


async def present_schema(tx: Read) -> str:
    """The name of the schema that Keepstep works in."""
    return str(await tx.scalar(text("SELECT current_schema()::text")))


async def relations(tx: Read) -> int:
    """How many tables, views and sequences the present schema holds: 0 in a database that nobody has used."""
    statement = (
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
    )
    return int(await tx.scalar(text(statement)))


def dump(url: str, target: Path, *, schema: str, snapshot: str) -> None:
    """Writes that schema of the database, as of the snapshot, to a new file. Raises DatabaseUnavailable with what pg_dump said."""
    what = (f"--schema={_exactly(schema)}", f"--snapshot={snapshot}", "--no-owner", "--no-privileges", "--no-sync")
    _run(url, ("pg_dump", "--format=custom", *what, f"--file={target}"))


def restore(url: str, source: Path) -> None:
    """Puts a dump into an empty database: all of it, or nothing. Raises DatabaseUnavailable with what pg_restore said.

    The schema itself is there already in any database, so its line is taken off the list of what to restore.
    """
    listed = _run(url, ("pg_restore", "--list", str(source)))
    wanted = [line for line in listed.splitlines() if " SCHEMA " not in line]
    with tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as chosen:
        chosen.write("\n".join(wanted) + "\n")
        chosen.flush()
        how = ("--single-transaction", "--no-owner", "--no-privileges", f"--use-list={chosen.name}")
        _run(url, ("pg_restore", *how, f"--dbname={make_url(url).database or ''}", str(source)))


def _exactly(name: str) -> str:
    """The name as a pattern of pg_dump that means it alone."""
    return '"' + name.replace('"', '""') + '"'


def _run(url: str, command: Sequence[str]) -> str:
    """What a program of PostgreSQL printed. Where the database is goes by the environment: the password is no argument."""
    given = {**os.environ, **_environment(url), "PGAPPNAME": "keepstep", "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}
    words = (program(command[0]), *command[1:])
    done = subprocess.run(words, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - of the wheel
    if done.returncode:
        # The first line names the cause; further ones may hold values of rows.
        said = done.stderr.strip().partition("\n")[0][:_LONGEST_SAID]
        raise DatabaseUnavailable(f"{command[0]} failed: {said or f'it ended with {done.returncode}'}")
    return done.stdout


def _environment(url: str) -> Mapping[str, str]:
    parts = make_url(url)
    own = {"PGHOST": parts.host, "PGPORT": parts.port, "PGUSER": parts.username, "PGPASSWORD": parts.password, "PGDATABASE": parts.database}
    query = {_VARIABLES[name]: value for name, value in parts.query.items() if name in _VARIABLES}
    return {name: str(value) for name, value in (own | query).items() if value is not None}
