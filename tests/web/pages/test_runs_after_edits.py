"""Each edit of a wizard, made after a run was completed: not one stored byte changes, the run reads back as it was asked, every cell of the
table still says what is true, and the run can be edited and saved in its own version.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.pages_kit import Browser
from tests.runs_kit import confirmed, lines_of, send_step, table_of
from tests.web.conftest import new_id
from tests.web_kit import WebSurvey

from keepstep.config import Resources

COLORS = [{"value": "blue", "label": "Blue"}, {"value": "red", "label": "Red"}, {"value": "green", "label": "Green"}]
ANSWERS = {"full-name": "John Doe", "age": 42, "favorite-color": "blue", "why": "It suits the room"}
SEEN = {
    "Full Name": ("John Doe", "answered"),
    "Age": ("42", "answered"),
    "Favorite Color": ("Blue", "answered"),
    "Why this color?": ("It suits the room", "answered"),
    "Nickname": ("No answer given", "left empty"),
}


@dataclass
class Case:
    """The published wizard with one completed run, and the ids that the edits are about."""

    kit: WebSurvey
    steps: list[str]
    ids: dict[str, str]
    run: str = ""
    active: int = 1
    extra: dict[str, Any] = field(default_factory=dict)

    def option_set(self, key: str) -> str:
        return f"/api/v1/option-sets/{self.ids[key]}"

    async def publish(self) -> None:
        answer = await self.kit.publish()
        assert answer.status_code == 201, answer.text
        self.active += 1


def structure(ids: dict[str, str], steps: list[str]) -> dict[str, Any]:
    def question(key: str, name: str, selection_type: str, **more: Any) -> dict[str, Any]:
        return {"id": ids[key], "key": key, "name": name, "selection_type": selection_type, **more}

    person = [question("full-name", "Full Name", "text_input"), question("age", "Age", "integer", constraints={"max": 120})]
    why = question("why", "Why this color?", "textarea", visible_if={"==": [{"var": ids["favorite-color"]}, "blue"]})
    taste = [
        question("favorite-color", "Favorite Color", "single_select", options=COLORS),
        why,
        question("nickname", "Nickname", "text_input"),
    ]
    both = [("person", "Person", person), ("taste", "Taste", taste)]
    made = [{"id": step, "key": key, "name": name, "option_sets": items} for step, (key, name, items) in zip(steps, both, strict=True)]
    return {"name": "Taste", "steps": made}


async def new_case(editor: httpx.AsyncClient) -> Case:
    ids, steps = {key: new_id() for key in (*ANSWERS, "nickname")}, [new_id(), new_id()]
    made = (await editor.post("/api/v1/wizards", json={"name": "Taste", "slug": "taste", "structure": structure(ids, steps)})).json()
    kit = WebSurvey(editor, made["id"], steps, ids["full-name"], "", ids["favorite-color"])
    assert (await kit.send("POST", f"{kit.url}/publish")).status_code == 201
    answer = await editor.post(f"{kit.url}/runs", json={"answers": ANSWERS, "complete": True})
    assert answer.status_code == 201, answer.text
    return Case(kit, steps, ids, run=answer.json()["id"])


@pytest.fixture
async def case(editor: httpx.AsyncClient) -> Case:
    return await new_case(editor)


# --- the edits -----------------------------------------------------------------------------------------------------------

Edit = Callable[[Case], Awaitable[None]]


def put(key: str, **fields: Any) -> Edit:
    async def edit(case: Case) -> None:
        await confirmed(case.kit, "PUT", case.option_set(key), json=fields)
        await case.publish()

    return edit


def act(method: str, path: str, **body: Any) -> Edit:
    """`path` names option sets as {key}, and the steps as {person} and {taste}."""

    async def edit(case: Case) -> None:
        named = {**case.ids, "person": case.steps[0], "taste": case.steps[1]}
        given = {name: named.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
        await confirmed(case.kit, method, "/api/v1/" + path.format_map(named), **({"json": given} if given else {}))
        await case.publish()

    return edit


def then(*edits: Edit) -> Edit:
    async def edit(case: Case) -> None:
        for each in edits:
            await each(case)

    return edit


async def swap_labels(case: Case) -> None:
    for value, label in (("blue", "Red!"), ("red", "Blue"), ("blue", "Red")):
        path = f"{case.option_set('favorite-color')}/options/{value}"
        await confirmed(case.kit, "PUT", path, json={"label": label, "meaning": "same"})
    await case.publish()


async def hide_what_was_answered(case: Case) -> None:
    await put("why", visible_if={"==": [{"var": case.ids["favorite-color"]}, "red"]})(case)


async def add_a_language(case: Case) -> None:
    draft = (await case.kit.draft())["structure"]
    draft["languages"] = ["en", "de"]
    await confirmed(case.kit, "PUT", f"{case.kit.url}/draft", json={"structure": draft})
    await case.publish()


async def roll_back(case: Case) -> None:
    await put("full-name", name="Your name", meaning="same")(case)
    answer = await case.kit.send("POST", f"{case.kit.url}/rollback", json={"version_number": 1})
    if answer.status_code == 409:
        body = {"version_number": 1, "confirm": answer.json()["confirm"]}
        answer = await case.kit.send("POST", f"{case.kit.url}/rollback", json=body)
    assert answer.status_code == 201, answer.text
    case.active += 1


async def delete_the_wizard(case: Case) -> None:
    report = await case.kit.client.delete(case.kit.url, params={"dry_run": "true"})
    answer = await case.kit.client.delete(case.kit.url, params={"confirm": report.json()["confirm"]})
    assert answer.status_code == 200, answer.text


async def two_editors_at_one_option(case: Case) -> None:
    path, seen = f"{case.option_set('favorite-color')}/options/blue", await case.kit.etag()
    first = await case.kit.send("PUT", path, etag=seen, json={"label": "Navy", "meaning": "same"})
    second = await case.kit.send("PUT", path, etag=seen, json={"label": "Sky", "meaning": "same"})
    assert (first.status_code, second.status_code) == (200, 412)
    await case.publish()


RETYPED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "text to area": ("full-name", "textarea", {}),
    "text to e-mail": ("full-name", "email", {}),
    "text to number": ("full-name", "number", {}),
    "text to date": ("full-name", "date", {}),
    "text to one choice": ("full-name", "single_select", {"options": COLORS}),
    "text to yes or no": ("full-name", "boolean", {}),
    "whole number to number": ("age", "number", {}),
    "whole number to text": ("age", "text_input", {}),
    "whole number to rating": ("age", "rating", {"constraints": {"min": 1, "max": 5}}),
    "one choice to several": ("favorite-color", "multiple_select", {}),
    "one choice to a menu": ("favorite-color", "dropdown", {}),
    "one choice to text": ("favorite-color", "text_input", {"options": None}),
}
EDITS: dict[str, Edit] = {
    "relabel a question": put("full-name", name="Your name", meaning="same"),
    "relabel an option": act("PUT", "option-sets/{favorite-color}/options/blue", label="Navy", meaning="same"),
    "swap two labels": swap_labels,
    "retire and restore an option": then(
        act("POST", "option-sets/{favorite-color}/options/blue/retire"), act("POST", "option-sets/{favorite-color}/options/blue/restore")
    ),
    "retire an option": act("POST", "option-sets/{favorite-color}/options/blue/retire"),
    "retire and restore a question": then(act("POST", "option-sets/{age}/retire"), act("POST", "option-sets/{age}/restore")),
    "retire a question": act("POST", "option-sets/{age}/retire"),
    "delete a question": act("DELETE", "option-sets/{age}"),
    "retire and restore a step": then(act("POST", "steps/{taste}/retire"), act("POST", "steps/{taste}/restore")),
    "retire a step": act("POST", "steps/{taste}/retire"),
    "delete a step": act("DELETE", "steps/{taste}"),
    "move to another step": act("POST", "option-sets/{age}/move", step_id="taste", position=0),
    "reorder": act("POST", "option-sets/{age}/move", position=0),
    "reorder steps": act("POST", "steps/{taste}/move", position=0),
    "insert before": act("POST", "option-sets", step_id="person", name="Title", selection_type="text_input", position=0),
    **{
        f"retype {name}": put(key, selection_type=kind, **{field: given for field, given in more.items() if given is not None})
        for name, (key, kind, more) in RETYPED.items()
    },
    "required on": put("nickname", is_required=True),
    "required on and off": then(put("nickname", is_required=True), put("nickname", is_required=False)),
    "a new required question": act("POST", "option-sets", step_id="person", name="Phone", selection_type="phone", is_required=True),
    "narrow a range": put("age", constraints={"max": 30}),
    "logic that hides what was answered": hide_what_was_answered,
    "add a language": add_a_language,
    "restore an old version": roll_back,
    "delete the wizard": delete_the_wizard,
    "two editors at one option": two_editors_at_one_option,
}


# --- what holds after each -----------------------------------------------------------------------------------------------


async def stored(resources: Resources, run_id: str) -> list[tuple[Any, ...]]:
    statement = "SELECT answers::text, archive::text, asked::text, content_digest FROM run_revisions WHERE run_id = :id ORDER BY revision"
    async with resources.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), {"id": run_id})]


@pytest.mark.parametrize("name", EDITS)
async def test_a_completed_run_outlives_the_edit(name: str, case: Case, editor_browser: Browser, resources: Resources) -> None:
    bytes_before = await stored(resources, case.run)
    await EDITS[name](case)
    assert await stored(resources, case.run) == bytes_before
    page = await editor_browser.open(f"/wizards/taste/runs/{case.run}")
    assert lines_of(page) == SEEN
    assert page.text(".ks-run-banner strong").startswith("Wizard v1 (older version" if case.active > 1 else "Wizard v1 (current version)")
    await cells_tell_the_truth(editor_browser, case)
    await it_is_saved_in_its_own_version(editor_browser, case, resources)


async def cells_tell_the_truth(browser: Browser, case: Case) -> None:
    """Every question that the run answered has a column, whatever it is called by now, and the cell says what was answered."""
    keys = [f"c={case.ids[key]}" for key in ("full-name", "age", "favorite-color", "why", "nickname")]
    page = await browser.open(f"/wizards/taste/runs?{'&'.join(keys)}")
    (row,) = table_of(page)
    cells = [cell for head, cell in row.items() if head not in ("Tick", "Run", "Version", "Status", "Last change")]
    assert sorted(cells) == sorted(["John Doe", "42", "Blue", "It suits the room", "left empty"])


async def it_is_saved_in_its_own_version(browser: Browser, case: Case, resources: Resources) -> None:
    """Scenario E for every edit: never locked, and only what was typed differs (P5)."""
    first = (await stored(resources, case.run))[0]
    page = await browser.open(f"/wizards/taste/runs/{case.run}/edit")
    answer = await send_step(browser, page, "Save as revision 2", {f"q-{case.ids['full-name']}": "Johnny Doe"})
    assert answer.status_code == 303, answer.text
    after = await browser.open(f"/wizards/taste/runs/{case.run}")
    assert lines_of(after) == SEEN | {"Full Name": ("Johnny Doe", "answered by an editor")}
    assert (await stored(resources, case.run))[0] == first


async def test_the_edits_are_all_that_the_list_names() -> None:
    assert len(RETYPED) == 12
    assert len(EDITS) >= 30
