"""Where measurements are taken: a home of its own with a durable embedded server, and the wizard that is measured with."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from tests.factories import new_id, option, option_set, published, step, wizard

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.cli.opening import open_resources, operator, require_schema
from keepstep.config import Resources, Settings, settings_from
from keepstep.core.permissions import ALL_SCOPES
from keepstep.db.embedded import EmbeddedServer, start_embedded
from keepstep.db.engine import PATIENT
from keepstep.db.transaction import open_write

T = TypeVar("T")
INPUTS = (Path(__file__).parents[1] / os.environ.get("KEEPSTEP_TEST_INPUTS", "../shared/inputs")).resolve()
SEED = 20_260_101


@dataclass(frozen=True)
class World:
    server: EmbeddedServer
    settings: Settings

    def run(self, work: Callable[[Resources], Awaitable[T]]) -> T:
        """What `work` returns over this database, in a loop of its own."""

        async def opened() -> T:
            async with open_resources(self.settings, self.server.url, timeouts=PATIENT) as resources:
                return await work(resources)

        return asyncio.run(opened())

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of the superuser's, outside of any transaction."""
        with psycopg.connect(self.server.superuser_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def settle(self) -> None:
        """Everything written and counted, so that what was done before does not disturb what is measured next."""
        self.sql("VACUUM ANALYZE")
        self.sql("CHECKPOINT")


@contextmanager
def opened_world() -> Iterator[World]:
    """A fresh home on disk, gone at the end. Nothing about its server is forgetful: every commit reaches the disk."""
    home = Path(tempfile.mkdtemp(prefix="keepstep-bench-"))
    try:
        settings = settings_from({"KEEPSTEP_HOME": str(home), "KEEPSTEP_POOL_SIZE": os.environ.get("KEEPSTEP_POOL_SIZE", "")})
        with start_embedded(home) as server:
            asyncio.run(require_schema(settings, server.url))
            yield World(server, settings)
    finally:
        shutil.rmtree(home)


def ten_questions() -> dict[str, Any]:
    """Five texts, two numbers, three choices, in two steps."""
    texts = [option_set(f"q{number}") for number in range(5)]
    numbers = [option_set(f"n{number}", "integer") for number in range(2)]
    choices = [option_set(f"c{number}", "single_select", options=[option("a"), option("b")]) for number in range(3)]
    return wizard(step("one", *texts), step("two", *numbers, *choices), name="Ten questions")


def ten_answers() -> dict[str, Any]:
    return {
        **{f"q{number}": "some text here" for number in range(5)},
        "n0": 4,
        "n1": 77,
        "c0": "a",
        "c1": "b",
        "c2": "a",
    }


_KINDS = ("single_select", "multiple_select", "integer", "text_input", "date")
_OPTIONS = tuple(f"v{number}" for number in range(6))


def many_questions(count: int, per_step: int = 10) -> dict[str, Any]:
    """A wizard of so many questions of five kinds."""
    sets = [_question(number) for number in range(count)]
    steps = [step(f"s{start}", *sets[start : start + per_step]) for start in range(0, count, per_step)]
    return wizard(*steps, name=f"{count} questions")


def _question(number: int) -> dict[str, Any]:
    kind = _KINDS[number % 5]
    options = {"options": [option(value) for value in _OPTIONS]} if "select" in kind else {}
    return option_set(f"q{number}", kind, **options)


def drawn_value(kind: str, draw: random.Random) -> Any:
    """An answer to a question of this kind, drawn at random."""
    match kind:
        case "single_select":
            return draw.choice(_OPTIONS)
        case "multiple_select":
            return [value for value in _OPTIONS if draw.random() < 0.4] or ["v0"]
        case "integer":
            return draw.randrange(100)
        case "text_input":
            return f"text {draw.randrange(10_000)}"
        case _:
            return f"2026-0{draw.randrange(1, 10)}-1{draw.randrange(10)}"


def made_wizard(world: World, structure: dict[str, Any]) -> str:
    """The id of this structure as a published wizard."""
    return world.run(lambda resources: published(resources, structure))


def made_token(world: World) -> str:
    """The secret of an editor's token."""

    async def make(resources: Resources) -> str:
        ctx = operator(resources)
        async with open_write(resources.engine) as tx:
            user, _ = await create_user(ctx, tx, NewUser(f"{new_id()}@example.org", "editor"))
            return (await create_token(ctx, tx, user.id, NewToken("bench", ALL_SCOPES))).secret

    return world.run(make)
