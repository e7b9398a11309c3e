"""The counts beside every question are those of plain SQL, after any script of saves, edits, publishes, trash and erasure."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from tests.actions_kit import ADMIN, Desk, Survey, new_id
from tests.factories import count_queries

from keepstep.actions.confirm import Consent, numbers_in
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.nodes import edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.runs import complete_run, save_answers, trash_run, untrash_run
from keepstep.core import edits as e
from keepstep.core.counts import total
from keepstep.queries.answer_counts import NONE, AnswerCount, answer_counts, together
from keepstep.queries.drafts import get_draft
from keepstep.queries.runs import load_run

# Spelled otherwise than what is tested, and for one option set at a time.
ORACLE = text("""
  SELECT v.version_number, r.status, count(*) AS answers
  FROM wizard_runs r JOIN wizard_versions v ON v.id = r.wizard_version_id
  WHERE r.trashed_at IS NULL AND r.origin_wizard_id = CAST(:wizard AS uuid) AND coalesce(
    CASE WHEN r.status = 'completed'
      THEN (SELECT x.answers FROM run_revisions x WHERE x.run_id = r.id ORDER BY x.revision DESC LIMIT 1)
      ELSE r.working_answers
    END #>> ARRAY[:node, 'value'], '') NOT IN ('', '[]')
  GROUP BY 1, 2 ORDER BY 1, 2
""")
Act = Callable[["Script"], Awaitable[None]]


@dataclass
class Script:
    """A wizard that is worked on at random, and its runs."""

    desk: Desk
    survey: Survey
    chance: random.Random
    runs: list[str] = field(default_factory=list)
    trashed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    added: list[str] = field(default_factory=list)

    @property
    def nodes(self) -> list[str]:
        return [self.survey.full_name, self.survey.email, self.survey.color, *self.added]

    def answers(self) -> dict[str, Any]:
        given = {
            self.survey.full_name: self.chance.choice(["Ann", "Bob", ""]),
            self.survey.email: self.chance.choice(["a@b.example", None]),
        }
        return given | {self.survey.color: self.chance.choice(["blue", "red", None])}

    def free(self) -> str | None:
        found = [run for run in self.runs if run not in self.trashed | self.erased]
        return self.chance.choice(found) if found else None

    async def sql(self, node: str) -> dict[tuple[int, str], int]:
        rows = await self.desk.read(lambda tx: tx.rows(ORACLE, {"wizard": self.survey.wizard, "node": node}))
        return {(row.version_number, row.status): row.answers for row in rows}


async def start(script: Script) -> None:
    keys = {script.survey.full_name: "full_name", script.survey.email: "email", script.survey.color: "favorite_color"}
    given = {keys[node]: value for node, value in script.answers().items() if value is not None}
    active = (await script.desk.read(get_draft, ADMIN, script.survey.wizard)).draft.structure
    asked = {item.key.replace("-", "_") for item in active.option_sets}
    known = {name: value for name, value in given.items() if name in asked}
    script.runs.append(await script.desk.run(script.survey.wizard, complete=script.chance.random() < 0.6, **known))


async def save(script: Script) -> None:
    if run := script.free():
        node = script.chance.choice(list(script.answers()))
        await script.desk.do(save_answers, run, {node: script.answers()[node]}, "*")


async def complete(script: Script) -> None:
    run = script.free()
    if (
        run
        and await script.desk.read(lambda tx: tx.scalar(text("SELECT status FROM wizard_runs WHERE id = CAST(:id AS uuid)"), {"id": run}))
        != "completed"
    ):
        await script.desk.do(complete_run, run, "*")


async def trash(script: Script) -> None:
    if run := script.free():
        await script.desk.do(trash_run, run)
        script.trashed.add(run)


async def untrash(script: Script) -> None:
    if script.trashed:
        run = script.trashed.pop()
        await script.desk.do(untrash_run, run)


async def erase(script: Script) -> None:
    if run := script.free():
        answered = (await script.desk.read(load_run, run)).answers
        some = [script.survey.email] if script.survey.email in answered and script.chance.random() < 0.5 else None
        await script.desk.as_(ADMIN).do(erase_run, run, ErasureRequest(reason="asked for", option_sets=some))
        script.erased.add(run)


async def publish(script: Script) -> None:
    """The next version: with a question more, or the title of a step changed."""
    state = await script.desk.read(get_draft, ADMIN, script.survey.wizard)
    step, number = script.survey.preferences, state.wizard.draft_revision
    node = {"id": new_id(), "key": f"more-{number}", "name": f"More {number}", "selection_type": "textarea"}
    adds = script.chance.random() < 0.5
    edit = e.AddOptionSet(step_id=step, node=node) if adds else e.ChangeStep(step_id=step, fields={"name": f"Likes {number}"})
    await script.desk.do(edit_node, script.survey.wizard, fixed(edit), Consent(seen="*"))
    script.added += [node["id"]] if adds else []
    report = await script.desk.do(report_of_publish, script.survey.wizard, Publishing())
    await script.desk.do(publish_draft, script.survey.wizard, Publishing(), Consent(seen="*", confirm=report.token))


ACTS: dict[Act, int] = {start: 5, save: 5, complete: 2, trash: 2, untrash: 1, erase: 1, publish: 1}


async def counted(script: Script) -> Mapping[str, AnswerCount]:
    found = await script.desk.read(answer_counts, script.survey.wizard)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_counts_equal_sql_after_every_act_of_a_script(desk: Desk, seed: int) -> None:
    script = Script(desk, await desk.survey(), random.Random(seed))
    acts = script.chance.choices(list(ACTS), list(ACTS.values()), k=28)
    for act in [start, start, *acts]:
        await act(script)
        # Runs lie in parts by the week of their last change.
        desk.minute[0] += script.chance.choice([0, 0, 4 * 24 * 60])
        found = await counted(script)
        for node in script.nodes:
            by_version: dict[int, int] = {}
            for (version, _), answers in (await script.sql(node)).items():
                by_version[version] = by_version.get(version, 0) + answers
            assert found.get(node, NONE).by_version == by_version, (act.__name__, node)


@pytest.mark.parametrize("seed", range(6, 10))
async def test_the_dialog_of_a_deletion_says_the_same_as_sql_and_as_the_pill(desk: Desk, seed: int) -> None:
    script = Script(desk, await desk.survey(), random.Random(seed))
    for act in [start, start, start, *script.chance.choices(list(ACTS), list(ACTS.values()), k=25)]:
        await act(script)
    found = await counted(script)
    for node in script.nodes:
        impact = (await desk.do(report_of_edit, script.survey.wizard, fixed(e.DeleteOptionSet(option_set_id=node)))).report.impact
        stored = await script.sql(node)
        runs = {(run.version_number, run.status): run.count for run in impact.runs if not run.trashed}
        assert runs == stored
        by_status = [sum(n for (_, status), n in stored.items() if status == each) for each in ("completed", "in_progress", "abandoned")]
        assert numbers_in(impact) == "-".join(map(str, [sum(stored.values()), *by_status]))
        pill = found.get(node, NONE)
        assert (pill.answers, dict(pill.by_version)) == (impact.answers, dict(impact.answers_by_version))
    step = [script.survey.full_name, script.survey.email]
    removal = (await desk.do(report_of_edit, script.survey.wizard, fixed(e.DeleteStep(step_id=script.survey.personal_info)))).report.impact
    assert together(found, step).answers == removal.answers
    assert total(removal.runs) <= removal.answers


async def test_counting_costs_three_statements_and_one_when_nothing_changed(desk: Desk) -> None:
    survey = await desk.survey()
    for number in range(12):
        await desk.run(survey.wizard, full_name=f"N{number}", email="x")
        if number in (0, 11):
            with count_queries(desk.engine) as first:
                await desk.read(answer_counts, survey.wizard)
            with count_queries(desk.engine) as again:
                await desk.read(answer_counts, survey.wizard)
            assert (len(first), len(again)) == (3, 1)


async def test_whoever_cannot_wait_gets_nothing_rather_than_an_estimate(desk: Desk) -> None:
    survey = await desk.survey()
    for _ in range(3):
        await desk.run(survey.wizard, email="x")
    assert await desk.read(answer_counts, survey.wizard, at_most=2) is None
    exact = await desk.read(answer_counts, survey.wizard, at_most=3)
    assert exact is not None
    assert exact[survey.email].answers == 3
    assert await desk.read(answer_counts, survey.wizard, at_most=0) == exact


async def test_a_wizard_without_runs_has_no_counts(desk: Desk) -> None:
    assert await desk.read(answer_counts, (await desk.survey()).wizard) == {}
