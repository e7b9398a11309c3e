"""`verify` finds every alteration of what is stored, names the run or the version, and finds nothing where nothing was altered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk, Survey
from tests.tampering import flipped, tamper

from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.runs import save_answers
from keepstep.queries.integrity import BATCH, EVERYTHING, Scope, Verified, guard_findings, verify


@dataclass(frozen=True)
class Store:
    """`run` has three revisions; `erased` lost its e-mail address from both of its own; `begun` is in progress."""

    desk: Desk
    superuser: AsyncEngine
    survey: Survey
    run: str
    erased: str
    begun: str

    async def verified(self, scope: Scope = EVERYTHING) -> Verified:
        return await self.desk.read(verify, scope)

    async def altered(self, statement: str, **named: str) -> int:
        ids = {"run": self.run, "erased": self.erased, "begun": self.begun, "email": self.survey.email, "wizard": self.survey.wizard}
        used = {name: value for name, value in ids.items() if f":{name}" in statement}
        return await tamper(self.superuser, statement, used | named)


@pytest.fixture
async def store(desk: Desk, superuser_engine: AsyncEngine) -> Store:
    survey = await desk.survey()
    run = await desk.run(survey.wizard, full_name="John Doe", email="john@example.com", favorite_color="blue")
    erased = await desk.run(survey.wizard, full_name="Jane Doe", email="jane@example.com", favorite_color="red")
    for number, name in enumerate(("John", "J. Doe"), start=1):
        await desk.do(save_answers, run, {"full-name": name}, f"{number}.0")
    await desk.do(save_answers, erased, {"full-name": "Jane"}, "1.0")
    await desk.as_(ADMIN).do(erase_run, erased, ErasureRequest(reason="asked for", option_sets=["email"]))
    begun = await desk.run(survey.wizard, complete=False, full_name="Ann")
    return Store(desk, superuser_engine, survey, run, erased, begun)


def places(result: Verified) -> set[tuple[str, str | None, int | None]]:
    return {(finding.code, finding.run_id, finding.revision) for finding in result.findings}


async def test_what_nobody_altered_is_intact(store: Store) -> None:
    result = await store.verified()
    assert result.findings == []
    assert (result.is_intact, result.versions, result.runs, result.revisions, result.erased) == (True, 1, 3, 5, 2)


REVISION = {
    "answers": "jsonb_set(answers, ARRAY[CAST(:email AS text), 'value'], '\"john@example.con\"')",
    "an answer's type": "jsonb_set(answers, ARRAY[CAST(:email AS text), 'value'], '1')",
    "a removed answer": "answers - CAST(:email AS text)",
    "an added answer": "answers || '{\"x\": {\"value\": 1}}'",
    "archive": '\'{"x": {"value": 1}}\'',
    "asked": "B'110'",
    "a shorter asked": "B'11'",
    "evaluated_at": "evaluated_at + interval '1 microsecond'",
    "evaluated_zone": "'Europe/Berlin'",
    "cause": "'import'",
    "actor": "gen_random_uuid()",
    "no actor": "NULL",
    "at": "at - interval '1 day'",
    "language": "'de'",
    "status": "'in_progress'",
    "salt": flipped("salt"),
    "content_digest": flipped("content_digest"),
    "previous_digest": flipped("previous_digest"),
    "wizard_version_id": "gen_random_uuid()",
}
COLUMNS = {
    "an answer's type": "answers",
    "a removed answer": "answers",
    "an added answer": "answers",
    "a shorter asked": "asked",
    "no actor": "actor",
}


@pytest.mark.parametrize("what", REVISION)
async def test_an_altered_revision_is_named_with_its_run(store: Store, what: str) -> None:
    column = COLUMNS.get(what, what)
    assert await store.altered(f"UPDATE run_revisions SET {column} = {REVISION[what]} WHERE run_id = :run AND revision = 2") == 1
    result = await store.verified()
    assert any(finding.run_id == store.run and finding.revision in {2, 3} for finding in result.findings)
    assert {finding.run_id for finding in result.findings} == {store.run}


async def test_one_flipped_bit_of_an_answer_names_the_run_and_the_revision(store: Store) -> None:
    changed = "replace(answers::text, 'john@', 'kohn@')::jsonb"
    await store.altered(f"UPDATE run_revisions SET answers = {changed} WHERE run_id = :run AND revision = 2")
    assert places(await store.verified()) == {("revision", store.run, 2)}


async def test_a_number_is_told_from_the_text_that_looks_the_same(store: Store) -> None:
    for value, found in {'"1"': True, "1": True}.items():
        path = "ARRAY[CAST(:email AS text), 'value']"
        await store.altered(f"UPDATE run_revisions SET answers = jsonb_set(answers, {path}, '{value}') WHERE run_id = :run")
        assert bool((await store.verified()).findings) is found


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM run_revisions WHERE run_id = :run AND revision = 3", "head"),
        ("DELETE FROM run_revisions WHERE run_id = :run AND revision = 2", "chain"),
        ("DELETE FROM run_revisions WHERE run_id = :run AND revision = 1", "chain"),
        ("DELETE FROM run_revisions WHERE run_id = :run", "head"),
        ("DELETE FROM wizard_runs WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET revision = 2 WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET wizard_version_id = gen_random_uuid() WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET status = 'in_progress', working_answers = '{}', completed_at = NULL WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET language = 'de' WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET wizard_id = NULL, origin_wizard_id = gen_random_uuid() WHERE id = :run", "head"),
        ("UPDATE wizard_runs SET erased_at = now() WHERE id = :run", "erasure"),
        ("UPDATE run_revisions SET revision = 4 WHERE run_id = :run AND revision = 3", "head"),
        ("UPDATE run_revisions SET run_id = :begun WHERE run_id = :run AND revision = 1", "head"),
    ],
)
async def test_what_was_removed_or_moved_is_found(store: Store, statement: str, code: str) -> None:
    assert await store.altered(statement)
    found = (await store.verified()).findings
    assert (code, True) in {(finding.code, finding.run_id in {store.run, store.begun}) for finding in found}


async def test_a_working_copy_that_holds_no_answers_is_found(store: Store) -> None:
    await store.altered("UPDATE wizard_runs SET working_answers = '{\"x\": 1}' WHERE id = :begun")
    assert places(await store.verified()) == {("working-copy", store.begun, None)}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE erasures SET reason = 'another' WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET actor = gen_random_uuid() WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET at = at + interval '1 second' WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET audit_event_id = gen_random_uuid() WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET option_set_ids = NULL WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET leaves = '{}' WHERE run_id = :erased", "tombstone"),
        ('UPDATE erasures SET leaves = \'{"x": 1}\' WHERE run_id = :erased', "tombstone"),
        (f"UPDATE erasures SET digest = {flipped('digest')} WHERE run_id = :erased", "erasure"),
        ("UPDATE erasures SET number = 2, previous_digest = digest WHERE run_id = :erased", "erasure"),
        ("DELETE FROM erasures WHERE run_id = :erased", "tombstone"),
        ("DELETE FROM audit_events WHERE run_id = :erased AND action = 'run.erased'", "erasure"),
        ("UPDATE erasures SET run_id = :run WHERE run_id = :erased", "tombstone"),
        ("UPDATE run_revisions SET answers = '{}' WHERE run_id = :erased AND revision = 1", "tombstone"),
        ("UPDATE run_revisions SET leaves = jsonb_set(leaves, '{keys}', '{}') WHERE run_id = :erased AND revision = 1", "revision"),
        (
            "UPDATE run_revisions SET leaves = jsonb_set(leaves, ARRAY['answers', CAST(:email AS text)], '\"no hex\"') "
            "WHERE run_id = :erased AND revision = 1",
            "revision",
        ),
        (
            "UPDATE run_revisions SET answers = jsonb_set(answers, ARRAY[CAST(:email AS text)], '{\"value\": \"x\"}') "
            "WHERE run_id = :erased AND revision = 1",
            "revision",
        ),
        ("UPDATE wizard_runs SET erased_at = now() WHERE id = :erased", "erasure"),
    ],
)
async def test_an_altered_tombstone_is_found(store: Store, statement: str, code: str) -> None:
    assert await store.altered(statement)
    found = (await store.verified()).findings
    assert (code, store.erased) in {(finding.code, finding.run_id) for finding in found}


async def test_an_answer_taken_out_like_an_erased_one_is_found_without_its_tombstone(store: Store) -> None:
    """The digest alone cannot tell: whoever removes an answer leaves the same leaves behind as an erasure does."""
    source = "SELECT leaves FROM run_revisions WHERE run_id = :erased AND revision = 1"
    await store.altered(
        f"UPDATE run_revisions SET salt = NULL, leaves = ({source}), answers = answers - CAST(:email AS text) WHERE run_id = :run"
    )
    found = (await store.verified()).findings
    assert ("tombstone", store.run) in {(finding.code, finding.run_id) for finding in found}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE wizard_versions SET structure = jsonb_set(structure, '{name}', '\"Other\"')", "version"),
        ("UPDATE wizard_versions SET structure = jsonb_set(structure, '{steps,0,option_sets,1,name}', '\"Mail\"')", "version"),
        ("UPDATE wizard_versions SET structure = '{}'", "unreadable"),
        (f"UPDATE wizard_versions SET digest = {flipped('digest')}", "version"),
        ("UPDATE wizard_versions SET version_number = 2", "version"),
        ("UPDATE version_option_sets SET option_set_snapshot = jsonb_set(option_set_snapshot, '{name}', '\"Mail\"')", "snapshot"),
        ("UPDATE version_option_sets SET step_snapshot = '{}'", "snapshot"),
        ("UPDATE version_option_sets SET key = 'mail' WHERE key = 'email'", "snapshot"),
        ("UPDATE version_option_sets SET step_id = gen_random_uuid() WHERE key = 'email'", "snapshot"),
        ("UPDATE version_option_sets SET position = 7 WHERE key = 'email'", "snapshot"),
        ("DELETE FROM version_option_sets WHERE key = 'email'", "snapshot"),
        ("DELETE FROM wizard_versions", "head"),
    ],
)
async def test_an_altered_version_is_found(store: Store, statement: str, code: str) -> None:
    assert await store.altered(statement)
    found = (await store.verified()).findings
    assert code in {finding.code for finding in found}
    assert all(finding.version_number or finding.run_id for finding in found)


async def test_one_wizard_can_be_looked_at_alone(store: Store) -> None:
    other = await store.desk.survey(slug="other")
    await store.altered("UPDATE run_revisions SET cause = 'import' WHERE run_id = :run AND revision = 1")
    assert (await store.verified(Scope(other.wizard))).is_intact
    assert not (await store.verified(Scope(store.survey.wizard))).is_intact


async def test_runs_are_looked_at_in_pieces(store: Store) -> None:
    pieces, after, seen = [], None, 0
    while after is not None or not pieces:
        piece = await store.verified(Scope(after=after, limit=2))
        pieces.append(piece)
        after, seen = piece.next, seen + piece.runs
    assert (seen, len(pieces), all(piece.is_intact for piece in pieces)) == (3, 2, True)


async def test_more_runs_than_one_batch_are_all_looked_at(store: Store) -> None:
    for _ in range(BATCH):
        await store.desk.run(store.survey.wizard, email="a@example.com")
    told: list[int] = []
    result = await store.desk.read(verify, seen=lambda so_far: told.append(so_far.runs))
    assert (result.runs, told[-1], len(told) > 1, result.is_intact) == (BATCH + 3, BATCH + 3, True, True)


Damage = Callable[[AsyncEngine], Awaitable[Any]]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE run_revisions DISABLE TRIGGER keepstep_guard",
        "ALTER TABLE wizard_versions ENABLE TRIGGER keepstep_guard",
        "DROP TRIGGER keepstep_chain ON run_revisions",
        "CREATE OR REPLACE FUNCTION keepstep_guard_revision() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ],
)
async def test_guards_that_were_switched_off_are_found(store: Store, statement: str) -> None:
    from sqlalchemy import text

    assert await store.desk.read(guard_findings) == []
    async with store.superuser.begin() as connection:
        await connection.execute(text(statement))
    assert [finding.code for finding in await store.desk.read(guard_findings)] == ["guard"]
