"""What tests of the pages for authors share: wizards of a few questions, made through the API alone."""

from typing import Any

import httpx
from tests.factories import new_id
from tests.small_structures import YES_NO

EVIL = "<script>alert(1)</script>"


def asked(key: str, kind: str, **members: Any) -> dict[str, Any]:
    options = {"options": YES_NO} if kind in ("single_select", "dropdown", "multiple_select") else {}
    return {"id": new_id(), "key": key, "name": f"The {key}", "selection_type": kind, **options, **members}


async def made(client: httpx.AsyncClient, *steps: list[dict[str, Any]], **members: Any) -> str:
    """The slug of a new wizard with these steps; `only_if` of the last is its condition."""
    only_if = members.pop("only_if", None)
    pages = [{"id": new_id(), "key": f"s{index}", "name": f"Step {index} {EVIL}", "option_sets": step} for index, step in enumerate(steps)]
    pages[-1]["visible_if"] = only_if
    answer = await client.post("/api/v1/wizards", json={"name": "Intake", "structure": {"name": "Intake", "steps": pages, **members}})
    assert answer.status_code == 201, answer.text
    slug: str = answer.json()["slug"]
    return slug
