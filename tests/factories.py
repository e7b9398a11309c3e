"""What tests of the application begin with: ids, wizards that are published, and the survey of the scenarios."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uuid_utils
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.actions.confirm import Consent
from keepstep.actions.publishing import Publishing, publish_draft
from keepstep.actions.wizards import NewWizard, create_wizard
from keepstep.config import Resources
from keepstep.core.permissions import SYSTEM
from keepstep.db.transaction import open_write

JOHN = {"full-name": "John Doe", "email": "john@example.com", "favorite-color": "blue"}


def new_id() -> str:
    return str(uuid_utils.uuid7())


def option(value: str, **members: Any) -> dict[str, Any]:
    return {"value": value, "label": value.title(), **members}


def option_set(key: str, selection_type: str = "text_input", **members: Any) -> dict[str, Any]:
    return {"id": new_id(), "key": key, "name": key.replace("-", " ").title(), "selection_type": selection_type, **members}


def step(key: str, *option_sets: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": new_id(), "key": key, "name": key.replace("-", " ").title(), "option_sets": list(option_sets), **members}


def wizard(*steps: dict[str, Any], name: str = "Survey", **members: Any) -> dict[str, Any]:
    return {"name": name, "steps": list(steps), **members}


def customer_survey() -> dict[str, Any]:
    """Day 1 of the five scenarios."""
    personal = step("personal-info", option_set("full-name", is_required=True), option_set("email"))
    colors = [option("blue"), option("red"), option("green")]
    return wizard(personal, step("preferences", option_set("favorite-color", "single_select", options=colors)), name="Customer Survey")


async def published(resources: Resources, structure: dict[str, Any]) -> str:
    """The id of a new wizard whose version 1 has this structure."""
    ctx = resources.context(SYSTEM)
    async with open_write(resources.engine) as tx:
        made = await create_wizard(ctx, tx, NewWizard(structure=structure))
        await publish_draft(ctx, tx, made.wizard.id, Publishing(), Consent(seen=str(made.wizard.draft_revision)))
        return made.wizard.id


@contextmanager
def count_queries(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that the block sent, as a list that grows."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield found
    event.remove(engine.sync_engine, "before_cursor_execute", note)
