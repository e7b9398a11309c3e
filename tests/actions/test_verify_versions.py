"""`verify` holds each version to its number, its author, its time and its changes, and the wizard to its versions."""

from dataclasses import dataclass

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import Desk, context
from tests.tampering import tamper, tampered

from keepstep.actions.confirm import Consent
from keepstep.actions.publishing import Publishing, publish_draft, roll_back
from keepstep.actions.wizards import WizardPatch, change_wizard
from keepstep.db.transaction import open_write
from keepstep.queries.history import last_version
from keepstep.queries.integrity import verify


@dataclass(frozen=True)
class History:
    """A wizard with three versions: the survey, another name, and the survey again by rollback."""

    desk: Desk
    superuser: AsyncEngine
    wizard: str

    async def found(self, statement: str) -> set[tuple[str, int | None]]:
        """What `verify` finds after this alteration, which is taken back again."""
        named = {"wizard": self.wizard} if ":wizard" in statement else {}
        async with tampered(self.superuser, statement, named) as tx:
            return {(finding.code, finding.version_number) for finding in (await verify(tx)).findings}


@pytest.fixture
async def history(desk: Desk, superuser_engine: AsyncEngine) -> History:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Second"))
    await desk.do(publish_draft, survey.wizard, Publishing(change_summary="Another name"), Consent(seen="2"))
    await desk.do(roll_back, survey.wizard, Publishing(rolls_back_to=1), Consent(seen="2"))
    return History(desk, superuser_engine, survey.wizard)


def moved(*numbers: tuple[int, int]) -> str:
    """Versions under other numbers, past the constraint that each number stands once."""
    away = "UPDATE wizard_versions SET version_number = version_number + 100"
    back = [f"UPDATE wizard_versions SET version_number = {after} WHERE version_number = {before + 100}" for before, after in numbers]
    return "DO $$ BEGIN " + "; ".join([away, *back]) + "; END $$"


SWAPPED = moved((1, 2), (2, 1), (3, 3))


async def test_what_nobody_altered_is_intact(history: History) -> None:
    result = await history.desk.read(verify)
    assert (result.findings, result.versions) == ([], 3)


async def test_versions_with_each_others_numbers_are_found(history: History) -> None:
    assert {("record", 1), ("record", 2)} <= await history.found(SWAPPED)


ALTERED = {
    "change_summary = 'Nothing much'": {("record", 2)},
    "change_summary = NULL": {("record", 2)},
    "changes = '[]'": {("record", 2)},
    "changes = jsonb_set(changes, '{0}', '1e300')": {("record", 2)},
    "created_by = gen_random_uuid()": {("record", 2)},
    "created_by = NULL": {("record", 2)},
    "created_at = created_at + interval '1 microsecond'": {("record", 2)},
    "based_on = NULL": {("record", 2)},
    "based_on = 2": {("record", 2)},
    "rolled_back_to = 1": {("record", 2)},
    "in_progress_policy = 'offer'": {("record", 2)},
    "wizard_id = NULL": {("record", 2)},
}


async def test_an_alteration_of_any_column_of_a_version_names_it(history: History) -> None:
    for change, expected in ALTERED.items():
        assert await history.found(f"UPDATE wizard_versions SET {change} WHERE version_number = 2") == expected, change


async def test_a_rollback_that_names_another_version_is_found(history: History) -> None:
    for number in ("2", "3", "7", "NULL"):
        assert await history.found(f"UPDATE wizard_versions SET rolled_back_to = {number} WHERE version_number = 3") == {("record", 3)}


async def test_a_version_that_says_to_be_older_than_the_one_before_is_found_though_the_trail_was_altered_with_it(history: History) -> None:
    trail = "UPDATE audit_events SET at = at - interval '1 day', details = details - 'record' WHERE details @> '{\"version_number\": 2}'"
    version = "UPDATE wizard_versions SET created_at = created_at - interval '1 day' WHERE version_number = 2"
    assert await history.found(f"DO $$ BEGIN {trail}; {version}; END $$") == {("record", 2)}


TRAIL = (
    "DELETE FROM audit_events WHERE details @> '{\"version_number\": 2}'",
    "UPDATE audit_events SET details = details || '{\"version_number\": 7}' WHERE details @> '{\"version_number\": 2}'",
    "UPDATE audit_events SET details = '[]' WHERE details @> '{\"version_number\": 2}'",
    "UPDATE audit_events SET details = jsonb_set(details, '{record}', '\"\"') WHERE details @> '{\"version_number\": 2}'",
    "UPDATE audit_events SET wizard_id = gen_random_uuid() WHERE details @> '{\"version_number\": 2}'",
)


@pytest.mark.parametrize("statement", TRAIL)
async def test_a_version_of_which_the_audit_trail_says_nothing_or_otherwise_is_found(history: History, statement: str) -> None:
    # A check of the table forbids details that are no object; whoever alters rows takes it off as well.
    if "'[]'" in statement:
        await tamper(history.superuser, "ALTER TABLE audit_events DROP CONSTRAINT ck_audit_events_details")
    assert ("record", 2) in await history.found(statement)


async def test_a_version_of_before_there_were_records_is_held_to_what_the_trail_says_of_it(history: History) -> None:
    await tamper(history.superuser, "UPDATE audit_events SET details = details - 'record'")
    assert (await history.desk.read(verify)).is_intact
    assert await history.found("UPDATE wizard_versions SET created_by = gen_random_uuid() WHERE version_number = 1") == {("record", 1)}
    assert {("record", 1), ("record", 2)} <= await history.found(SWAPPED)


async def test_an_active_version_that_is_not_the_newest_is_found(history: History) -> None:
    older = "UPDATE wizards SET active_version_id = (SELECT id FROM wizard_versions WHERE version_number = 1)"
    assert await history.found(older) == {("record", 1)}
    assert await history.found("UPDATE wizards SET active_version_id = NULL") == {("record", None)}


OTHERS = {
    "UPDATE nodes SET origin_wizard_id = gen_random_uuid() WHERE kind = 'step'": "registry",
    "UPDATE nodes SET kind = 'step'": "registry",
    "DELETE FROM nodes WHERE kind = 'option_set'": "registry",
    "UPDATE reserved_keys SET key = key || 'x'": "registry",
    "DELETE FROM draft_edits": "record",
    "UPDATE draft_edits SET revision = revision + 1 WHERE revision = 3": "record",
    "UPDATE wizards SET draft_revision = draft_revision - 1": "record",
}


async def test_a_registry_or_a_log_of_edits_that_was_altered_is_found(history: History) -> None:
    for statement, code in OTHERS.items():
        assert code in {code for code, _ in await history.found(statement)}, statement


async def test_a_wizard_that_was_deleted_by_hand_leaves_versions_without_it(history: History) -> None:
    await tamper(history.superuser, "UPDATE wizards SET active_version_id = NULL")
    await tamper(history.superuser, "UPDATE wizard_versions SET wizard_id = NULL")
    await tamper(history.superuser, "DELETE FROM wizards")
    assert (await history.desk.read(verify)).findings == []


async def test_a_clock_that_was_set_back_makes_no_version_older_than_the_one_before(desk: Desk) -> None:
    survey = await desk.survey()
    await desk.do(change_wizard, survey.wizard, WizardPatch(name="Second"))
    _, before = await desk.read(last_version, survey.wizard)
    async with open_write(desk.engine) as tx:
        await publish_draft(context(minutes=-60), tx, survey.wizard, Publishing(), Consent(seen="2"))
    assert await desk.read(last_version, survey.wizard) == (2, before)
    assert (await desk.read(verify)).is_intact
