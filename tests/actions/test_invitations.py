"""Invitations against the real database: added once, linked once, renewed, revoked and deleted; names in no trail."""

import asyncio

import pytest
from sqlalchemy import select, text
from tests.actions_kit import ADMIN, OTHER_EDITOR, Desk, context, new_id

from keepstep.actions import invitations as acts
from keepstep.actions.access import change_access
from keepstep.actions.accounts import token_digest
from keepstep.actions.admission import Visit, admit
from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.invitations import Link, add_invitations, delete_invitations, make_links, renew_invitation, revoke_invitations
from keepstep.actions.runs import RunRequest, complete_run, start_run, trash_run
from keepstep.actions.wizards import remove_wizard, trash_wizard
from keepstep.core.invitee import Invitee
from keepstep.core.permissions import SYSTEM
from keepstep.db.tables import audit_events, invitations
from keepstep.db.transaction import open_write
from keepstep.errors import InvitationNotFound, NotAdmitted, TooLarge, WizardTrashed
from keepstep.queries.invitations import InvitationCounts, InvitationFilter, count_invitations, invited_to, list_invitations

PEOPLE = [Invitee(2, "Ann <ann@example.org>"), Invitee(3, "=cmd()", "formula"), Invitee(4, "מרים \U0001f680")]


@pytest.fixture(autouse=True)
def _random_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The salt of the tests is always the same; secrets have to differ."""
    monkeypatch.setattr(acts, "random_secret", lambda _ctx: new_id())


async def _invited(desk: Desk, wizard: str) -> list[Link]:
    await desk.do(change_access, wizard, {"mode": "invitation"})
    await desk.do(add_invitations, wizard, PEOPLE)
    return list(await desk.do(make_links, wizard, "new"))


async def _use(desk: Desk, wizard: str, secret: str) -> str:
    run_id = new_id()
    ctx = context(SYSTEM, 90)
    async with open_write(desk.engine) as tx:
        admitted = await admit(ctx, tx, wizard, Visit(token=secret, run_id=run_id))
        await start_run(ctx, tx, wizard, RunRequest(id=run_id, respondent=admitted.respondent))
    return run_id


async def _statuses(desk: Desk, wizard: str) -> list[str]:
    """The oldest first."""
    found = await desk.read(list_invitations, wizard, InvitationFilter(), limit=50)
    return [each.status for each in reversed(found)]


async def test_a_list_is_added_once_however_often_it_comes(desk: Desk) -> None:
    survey = await desk.survey()
    first = await desk.do(add_invitations, survey.wizard, PEOPLE)
    again = await desk.do(add_invitations, survey.wizard, [Invitee(9, "ANN <ann@EXAMPLE.org>"), Invitee(10, "Bob")])
    assert (first.added, [*first.bad]) == (3, [])
    assert (again.added, [(each.line, each.fault) for each in again.bad]) == (1, [(9, "already-invited")])
    assert await desk.read(count_invitations, survey.wizard) == InvitationCounts(not_used=4, without_link=4)


async def test_two_who_add_the_same_list_at_once_add_everybody_once(desk: Desk) -> None:
    survey = await desk.survey()
    outcomes = await asyncio.gather(*(desk.do(add_invitations, survey.wizard, PEOPLE) for _ in range(4)))
    assert sorted(each.added for each in outcomes) == [0, 0, 0, 3]


async def test_links_are_made_once_and_a_second_time_only_when_asked_to_renew(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    assert [link.respondent for link in links] == [each.respondent for each in PEOPLE]
    assert list(await desk.do(make_links, survey.wizard, "new")) == []
    renewed = await desk.do(make_links, survey.wizard, "unused")
    assert {link.secret for link in links}.isdisjoint(link.secret for link in renewed)
    with pytest.raises(NotAdmitted):
        await _use(desk, survey.wizard, links[0].secret)
    await _use(desk, survey.wizard, renewed[0].secret)


async def test_no_secret_is_stored(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    tables = [str(each) for each in await desk.read(lambda tx: tx.scalars(text("SELECT invitations::text FROM invitations")))]
    tables += [str(each) for each in await desk.read(lambda tx: tx.scalars(text("SELECT audit_events::text FROM audit_events")))]
    assert not any(link.secret in each for link in links for each in tables)
    assert not any(each.respondent in row for each in PEOPLE for row in tables[3:])


async def test_an_invitation_goes_from_not_used_over_started_to_completed(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    run = await _use(desk, survey.wizard, links[0].secret)
    assert await _statuses(desk, survey.wizard) == ["started", "not_used", "not_used"]
    await desk.do(complete_run, run, "*")
    await desk.do(trash_run, run)
    assert await _statuses(desk, survey.wizard) == ["completed", "not_used", "not_used"]
    assert await desk.read(count_invitations, survey.wizard) == InvitationCounts(not_used=2, completed=1)


async def test_revoking_ends_what_was_not_used_and_leaves_the_rest(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    await _use(desk, survey.wizard, links[0].secret)
    assert await desk.do(revoke_invitations, survey.wizard, [link.id for link in links[:2]]) == 1
    assert await _statuses(desk, survey.wizard) == ["started", "revoked", "not_used"]
    with pytest.raises(NotAdmitted):
        await _use(desk, survey.wizard, links[1].secret)
    assert await desk.do(revoke_invitations, survey.wizard, "unused") == 1


async def test_renewing_gives_one_more_run_whatever_was_before(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    await _use(desk, survey.wizard, links[0].secret)
    await desk.do(revoke_invitations, survey.wizard, [links[1].id])
    for old in links[:2]:
        renewed = await desk.do(renew_invitation, survey.wizard, old.id)
        with pytest.raises(NotAdmitted):
            await _use(desk, survey.wizard, old.secret)
        await _use(desk, survey.wizard, renewed.secret)
    with pytest.raises(InvitationNotFound):
        await desk.do(renew_invitation, survey.wizard, new_id())


async def test_of_renewing_and_using_at_once_the_new_link_always_works(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    used, renewed = await asyncio.gather(
        _use(desk, survey.wizard, links[0].secret), desk.do(renew_invitation, survey.wizard, links[0].id), return_exceptions=True
    )
    assert isinstance(used, str | NotAdmitted)
    assert isinstance(renewed, Link)
    await _use(desk, survey.wizard, renewed.secret)


async def test_an_invitation_of_another_wizard_is_out_of_reach(desk: Desk) -> None:
    survey, other = await desk.survey(), await desk.survey(slug="other")
    links = await _invited(desk, survey.wizard)
    with pytest.raises(InvitationNotFound):
        await desk.do(renew_invitation, other.wizard, links[0].id)
    assert await desk.do(revoke_invitations, other.wizard, [links[0].id]) == 0
    assert await desk.do(delete_invitations, other.wizard, [links[0].id]) == 0
    assert list(await desk.do(make_links, other.wizard, [links[0].id])) == []


async def test_what_is_deleted_is_gone_and_so_is_what_names_somebody_whose_run_is_erased(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    run = await _use(desk, survey.wizard, links[0].secret)
    await desk.do(complete_run, run, "*")
    assert await desk.do(delete_invitations, survey.wizard, [links[1].id]) == 1
    await desk.as_(ADMIN).do(erase_run, run, ErasureRequest(reason="asked for"))
    left = await desk.read(lambda tx: tx.scalars(select(invitations.c.respondent)))
    assert list(left) == [PEOPLE[2].respondent]


async def test_a_wizard_in_the_trash_keeps_its_list_and_a_removed_one_does_not(desk: Desk) -> None:
    survey = await desk.survey()
    await _invited(desk, survey.wizard)
    await desk.do(trash_wizard, survey.wizard)
    with pytest.raises(WizardTrashed):
        await desk.do(make_links, survey.wizard, "unused")
    assert (await desk.read(count_invitations, survey.wizard)).total == 3
    await desk.as_(ADMIN).do(remove_wizard, survey.wizard)
    assert (await desk.read(count_invitations, survey.wizard)).total == 0


async def test_the_trail_says_how_many_and_nobody_by_name(desk: Desk) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    await desk.as_(OTHER_EDITOR).do(make_links, survey.wizard, "unused")
    await desk.do(delete_invitations, survey.wizard, [link.id for link in links])
    wanted = audit_events.c.action.like("wizard.%invit%") | (audit_events.c.action == "wizard.links_made")
    rows = await desk.read(
        lambda tx: tx.rows(select(audit_events.c.action, audit_events.c.details).where(wanted).order_by(audit_events.c.at))
    )
    assert [(row.action, row.details) for row in rows] == [
        ("wizard.invited", {"invitations": 3}),
        ("wizard.links_made", {"links": 3, "renewed": 0}),
        ("wizard.links_made", {"links": 3, "renewed": 3}),
        ("wizard.invitations_deleted", {"invitations": 3}),
    ]


async def test_a_list_is_found_by_words_and_paged_by_id(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(add_invitations, survey.wizard, [Invitee(n, f"p{n:02}@x.org", "odd_%" if n % 2 else "") for n in range(9)])
    odd = await desk.read(list_invitations, survey.wizard, InvitationFilter(words="_%"), limit=50)
    assert [each.respondent for each in odd] == [f"p{n:02}@x.org" for n in (7, 5, 3, 1)]
    first = await desk.read(list_invitations, survey.wizard, InvitationFilter(status="not_used"), limit=5)
    rest = await desk.read(list_invitations, survey.wizard, InvitationFilter(status="not_used"), limit=5, after=first[-1].id)
    assert [each.respondent for each in (*first, *rest)] == [f"p{n:02}@x.org" for n in range(8, -1, -1)]


async def test_a_link_leads_to_its_wizard_until_it_is_revoked_or_the_wizard_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = await desk.survey()
    links = await _invited(desk, survey.wizard)
    assert await desk.read(invited_to, token_digest(links[0].secret)) == "customer-survey"
    await desk.do(revoke_invitations, survey.wizard, [links[0].id])
    assert await desk.read(invited_to, token_digest(links[0].secret)) is None
    assert await desk.read(invited_to, token_digest("guess")) is None


async def test_a_wizard_has_so_many_invitations_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = await desk.survey()
    monkeypatch.setattr(acts, "MOST_INVITATIONS", 3)
    await desk.do(add_invitations, survey.wizard, PEOPLE)
    with pytest.raises(TooLarge):
        await desk.do(add_invitations, survey.wizard, [Invitee(1, "one more")])


async def test_twenty_thousand_people_are_added_and_linked_in_seconds(desk: Desk) -> None:
    survey = await desk.survey()
    added = await desk.do(add_invitations, survey.wizard, [Invitee(n, f"p{n}@example.org") for n in range(20_000)])
    links = await desk.do(make_links, survey.wizard, "new")
    assert (added.added, len(links), len({link.secret for link in links})) == (20_000, 20_000, 20_000)
