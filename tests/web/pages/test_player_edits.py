"""Every kind of edit, published between two pages of a running passage and again after it was sent: the passage shows and stores what it
began with, and nothing of what is stored changes.
"""

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.factories import new_id, option, option_set, published, step, wizard
from tests.pages_kit import Browser
from tests.player_kit import answers_on, asked_in, begun, finished, path_of, run_id_of, sent, title

from keepstep.config import Resources
from keepstep.db.tables import run_revisions, wizard_runs
from keepstep.db.transaction import open_read

Structure = dict[str, Any]
TYPES = "textarea email phone url dropdown multiple_select number integer boolean date time file".split()


def before() -> Structure:
    one = step("one", option_set("color", "single_select", options=[option("red"), option("blue")]), option_set("age", "integer"))
    two = step("two", option_set("why", is_required=True), option_set("more"))
    return wizard(one, two, step("three", option_set("last")), name="Edited")


def sets(structure: Structure) -> dict[str, Any]:
    return {each["key"]: each for part in structure["steps"] for each in part["option_sets"]}


def of_option(structure: Structure, value: str, **members: Any) -> None:
    next(each for each in sets(structure)["color"]["options"] if each["value"] == value).update(members)


def swap_labels(structure: Structure) -> None:
    of_option(structure, "red", label="Blue")
    of_option(structure, "blue", label="Red")


def move_question(structure: Structure) -> None:
    structure["steps"][2]["option_sets"].append(structure["steps"][0]["option_sets"].pop())


def insert_before(structure: Structure) -> None:
    structure["steps"].insert(0, step("zero", option_set("new", is_required=True)))


def hide_answered(structure: Structure) -> None:
    sets(structure)["age"]["visible_if"] = {"==": [{"var": sets(structure)["color"]["id"]}, "blue"]}


def add_language(structure: Structure) -> None:
    structure["languages"] = ["en", "de"]
    sets(structure)["why"]["name"] = {"en": "Why", "de": "Warum"}


def retyped(kind: str) -> Callable[[Structure], None]:
    def change(structure: Structure) -> None:
        members = {"selection_type": kind} | ({"options": [option("x")]} if kind in ("dropdown", "multiple_select") else {})
        sets(structure)["more"].update(members)

    return change


EDITS: dict[str, Callable[[Structure], Any]] = {
    "relabel a question": lambda s: sets(s)["why"].update(name="Reason"),
    "relabel an option": lambda s: of_option(s, "red", label="Crimson"),
    "swap labels": swap_labels,
    "retire an option": lambda s: of_option(s, "red", retired=True),
    "retire a question": lambda s: sets(s)["why"].update(retired=True),
    "retire a step": lambda s: s["steps"][1].update(retired=True),
    "move to another step": move_question,
    "reorder steps": lambda s: s["steps"].reverse(),
    "reorder options": lambda s: sets(s)["color"]["options"].reverse(),
    "insert before": insert_before,
    "not required": lambda s: sets(s)["why"].update(is_required=False),
    "required": lambda s: sets(s)["more"].update(is_required=True),
    "narrow a range": lambda s: sets(s)["age"].update(constraints={"max": 3}),
    "hide an answered question": hide_answered,
    "add a language": add_language,
    "delete a question": lambda s: s["steps"][1]["option_sets"].pop(0),
    "delete a step": lambda s: s["steps"].pop(1),
    "add an option": lambda s: sets(s)["color"]["options"].append(option(f"c{new_id()[-6:]}")),
    **{f"change a type to {kind}": retyped(kind) for kind in TYPES},
}


async def publish(editor: httpx.AsyncClient, ref: str, change: Callable[[Structure], Any]) -> None:
    draft = await editor.get(f"/api/v1/wizards/{ref}/draft")
    structure = copy.deepcopy(draft.json()["structure"])
    change(structure)
    put = await editor.put(f"/api/v1/wizards/{ref}/draft", json={"structure": structure}, headers={"If-Match": draft.headers["etag"]})
    assert put.status_code == 200, put.text
    how = {"headers": {"If-Match": put.headers["etag"]}, "json": {}}
    done = await editor.post(f"/api/v1/wizards/{ref}/publish", **how)  # type: ignore[arg-type] # two keywords of httpx
    if done.status_code == 409 and "confirm" in done.json():
        done = await editor.post(f"/api/v1/wizards/{ref}/publish?confirm={done.json()['confirm']}", **how)  # type: ignore[arg-type] # as above
    assert done.status_code in (200, 201), done.text


async def stored(resources: Resources, run_id: str) -> tuple[Any, ...]:
    """All that is kept of a run, as the database has it."""
    async with open_read(resources.engine) as tx:
        run = await tx.row(select(wizard_runs).where(wizard_runs.c.id == run_id))
        revisions = await tx.rows(select(run_revisions).where(run_revisions.c.run_id == run_id).order_by(run_revisions.c.revision))
    return (tuple(run), *(tuple(each) for each in revisions))


@pytest.mark.parametrize("edit", EDITS)
async def test_a_passage_goes_on_as_it_began_whatever_is_published(
    stranger: Browser, resources: Resources, editor: httpx.AsyncClient, edit: str
) -> None:
    ref = await published(resources, before())
    page = await sent(stranger, await begun(stranger, ref), {"Red": "red", "Age": "41"})
    run_id = run_id_of(page)
    kept = await stored(resources, run_id)
    await publish(editor, ref, EDITS[edit])
    assert await stored(resources, run_id) == kept
    page = await stranger.open(path_of(page).rsplit("/step/")[0])
    assert (title(page), asked_in(page)) == ("Two", ["Why", "More"])
    page = await sent(stranger, page, {"Why": "so", "More": "no"})
    page = await sent(stranger, page, {"Last": "x"})
    assert answers_on(page) == {"Color": "Red", "Age": "41", "Why": "so", "More": "no", "Last": "x"}
    page = await finished(stranger, page)
    sent_run = await stored(resources, run_id)
    await publish(editor, ref, lambda s: s["steps"].append(step(f"s{new_id()[-6:]}", option_set(f"q{new_id()[-6:]}"))))
    assert await stored(resources, run_id) == sent_run
    run = (await editor.get(f"/api/v1/runs/{run_id}")).json()
    assert (run["version"]["version_number"], [each["state"] for each in run["responses"]]) == (1, ["answered"] * 5)
    assert [each["display"] for each in run["responses"]] == ["Red", "41", "so", "no", "x"]
    assert answers_on(await stranger.open(page.link("See a copy of your answers")))["Color"] == "Red"


async def test_restored_deleted_and_rolled_back_a_wizard_keeps_its_passages(
    stranger: Browser, resources: Resources, editor: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    ref = await published(resources, before())
    page = await sent(stranger, await begun(stranger, ref), {"Red": "red"})
    await publish(editor, ref, EDITS["retire an option"])
    of_two = await sent(stranger, await begun(stranger, ref), {"Blue": "blue"})
    await publish(editor, ref, lambda s: of_option(s, "red", retired=False))
    report = await admin.delete(f"/api/v1/wizards/{ref}")
    assert (await admin.delete(f"/api/v1/wizards/{ref}?confirm={report.json()['confirm']}")).status_code in (200, 204)
    for here, color in ((page, "Red"), (of_two, "Blue")):
        page = await sent(stranger, await stranger.open(path_of(here)), {"Why": "so"})
        page = await sent(stranger, page)
        assert answers_on(page)["Color"] == color
        assert title(await finished(stranger, page)) == "Thank you"
