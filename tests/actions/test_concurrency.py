"""Two people at once, in transactions that really overlap: exactly one wins, the other is told, and nothing is stored by half."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.actions_kit import ADMIN, OTHER_EDITOR, Desk, new_id

from keepstep.actions.confirm import Consent
from keepstep.actions.drafts import redo_edit, replace_draft, undo_edit
from keepstep.actions.nodes import changing_option_set, edit_node, fixed
from keepstep.actions.publishing import Publishing, publish_draft, roll_back
from keepstep.actions.runs import RunRequest, complete_run, restore_revision, save_answers, start_run, trash_run
from keepstep.actions.submit import submit_run
from keepstep.actions.wizards import WizardPatch, change_wizard, remove_wizard, report_of_deletion, restore_wizard, trash_wizard
from keepstep.core import edits as e
from keepstep.core.structure import dump
from keepstep.db.tables import draft_edits, run_revisions, wizard_runs, wizard_versions, wizards
from keepstep.db.transaction import open_write
from keepstep.errors import ImpactUnconfirmed, Problem, WizardRemoved, WizardTrashed
from keepstep.queries.drafts import get_draft
from keepstep.queries.integrity import verify
from keepstep.queries.runs import load_run

ROUNDS = 5
"""Each race is run so often: which of the two comes first is the database's choice."""
LOST = {"conflict", "stale", "gone"}
"""What the loser is told: 409, 412 or 410."""
ANSWERS: dict[str, Any] = {"full_name": "John Doe", "email": "john@example.com", "favorite_color": "blue"}
Attempt = Awaitable[Any]


async def race(*attempts: Attempt) -> list[Any]:
    """What the winners return. Whoever loses, loses to a problem that says so; anything else fails the test."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            assert isinstance(result, Problem), result
            assert result.kind in LOST, repr(result)
    return [result for result in results if not isinstance(result, BaseException)]


async def count(desk: Desk, table: Any, *conditions: Any) -> int:
    return int(await desk.read(lambda tx: tx.scalar(select(func.count()).select_from(table).where(*conditions))))


async def revisions(desk: Desk, run: str) -> list[tuple[int, str]]:
    own = run_revisions.c
    rows = await desk.read(lambda tx: tx.rows(select(own.revision, own.cause).where(own.run_id == run).order_by(own.revision)))
    return [(row.revision, row.cause) for row in rows]


async def require_whole(desk: Desk) -> None:
    assert (await desk.read(verify)).findings == []


@asynccontextmanager
async def held(desk: Desk, action: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """The action done and not committed before the block ends."""
    async with open_write(desk.engine) as tx:
        await action(desk.context(), tx, *arguments)
        yield


async def is_waiting(attempt: "asyncio.Task[Any]") -> bool:
    """Whether it waits for somebody, as far as a third of a second tells."""
    await asyncio.wait([attempt], timeout=0.3)
    return not attempt.done()


# --- drafts and versions -------------------------------------------------------------------------------------------


async def test_of_two_editors_of_one_draft_one_wins_and_the_other_learns_who(desk: Desk) -> None:
    survey = await desk.survey()
    other = desk.as_(OTHER_EDITOR)
    for revision in range(1, ROUNDS + 1):
        consent = Consent(seen=str(revision))
        winners = await race(
            desk.do(edit_node, survey.wizard, changing_option_set(survey.email, {"help": f"A{revision}"}, None), consent),
            other.do(edit_node, survey.wizard, changing_option_set(survey.full_name, {"help": f"B{revision}"}, None), consent),
        )
        assert [edited.state.wizard.draft_revision for edited in winners] == [revision + 1]
    assert await count(desk, draft_edits) == ROUNDS
    draft = await desk.read(get_draft, OTHER_EDITOR, survey.wizard)
    helps = [draft.draft.structure.option_set_by_id[name].help for name in (survey.email, survey.full_name)]
    assert any(text and text.endswith(str(ROUNDS)) for text in helps if isinstance(text, str))


async def test_of_many_whole_documents_exactly_one_is_kept(desk: Desk) -> None:
    survey = await desk.survey()
    structure = dump((await desk.read(get_draft, ADMIN, survey.wizard)).draft.structure)
    attempts = [desk.do(replace_draft, survey.wizard, {**structure, "name": f"Name {number}"}, "1") for number in range(8)]
    (winner,) = await race(*attempts)
    stored = await desk.read(get_draft, ADMIN, survey.wizard)
    assert (stored.wizard.draft_revision, stored.draft.structure) == (2, winner.state.draft.structure)
    assert await count(desk, draft_edits) == 1


async def test_of_two_publishes_one_makes_the_version(desk: Desk) -> None:
    survey = await desk.survey()
    for number in range(2, ROUNDS + 2):
        renamed = await desk.do(change_wizard, survey.wizard, WizardPatch(name=f"Name {number}"))
        consent = Consent(seen=str(renamed.draft_revision))
        winners = await race(*(desk.do(publish_draft, survey.wizard, Publishing(), consent) for _ in range(3)))
        assert [published.version.number for published in winners] == [number]
    assert await count(desk, wizard_versions) == ROUNDS + 1
    await require_whole(desk)


async def test_an_edit_and_a_publish_of_the_state_before_it_do_not_both_happen(desk: Desk) -> None:
    survey = await desk.survey()
    for number in range(2, ROUNDS + 2):
        renamed = await desk.do(change_wizard, survey.wizard, WizardPatch(name=f"Name {number}"))
        seen = str(renamed.draft_revision)
        edit = changing_option_set(survey.email, {"help": f"Help {number}"}, None)
        published, edited = await asyncio.gather(
            desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen=seen)),
            desk.do(edit_node, survey.wizard, edit, Consent(seen=seen)),
            return_exceptions=True,
        )
        # A publish leaves the draft's revision as it is, so an edit after it is no edit of an old state.
        assert not isinstance(edited, BaseException)
        if not isinstance(published, BaseException):
            assert dump(published.version.structure)["name"] == f"Name {number}"
            assert f"Help {number}" not in str(dump(published.version.structure))
        else:
            assert isinstance(published, Problem)
            assert published.kind == "stale"
    await require_whole(desk)


async def test_a_rollback_and_a_publish_make_one_version(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Two"))
    await desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2"))
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Three"))
    winners = await race(
        desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="3")),
        desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=1), Consent(seen="3")),
    )
    # One after the other is allowed too: neither changes the draft that the other one saw.
    numbers = sorted(published.version.number for published in winners)
    assert numbers in ([3], [3, 4])
    assert await count(desk, wizard_versions) == 2 + len(numbers)
    await require_whole(desk)


async def test_an_edit_is_undone_once_and_redone_once(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Two"))
    assert len(await race(*(desk.do(undo_edit, survey.wizard, "2") for _ in range(4)))) == 1
    assert len(await race(*(desk.do(redo_edit, survey.wizard, "3") for _ in range(4)))) == 1
    assert (await desk.read(get_draft, ADMIN, survey.wizard)).wizard.name == "Two"


async def test_an_id_that_two_add_at_once_is_one_node(desk: Desk) -> None:
    survey, other = await desk.survey(), await desk.survey(slug="other")
    node = {"id": new_id(), "key": "age", "name": "Age", "selection_type": "integer"}
    attempts = []
    for one in (survey, other):
        add = fixed(e.AddOptionSet(step_id=one.personal_info, node=node, position=0))
        attempts.append(desk.do(edit_node, one.wizard, add, Consent(seen="1")))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    problems = [result for result in results if isinstance(result, BaseException)]
    assert [problem.code for problem in problems if isinstance(problem, Problem)] == ["id-taken"], results


# --- runs ----------------------------------------------------------------------------------------------------------


async def test_of_two_edits_of_one_run_one_makes_the_revision(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, **ANSWERS)
    for number in range(1, ROUNDS + 1):
        attempts = [desk.do(save_answers, run, {"email": f"{name}{number}@example.org"}, f"{number}.0") for name in "abcd"]
        assert [saved.state.revision for saved in await race(*attempts)] == [number + 1]
    assert [number for number, _ in await revisions(desk, run)] == list(range(1, ROUNDS + 2))
    await require_whole(desk)


async def test_of_two_saves_of_a_run_in_progress_one_is_kept_whole(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False)
    for number in range(ROUNDS):
        pairs = [{"email": f"{name}{number}", "full-name": f"{name}{number}"} for name in "abcd"]
        assert len(await race(*(desk.do(save_answers, run, pair, f"0.{number}") for pair in pairs))) == 1
        answers = (await desk.read(load_run, run)).answers
        assert answers[survey.email]["value"] == answers[survey.full_name]["value"]


async def test_a_save_and_a_completion_of_the_same_state_do_not_both_happen(desk: Desk) -> None:
    survey = await desk.survey()
    for number in range(ROUNDS):
        run = await desk.run(survey.wizard, complete=False, full_name="Ann")
        attempts = (desk.do(complete_run, run, "0.0"), desk.do(save_answers, run, {"full-name": f"Ann {number}"}, "0.0"))
        (winner,) = await race(*attempts)
        assert (await desk.read(load_run, run)).answers == winner.state.answers
    await require_whole(desk)


async def test_a_run_is_completed_once(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, complete=False, full_name="Ann")
    assert len(await race(*(desk.do(complete_run, run, "0.0") for _ in range(6)))) == 1
    assert await revisions(desk, run) == [(1, "respondent")]


async def test_an_edit_and_a_restore_of_the_same_state_do_not_both_happen(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, **ANSWERS)
    await desk.do(save_answers, run, {"email": "b@example.org"}, "1.0")
    attempts = (desk.do(restore_revision, run, 1, "2.0"), desk.do(save_answers, run, {"email": "c@example.org"}, "2.0"))
    assert len(await race(*attempts)) == 1
    assert len(await revisions(desk, run)) == 3
    await require_whole(desk)


async def test_a_run_that_is_trashed_while_it_is_edited_is_edited_before_or_not_at_all(desk: Desk) -> None:
    survey = await desk.survey()
    for _ in range(ROUNDS):
        run = await desk.run(survey.wizard, **ANSWERS)
        edit, trash = await asyncio.gather(
            desk.do(save_answers, run, {"email": "b@example.org"}, "1.0"), desk.do(trash_run, run), return_exceptions=True
        )
        assert not isinstance(trash, BaseException)
        if isinstance(edit, BaseException):
            assert isinstance(edit, Problem)
            assert edit.kind == "gone"
        assert len(await revisions(desk, run)) == (1 if isinstance(edit, BaseException) else 2)
    await require_whole(desk)


async def test_the_same_submission_sent_many_times_at_once_is_one_run(desk: Desk) -> None:
    survey = await desk.survey()
    given = {name.replace("_", "-"): value for name, value in ANSWERS.items()}
    request = RunRequest(id=new_id(), answers=given, complete=True)
    saved = await race(*(desk.do(start_run, survey.wizard, request) for _ in range(8)))
    assert sorted(one.created for one in saved) == [False] * 7 + [True]
    assert (await count(desk, wizard_runs), await count(desk, run_revisions)) == (1, 1)


async def test_other_submissions_under_one_id_are_refused(desk: Desk) -> None:
    survey, shared = await desk.survey(), new_id()
    requests = [RunRequest(id=shared, answers={"full-name": name}, complete=True) for name in ("Ann", "Bob", "Cid")]
    assert len(await race(*(desk.do(start_run, survey.wizard, request) for request in requests))) == 1
    assert await count(desk, run_revisions) == 1


# --- a submission on its way ---------------------------------------------------------------------------------------


async def test_a_submission_during_a_publish_is_pinned_to_the_version_that_it_was_validated_against(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(edit_node, survey.wizard, changing_option_set(survey.email, {"help": "Yours"}, None), Consent(seen="1"))
    request = RunRequest(id=new_id(), answers={"full-name": "Ann"}, complete=True)
    async with held(desk, start_run, survey.wizard, request):
        # Neither waits for the other: a publish is not held up by people who are answering.
        published = await asyncio.wait_for(desk.do(publish_draft, survey.wizard, Publishing(), Consent(seen="2")), 5)
    assert published.version.number == 2
    assert (await desk.read(load_run, str(request.id))).version.number == 1
    await require_whole(desk)


async def test_submissions_go_on_during_a_publish_and_all_are_stored(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(edit_node, survey.wizard, changing_option_set(survey.email, {"help": "Yours"}, None), Consent(seen="1"))
    async with held(desk, publish_draft, survey.wizard, Publishing(), Consent(seen="2")):
        early = await asyncio.wait_for(desk.run(survey.wizard, **ANSWERS), 5)
    late = await desk.run(survey.wizard, **ANSWERS)
    numbers = [(await desk.read(load_run, run)).version.number for run in (early, late)]
    assert numbers == [1, 2]
    await require_whole(desk)


@pytest.mark.parametrize("deed", [trash_wizard, remove_wizard])
async def test_a_wizard_waits_for_the_submission_on_its_way_and_then_counts_it(desk: Desk, deed: Callable[..., Any]) -> None:
    survey, admin = await desk.survey(), desk.as_(ADMIN)
    request = RunRequest(id=new_id(), answers={"full-name": "Ann"}, complete=True)
    async with held(desk, start_run, survey.wizard, request):
        attempt = asyncio.create_task(admin.do(deed, survey.wizard))
        assert await is_waiting(attempt)
    with pytest.raises(ImpactUnconfirmed):
        await attempt
    assert await count(desk, wizards, wizards.c.trashed_at.is_(None), wizards.c.removed_at.is_(None)) == 1


@pytest.mark.parametrize(("deed", "told"), [(trash_wizard, WizardTrashed), (remove_wizard, WizardRemoved)])
async def test_a_submission_waits_for_the_wizard_on_its_way_out_and_is_refused(
    desk: Desk, deed: Callable[..., Any], told: type[Problem]
) -> None:
    survey, admin = await desk.survey(), desk.as_(ADMIN)
    async with held(admin, deed, survey.wizard):
        attempt = asyncio.create_task(desk.run(survey.wizard, **ANSWERS))
        assert await is_waiting(attempt)
    with pytest.raises(told):
        await attempt
    assert (await count(desk, wizard_runs), await count(desk, run_revisions)) == (0, 0)


async def test_a_submission_in_one_statement_waits_for_the_trash_too_and_stores_nothing(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, **ANSWERS)
    report = await desk.read(lambda tx: report_of_deletion(desk.context(), tx, survey.wizard, permanent=False))
    request = RunRequest(answers={"full-name": "Late"}, complete=True)
    assert await submit_run(desk.context(), desk.engine, survey.wizard, request) is not None
    async with held(desk, trash_wizard, survey.wizard, report.token):
        attempt = asyncio.create_task(submit_run(desk.context(), desk.engine, survey.wizard, request))
        assert await is_waiting(attempt)
    assert await attempt is None
    assert await count(desk, wizard_runs) == 2
    assert await revisions(desk, run) == [(1, "respondent")]


async def test_the_same_submission_in_one_statement_sent_many_times_is_one_run(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.run(survey.wizard, **ANSWERS)
    request = RunRequest(id=new_id(), answers={"full-name": "Ann"}, complete=True)
    results = await asyncio.gather(*(submit_run(desk.context(), desk.engine, survey.wizard, request) for _ in range(6)))
    assert [result is None for result in results].count(False) == 1
    assert (await count(desk, wizard_runs), await count(desk, run_revisions)) == (2, 2)


async def test_of_a_trash_and_submissions_at_once_nothing_is_half(desk: Desk) -> None:
    for number in range(ROUNDS):
        survey = await desk.survey(slug=f"survey-{number}")
        results = await asyncio.gather(
            *(desk.run(survey.wizard, **ANSWERS) for _ in range(3)), desk.do(trash_wizard, survey.wizard), return_exceptions=True
        )
        *runs, trash = results
        stored = [run for run in runs if not isinstance(run, BaseException)]
        # Whoever trashed it without a token saw no run, so none may be there.
        assert not stored if not isinstance(trash, BaseException) else stored
        assert await count(desk, wizard_runs, wizard_runs.c.origin_wizard_id == survey.wizard) == len(stored)
    await require_whole(desk)


async def test_a_wizard_that_is_removed_during_an_edit_takes_no_more_of_them(desk: Desk) -> None:
    survey, admin = await desk.survey(), desk.as_(ADMIN)
    async with held(admin, remove_wizard, survey.wizard):
        attempt = asyncio.create_task(desk.do(change_wizard, survey.wizard, WizardPatch(name="Late")))
        assert await is_waiting(attempt)
    with pytest.raises(WizardRemoved):
        await attempt


async def test_a_trash_and_a_restore_at_once_leave_one_of_both_states(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, **ANSWERS)
    for _ in range(ROUNDS):
        report = await desk.read(lambda tx: report_of_deletion(desk.context(), tx, survey.wizard, permanent=False))
        results = await asyncio.gather(
            desk.do(trash_wizard, survey.wizard, report.token), desk.do(restore_wizard, survey.wizard), return_exceptions=True
        )
        assert not [result for result in results if isinstance(result, BaseException)]
        await desk.do(restore_wizard, survey.wizard)
    assert (await desk.read(load_run, run)).revision == 1


async def test_twenty_people_who_read_again_and_repeat_all_get_their_edit_in(desk: Desk) -> None:
    survey = await desk.survey()

    async def insist(number: int) -> None:
        while True:
            seen = (await desk.read(get_draft, ADMIN, survey.wizard)).etag
            node = {"id": new_id(), "key": f"q{number}", "name": f"Q{number}", "selection_type": "integer"}
            add = fixed(e.AddOptionSet(step_id=survey.preferences, node=node, position=0))
            if await race(desk.do(edit_node, survey.wizard, add, Consent(seen=seen))):
                return

    await asyncio.gather(*(insist(number) for number in range(20)))
    structure = (await desk.read(get_draft, ADMIN, survey.wizard)).draft.structure
    assert {f"q{number}" for number in range(20)} <= {option_set.key for option_set in structure.option_sets}
