"""`verify` finds every alteration of what is stored, names the run or the version, and finds nothing where nothing was altered."""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.actions_kit import ADMIN, Desk, Survey
from tests.tampering import flipped, tamper, tampered

from keepstep.actions.erasure import ErasureRequest, erase_run
from keepstep.actions.runs import complete_run, restore_revision, save_answers, trash_run, untrash_run
from keepstep.db.transaction import Read
from keepstep.queries.integrity import BATCH, EVERYTHING, Scope, Verified, guard_findings, verify

Place = tuple[str, str | None, int | None]


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

    def named(self, statement: str) -> dict[str, str]:
        ids = {"run": self.run, "erased": self.erased, "begun": self.begun, "email": self.survey.email}
        return {name: value for name, value in ids.items() if f":{name}" in statement}

    async def alter(self, statement: str) -> None:
        await tamper(self.superuser, statement, self.named(statement))

    async def found(self, statement: str) -> set[Place]:
        """What `verify` finds after this alteration, which is taken back again."""
        async with tampered(self.superuser, statement, self.named(statement)) as tx:
            return {(finding.code, finding.run_id, finding.revision) for finding in (await verify(tx)).findings}


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


async def test_what_nobody_altered_is_intact(store: Store) -> None:
    result = await store.verified()
    assert result.findings == []
    assert (result.is_intact, result.versions, result.runs, result.revisions, result.erased) == (True, 1, 3, 5, 2)


REVISION = {
    "an answer": "answers = jsonb_set(answers, ARRAY[CAST(:email AS text), 'value'], '\"john@example.con\"')",
    "its type": "answers = jsonb_set(answers, ARRAY[CAST(:email AS text), 'value'], '1')",
    "its source": "answers = jsonb_set(answers, ARRAY[CAST(:email AS text), 'source'], '\"import\"')",
    "an answer less": "answers = answers - CAST(:email AS text)",
    "an answer more": 'answers = answers || \'{"x": {"value": 1}}\'',
    "the archive": 'archive = \'{"x": {"value": 1}}\'',
    "what was asked": "asked = B'110'",
    "how much was asked": "asked = B'11'",
    "when it was evaluated": "evaluated_at = evaluated_at + interval '1 microsecond'",
    "and where": "evaluated_zone = 'Europe/Berlin'",
    "the cause": "cause = 'import'",
    "who": "actor = gen_random_uuid()",
    "nobody": "actor = NULL",
    "when": "at = at - interval '1 day'",
    "the language": "language = 'de'",
    "the status": "status = 'in_progress'",
    "the salt": f"salt = {flipped('salt')}",
    "the digest": f"content_digest = {flipped('content_digest')}",
    "the chain": f"previous_digest = {flipped('previous_digest')}",
    "the version": "wizard_version_id = gen_random_uuid()",
}


async def test_an_alteration_of_any_column_of_a_revision_names_it_and_its_run(store: Store) -> None:
    for what, change in REVISION.items():
        found = await store.found(f"UPDATE run_revisions SET {change} WHERE run_id = :run AND revision = 2")
        assert (store.run, 2) in {(run, revision) for _, run, revision in found}, what
        assert {run for _, run, _ in found} == {store.run}, what


async def test_one_flipped_bit_of_an_answer_names_its_run_and_revision_and_nothing_else(store: Store) -> None:
    changed = "replace(answers::text, 'john@', 'kohn@')::jsonb"
    found = await store.found(f"UPDATE run_revisions SET answers = {changed} WHERE run_id = :run AND revision = 2")
    assert found == {("revision", store.run, 2)}


SPOILED = (
    "answers = jsonb_set(answers, ARRAY[CAST(:email AS text), 'value'], '1e300')",
    "archive = '{\"x\": 1}'",
    "answers = answers || '{\"x\": [[1]]}'",
    "salt = NULL, leaves = '[]'",
    "salt = NULL, leaves = '{\"answers\": 1}'",
    'salt = NULL, leaves = \'{"answers": {"x": 1}}\'',
)


async def test_what_cannot_even_be_read_is_named_like_any_other_alteration(store: Store) -> None:
    for change in SPOILED:
        found = await store.found(f"UPDATE run_revisions SET {change} WHERE run_id = :run AND revision = 2")
        assert {(run, revision) for _, run, revision in found} == {(store.run, 2)}, change
    for leaves in (
        '{"2": {"answers": 1}}',
        '{"2": {"answers": [[1]]}}',
        f'{{"{"9" * 5_000}": {{}}}}',
        '{"²": {}}',
        '{"1": {"answers": {"x": 1e300}}}',
    ):
        found = await store.found(f"UPDATE erasures SET leaves = '{leaves}'")
        assert ("erasure", store.erased, None) in found, leaves


REMOVED_OR_MOVED = {
    "DELETE FROM run_revisions WHERE run_id = :run AND revision = 3": "head",
    "DELETE FROM run_revisions WHERE run_id = :run AND revision = 2": "chain",
    "DELETE FROM run_revisions WHERE run_id = :run AND revision = 1": "chain",
    "DELETE FROM run_revisions WHERE run_id = :run": "head",
    "DELETE FROM wizard_runs WHERE id = :run": "head",
    "UPDATE wizard_runs SET revision = 2 WHERE id = :run": "head",
    "UPDATE wizard_runs SET wizard_version_id = gen_random_uuid() WHERE id = :run": "head",
    "UPDATE wizard_runs SET status = 'in_progress', working_answers = '{}', completed_at = NULL WHERE id = :run": "head",
    "UPDATE wizard_runs SET language = 'de' WHERE id = :run": "head",
    "UPDATE wizard_runs SET wizard_id = NULL, origin_wizard_id = gen_random_uuid() WHERE id = :run": "head",
    "UPDATE wizard_runs SET erased_at = now() WHERE id = :run": "erasure",
    "UPDATE run_revisions SET revision = 4 WHERE run_id = :run AND revision = 3": "chain",
    "UPDATE run_revisions SET run_id = CAST(:begun AS uuid) WHERE run_id = :run AND revision = 1": "revision",
}


async def test_what_was_removed_or_moved_is_found(store: Store) -> None:
    for statement, code in REMOVED_OR_MOVED.items():
        found = await store.found(statement)
        assert code in {code for code, run, _ in found if run in {store.run, store.begun}}, statement


RECORDS = {
    "completed_at = completed_at + interval '1 microsecond' WHERE id = :run": "run",
    "updated_at = updated_at - interval '1 day' WHERE id = :run": "run",
    "trashed_at = now() WHERE id = :run": "run",
    "wizard_id = NULL WHERE id = :run": "run",
    "wizard_id = NULL WHERE id = :begun": "begun",
    "completed_at = now() WHERE id = :begun": "begun",
    "trashed_at = now() WHERE id = :begun": "begun",
    "language = 'de' WHERE id = :begun": "begun",
}


async def test_a_row_of_a_run_that_says_otherwise_than_its_revisions_is_found(store: Store) -> None:
    for change, run in RECORDS.items():
        assert await store.found(f"UPDATE wizard_runs SET {change}") == {("record", getattr(store, run), None)}, change


async def test_what_was_trashed_and_taken_out_again_is_held_to_the_audit_trail(store: Store) -> None:
    await store.desk.do(trash_run, store.run)
    assert (await store.verified()).findings == []
    trashed = {("record", store.run, None)}
    assert await store.found("UPDATE wizard_runs SET trashed_at = NULL WHERE id = :run") == trashed
    assert await store.found("UPDATE wizard_runs SET trashed_at = trashed_at - interval '1 s' WHERE id = :run") == trashed
    assert await store.found("DELETE FROM audit_events WHERE action = 'run.trashed' AND run_id = :run") == trashed
    await store.desk.do(untrash_run, store.run)
    assert (await store.verified()).findings == []
    assert await store.found("UPDATE wizard_runs SET trashed_at = now() WHERE id = :run") == trashed


async def test_what_names_the_respondent_of_an_erased_run_is_found(store: Store) -> None:
    await store.desk.as_(ADMIN).do(erase_run, store.run, ErasureRequest(reason="asked for"))
    assert (await store.verified()).findings == []
    for left in ("respondent = 'John'", "request_digest = sha256('x')"):
        assert await store.found(f"UPDATE wizard_runs SET {left} WHERE id = :run") == {("record", store.run, None)}


async def test_a_job_of_a_revision_that_no_job_wrote_is_found(store: Store) -> None:
    found = await store.found("UPDATE run_revisions SET job_id = gen_random_uuid() WHERE run_id = :run AND revision = 2")
    assert found == {("record", store.run, 2)}


async def test_a_run_that_was_restored_and_completed_again_has_the_time_of_that(store: Store) -> None:
    """Whatever way a run takes, the time at which it was completed follows from its revisions."""
    begun, desk = store.begun, store.desk
    await desk.do(complete_run, begun, "0.0")
    await desk.do(restore_revision, store.run, 1, "3.0")
    other = await desk.run(store.survey.wizard, complete=False, full_name="Ann")
    await desk.do(save_answers, other, {"email": "a@example.com"}, "0.0")
    await desk.do(complete_run, other, "0.1")
    await desk.do(save_answers, other, {"email": "b@example.com"}, "1.0")
    assert (await store.verified()).findings == []


async def test_a_working_copy_of_another_version_is_found(store: Store) -> None:
    other = {"x-y": {"value": 1}}
    found = await store.found(f"UPDATE wizard_runs SET working_answers = '{json.dumps(other)}' WHERE id = :begun")
    assert found == {("working-copy", store.begun, None)}


async def test_a_working_copy_that_holds_no_answers_is_found(store: Store) -> None:
    found = await store.found("UPDATE wizard_runs SET working_answers = '{\"x\": 1}' WHERE id = :begun")
    assert found == {("working-copy", store.begun, None)}


FIRST = "WHERE run_id = :erased AND revision = 1"
TOMBSTONES = {
    "UPDATE erasures SET reason = 'another' WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET actor = gen_random_uuid() WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET at = at + interval '1 second' WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET audit_event_id = gen_random_uuid() WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET option_set_ids = NULL WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET leaves = '{}' WHERE run_id = :erased": "tombstone",
    'UPDATE erasures SET leaves = \'{"x": 1, "2": 1}\' WHERE run_id = :erased': "tombstone",
    f"UPDATE erasures SET digest = {flipped('digest')} WHERE run_id = :erased": "erasure",
    "UPDATE erasures SET number = 2, previous_digest = digest WHERE run_id = :erased": "erasure",
    "DELETE FROM erasures WHERE run_id = :erased": "tombstone",
    "DELETE FROM audit_events WHERE run_id = :erased AND action = 'run.erased'": "erasure",
    "UPDATE erasures SET run_id = CAST(:run AS uuid) WHERE run_id = :erased": "tombstone",
    f"UPDATE run_revisions SET answers = '{{}}' {FIRST}": "tombstone",
    f"UPDATE run_revisions SET leaves = jsonb_set(leaves, '{{keys}}', '{{}}') {FIRST}": "revision",
    f"UPDATE run_revisions SET leaves = '{{}}' {FIRST}": "revision",
    f"UPDATE run_revisions SET leaves = jsonb_set(leaves, ARRAY['answers', CAST(:email AS text)], '\"no hex\"') {FIRST}": "revision",
    f"UPDATE run_revisions SET answers = answers || jsonb_build_object(CAST(:email AS text), '{{}}'::jsonb) {FIRST}": "revision",
    "UPDATE wizard_runs SET erased_at = now() WHERE id = :erased": "erasure",
}


async def test_an_altered_tombstone_is_found(store: Store) -> None:
    for statement, code in TOMBSTONES.items():
        assert (code, store.erased) in {(code, run) for code, run, _ in await store.found(statement)}, statement


async def test_an_answer_taken_out_like_an_erased_one_is_found_without_its_tombstone(store: Store) -> None:
    """The digest alone cannot tell: whoever knows the salt can leave the same leaves behind as an erasure does."""
    await store.desk.as_(ADMIN).do(erase_run, store.run, ErasureRequest(reason="asked for", option_sets=["email"]))
    assert (await store.verified()).is_intact
    found = await store.found("DELETE FROM erasures WHERE run_id = :run")
    assert found == {("tombstone", store.run, number) for number in (1, 2, 3)}


VERSIONS = {
    "UPDATE wizard_versions SET structure = jsonb_set(structure, '{name}', '\"Other\"')": "version",
    "UPDATE wizard_versions SET structure = jsonb_set(structure, '{steps,0,option_sets,1,name}', '\"Mail\"')": "version",
    "UPDATE wizard_versions SET structure = '{}'": "unreadable",
    "UPDATE wizard_versions SET structure = jsonb_set(structure, '{steps}', '1e300')": "unreadable",
    f"UPDATE wizard_versions SET digest = {flipped('digest')}": "version",
    "UPDATE wizard_versions SET version_number = 2": "version",
    "UPDATE version_option_sets SET option_set_snapshot = jsonb_set(option_set_snapshot, '{name}', '\"Mail\"')": "snapshot",
    "UPDATE version_option_sets SET step_snapshot = '{}'": "snapshot",
    "UPDATE version_option_sets SET key = 'mail' WHERE key = 'email'": "snapshot",
    "UPDATE version_option_sets SET step_id = gen_random_uuid() WHERE key = 'email'": "snapshot",
    "UPDATE version_option_sets SET position = 7 WHERE key = 'email'": "snapshot",
    "DELETE FROM version_option_sets WHERE key = 'email'": "snapshot",
    "DELETE FROM wizard_versions": "head",
}


async def test_an_altered_version_is_found(store: Store) -> None:
    for statement, code in VERSIONS.items():
        assert code in {code for code, _, _ in await store.found(statement)}, statement


async def test_an_altered_version_is_named(store: Store) -> None:
    await store.alter("UPDATE wizard_versions SET structure = jsonb_set(structure, '{name}', '\"Other\"')")
    (finding,) = (await store.verified()).findings
    assert (finding.code, finding.wizard_id, finding.version_number) == ("version", store.survey.wizard, 1)


async def test_one_wizard_can_be_looked_at_alone(store: Store) -> None:
    other = await store.desk.survey(slug="other")
    await store.desk.run(other.wizard, email="a@example.com")
    await store.alter("UPDATE run_revisions SET cause = 'import' WHERE run_id = :run AND revision = 1")
    await store.alter("UPDATE erasures SET reason = 'another' WHERE run_id = :erased")
    assert (await store.verified(Scope(other.wizard))).is_intact
    assert not (await store.verified(Scope(store.survey.wizard))).is_intact


async def test_runs_are_looked_at_in_pieces(store: Store) -> None:
    pieces: list[Verified] = []
    after, seen = None, 0
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


DAMAGES = (
    "ALTER TABLE run_revisions DISABLE TRIGGER keepstep_guard",
    "ALTER TABLE wizard_versions ENABLE TRIGGER keepstep_guard",
    "DROP TRIGGER keepstep_chain ON run_revisions",
    "CREATE OR REPLACE FUNCTION keepstep_guard_revision() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
)


async def test_guards_that_were_switched_off_are_found(store: Store) -> None:
    assert await store.desk.read(guard_findings) == []
    for statement in DAMAGES:
        async with store.superuser.connect() as connection:
            await connection.execute(text(statement))
            assert [finding.code for finding in await guard_findings(Read(connection))] == ["guard"], statement
            await connection.rollback()
