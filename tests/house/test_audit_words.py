"""Every entry that an action or the database writes into the audit trail can be told in words."""

import re
from pathlib import Path

import keepstep.actions
from keepstep.core.audit_words import SUBJECTS, known_actions
from keepstep.web.pages.audit import SUBJECT_WORDS

ACTIONS = Path(keepstep.actions.__path__[0])
WRITING = [*ACTIONS.glob("*.py"), ACTIONS.parent / "db/erasure.py", ACTIONS.parent / "cli/database.py"]


def test_every_entry_that_is_written_has_words_and_no_word_is_left_over() -> None:
    named = re.compile(rf"""["']((?:{"|".join(SUBJECTS)})\.[a-z_]+)["']""")
    written = {action for path in WRITING for action in named.findall(path.read_text(encoding="utf-8"))}
    assert len(written) > 20
    assert written == known_actions()


def test_every_subject_of_an_entry_is_known_and_can_be_chosen() -> None:
    kinds = re.compile(r"""subject_kind="([a-z_]+)"|action="([a-z_]+)\.[a-z_]+\"""")
    texts = [path.read_text(encoding="utf-8") for path in WRITING]
    written = {first or second for text in texts for first, second in kinds.findall(text)}
    assert {"wizard", "run", "files", "database", "integrity"} <= written <= set(SUBJECTS)
    assert set(SUBJECT_WORDS) == set(SUBJECTS)
