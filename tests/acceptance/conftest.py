"""One served instance for the scenarios, over a database of its own, and the story that each scenario begins with."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from tests.acceptance.story import Story, told_until_day_two
from tests.db_fixtures import Server, made_database
from tests.served import Served, serving, token_of_admin


@pytest.fixture(scope="module")
def instance(
    database_server: Server, superuser: psycopg.Connection[Any], template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, psycopg.Connection[Any]]]:
    """The server, and a connection that sees every stored row."""
    home = tmp_path_factory.mktemp("home")
    making = made_database(database_server, superuser, template)
    database = next(making)
    environment = {"KEEPSTEP_HOME": str(home), "KEEPSTEP_DATABASE_URL": database.url}
    with (
        psycopg.connect(database.superuser_url, autocommit=True) as rows,
        serving(environment, token_of_admin(environment), home / "serve.log") as served,
    ):
        yield served, rows
    next(making, None)


@pytest.fixture
def client(instance: tuple[Served, psycopg.Connection[Any]]) -> Iterator[httpx.Client]:
    with instance[0].client() as client:
        yield client


@pytest.fixture
def story(instance: tuple[Served, psycopg.Connection[Any]], client: httpx.Client) -> Story:
    """The morning of day 3: the survey is published and run-123 is complete."""
    return told_until_day_two(client, instance[1])
