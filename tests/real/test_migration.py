"""Real runs moved by a real plan: 900 submissions of a form of 527 questions go to an edited version, and come back byte for byte."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uuid_utils
from tests.actions_kit import Desk, new_id
from tests.db_fixtures import Database, Server, made_database
from tests.migration_kit import Bench, counted, options, question

from keepstep.actions.imports import WizardFile, import_wizard, read_wizard_file
from keepstep.actions.migration_jobs import undo_job
from keepstep.actions.migration_pieces import Size
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.cli.demo_job import REAL_FORM, REAL_RUNS
from keepstep.config import Resources, settings_from
from keepstep.core.diff import diff
from keepstep.core.permissions import SYSTEM
from keepstep.core.places import mentions
from keepstep.core.severity import rule_of
from keepstep.core.structure import Structure, dump
from keepstep.db.engine import PATIENT, open_engine
from keepstep.queries.drafts import get_draft
from keepstep.queries.integrity_jobs import verify_job
from keepstep.queries.migration_jobs import list_jobs
from keepstep.queries.versions import version_by_number

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture
def database(database_server: Server, superuser: psycopg.Connection[Any], template: str) -> Iterator[Database]:
    yield from made_database(database_server, superuser, template)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    engine = open_engine(database.url, timeouts=PATIENT)
    yield Desk(engine, SYSTEM)
    await engine.dispose()


@pytest.fixture
def resources(desk: Desk, tmp_path: Path) -> Resources:
    settings = settings_from({"KEEPSTEP_HOME": str(tmp_path)})
    make_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())  # noqa: E731 - one word
    return Resources(
        desk.engine, settings, b"the key of the tests, long enough", lambda: datetime.now(UTC), make_id, lambda: os.urandom(16)
    )


@pytest.fixture
async def bench(desk: Desk, resources: Resources, real_inputs: Path) -> Bench:
    """The form as it was imported, with all of its runs."""
    file = WizardFile(data=(real_inputs / REAL_FORM).read_bytes(), filename=REAL_FORM, slug="verbal-autopsy", publish=True)
    imported = await desk.do(import_wizard, await read_wizard_file(resources.context(SYSTEM), file))
    runs = RunsFile(stream=BytesIO((real_inputs / REAL_RUNS).read_bytes()), filename=REAL_RUNS)
    await desk.do(import_runs, imported.wizard.id, runs)
    structure = (await desk.read(get_draft, SYSTEM, imported.wizard.id)).draft.structure
    return Bench(desk, resources, imported.wizard.id, dump(structure))


# --- the edited version ----------------------------------------------------------------------------------------------


@dataclass
class Editor:
    """Changes a dumped structure by hand, and remembers what the plan has to say of it."""

    structure: dict[str, Any]
    mapping: dict[str, Any]

    def at(self, key: str) -> dict[str, Any]:
        (found,) = [each for step in self.structure["steps"] for each in step["option_sets"] if each["key"] == key]
        assert isinstance(found, dict)
        return found

    def step_of(self, key: str) -> dict[str, Any]:
        return next(step for step in self.structure["steps"] if any(each["key"] == key for each in step["option_sets"]))

    def reword(self, *keys: str) -> None:
        for key in keys:
            self.at(key)["name"] = {"en": f"{key}, reworded", "fr": f"{key}, reformulé"}

    def retype(self, selection_type: str, *keys: str) -> None:
        for key in keys:
            each = self.at(key)
            each["selection_type"] = selection_type
            if selection_type in ("text_input", "textarea"):
                for member in ("options", "constraints", "appearance"):
                    each.pop(member, None)

    def delete(self, *keys: str) -> None:
        for key in keys:
            step = self.step_of(key)
            step["option_sets"] = [each for each in step["option_sets"] if each["key"] != key]

    def remove_option(self, key: str, code: str, becomes: str) -> None:
        each = self.at(key)
        each["options"] = [option for option in each["options"] if option["value"] != code]
        self.mapping[key] = {"to": key, "params": {"options": {code: becomes}}}


def edited(first: Structure) -> Editor:
    """Forty changes and more, of every kind that a form sees over the years."""
    free = [item.key for item in first.option_sets if item.selection_type == "single_select" and not _is_read(first, item.id)]
    keys = iter(free[5:])
    take: Callable[[int], list[str]] = lambda count: [next(keys) for _ in range(count)]  # noqa: E731 - read beside its uses
    editor = Editor(dump(first), {})
    editor.structure["name"] = {"en": "Verbal autopsy, second edition", "fr": "Autopsie verbale, deuxième édition"}
    editor.reword(*take(5))
    for kind, count in (("multiple_select", 4), ("dropdown", 3), ("text_input", 1)):
        editor.retype(kind, *take(count))
    editor.retype("textarea", "id10007")
    editor.delete(*take(3))
    _of_questions(editor, take)
    _of_options(editor, take)
    _of_the_whole(editor, take(2))
    return editor


def _of_options(editor: Editor, take: Callable[[int], list[str]]) -> None:
    for key in take(3):
        editor.at(key)["options"].append({"value": "unclear", "label": {"en": "Unclear", "fr": "Pas clair"}})
    for key in take(3):
        editor.at(key)["options"][-1]["retired"] = True
    for key in take(2):
        codes = [option["value"] for option in editor.at(key)["options"]]
        editor.remove_option(key, codes[1], codes[0])
    for key in take(2):
        editor.at(key)["options"].reverse()
    for key in take(3):
        editor.at(key)["options"][0]["label"] = {"en": "Yes, indeed", "fr": "Oui, bien sûr"}


def _of_questions(editor: Editor, take: Callable[[int], list[str]]) -> None:
    for key in take(3):
        editor.at(key)["retired"] = True
    for key in take(2):
        each = editor.at(key)
        each["key"], each["key_aliases"] = f"{key}-renamed", [key]
    for key in take(3):
        editor.at(key)["is_required"] = False
    for key in take(2):
        editor.at(key)["help"] = {"en": "Ask slowly.", "fr": "Demandez lentement."}


def _is_read(structure: Structure, option_set_id: str) -> bool:
    return any(mention.node_id != option_set_id for mention in mentions(structure, option_set_id))


def _of_the_whole(editor: Editor, others: list[str]) -> None:
    """A limit, a condition, a default, a move, steps, and new questions of each kind."""
    editor.at("id10415")["constraints"] = {"max": 2}
    shown, moved = others
    editor.at(shown)["visible_if"] = {"==": [1, 1]}
    step = editor.step_of(moved)
    question_moved = editor.at(moved)
    editor.delete(moved)
    editor.structure["steps"][-1]["option_sets"].append(question_moved)
    step["name"] = {"en": "Another name", "fr": "Un autre nom"}
    texts = {"en": "New", "fr": "Nouveau"}
    new: list[tuple[str, dict[str, Any]]] = [
        ("new-optional", {}),
        ("new-required", {"is_required": True}),
        ("new-default", {"is_required": True, "default": "none"}),
    ]
    made = [question(key, **members) | {"name": texts} for key, members in new]
    editor.structure["steps"].append({"id": new_id(), "key": "follow-up", "name": texts, "option_sets": made})


# --- there and back --------------------------------------------------------------------------------------------------


async def test_nine_hundred_runs_go_to_an_edited_version_and_come_back_byte_for_byte(bench: Bench) -> None:
    before = await bench.heads()
    first = (await bench.desk.read(version_by_number, bench.wizard, 1)).structure
    editor = edited(first)
    await bench.publish(editor.structure)
    second = (await bench.desk.read(version_by_number, bench.wizard, 2)).structure
    changes = diff(first, second)
    codes = {rule_of(change, first, second).code for change in changes}
    assert (len(changes) >= 40, len(codes) >= 15) == (True, True), (len(changes), sorted(codes))
    policy = {"on_conflict": "park", "on_need": "waive"}
    plan = await bench.plan(mapping=editor.mapping, policy=policy, fills={"new-default": "default"})
    preview = await bench.preview(plan)
    job = await bench.finished(await bench.started(plan, preview), Size())
    assert (counted(job).outcomes, counted(job).moved, counted(job).reasons) == (
        counted(preview).outcomes,
        counted(preview).moved,
        counted(preview).reasons,
    )
    assert (counted(job).runs, counted(job).moving) == (900, 900)
    assert len(set(counted(job).outcomes)) > 1
    proof = await bench.desk.read(verify_job, job)
    assert (proof.is_intact, proof.moved) == (True, 900), [finding.to_json() for finding in proof.findings[:5]]
    undo = await bench.finished(await bench.act(undo_job, job.id), Size())
    back = await bench.desk.read(verify_job, undo)
    assert (undo.state, back.returned, await bench.heads() == before) == ("completed", 900, True)
    await bench.proven()


async def test_a_text_becomes_one_choice_and_then_several_over_three_versions_with_runs_in_each(desk: Desk, resources: Resources) -> None:
    bench = await Bench.of(desk, resources, question("colour"))
    step = bench.structure["steps"][0]
    (colour,) = step["option_sets"]
    codes = ("red", "blue", "green")

    def as_type(selection_type: str) -> dict[str, Any]:
        return {
            **bench.structure,
            "steps": [{**step, "option_sets": [{**colour, "selection_type": selection_type, "options": options(*codes)}]}],
        }

    await bench.answer(9, lambda number: {"colour": codes[number % 3].title()})
    await bench.publish(as_type("single_select"))
    await bench.answer(6, lambda number: {"colour": codes[number % 3]})
    await bench.publish(as_type("multiple_select"))
    await bench.answer(3, lambda number: {"colour": [codes[number]]})
    start = await bench.heads()
    # How several choices are written as one text, somebody has to say; what was a text once goes back without.
    hops: list[tuple[list[int], int, dict[str, Any]]] = [([1, 2], 3, {}), ([2, 3], 1, {"3": {"colour": {"delimiter": ";"}}})]
    for source, target, parameters in hops:
        job = await bench.finished(await bench.started(await bench.plan(source, target, parameters=parameters)))
        assert (job.state, await bench.on_versions()) == ("completed", {target: 18})
        assert (await bench.desk.read(verify_job, job)).is_intact
    texts = {head[2] for run, head in (await bench.heads()).items() if start[run][0] == 1}
    assert texts == {head[2] for head in start.values() if head[0] == 1}
    for each in await _jobs(bench):
        await bench.finished(await bench.act(undo_job, each))
    assert await bench.heads() == start
    await bench.proven()


async def _jobs(bench: Bench) -> list[str]:
    """The newest first: what was done last is taken back first."""
    return [job.id for job in await bench.desk.read(list_jobs, bench.wizard, limit=10)]
