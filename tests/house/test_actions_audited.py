"""Everything that a user can do leaves an audit event: told from the code of every action, so that a new one is held to it as well."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import keepstep.actions

# What leaves the event: the row itself, or the database's own function (`door.erase`), which writes it with the tombstone.
LEAVES_AN_EVENT = {"append_event", "append_events", "door.erase"}
ITS_OWN_RECORD = {
    "start_run": "the run's row and its first revision say who and when (semantics 6)",
    "save_answers": "the save or the revision says who and when",
    "complete_run": "the revision says who and when",
    "save_working_copy": "a part of the actions on runs; the run's row says who and when",
    "version_to_start": "a part of every start: it locks and reads",
    "save_page": "a respondent's save: the run's row says when (semantics 6)",
    "save_late": "as `save_page`, and what it puts into the archive is a revision",
    "send_passage": "the revision says when and that a respondent did it",
    "append_revision": "a part of the actions on runs; the revision says who and when",
    "store_file": "the file's row says who uploaded it and when",
    "register": "a part of every edit, which leaves its event",
    "count_try": "a try is counted and logged; an event for each would let a stranger fill the record",
    "wizard_to_set": "a part of the actions on access: it locks and reads",
    "see_session": "opening and ending a session are on record, each use of it is not",
    "depart": "whoever goes to the provider is nobody yet; an event for each would let a stranger fill the record",
    "arrive": "as for `depart`; being signed in by it is on record",
    "store_password": "a part of every act that sets a password, which leaves its event",
    "keep_edit": "what somebody types before it is stored; the row says who, on which revision and when",
    "commit_edit": "the revision says who and when",
    "drop_edit": "nothing of the run changes, and nothing was stored of it",
    "forget_what_is_over": "a part of the daily work, which is on record with its counts",
    "draft_to_edit": "a part of every edit: it locks and reads",
    "claim_piece": "a part of a job, whose beginning and end are on record; the piece's row says who works on it and until when",
    "do_piece": "a part of a job; each revision says who, when and by which job",
    "do_reach": "a part of `do_piece`",
    "give_back": "a part of a job: nothing was done",
    "store": "a part of `do_piece`: it writes what was decided",
    "store_job": "a part of the acts that begin a job, which leave their events",
    "verify_canary": "a part of a job: it reads, and a canary that fails stops the job, which is on record",
    "seal": "a part of a job's end; the manifest is its own record",
}


def test_every_action_that_writes_leaves_an_audit_event_or_is_a_record_itself() -> None:
    functions = dict(_functions())
    calls = {name: {called for function in same for called in _called(function)} for name, same in functions.items()}
    silent = {name for name, same in functions.items() if any(map(_is_action, same)) and not _reaches(name, calls)}
    assert silent == set(ITS_OWN_RECORD)


def test_the_actions_are_really_found() -> None:
    found = {name for name, same in _functions() if any(map(_is_action, same))}
    assert {"publish_draft", "roll_back", "edit_node", "trash_wizard", "create_user", "erase_run", "import_runs"} <= found


def _functions() -> Iterator[tuple[str, list[ast.AsyncFunctionDef]]]:
    """Every coroutine of the actions by its name."""
    found: dict[str, list[ast.AsyncFunctionDef]] = {}
    for path in sorted(Path(keepstep.actions.__path__[0]).glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef):
                found.setdefault(node.name, []).append(node)
    yield from found.items()


def _is_action(function: ast.AsyncFunctionDef) -> bool:
    """Whether somebody acts in it (`ctx: Context`), it may write (`tx: Write`), and other modules may call it."""
    typed = {each.annotation.id for each in function.args.args if isinstance(each.annotation, ast.Name)}
    return typed >= {"Context", "Write"} and not function.name.startswith(("_", "audit_"))


def _called(function: ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _reaches(name: str, calls: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    pending = [name]
    while pending:
        here = pending.pop()
        if here in LEAVES_AN_EVENT:
            return True
        if here not in seen:
            seen.add(here)
            pending.extend(calls.get(here, ()))
    return False
