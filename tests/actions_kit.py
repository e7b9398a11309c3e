"""What tests of actions share: a context with its own time and ids, the Customer Survey, and short ways to do one thing."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import uuid_utils
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.publishing import Publishing, publish_draft
from keepstep.actions.runs import RunRequest, start_run
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.core.permissions import Actor
from keepstep.db.transaction import open_read, open_write

T = TypeVar("T")
START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def new_id() -> str:
    return str(uuid_utils.uuid7())


EDITOR = Actor(id=new_id(), name="Edith", role="editor", channel="api")
OTHER_EDITOR = Actor(id=new_id(), name="Otto", role="editor", channel="api")
ADMIN = Actor(id=new_id(), name="Ada", role="admin", channel="api")


def context(actor: Actor = EDITOR, minutes: int = 0) -> Context:
    """A context at nine o'clock, or that many minutes later."""
    return Context(
        actor=actor,
        now=START + timedelta(minutes=minutes),
        zone="UTC",
        make_id=new_id,
        make_salt=lambda: b"s" * 16,
        secret=b"secret of the tests, thirty-two bytes",
    )


def survey_structure() -> dict[str, Any]:
    """The Customer Survey with ids of its own."""
    return {
        "name": "Customer Survey",
        "steps": [
            {
                "id": new_id(),
                "key": "personal-info",
                "name": "Personal Info",
                "option_sets": [
                    {"id": new_id(), "key": "full-name", "name": "Full Name", "selection_type": "text_input"},
                    {"id": new_id(), "key": "email", "name": "Email", "selection_type": "text_input"},
                ],
            },
            {
                "id": new_id(),
                "key": "preferences",
                "name": "Preferences",
                "option_sets": [
                    {
                        "id": new_id(),
                        "key": "favorite-color",
                        "name": "Favorite Color",
                        "selection_type": "single_select",
                        "options": [{"value": "blue", "label": "Blue"}, {"value": "red", "label": "Red"}],
                    }
                ],
            },
        ],
    }


@dataclass
class Desk:
    """One database and whoever works on it: each call is a transaction of its own, a minute after the one before."""

    engine: AsyncEngine
    actor: Actor = EDITOR
    minute: list[int] = field(default_factory=lambda: [0])

    def as_(self, actor: Actor) -> "Desk":
        """The same desk with somebody else at it."""
        return replace(self, actor=actor)

    def context(self) -> Context:
        self.minute[0] += 1
        return context(self.actor, self.minute[0])

    async def do(self, action: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, **named: Any) -> T:
        """What an action returns, committed."""
        async with open_write(self.engine) as tx:
            return await action(self.context(), tx, *arguments, **named)

    async def read(self, query: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, **named: Any) -> T:
        """What a query returns."""
        async with open_read(self.engine) as tx:
            return await query(tx, *arguments, **named)

    async def survey(self, *, slug: str = "customer-survey", publish: bool = True) -> "Survey":
        """The Customer Survey, published unless told otherwise."""
        structure = survey_structure()
        created = await self.do(create_wizard, NewWizard(structure=structure, slug=slug))
        if publish:
            await self.do(publish_draft, created.wizard.id, Publishing(), Consent(seen="1"))
        steps = structure["steps"]
        ids = [item["id"] for step in steps for item in step["option_sets"]]
        return Survey(created.wizard.id, steps[0]["id"], steps[1]["id"], *ids)

    async def run(self, wizard: str, *, complete: bool = True, **answers: Any) -> str:
        """The id of a run with these answers by key ("_" for "-")."""
        given = {name.replace("_", "-"): value for name, value in answers.items()}
        saved = await self.do(start_run, wizard, RunRequest(answers=given, complete=complete))
        return saved.state.id


@dataclass(frozen=True)
class Survey:
    """The ids of a Customer Survey."""

    wizard: str
    personal_info: str
    preferences: str
    full_name: str
    email: str
    color: str
