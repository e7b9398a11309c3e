"""A desk for each test of an action: a database of its own, and somebody who works on it."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import Desk


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    return Desk(engine)
