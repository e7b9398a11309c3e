"""How the database is reached: whichever way its URL is written, with the settings that every connection gets."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db_fixtures import Database

from keepstep.db.engine import PATIENT, Timeouts, open_engine, with_driver
from keepstep.db.transaction import open_read
from keepstep.errors import SettingInvalid


@pytest.mark.parametrize("given", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_a_url_may_name_any_driver_or_none(given: str) -> None:
    url = with_driver(f"{given}://me:p%40ss@host:6543/db")
    assert (url.drivername, url.username, url.password, url.host, url.port) == ("postgresql+asyncpg", "me", "p@ss", "host", 6543)


@pytest.mark.parametrize("given", ["sqlite:///x.db", "mysql://host/db", "not a url", "", "http://example.com"])
def test_a_url_of_something_else_is_refused(given: str) -> None:
    with pytest.raises(SettingInvalid):
        with_driver(given)


def test_the_ssl_mode_goes_by_the_name_that_the_driver_knows() -> None:
    assert with_driver("postgresql://host/db?sslmode=require").query == {"ssl": "require"}


async def _settings(engine: AsyncEngine) -> tuple[str, ...]:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "jit")
    async with open_read(engine) as read:
        return tuple(await read.row(text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))))


async def test_every_connection_has_its_timeouts_and_speaks_utc(engine: AsyncEngine) -> None:
    assert await _settings(engine) == ("30s", "5s", "1min", "UTC", "off")
    # Those of the second use are those of the first: nothing was rolled back with a transaction.
    assert await _settings(engine) == ("30s", "5s", "1min", "UTC", "off")


@pytest.mark.parametrize(("timeouts", "expected"), [(PATIENT, "0"), (Timeouts(statement=1500), "1500ms")])
async def test_long_work_has_its_own_patience(database: Database, timeouts: Timeouts, expected: str) -> None:
    engine = open_engine(database.url, timeouts=timeouts)
    assert (await _settings(engine))[0] == expected
    await engine.dispose()


async def test_a_role_that_the_login_may_not_take_is_left_out(database: Database) -> None:
    engine = open_engine(database.url, role="pg_monitor")
    async with open_read(engine) as read:
        assert await read.scalar(text("SELECT current_user::text")) == "keepstep"
    await engine.dispose()
