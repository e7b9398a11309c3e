import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import Desk, new_id
from tests.jobs_kit import Calendar

from keepstep.config import Resources, settings_from


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    """Somebody whose runs are of 3 March 2026."""
    return Desk(engine)


@pytest.fixture
def resources(engine: AsyncEngine, calendar: Calendar, tmp_path: Path) -> Resources:
    now: Callable[[], datetime] = lambda: calendar.now  # noqa: E731 - read anew at each call
    settings = settings_from({"KEEPSTEP_HOME": str(tmp_path / "home")})
    return Resources(engine, settings, b"secret of the tests, thirty-two bytes", now, new_id, lambda: os.urandom(16))
