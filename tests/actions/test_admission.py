"""Who is let in, against the real database: what is taken is taken once, whoever else comes at the same moment."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from tests.actions_kit import ADMIN, Desk, context, new_id

from keepstep.actions.access import change_access, renew_link
from keepstep.actions.accounts import NewUser, create_user, token_digest
from keepstep.actions.admission import Admitted, Visit, admit, link_token, require_time_to_go_on
from keepstep.actions.runs import RunRequest, start_run, trash_run
from keepstep.actions.wizards import trash_wizard
from keepstep.core.access import from_settings
from keepstep.core.permissions import SYSTEM
from keepstep.db.tables import invitations, start_tries, wizard_runs
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import NotAdmitted, WizardNotFound, WizardTrashed
from keepstep.queries.wizards import find_wizard


async def _begin(desk: Desk, wizard: str, visit: Visit | None = None, *, minutes: int = 60) -> Admitted:
    """As the player begins: admitted and started in one transaction."""
    visit = visit or Visit(run_id=new_id())
    ctx = context(SYSTEM, minutes)
    async with open_write(desk.engine) as tx:
        admitted = await admit(ctx, tx, wizard, visit)
        await start_run(ctx, tx, wizard, RunRequest(id=visit.run_id, respondent=admitted.respondent))
    return admitted


async def _refusal(desk: Desk, wizard: str, visit: Visit | None = None, *, minutes: int = 60) -> str:
    with pytest.raises(NotAdmitted) as refused:
        await _begin(desk, wizard, visit, minutes=minutes)
    return refused.value.refusal


async def _runs(desk: Desk, wizard: str) -> int:
    return int(await desk.read(lambda tx: tx.scalar(select(func.count()).where(wizard_runs.c.origin_wizard_id == wizard))))


async def _invited(desk: Desk, wizard: str, secret: str, **more: Any) -> str:
    invitation_id = new_id()
    row = {"id": invitation_id, "wizard_id": wizard, "respondent": "Ann", "respondent_key": secret, "note": "", "created_at": context().now}
    async with open_write(desk.engine) as tx:
        await tx.execute(insert(invitations).values(**row, digest=token_digest(secret), linked_at=context().now, **more))
    return invitation_id


async def test_a_wizard_that_nobody_set_lets_everybody_in(desk: Desk) -> None:
    survey = await desk.survey()
    assert await _begin(desk, survey.wizard) == Admitted()
    assert await _runs(desk, survey.wizard) == 1


async def test_a_wizard_that_is_not_there_or_in_the_trash_lets_nobody_in(desk: Desk) -> None:
    with pytest.raises(WizardNotFound):
        await _begin(desk, new_id())
    survey = await desk.survey()
    await desk.do(trash_wizard, survey.wizard)
    with pytest.raises(WizardTrashed):
        await _begin(desk, survey.wizard)


async def test_it_is_closed_from_the_moment_on_and_begun_runs_have_their_time(desk: Desk) -> None:
    survey = await desk.survey()
    closes = context(minutes=60).now
    await desk.do(change_access, survey.wizard, {"closes_at": closes.isoformat(), "finish_within": 5})
    await _begin(desk, survey.wizard, minutes=59)
    assert await _refusal(desk, survey.wizard, minutes=60) == "closed"
    async with open_read(desk.engine) as tx:
        await require_time_to_go_on(context(SYSTEM, 64), tx, survey.wizard)
        with pytest.raises(NotAdmitted):
            await require_time_to_go_on(context(SYSTEM, 65), tx, survey.wizard)


async def test_the_link_lets_in_until_it_is_renewed(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"mode": "link"})
    token = await _token(desk, survey.wizard)
    assert await _refusal(desk, survey.wizard) == "needs_link"
    await _begin(desk, survey.wizard, Visit(token=token, run_id=new_id()))
    await desk.do(renew_link, survey.wizard)
    assert await _refusal(desk, survey.wizard, Visit(token=token, run_id=new_id())) == "needs_link"
    await _begin(desk, survey.wizard, Visit(token=await _token(desk, survey.wizard), run_id=new_id()))


async def _token(desk: Desk, wizard: str) -> str:
    found = await desk.read(find_wizard, wizard)
    assert found is not None
    return link_token(context().secret, wizard, from_settings(found.settings))


async def test_the_link_of_one_wizard_opens_no_other(desk: Desk) -> None:
    one, other = await desk.survey(), await desk.survey(slug="other")
    for each in (one, other):
        await desk.do(change_access, each.wizard, {"mode": "link"})
    assert await _refusal(desk, other.wizard, Visit(token=await _token(desk, one.wizard), run_id=new_id())) == "needs_link"


async def test_somebody_signed_in_is_named_by_their_address(desk: Desk) -> None:
    survey = await desk.survey()
    user, _ = await desk.as_(ADMIN).do(create_user, NewUser("ann@example.org", "analyst"))
    await desk.do(change_access, survey.wizard, {"mode": "signed_in"})
    assert await _refusal(desk, survey.wizard) == "needs_sign_in"
    assert await _begin(desk, survey.wizard, Visit(user_id=user.id, run_id=new_id())) == Admitted(respondent="ann@example.org")


async def test_an_invitation_is_used_once(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"mode": "invitation"})
    invitation = await _invited(desk, survey.wizard, "secret")
    assert await _begin(desk, survey.wizard, Visit(token="secret", run_id=new_id())) == Admitted(invitation, "Ann")
    assert await _refusal(desk, survey.wizard, Visit(token="secret", run_id=new_id())) == "invitation_used"
    assert await _refusal(desk, survey.wizard, Visit(token="secret")) == "invitation_used"


async def test_unknown_revoked_and_foreign_invitations_are_told_alike(desk: Desk) -> None:
    survey, other = await desk.survey(), await desk.survey(slug="other")
    await desk.do(change_access, survey.wizard, {"mode": "invitation"})
    await _invited(desk, survey.wizard, "revoked", revoked_at=context().now)
    await _invited(desk, other.wizard, "foreign")
    for secret in ("guess", "revoked", "foreign"):
        assert await _refusal(desk, survey.wizard, Visit(token=secret, run_id=new_id())) == "invitation_unknown"


async def test_of_many_who_use_one_invitation_at_once_exactly_one_begins(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"mode": "invitation"})
    await _invited(desk, survey.wizard, "secret")
    tries = [_begin(desk, survey.wizard, Visit(token="secret", run_id=new_id())) for _ in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Admitted) for each in outcomes) == 1
    assert {each.refusal for each in outcomes if isinstance(each, NotAdmitted)} == {"invitation_used"}
    assert await _runs(desk, survey.wizard) == 1


async def test_a_double_click_is_one_run_for_an_invitation_and_for_the_last_place(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"mode": "invitation", "max_runs": 1})
    await _invited(desk, survey.wizard, "secret")
    visit = Visit(token="secret", run_id=new_id())
    first, second = await asyncio.gather(_begin(desk, survey.wizard, visit), _begin(desk, survey.wizard, visit))
    assert first == second == await _begin(desk, survey.wizard, visit)
    assert await _runs(desk, survey.wizard) == 1


async def test_of_many_who_want_the_last_places_exactly_that_many_begin(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"max_runs": 3})
    outcomes = await asyncio.gather(*(_begin(desk, survey.wizard) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(each, Admitted) for each in outcomes) == 3
    assert {each.refusal for each in outcomes if isinstance(each, NotAdmitted)} == {"full"}
    assert await _runs(desk, survey.wizard) == 3


async def test_runs_of_the_api_take_places_and_the_trash_gives_them_back(desk: Desk) -> None:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, full_name="Ann")
    await desk.do(change_access, survey.wizard, {"max_runs": 1})
    assert await _refusal(desk, survey.wizard) == "full"
    await desk.run(survey.wizard, full_name="the API is not bound by it")
    await desk.do(change_access, survey.wizard, {"max_runs": 2})
    await desk.do(trash_run, run)
    await _begin(desk, survey.wizard)


async def test_a_start_that_fails_takes_nothing(desk: Desk) -> None:
    survey = await desk.survey(publish=False)
    await desk.do(change_access, survey.wizard, {"mode": "invitation"})
    await _invited(desk, survey.wizard, "secret")
    with pytest.raises(Exception, match="no published version"):
        await _begin(desk, survey.wizard, Visit(token="secret", run_id=new_id()))
    assert await desk.read(lambda tx: tx.scalar(select(invitations.c.used_at))) is None


async def test_one_address_begins_so_often_an_hour_and_no_address_is_stored(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"starts_per_hour": 2})
    for _ in range(2):
        await _begin(desk, survey.wizard, Visit(address="192.0.2.7", run_id=new_id()))
    with pytest.raises(NotAdmitted) as refused:
        await _begin(desk, survey.wizard, Visit(address="192.0.2.7", run_id=new_id()), minutes=80)
    assert (refused.value.refusal, refused.value.extra["wait"]) == ("throttled", 40 * 60)
    await _begin(desk, survey.wizard, Visit(address="192.0.2.8", run_id=new_id()))
    await _begin(desk, survey.wizard, Visit(address="192.0.2.7", run_id=new_id()), minutes=120)
    stored = await desk.read(lambda tx: tx.scalars(text("SELECT start_tries::text FROM start_tries")))
    assert len(stored) == 2
    assert not any("192.0" in each for each in stored)


async def test_counts_that_are_over_are_cleared_away(desk: Desk) -> None:
    survey = await desk.survey()
    await _begin(desk, survey.wizard, Visit(address="192.0.2.7", run_id=new_id()))
    await _begin(desk, survey.wizard, Visit(address="192.0.2.8", run_id=new_id()), minutes=181)
    assert await desk.read(lambda tx: tx.scalars(select(start_tries.c.since))) == [context(minutes=181).now]


async def test_many_starts_at_once_from_old_addresses_do_not_wait_for_each_other_for_ever(desk: Desk) -> None:
    survey = await desk.survey()
    addresses = [f"192.0.2.{n}" for n in range(8)]
    for hours in (0, 5):
        visits = [Visit(address=each, run_id=new_id()) for each in addresses for _ in range(2)]
        await asyncio.gather(*(_begin(desk, survey.wizard, each, minutes=60 + hours * 60) for each in visits))
    assert await _runs(desk, survey.wizard) == 32


async def test_a_proof_is_about_now(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_access, survey.wizard, {"proof_of_work": True})
    shown = context(minutes=60).now - timedelta(seconds=5)
    with pytest.raises(NotAdmitted) as refused:
        await _begin(desk, survey.wizard, Visit(run_id=new_id(), shown_at=shown, challenge="x"))
    assert (refused.value.refusal, refused.value.extra["wait"]) == ("looks_automated", 15)
