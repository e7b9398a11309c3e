"""One wizard and everything that people do to it and its runs, in any order, over the real database.

After every step the promises are checked for all runs: P1 pinned, P2 as answered, P3 no cascade, P4 counted exactly, P5 never
locked, P6 moved by a plan or not at all, P7 nothing invented, P8 rollback adds, P9 exports tell the truth, P10 erased alone, P11 proven,
P12 accepted means stored. The model beside it counts on its fingers.
"""

import asyncio
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests import machine_model as model
from tests.actions_kit import ADMIN, Desk, new_id
from tests.db_fixtures import Database
from tests.machine_model import ModelRun
from tests.migration_kit import done_piece, finished_job, looked_at

from keepstep.actions.confirm import Confirmable, Consent
from keepstep.actions.drafts import redo_edit, undo_edit
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.exports import ExportRequest, export_runs
from keepstep.actions.migration_conflicts import Resolution, resolve_conflict
from keepstep.actions.migration_jobs import apply_plan, confirm_token, preview_plan, undo_job
from keepstep.actions.migration_pieces import claim_piece
from keepstep.actions.migration_work import Piece
from keepstep.actions.nodes import Plan, bringing_back, changing_option, changing_option_set, edit_node, fixed, report_of_edit
from keepstep.actions.plans import PlanRequest, plan_migration
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish, report_of_rollback, roll_back
from keepstep.actions.restoring import restoring_from
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.actions.runs import RunRequest, complete_run, restore_revision, save_answers, start_run, trash_run, untrash_run
from keepstep.actions.wizards import NewWizard, create_wizard, remove_wizard, report_of_deletion, restore_wizard, trash_wizard
from keepstep.core import change as c
from keepstep.core import edits as e
from keepstep.core.impact import Impact, Reported
from keepstep.core.jsonvalue import dump_bytes
from keepstep.core.migration_counts import tallies_of
from keepstep.core.plan_changes import Said
from keepstep.core.structure import dump
from keepstep.db.engine import open_engine
from keepstep.db.tables import audit_events
from keepstep.db.transaction import Write, open_write
from keepstep.errors import (
    ImpactUnconfirmed,
    MeaningUnconfirmed,
    NothingToPublish,
    NothingToUndo,
    PlanInvalid,
    Problem,
    RunErased,
    RunStays,
    Stale,
    StructureInvalid,
    UndoBlocked,
    WizardRemoved,
    WizardTrashed,
)
from keepstep.queries.drafts import get_draft
from keepstep.queries.integrity import Scope, verify
from keepstep.queries.integrity_jobs import verify_job
from keepstep.queries.migration_conflicts import Conflict, list_conflicts
from keepstep.queries.migration_jobs import Job, load_job
from keepstep.queries.plans import StoredPlan
from keepstep.queries.responses import archive_of, responses_of
from keepstep.queries.run_lists import RunFilter, list_runs
from keepstep.queries.runs import RunState
from keepstep.queries.wizards import get_wizard

T = TypeVar("T")
EXAMPLES, STEPS = {"torture": (300, 60)}.get(os.environ.get("KEEPSTEP_HYPOTHESIS", "ci"), (7, 32))
LATE = STEPS * 2 // 3
MOST_RUNS = 7
TEXTS = st.text("abcé", min_size=1, max_size=3)
PICK = st.integers(0, 10_000)
"""A number that chooses among whatever is there at the time."""
KINDS = ("text_input", "textarea", "integer", "single_select", "multiple_select")
OTHER_TYPE = {
    "text_input": "integer",
    "textarea": "text_input",
    "integer": "number",
    "number": "textarea",
    "single_select": "multiple_select",
    "multiple_select": "single_select",
}
CHOICES = ("red", "blue", "green")
CHANGES = ("retire", "delete", "restore", "move", "reword", "require", "narrow", "retype", "condition")


DONE = {
    *("draft.edited", "draft.undone", "draft.redone", "wizard.published", "roll_back", "wizard.trashed", "wizard.restored"),
    *("wizard.removed", "start", "save", "edit_completed", "complete", "run.revision_restored", "run.trashed", "run.restored"),
    *("wizard.runs_imported", "run.erased", "restored_from_version", "move_runs", "move_runs_back", "decide_conflict"),
    *("moved_back", "erased_after_a_move"),
}
"""What must have happened at least once, or a green run would prove nothing about it."""


_ANSWERS = text("SELECT answers, archive FROM run_revisions WHERE run_id = CAST(:run AS uuid)")
# What a person typed in place of an answer, for a run that still waits.
_KEPT = text("SELECT envelope FROM migration_resolutions WHERE run_id = CAST(:run AS uuid)")
_MOVED_BY = "SELECT run_id::text AS run_id FROM run_revisions WHERE job_id = CAST(:job AS uuid)"


class Probed(Exception):
    """Raised to store nothing of what was tried."""


@dataclass(frozen=True)
class World:
    """One database for all examples: each has a wizard of its own in it."""

    runner: asyncio.Runner
    desk: Desk
    done: Counter[str] = field(default_factory=Counter)


# What was done least so far and can be done now; of several the next behind the one that is drawn. Some things stand here more than
# once, because others need them first; a wizard that is gone ends what can be done to it, so that comes late.
ACTS: tuple[tuple[str, Callable[["Machine"], Any]], ...] = (
    ("start", lambda at: at.is_live() and len(at.runs) < MOST_RUNS),
    ("save", lambda at: at.of(completed=False)),
    ("add_question", lambda at: at.is_live()),
    ("publish", lambda at: at.is_live()),
    ("edit_completed", lambda at: at.of(completed=True)),
    ("change_question", lambda at: at.is_live()),
    ("publish", lambda at: at.is_live()),
    ("complete", lambda at: at.of(completed=False)),
    ("change_option", lambda at: at.is_live()),
    ("import_runs", lambda at: at.is_live() and len(at.runs) < MOST_RUNS),
    ("change_step", lambda at: at.is_live()),
    ("restore_revision", lambda at: any(run.revisions > 1 for run in at.unmoved())),
    ("undo_or_redo", lambda at: at.is_live()),
    ("move_runs", lambda at: at.is_live() and any(run.version != at.active for run in at.of())),
    ("change_question", lambda at: at.is_live()),
    ("roll_back", lambda at: at.is_live() and at.active > 1),
    ("move_into_conflict", lambda at: at.is_live() and at.long_texts()),
    ("move_runs_back", lambda at: at.is_live() and at.moves),
    ("trash_run", lambda at: at.of()),
    ("decide_conflict", lambda at: at.is_live() and at.waiting()),
    ("bring_back_from_the_shelf", lambda at: at.is_live()),
    ("restore_from_version", lambda at: at.is_live() and at.active > 1),
    ("untrash_run", lambda at: at.of(trashed=True)),
    ("erase", lambda at: at.of()),
    ("trash_wizard", lambda at: at.is_live() and len(at.runs) > 1 and at.steps > LATE),
    ("restore_wizard", lambda at: at.state == "trashed"),
    ("remove_wizard", lambda at: at.state == "trashed"),
)


class Machine(RuleBasedStateMachine):
    """See the module."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.admin = self.world.desk, self.world.desk.as_(ADMIN)
        self.runs: dict[str, ModelRun] = {}
        self.versions: dict[int, dict[str, Any]] = {}
        self.version_rows: dict[int, str] = {}
        self.state: str = "live"
        self.active: int = 0
        self.keys = 0
        self.audited = 0
        self.moves: list[tuple[str, Mapping[str, RunState]]] = []
        self.jobs: list[str] = []
        self.steps: int = 0
        self.acted: Counter[int] = Counter()

    @rule(number=st.integers(0, len(ACTS) - 1), pick=PICK, data=st.data())
    def act(self, number: int, pick: int, data: st.DataObject) -> None:
        """One thing that somebody does. The machine chooses evenly, where many rules would leave some out for whole examples."""
        order = [place % len(ACTS) for place in range(number, number + len(ACTS))]
        possible = [place for place in order if ACTS[place][1](self)]
        # Of a removed wizard whose runs were all erased, nothing is left to be done.
        if possible:
            place = min(possible, key=lambda each: self.acted[each])
            self.acted[place] += 1
            self.steps += 1
            note(ACTS[place][0])
            getattr(self, ACTS[place][0])(pick, data)

    # --- ways to do one thing -------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.world.runner.run(work)

    def do(self, action: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, desk: Desk | None = None, **named: Any) -> T:
        return self.run((desk or self.desk).do(action, *arguments, **named))

    def ask(self, report: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, desk: Desk | None = None, **named: Any) -> T:
        """What a query that needs to know who asks returns."""
        at = desk or self.desk
        return self.run(at.read(lambda tx: report(at.context(), tx, *arguments, **named)))

    def draft(self) -> Any:
        return self.run(self.desk.read(get_draft, self.desk.actor, self.wizard))

    def structure(self) -> dict[str, Any]:
        return dump(self.draft().draft.structure)

    def is_live(self) -> bool:
        return self.state == "live"

    def picked(self, runs: list[ModelRun], pick: int) -> ModelRun:
        return sorted(runs, key=lambda run: run.id)[pick % len(runs)]

    def of(self, *, completed: bool | None = None, trashed: bool = False, erased: bool = False) -> list[ModelRun]:
        return [
            run
            for run in self.runs.values()
            if run.trashed == trashed and run.wholly_erased == erased and completed in (None, run.completed)
        ]

    def unmoved(self) -> list[ModelRun]:
        """Complete runs of which every revision is of one version."""
        return [run for run in self.of(completed=True) if not run.moved]

    # --- the wizard -----------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        kinds = enumerate(KINDS)
        first = {"id": new_id(), "key": "one", "name": "One", "option_sets": [self.question(kind) for _, kind in kinds]}
        second = {"id": new_id(), "key": "two", "name": "Two", "option_sets": [self.question("text_input")]}
        made = self.do(create_wizard, NewWizard(structure={"name": "Machine", "steps": [first, second]}, slug=f"m-{new_id()}"))
        self.wizard = made.wizard.id
        self.do(publish_draft, self.wizard, Publishing(), Consent(seen="*"))
        self.note_version()
        self.audited = self.events()[0]

    def question(self, kind: str, *, required: bool = False) -> dict[str, Any]:
        self.keys += 1
        node = {"id": new_id(), "key": f"q{self.keys}", "name": f"Q{self.keys}", "selection_type": kind, "is_required": required}
        if kind in ("single_select", "multiple_select"):
            node["options"] = [{"value": value, "label": value.title()} for value in CHOICES]
        return node

    def note_version(self) -> None:
        self.active = max(self.versions, default=0) + 1
        row = self.stored_versions()[self.active]
        self.version_rows[self.active] = row[0]
        self.versions[self.active] = row[1]

    def add_question(self, pick: int, data: st.DataObject) -> None:
        steps = self.structure()["steps"]
        if steps:
            node = self.question(data.draw(st.sampled_from(KINDS)), required=data.draw(st.booleans()))
            self.edit(fixed(e.AddOptionSet(step_id=steps[pick % len(steps)]["id"], node=node, position=0)))

    def change_question(self, pick: int, data: st.DataObject) -> None:
        act = data.draw(st.sampled_from((*CHANGES, "narrow", "retype", "retype")))
        found = model.option_sets(self.structure())
        if not found:
            return
        item = found[pick % len(found)]
        own = item["id"]
        plans: dict[str, Callable[[], Plan]] = {
            "retire": lambda: fixed(e.RetireOptionSet(option_set_id=own)),
            "delete": lambda: fixed(e.DeleteOptionSet(option_set_id=own)),
            "restore": lambda: fixed(e.UnretireOptionSet(option_set_id=own)),
            "move": lambda: fixed(e.MoveOptionSet(option_set_id=own, position=0)),
            "reword": lambda: changing_option_set(own, {"name": f"{item['name']}'"}, "same"),
            "require": lambda: changing_option_set(own, {"is_required": not item["is_required"]}, None),
            "narrow": lambda: changing_option_set(own, {"constraints": self.narrower(item)}, None),
            "retype": lambda: changing_option_set(own, {"selection_type": OTHER_TYPE[item["selection_type"]]}, None),
            "condition": lambda: changing_option_set(own, {"visible_if": self.condition(own, pick)}, None),
        }
        self.edit(plans[act]())

    def narrower(self, item: Mapping[str, Any]) -> dict[str, Any]:
        kind = item["selection_type"]
        return {"max": 1} if kind in ("integer", "number") else {"max_length": 1} if kind.startswith("text") else {}

    def condition(self, own: str, pick: int) -> Any:
        """On a single choice in front, or none."""
        found = model.option_sets(self.structure())
        place = next(number for number, item in enumerate(found) if item["id"] == own)
        choices = [item for item in found[:place] if item["selection_type"] == "single_select"]
        return {"==": [{"var": choices[pick % len(choices)]["id"]}, CHOICES[pick % 3]]} if choices and pick % 4 else None

    def change_option(self, pick: int, data: st.DataObject) -> None:
        act = data.draw(st.sampled_from(("retire", "delete", "restore", "add", "reword", "mean")))
        found = [item for item in model.option_sets(self.structure()) if item.get("options")]
        if not found:
            return
        item = found[pick % len(found)]
        own, option = item["id"], item["options"][pick % len(item["options"])]
        value = option["value"]
        self.keys += 1
        label = {"label": f"{option['label']}'"}
        plans: dict[str, Callable[[], Plan]] = {
            "retire": lambda: fixed(e.RetireOption(option_set_id=own, value=value)),
            "delete": lambda: fixed(e.DeleteOption(option_set_id=own, value=value)),
            "restore": lambda: fixed(e.UnretireOption(option_set_id=own, value=value)),
            "add": lambda: fixed(e.AddOption(option_set_id=own, node={"value": f"v{self.keys}", "label": f"V{self.keys}"})),
            "reword": lambda: changing_option(own, value, label, "same"),
            "mean": lambda: changing_option(own, value, label | {"value": f"v{self.keys}"}, "different"),
        }
        self.edit(plans[act]())

    def change_step(self, pick: int, data: st.DataObject) -> None:
        act = data.draw(st.sampled_from(("retire", "delete", "restore", "move", "add")))
        steps = self.structure()["steps"]
        if not steps:
            return
        own = steps[pick % len(steps)]["id"]
        self.keys += 1
        questions = [self.question("text_input", required=bool(pick % 2))]
        node = {"id": new_id(), "key": f"s{self.keys}", "name": f"S{self.keys}", "option_sets": questions}
        plans: dict[str, Callable[[], Plan]] = {
            "retire": lambda: fixed(e.RetireStep(step_id=own)),
            "delete": lambda: fixed(e.DeleteStep(step_id=own)),
            "restore": lambda: fixed(e.UnretireStep(step_id=own)),
            "move": lambda: fixed(e.MoveStep(step_id=own, position=0)),
            "add": lambda: fixed(e.AddStep(node=node)),
        }
        self.edit(plans[act]())

    def bring_back_from_the_shelf(self, pick: int, _data: st.DataObject) -> None:
        state = self.draft()
        if not state.draft.shelf:
            return
        item = state.draft.shelf[pick % len(state.draft.shelf)]
        structure = dump(state.draft.structure)
        if item.kind == "step":
            edit: Any = e.RestoreStep(step_id=item.id)
        elif item.kind == "option_set":
            if not structure["steps"]:
                return
            edit = e.RestoreOptionSet(option_set_id=item.id, step_id=structure["steps"][0]["id"])
        else:
            own, _, value = item.id.partition("/")
            if not any(found["id"] == own and found.get("options") for found in model.option_sets(structure)):
                return
            edit = e.RestoreOption(option_set_id=own, value=value)
        self.edit(bringing_back(lambda _: False, edit, edit))
        assert item.id not in {one.id for one in self.draft().draft.shelf}

    def restore_from_version(self, pick: int, _data: st.DataObject) -> None:
        """One question as an old version had it; the rest of the draft stays as it is."""
        number = 1 + pick % self.active
        found, steps = model.option_sets(self.versions[number]), self.structure()["steps"]
        if not found or not steps:
            return
        former = found[pick % len(found)]
        others = [item for item in model.option_sets(self.structure()) if item["id"] != former["id"]]
        self.edit(restoring_from(number, former["id"], steps[0]["id"]))
        now = {item["id"]: item for item in model.option_sets(self.structure())}
        back = now.pop(former["id"])
        assert list(now.values()) == others
        assert {**back, "key_aliases": None} == {**former, "key_aliases": None}
        self.world.done["restored_from_version"] += 1

    def edit(self, plan: Plan) -> None:
        """One edit: its report is exact, an answer is touched only with the report's token, and it leaves its event."""
        try:
            report = self.ask(report_of_edit, self.wizard, plan)
        except Problem as problem:
            self.require_refused(problem, plan)
            return
        self.require_exact(report)
        try:
            done = self.do(edit_node, self.wizard, plan, Consent(seen="*"))
        except (ImpactUnconfirmed, MeaningUnconfirmed):
            assert any(not reported.impact.is_nothing for reported in report.report.changes)
            done = self.do(edit_node, self.wizard, plan, Consent(seen="*", confirm=report.token))
        self.require_event("draft.", changed=done.name is not None)

    def require_refused(self, problem: Problem, plan: Plan) -> None:
        """A structure that cannot be is refused for the report as for the act."""
        assert problem.kind in ("invalid", "conflict"), repr(problem)
        with pytest.raises(type(problem)):
            self.do(edit_node, self.wizard, plan, Consent(seen="*"))

    def undo_or_redo(self, pick: int, _data: st.DataObject) -> None:
        before = self.structure()
        if pick % 8 == 0:
            self.went_back(redo_edit)
        elif self.went_back(undo_edit) and pick % 3:
            assert self.went_back(redo_edit)
            assert self.structure() == before

    def went_back(self, way: Callable[..., Coroutine[Any, Any, Any]]) -> bool:
        try:
            self.do(way, self.wizard, "*")
        except (NothingToUndo, UndoBlocked):
            return False
        self.require_event("draft.", changed=True)
        return True

    def publish(self, _pick: int, _data: st.DataObject) -> None:
        structure = self.structure()
        try:
            report = self.ask(report_of_publish, self.wizard, Publishing())
        except (NothingToPublish, StructureInvalid) as problem:
            with pytest.raises(type(problem)):
                self.do(publish_draft, self.wizard, Publishing(), Consent(seen="*"))
            return
        self.require_exact(report.stored)
        if any(not reported.impact.is_nothing for reported in report.report.changes):
            with pytest.raises(ImpactUnconfirmed):
                self.do(publish_draft, self.wizard, Publishing(), Consent(seen="*"))
        published = self.do(publish_draft, self.wizard, Publishing(), Consent(seen="*", confirm=report.token))
        assert (published.version.number, dump(published.version.structure)) == (self.active + 1, structure)
        self.require_event("wizard.published", changed=True)
        self.note_version()

    def roll_back(self, pick: int, _data: st.DataObject) -> None:
        """P8: another version with the old structure and the same ids; everything in between stays."""
        publishing = Publishing(rolls_back_to=pick % self.active + 1)
        try:
            report = self.ask(report_of_rollback, self.wizard, publishing)
        except NothingToPublish:
            assert self.versions[publishing.rolls_back_to or 0] == self.versions[self.active]
            return
        self.require_exact(report.stored)
        published = self.do(roll_back, self.wizard, publishing, Consent(seen="*", confirm=report.token))
        assert published.version.number == self.active + 1
        self.require_event("draft." if self.events()[1].startswith("draft.") else "wizard.published", changed=True)
        self.world.done["roll_back"] += 1
        self.note_version()
        assert self.versions[self.active] == self.versions[publishing.rolls_back_to or 0]

    def trash_wizard(self, pick: int, data: st.DataObject) -> None:
        report = self.ask(report_of_deletion, self.wizard, permanent=False)
        self.require_all_counted(report.report.impact)
        if self.runs:
            with pytest.raises(ImpactUnconfirmed):
                self.do(trash_wizard, self.wizard)
        self.do(trash_wizard, self.wizard, report.token)
        self.require_event("wizard.trashed", changed=True)
        self.state = "trashed"
        with pytest.raises(WizardTrashed):
            self.do(start_run, self.wizard, RunRequest(answers={}))
        if pick % 2:
            self.remove_wizard(pick, data)

    def restore_wizard(self, _pick: int, _data: st.DataObject) -> None:
        self.do(restore_wizard, self.wizard)
        self.require_event("wizard.restored", changed=True)
        self.state = "live"

    def remove_wizard(self, _pick: int, _data: st.DataObject) -> None:
        report = self.ask(report_of_deletion, self.wizard, permanent=True, desk=self.admin)
        self.require_all_counted(report.report.impact)
        self.do(remove_wizard, self.wizard, report.token, desk=self.admin)
        self.require_event("wizard.removed", changed=True)
        self.state = "removed"
        with pytest.raises(WizardRemoved):
            self.do(start_run, self.wizard, RunRequest(answers={}))

    # --- runs -----------------------------------------------------------------------------------------------------

    def start(self, pick: int, data: st.DataObject) -> None:
        complete = bool(pick % 3)
        structure = self.versions[self.active]
        answers = {item["id"]: self.value(data, item) for item in model.option_sets(structure) if data.draw(st.integers(0, 4))}
        if complete:
            missing = [item for item in model.option_sets(structure) if item["is_required"] and item["id"] not in answers]
            answers |= {item["id"]: self.value(data, item) for item in missing}
        answers = {name: value for name, value in answers.items() if value not in model.UNANSWERED}
        demanded = {item["id"] for item in model.option_sets(structure) if item["is_required"]} & model.asked(structure, answers)
        complete = complete and demanded <= answers.keys()
        run = ModelRun(new_id(), self.active, complete, dict(answers))
        request = RunRequest(id=run.id, answers=answers, complete=complete)
        assert self.do(start_run, self.wizard, request).created
        if complete:
            run.stored()
        self.runs[run.id] = run
        self.world.done["start"] += 1
        assert not self.do(start_run, self.wizard, request).created

    def value(self, data: st.DataObject, item: Mapping[str, Any]) -> Any:
        """An answer that fits the option set; None where nothing fits."""
        offered = model.options(item)
        match item["selection_type"]:
            case "integer" | "number":
                return data.draw(st.integers(0, item["constraints"].get("max") or 3))
            case "single_select":
                return data.draw(st.sampled_from(offered)) if offered else None
            case "multiple_select":
                return [value for value in offered if data.draw(st.booleans())] or offered[:1]
            case _:
                return data.draw(TEXTS)[: (item["constraints"].get("max_length") or 3)]

    def save(self, pick: int, data: st.DataObject) -> None:
        run = self.picked(self.of(completed=False), pick)
        self.change(run, self.some(data, run))
        run.save_number += 1
        self.world.done["save"] += 1

    def edit_completed(self, pick: int, data: st.DataObject) -> None:
        run = self.picked(self.of(completed=True), pick)
        self.change(run, self.some(data, run))
        run.stored()
        self.world.done["edit_completed"] += 1

    def some(self, data: st.DataObject, run: ModelRun) -> dict[str, Any]:
        """New answers to a few of the run's questions."""
        items = [item for item in model.option_sets(self.versions[run.version]) if item["id"] not in run.erased]
        given = {item["id"]: self.value(data, item) for item in items if not data.draw(st.integers(0, 2))}
        return {name: value for name, value in given.items() if value not in model.UNANSWERED}

    def change(self, run: ModelRun, given: dict[str, Any]) -> None:
        with_stale = "9.9" if run.etag != "9.9" else "8.8"
        with pytest.raises(Problem, match="changed since"):
            self.do(save_answers, run.id, given, with_stale)
        self.do(save_answers, run.id, given, run.etag)
        run.answers |= given

    def complete(self, pick: int, _data: st.DataObject) -> None:
        run = self.picked(self.of(completed=False), pick)
        structure = self.versions[run.version]
        shown = model.asked(structure, run.answers)
        lacking = [
            item for item in model.option_sets(structure) if item["is_required"] and item["id"] in shown and not run.answered(item["id"])
        ]
        if lacking:
            with pytest.raises(Problem, match="fit"):
                self.do(complete_run, run.id, run.etag)
            return
        self.do(complete_run, run.id, run.etag)
        run.completed = True
        run.stored()
        self.world.done["complete"] += 1

    def restore_revision(self, pick: int, _data: st.DataObject) -> None:
        run = self.picked([run for run in self.unmoved() if run.revisions > 1], pick)
        number = pick % run.revisions + 1
        try:
            self.do(restore_revision, run.id, number, run.etag)
        except RunErased:
            assert run.erased
            return
        run.answers = dict(run.history[number - 1])
        run.stored()
        self.require_event("run.revision_restored", changed=True)

    def trash_run(self, pick: int, _data: st.DataObject) -> None:
        run = self.picked(self.of(), pick)
        self.do(trash_run, run.id)
        run.trashed = True
        self.require_event("run.trashed", changed=True)

    def untrash_run(self, pick: int, _data: st.DataObject) -> None:
        run = self.picked(self.of(trashed=True), pick)
        self.do(untrash_run, run.id)
        run.trashed = False
        self.require_event("run.restored", changed=True)

    # --- moving them ----------------------------------------------------------------------------------------------

    def move_runs(self, pick: int, data: st.DataObject) -> None:
        """P6: what the preview counted is done, and no answer is lost; P7: none is there that nobody gave."""
        policy = {
            "on_conflict": data.draw(st.sampled_from(("stay", "park", "archive"))),
            "on_need": data.draw(st.sampled_from(("stay", "waive", "reopen"))),
        }
        made = self.plan(policy)
        if made is None:
            return
        plan, preview = made
        wizard = self.run(self.desk.read(get_wizard, self.desk.actor, self.wizard))
        job = self.do(apply_plan, plan.id, confirm_token(self.desk.context(), plan, preview, wizard.active_version_id))
        before = self.heads()
        done = self.worked(job.id)
        told, counted = tallies_of(preview.counts), tallies_of(done.counts)
        assert (counted.outcomes, counted.moved, counted.by_version) == (told.outcomes, told.moved, told.by_version)
        after = self.heads()
        moved = [run for run in self.runs.values() if after[run.id].version.id != before[run.id].version.id]
        assert len(moved) == counted.moving
        for run in moved:
            answers, archive = after[run.id].answers, after[run.id].archive
            given = {name: value for name, value in run.answers.items() if run.answered(name)}
            assert all(model.is_kept(name, value, answers, archive) for name, value in given.items())
            there = {name for name, envelope in answers.items() if envelope.get("value") not in model.UNANSWERED}
            assert there <= given.keys() | run.archive.keys()
        self.follow(after)
        self.moves.append((job.id, before))
        self.jobs.append(job.id)
        self.audited = self.events()[0]
        self.world.done["move_runs"] += 1
        if pick % 3 == 0:
            self.move_runs_back(pick, data)

    def long_texts(self) -> list[model.Node]:
        """Questions that a limit of one letter would not let keep all their answers."""
        long = {name for run in self.of() for name, value in run.answers.items() if isinstance(value, str) and len(value) > 1}
        found = model.option_sets(self.structure())
        return [item for item in found if item["id"] in long and item["selection_type"] in ("text_input", "textarea")]

    def move_into_conflict(self, pick: int, data: st.DataObject) -> None:
        """A limit that answers do not keep is published, runs are moved there, and what waits is decided about."""
        found = self.long_texts()
        self.edit(changing_option_set(found[pick % len(found)]["id"], {"constraints": {"max_length": 1}}, None))
        self.publish(pick, data)
        if any(run.version != self.active for run in self.of()):
            self.move_runs(3 * pick + 1, data)
        if self.waiting():
            self.decide_conflict(pick, data)

    def plan(self, policy: Mapping[str, str]) -> tuple[StoredPlan, Job] | None:
        """To the active version; choices go to the archive where options are gone that somebody chose."""
        choices = {item["id"] for structure in self.versions.values() for item in model.option_sets(structure) if item.get("options")}
        for mapping in ({}, dict.fromkeys(sorted(choices), "archive")):
            sources = sorted({run.version for run in self.of()} - {self.active})
            asked = {item["id"] for number in sources for item in model.option_sets(self.versions[number])}
            said = Said(mapping={name: where for name, where in mapping.items() if name in asked}, policy=policy)
            stored = self.do(plan_migration, self.wizard, PlanRequest(source=sources, target=self.active, said=said)).stored
            with suppress(PlanInvalid):
                return stored, self.do(preview_plan, stored.id)
        return None

    def worked(self, job_id: str) -> Job:
        """The job, done by one worker, who waits for respondents. P11: its proof holds."""
        while (step := self.do(claim_piece, job_id, "worker")) not in ("over", "finish"):
            if isinstance(step, Piece):
                self.do(done_piece, step)
            elif step == "canary":
                self.do(looked_at, job_id)
            else:
                self.desk.minute[0] += 11
        self.do(finished_job, job_id)
        self.require_proven(job_id)
        return self.run(self.desk.read(load_job, job_id))

    def follow(self, heads: Mapping[str, RunState]) -> None:
        """The model takes over what jobs made of the runs: a working copy is a revision before it moves."""
        for run in self.runs.values():
            state = heads[run.id]
            added = state.head_revision - run.revisions
            if added == 0:
                continue
            assert added == 1 or (added == 2 and not run.completed)
            if added == 2:
                run.stored()
            run.answers = {name: envelope.get("value") for name, envelope in state.answers.items()}
            run.archive, run.version, run.moved = dict(state.archive), state.version.number, True
            run.completed = state.status == "completed"
            run.stored()

    def move_runs_back(self, pick: int, _data: st.DataObject) -> None:
        """Whatever nobody touched since is again what it was; of an erased run nothing comes back (P10, the invariants)."""
        job_id, before = self.moves.pop(pick % len(self.moves))
        left = self.heads()
        untouched = {name for name, head in left.items() if head.cause == "migration" and head.save_number == 0}
        touched = {run.id for run in self.runs.values() if run.trashed or run.erased or run.id not in untouched}
        undo = self.do(undo_job, job_id)
        self.jobs.append(self.worked(undo.id).id)
        if self.run(self.desk.read(load_job, job_id)).state != "reverted":
            # Runs that another job moved on since, or that are in the trash, go back once they can.
            self.moves.append((job_id, before))
        after = self.heads()
        moved = {row.run_id for row in self.run(self.desk.read(lambda tx: tx.rows(text(_MOVED_BY), {"job": job_id})))}
        for name in moved - touched:
            if left[name].head_revision == after[name].head_revision:
                continue
            one, other = before[name], after[name]
            assert (one.version.id, one.answers, one.archive, one.status) == (other.version.id, other.answers, other.archive, other.status)
            self.world.done["moved_back"] += 1
        self.follow(after)
        self.audited = self.events()[0]
        self.world.done["move_runs_back"] += 1

    def decide_conflict(self, pick: int, data: st.DataObject) -> None:
        """A person decides about one answer; with the last of its run the run moves. P11 holds for what moved so, too."""
        found = self.waiting()
        job_id, conflict = found[pick % len(found)]
        choice = data.draw(st.sampled_from([each for each in conflict.choices if each != "value"]))
        try:
            self.do(resolve_conflict, job_id, conflict.item.id, Resolution(choice=choice))
        except (Stale, RunStays):
            # The run was changed since, and nothing of this is kept.
            assert (job_id, conflict.item) in [(each, other.item) for each, other in self.waiting()]
        else:
            assert conflict.item.id not in [other.item.id for each, other in self.waiting() if each == job_id and not other.item.chosen]
            self.world.done["decide_conflict"] += 1
        self.follow(self.heads())
        self.audited = self.events()[0]
        self.require_proven(job_id)

    def waiting(self) -> list[tuple[str, Conflict]]:
        """What waits for a person, of runs that are there."""
        there = {run.id for run in self.of()}
        jobs = [job for job in self.stored_jobs() if job.state in ("completed", "completed_with_conflicts")]
        found = [(job.id, each) for job in jobs for each in self.run(self.desk.read(partial(list_conflicts, job=job, limit=99)))]
        return [(job_id, each) for job_id, each in found if each.item.run_id in there]

    def stored_jobs(self) -> list[Job]:
        return [self.run(self.desk.read(load_job, job_id)) for job_id in self.jobs]

    def require_proven(self, job_id: str) -> None:
        job = self.run(self.desk.read(load_job, job_id))
        assert self.run(self.desk.read(verify_job, job)).findings == []

    def import_runs(self, pick: int, data: st.DataObject) -> None:
        """Nothing of an imported run is dropped: whatever does not fit is flagged, whatever has no question is archived."""
        items = [item for item in model.option_sets(self.versions[self.active]) if not item.get("retired")]
        if not items:
            return
        count = pick % 2 + 1
        cells = [[data.draw(st.sampled_from(("red", "3", "zzz", "é"))) for _ in range(len(items) + 1)] for _ in range(count)]
        written = io.StringIO()
        csv.writer(written).writerows([[item["key"] for item in items] + ["nobody-asked"], *cells])
        before = set(self.heads())
        file = RunsFile(stream=io.BytesIO(written.getvalue().encode()), filename="runs.csv")
        imported = self.do(import_runs, self.wizard, file)
        self.require_event("wizard.runs_imported", changed=True)
        added = [state for name, state in self.heads().items() if name not in before]
        assert len(added) == imported.progress.added.runs <= count
        assert sorted(map(sorted, cells)) == sorted(map(sorted, map(_cells_of, added))) or len(added) < count
        for state in added:
            run = ModelRun(state.id, self.active, completed=True, imported=True)
            run.answers = {name: envelope["value"] for name, envelope in state.answers.items()}
            run.archive = dict(state.archive)
            run.stored()
            self.runs[run.id] = run

    def erase(self, pick: int, _data: st.DataObject) -> None:
        whole = not pick % 3
        run = self.picked(self.of(), pick)
        names = sorted(name for name in run.answers if run.answered(name))
        if not names:
            return
        wanted = None if whole else [names[pick % len(names)]]
        self.do(erase_run, run.id, ErasureRequest(reason="asked to", option_sets=wanted), desk=self.admin)
        self.require_event("run.erased", changed=True)
        gone = set(run.answers) | {name for state in run.history for name in state} if wanted is None else set(wanted)
        if whole and (run.moved or not run.completed):
            # A working copy leaves nothing behind that would tell what had been answered; and what was waived at a move has a mark of
            # its own in the next revision, which goes as well.
            gone |= {item["id"] for item in model.option_sets(self.versions[run.version])}
        run.wholly_erased = whole
        # The working copy is another one now, and whoever saw the old one must not save on top of it.
        run.save_number += not run.completed
        run.erased |= gone
        run.answers = {name: value for name, value in run.answers.items() if name not in gone}
        # An archived answer to the same question went as well.
        run.archive = {} if whole else {name: entry for name, entry in run.archive.items() if name not in gone}
        run.history = [{name: value for name, value in state.items() if name not in gone} for state in run.history]
        # The one change of a stored row that there is: content leaves, the digest stays.
        stored = self.stored_revisions().get(run.id, [])
        assert [_digest(row) for row in stored] == [_digest(row) for row in run.rows]
        run.rows = stored
        run.views = {}
        if run.moved:
            self.require_gone(run, gone)

    def require_gone(self, run: ModelRun, gone: set[str]) -> None:
        """P10 and P11: nothing that the run answered there lies with it, in samples or on a work list, and every proof holds."""
        for answers, archive in self.run(self.desk.read(lambda tx: tx.rows(_ANSWERS, {"run": run.id}))):
            held = {**(answers or {}), **({} if not run.wholly_erased else archive)}
            assert all(envelope.get("value") is None for name, envelope in held.items() if name in gone or run.wholly_erased)
            assert not run.wholly_erased or archive == {}
        for job in self.stored_jobs():
            self.require_proven(job.id)
            for conflict in self.run(self.desk.read(partial(list_conflicts, job=job, limit=99))):
                name = conflict.item.option_set_id
                if conflict.item.run_id == run.id and (name in gone or run.wholly_erased) and conflict.envelope is not None:
                    assert conflict.envelope.get("value") is None
        assert not any(self.run(self.desk.read(lambda tx: tx.scalars(_KEPT, {"run": run.id}))))
        self.world.done["erased_after_a_move"] += 1

    # --- what must hold after every step --------------------------------------------------------------------------

    def stored_revisions(self) -> dict[str, list[str]]:
        statement = text(
            "SELECT r.run_id::text AS run, r.content_digest::text || ' ' || r::text AS row FROM run_revisions r JOIN wizard_runs w "
            "ON w.id = r.run_id WHERE w.origin_wizard_id = CAST(:wizard AS uuid) ORDER BY r.run_id, r.revision"
        )
        found: dict[str, list[str]] = {}
        for row in self.run(self.desk.read(lambda tx: tx.rows(statement, {"wizard": self.wizard}))):
            found.setdefault(row.run, []).append(row.row)
        return found

    def stored_versions(self) -> dict[int, tuple[str, dict[str, Any]]]:
        statement = text(
            "SELECT v.version_number, v.structure, md5(v::text || (SELECT string_agg(o::text, '' ORDER BY o.position) "
            "FROM version_option_sets o WHERE o.version_id = v.id)) AS row FROM wizard_versions v "
            "WHERE v.origin_wizard_id = CAST(:wizard AS uuid)"
        )
        rows = self.run(self.desk.read(lambda tx: tx.rows(statement, {"wizard": self.wizard})))
        return {row.version_number: (row.row, row.structure) for row in rows}

    def heads(self) -> dict[str, RunState]:
        async def both(tx: Any) -> list[RunState]:
            return [state for trashed in (False, True) for state in await list_runs(tx, self.wizard, RunFilter(trashed=trashed), limit=99)]

        return {state.id: state for state in self.run(self.desk.read(both))}

    def events(self) -> tuple[int, str]:
        """How many there are, and what the last one says."""
        own = audit_events.c
        statement = select(own.action).where(own.wizard_id == self.wizard).order_by(own.at, own.id)
        actions = self.run(self.desk.read(lambda tx: tx.scalars(statement)))
        return len(actions), actions[-1]

    def require_event(self, action: str, *, changed: bool) -> None:
        count, last = self.events()
        assert (count > self.audited) == changed
        assert not changed or last.startswith(action)
        self.audited = count
        if changed:
            self.world.done[last] += 1

    @invariant()
    def p1_and_p3_nothing_stored_is_changed_or_gone(self) -> None:
        """And P12: everything that was accepted is there, and nothing else."""
        stored = self.stored_revisions()
        assert stored.keys() == {run.id for run in self.runs.values() if run.revisions}
        for run in self.runs.values():
            rows = stored.get(run.id, [])
            assert len(rows) == run.revisions
            assert rows[: len(run.rows)] == run.rows
            run.rows = rows
        assert {number: row for number, (row, _) in self.stored_versions().items()} == self.version_rows

    @invariant()
    def p2_every_run_reads_back_as_it_was_asked_and_answered(self) -> None:
        heads = self.heads()
        assert heads.keys() == self.runs.keys()
        for run in self.runs.values():
            state = heads[run.id]
            assert (state.etag, state.version.number, state.status == "completed") == (run.etag, run.version, run.completed)
            responses = responses_of(state)
            view = dump_bytes([responses, archive_of(state)])
            assert run.views.setdefault(run.etag, view) == view
            self.require_as_answered(run, responses)

    def require_as_answered(self, run: ModelRun, responses: list[dict[str, Any]]) -> None:
        structure = self.versions[run.version]
        assert [item["option_set_snapshot"] for item in responses] == [dict(item) for item in model.option_sets(structure)]
        # What was asked moves along as a fact, so that conditions of the new version do not tell it.
        shown = model.asked(structure, run.answers) if not run.erased and not run.moved else None
        for item in responses:
            name, state = item["option_set_id"], item["state"]
            if name in run.erased and not run.answered(name):
                assert item["response_value"] is None or item["response_value"]["value"] is None
            elif run.answered(name):
                assert (state, item["response_value"]["value"]) == ("answered", run.answers[name])
            elif run.completed and shown is not None:
                assert state == ("empty" if name in shown else "not_asked")
            assert shown is None or item["asked"] == (name in shown) or (state, run.completed) == ("not_asked", False)

    def require_exact(self, report: Confirmable) -> None:
        """P4: the numbers of a report are those that counting run by run gives."""
        for reported in report.report.changes:
            self.require_counted(reported)

    def require_counted(self, reported: Reported) -> None:
        change, runs = reported.change, list(self.runs.values())
        match change:
            case c.OptionSetRemoved() | c.OptionSetRetired() | c.OptionSetReworded() | c.TypeChanged():
                self.require_impact(reported.impact, {change.option_set_id: list(model.holding(runs, change.option_set_id))})
            case c.OptionRemoved() | c.OptionRetired() | c.OptionReworded():
                found = list(model.holding(runs, change.option_set_id, change.value))
                self.require_impact(reported.impact, {change.option_set_id: found})
            case c.StepRemoved():
                inside = [item["id"] for item in change.old["option_sets"]]
                self.require_impact(reported.impact, {name: list(model.holding(runs, name)) for name in inside})
            case c.OptionSetAdded() | c.RequiredChanged() if not reported.impact.at_most and not reported.impact.is_nothing:
                lacking = [run for run in runs if not run.answered(change.option_set_id)]
                assert reported.impact.to_json()["runs"] == model.by_status(lacking)
            case c.OptionAdded() | c.OptionSetMoved() | c.StepMoved() | c.OptionUnretired() | c.OptionsReordered():
                assert reported.impact.is_nothing
            case _:
                assert reported.impact.answers <= sum(run.answered(name) for run in runs for name in run.answers)

    def require_impact(self, impact: Impact, found: Mapping[str, list[ModelRun]]) -> None:
        told, live = impact.to_json(), {name: [run for run in runs if not run.trashed] for name, runs in found.items()}
        runs = {run.id: run for holders in found.values() for run in holders}.values()
        assert told["answers"] == sum(len(holders) for holders in live.values())
        held = [name for name in sorted(found) if found[name]]
        assert [(one["option_set_id"], one["answers"]) for one in told["by_option_set"]] == [(name, len(live[name])) for name in held]
        assert not told["at_most"]
        assert told["runs"] == model.by_status(runs)
        assert told["by_version"] == model.by_version(runs)
        assert told["trashed"] == sum(run.trashed for run in runs)
        # Of one option set the values stand in the impact itself, of several beside each.
        for name, one in zip(held, [told] if len(held) == 1 else told["by_option_set"], strict=True):
            assert {repr(each["value"]): each["count"] for each in one["distinct_values"]} == model.distinct(live[name], name)

    def require_all_counted(self, impact: Impact) -> None:
        told, runs = impact.to_json(), list(self.runs.values())
        assert told["runs"] == model.by_status(runs)
        assert told["trashed"] == sum(run.trashed for run in runs)
        assert told["by_version"] == model.by_version(runs)
        assert told["answers"] == sum(run.answered(name) for run in runs if not run.trashed for name in run.answers)

    @invariant()
    def p5_every_run_can_be_edited_in_its_own_version(self) -> None:
        if self.runs:
            self.run(self.probe())

    async def probe(self) -> None:
        """All of them are edited, and none of it is stored."""
        with suppress(Probed):
            async with open_write(self.desk.engine) as tx:
                for run in self.runs.values():
                    await self.probe_one(tx, run)
                raise Probed

    async def probe_one(self, tx: Write, run: ModelRun) -> None:
        given = self.probing_answer(run)
        if run.trashed:
            await untrash_run(self.desk.context(), tx, run.id)
        if not run.wholly_erased and given is not None:
            saved = await save_answers(self.desk.context(), tx, run.id, given, "*")
            assert saved.state.version.number == run.version
            assert saved.state.answers[next(iter(given))]["value"] == next(iter(given.values()))

    def probing_answer(self, run: ModelRun) -> dict[str, Any] | None:
        for item in model.option_sets(self.versions[run.version]):
            offered = model.options(item)
            match item["selection_type"]:
                case "text_input" | "textarea":
                    return {item["id"]: "k"}
                case "integer" | "number":
                    return {item["id"]: 1}
                case "single_select" if offered:
                    return {item["id"]: offered[-1]}
                case "multiple_select" if offered:
                    return {item["id"]: offered}
        return None

    @invariant()
    def p9_the_export_has_one_true_row_for_each_run(self) -> None:
        header, *rows = self.exported()
        live = {run.id: run for run in self.runs.values() if not run.trashed}
        assert len(set(header)) == len(header)
        assert {len(row) for row in rows} <= {len(header)}
        table = [dict(zip(header, row, strict=True)) for row in rows]
        assert [row["run_id"] for row in table] == sorted(live)
        for row in table:
            self.require_true(row, live[row["run_id"]])

    def exported(self) -> list[list[str]]:
        async def written(tx: Any) -> bytes:
            export = await export_runs(self.desk.context(), tx, self.wizard, ExportRequest())
            return b"".join([piece async for piece in export.pieces])

        return list(csv.reader(io.StringIO(self.run(self.desk.read(written)).decode(), newline=""), strict=True))

    def require_true(self, row: Mapping[str, str], run: ModelRun) -> None:
        """Keys never change here, so that a question's column has its key for a name."""
        own = {item["id"] for item in model.option_sets(self.versions[run.version])}
        every = {item["id"]: item["key"] for structure in self.versions.values() for item in model.option_sets(structure)}
        assert (row["version"], row["revision"]) == (str(run.version), str(run.revisions))
        for name, key in every.items():
            state = row[f"{key}.state"]
            entry = run.archive.get(name)
            if run.answered(name):
                assert (state, row[key]) == ("answered", _cell(run.answers[name]))
            elif entry is not None and entry["value"] is not None:
                # Several choices of a question that takes one by now are written as they lie there.
                waits = "conflict" in entry and not run.answered(entry["conflict"]["to"])
                assert state == ("conflict" if waits else "archived")
                assert row[key] in (_cell(entry["value"]), json.dumps(entry["value"], separators=(",", ":"), ensure_ascii=False))
            elif name in run.erased:
                # Where it came from asked it, and the version that the run was moved to does not.
                assert state in ("erased", "empty", "not_asked") if name in own else state in ("erased", "not_in_version")
                assert row[key] == ""
            else:
                assert (state in ("empty", "not_asked"), state == "not_in_version", row[key]) == (name in own, name not in own, "")
        strange = run.archive.keys() - every.keys()
        assert {name: _cell(run.archive[name]["value"]) for name in strange} == {name: row[f"archive.{name}"] for name in strange}

    def teardown(self) -> None:
        if not self.versions:
            return
        found = self.run(self.desk.read(lambda tx: verify(tx, Scope(self.wizard))))
        assert (found.findings, found.runs, found.versions) == ([], len(self.runs), len(self.versions))


def _cells_of(state: RunState) -> list[str]:
    return [_cell(envelope["value"]) for envelope in (*state.answers.values(), *state.archive.values()) if envelope["value"] is not None]


def _cell(value: Any) -> str:
    return ";".join(value) if isinstance(value, list) else str(value)


def _digest(row: str) -> str:
    return row.partition(" ")[0]


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with asyncio.Runner() as runner:

        async def opened() -> AsyncEngine:
            return open_engine(database.url)

        engine = runner.run(opened())
        try:
            yield World(runner, Desk(engine))
        finally:
            runner.run(engine.dispose())


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES > 100 else 300)
def test_whatever_is_done_in_whatever_order_every_promise_holds(world: World) -> None:
    machine = type("Machine", (Machine,), {"world": world})
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        # Shrinking takes minutes over a database; a failure of a few steps can be read as it is.
        phases=[Phase.generate, Phase.shrink] if EXAMPLES > 100 else [Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)
    assert DONE - world.done.keys() == set()
