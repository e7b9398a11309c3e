"""Jobs over a real database: what was previewed is what is done, once, whoever else works on the runs meanwhile."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import Desk
from tests.migration_kit import Bench, changed, counted, options, question, revisions_of

from keepstep.actions.migration_conflicts import Resolution, resolve_conflict
from keepstep.actions.migration_jobs import undo_job
from keepstep.config import Resources
from keepstep.errors import ConflictNotFound, ResolutionInvalid
from keepstep.queries.migration_conflicts import OF_CONFLICT, list_conflicts


@pytest.fixture
async def bench(desk: Desk, resources: Resources) -> Bench:
    """Version 1: a name, an age as text, a colour. Version 2: the age is a number, blue is gone, several colours, no name, a city."""
    made = await Bench.of(
        desk, resources, question("name"), question("age"), question("colour", "single_select", options=options("red", "blue", "green"))
    )
    await made.answer(25, lambda number: {"name": f"N{number}", "age": "x" if number % 10 == 7 else str(number), "colour": "red"})
    second = changed(
        made.structure,
        drop=["name"],
        add=[question("city")],
        age={"selection_type": "integer"},
        colour={"selection_type": "multiple_select"},
    )
    await made.publish(second)
    return made


async def test_what_was_previewed_is_applied_and_taken_back_byte_for_byte(bench: Bench, engine: AsyncEngine) -> None:
    before = await bench.heads()
    plan = await bench.plan()
    preview = await bench.preview(plan)
    assert dict(counted(preview).outcomes) == {"loses": 23, "conflicts": 2}
    job = await bench.finished(await bench.started(plan))
    assert (job.state, counted(job).outcomes, counted(job).moving) == ("completed_with_conflicts", counted(preview).outcomes, 23)
    assert await bench.on_versions() == {2: 23, 1: 2}
    assert await revisions_of(engine, job.id) == 23
    undo = await bench.finished(await bench.act(undo_job, job.id))
    assert (undo.state, (await bench.job(job.id)).state) == ("completed", "reverted")
    assert await bench.heads() == before
    await bench.proven()


@pytest.mark.parametrize("count", [0, 1, 5, 6, 11])
async def test_any_number_of_runs_is_moved_once(desk: Desk, resources: Resources, engine: AsyncEngine, count: int) -> None:
    bench = await Bench.of(desk, resources, question("name"))
    await bench.answer(count, lambda number: {"name": f"N{number}"})
    await bench.publish(changed(bench.structure, name={"name": "Your name"}, add=[question("city")]))
    job = await bench.finished(await bench.started(await bench.plan([1], 2)))
    assert (job.state, counted(job).moving, await revisions_of(engine, job.id)) == ("completed", count, count)
    assert await bench.on_versions() == ({2: count} if count else {})
    await bench.proven()


async def test_a_conflict_is_decided_by_a_person_and_the_run_then_moves(bench: Bench) -> None:
    job = await bench.finished(await bench.started(await bench.plan()))
    first, second = await bench.desk.read(list_conflicts, job, limit=10)
    assert (first.envelope, first.choices, first.place is not None) == ({"value": "x", "source": "respondent"}, OF_CONFLICT, True)
    with pytest.raises(ResolutionInvalid):
        await bench.act(resolve_conflict, job.id, first.item.id, Resolution(choice="value", value="many"))
    given = await bench.act(resolve_conflict, job.id, first.item.id, Resolution(choice="value", value=7))
    assert (given.moved, given.open_in_run, given.open_in_job) == (True, 0, 1)
    assert given.state.answers[first.item.option_set_id]["value"] == 7
    with pytest.raises(ConflictNotFound):
        await bench.act(resolve_conflict, job.id, first.item.id, Resolution(choice="archive"))
    await bench.act(resolve_conflict, job.id, second.item.id, Resolution(choice="stay"))
    assert (await bench.job(job.id)).state == "completed"
    assert await bench.on_versions() == {2: 24, 1: 1}
    await bench.proven()


async def test_an_undo_takes_back_what_a_person_decided_too(bench: Bench) -> None:
    before = await bench.heads()
    job = await bench.finished(await bench.started(await bench.plan()))
    for conflict in await bench.desk.read(list_conflicts, job, limit=10):
        await bench.act(resolve_conflict, job.id, conflict.item.id, Resolution(choice="archive"))
    assert await bench.on_versions() == {2: 25}
    await bench.finished(await bench.act(undo_job, job.id))
    assert await bench.heads() == before
    await bench.proven()
