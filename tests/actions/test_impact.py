import random
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import select
from tests.actions_kit import EDITOR, START, Desk, Survey, context, new_id

from keepstep.actions.confirm import Consent, counted_report
from keepstep.actions.nodes import edit_node, fixed, report_of_edit
from keepstep.actions.publishing import Publishing, publish_draft, report_of_publish
from keepstep.actions.runs import save_answers, trash_run
from keepstep.core import edits as e
from keepstep.core.counts import Counts, total
from keepstep.core.structure import parse
from keepstep.db.tables import run_revisions, wizard_runs, wizard_versions
from keepstep.db.transaction import Read
from keepstep.errors import ImpactUnconfirmed
from keepstep.queries.drafts import get_draft
from keepstep.queries.impact import count_answers, stored_counts


async def _fill(desk: Desk, survey: Survey, seed: int) -> None:
    """Runs of every kind: completed, edited since, in progress, in the trash, with and without each answer."""
    chance = random.Random(seed)
    for number in range(20):
        answers = {
            "full_name": f"Name {chance.randrange(3)}",
            "email": f"{chance.randrange(4)}@example.com",
            "favorite_color": chance.choice(["blue", "red"]),
        }
        given = {name: value for name, value in answers.items() if chance.random() < 0.7}
        run = await desk.run(survey.wizard, complete=chance.random() < 0.6, **given)
        if chance.random() < 0.3:
            await desk.do(save_answers, run, {"email": None if number % 2 else "new@example.com"}, "*")
        if chance.random() < 0.2:
            await desk.do(trash_run, run)


async def _holding(tx: Read, option_set_id: str) -> list[tuple[str, tuple[Any, ...], Any]]:
    """Each run with an answer, its kind and its answer, by reading every run."""
    found = []
    numbers = {row.id: row.version_number for row in await tx.rows(select(wizard_versions))}
    for run in await tx.rows(select(wizard_runs)):
        head = select(run_revisions.c.answers).where(run_revisions.c.run_id == run.id, run_revisions.c.revision == run.revision)
        answers = run.working_answers if run.working_answers is not None else await tx.scalar(head)
        value = answers.get(option_set_id, {}).get("value")
        if value not in (None, "", []):
            found.append((run.id, (run.status, numbers[run.wizard_version_id], run.trashed_at is not None), value))
    return found


async def _counted_by_hand(tx: Read, option_set_id: str) -> Counter[Any]:
    return Counter((*kind, value) for _, kind, value in await _holding(tx, option_set_id))


async def _holding_any(tx: Read, option_set_ids: frozenset[str]) -> Counter[Any]:
    holding = {(run, kind) for item in option_set_ids for run, kind, _ in await _holding(tx, item)}
    return Counter(kind for _, kind in holding)


def _as_counter(counts: Counts, option_set_id: str) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for tally in counts.answers[option_set_id]:
        found[(tally.status, tally.version_number, tally.trashed, tally.value)] += tally.count
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_counts_are_those_of_reading_every_run(desk: Desk, seed: int) -> None:
    survey = await desk.survey()
    await _fill(desk, survey, seed)
    ids = {survey.full_name, survey.email, survey.color}
    few = await desk.read(stored_counts, survey.wizard, ids, as_of=START)
    # Ids that nothing is stored under change nothing, also not in a set large enough for the way of many.
    many = await desk.read(stored_counts, survey.wizard, ids | {new_id() for _ in range(20)}, as_of=START)
    for option_set_id in ids:
        by_hand = await desk.read(_counted_by_hand, option_set_id)
        assert _as_counter(few, option_set_id) == _as_counter(many, option_set_id) == by_hand
    every = sum(total(few.answers[option_set_id]) for option_set_id in ids)
    assert await desk.read(count_answers, survey.wizard) == every


async def test_a_run_counts_once_in_a_group_however_many_answers_it_holds(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, full_name="A", email="a@example.com")
    await desk.run(survey.wizard, email="b@example.com")
    await desk.run(survey.wizard, favorite_color="red")
    group = frozenset({survey.full_name, survey.email})
    counts = await desk.read(stored_counts, survey.wizard, group, {group}, as_of=START)
    assert total(counts.together[group]) == 2
    assert total(counts.runs) == 3


@pytest.mark.parametrize("seed", range(3))
async def test_runs_of_a_group_are_those_of_reading_every_run(desk: Desk, seed: int) -> None:
    survey = await desk.survey()
    await _fill(desk, survey, seed)
    ids = (survey.full_name, survey.email, survey.color)
    groups = {frozenset(some) for size in (1, 2, 3) for some in combinations(ids, size)}
    # One more than a row of a function has columns, and several that do not go into one row together.
    strangers = [frozenset({survey.email, *(new_id() for _ in range(count))}) for count in (1_001, 600, 600)]
    counts = await desk.read(stored_counts, survey.wizard, ids, groups.union(strangers), as_of=START)
    for group in groups.union(strangers):
        found = Counter({(run.status, run.version_number, run.trashed): run.count for run in counts.together[group]})
        assert found == await desk.read(_holding_any, group.intersection(ids))


async def test_a_wizard_without_runs_counts_nothing(desk: Desk) -> None:
    survey = await desk.survey()
    counts = await desk.read(stored_counts, survey.wizard, {survey.email}, as_of=START)
    assert counts == Counts(START)


async def test_runs_on_older_versions_are_counted_by_version(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, email="a@example.com")
    await desk.do(edit_node, survey.wizard, fixed(e.ChangeStep(step_id=survey.preferences, fields={"name": "Likes"})), Consent(seen="1"))
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2"))
    await desk.run(survey.wizard, email="b@example.com")
    old = (await desk.read(get_draft, EDITOR, survey.wizard)).draft.structure
    new = parse({"name": "Customer Survey"})

    async def reported(tx: Read) -> dict[str, Any]:
        return (await counted_report(context(), tx, survey.wizard, old=old, new=new)).to_json()

    report = await desk.read(reported)
    removed = next(change for change in report["changes"] if change["path"].endswith(survey.personal_info))
    assert removed["impact"]["by_version"] == [{"version_number": 1, "runs": 1}, {"version_number": 2, "runs": 1}]


async def test_publishing_a_deletion_asks_and_is_done_with_the_token_of_the_report(desk: Desk) -> None:
    survey = await desk.survey()
    deletion = fixed(e.DeleteOptionSet(option_set_id=survey.email))
    await desk.do(edit_node, survey.wizard, deletion, Consent(seen="1"))
    await desk.run(survey.wizard, email="a@example.com")
    with pytest.raises(ImpactUnconfirmed) as asked:
        await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2"))
    report = await desk.do(report_of_publish, survey.wizard, Publishing())
    assert report.report.impact.answers == 1
    assert asked.value.extra["impact"]["answers"] == 1
    published = await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2", confirm=report.token))
    assert published.version.number == 2


async def test_a_version_s_row_keeps_counts_and_no_answers(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, email="secret@example.com")
    whole = await desk.do(edit_node, survey.wizard, fixed(e.RetireOptionSet(option_set_id=survey.email)), Consent(seen="1"))
    token = (await desk.do(report_of_publish, survey.wizard, Publishing())).token
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen=whole.state.etag, confirm=token))
    stored = await desk.read(lambda tx: tx.scalar(select(wizard_versions.c.changes).where(wizard_versions.c.version_number == 2)))
    assert stored[0]["impact"]["answers"] == 1
    assert "secret@example.com" not in str(stored)


async def test_a_deleted_step_shows_the_values_of_each_question_and_stores_none(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, email="secret@example.com", full_name="Ann Secret")
    deleting = fixed(e.DeleteStep(step_id=survey.personal_info))
    report = await desk.do(report_of_edit, survey.wizard, deleting)
    (change,) = report.to_json()["changes"]
    shown = {one["option_set_id"]: one["distinct_values"] for one in change["impact"]["by_option_set"]}
    assert shown[survey.email] == [{"value": "secret@example.com", "count": 1}]
    assert [one["more_distinct_values"] for one in change["impact"]["by_option_set"]] == [0, 0]
    edited = await desk.do(edit_node, survey.wizard, deleting, Consent(seen="1", confirm=report.token))
    token = (await desk.do(report_of_publish, survey.wizard, Publishing())).token
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen=edited.state.etag, confirm=token))
    stored = await desk.read(lambda tx: tx.scalar(select(wizard_versions.c.changes).where(wizard_versions.c.version_number == 2)))
    assert stored[0]["impact"]["answers"] == 2
    assert "ecret" not in str(stored)
