"""Every entry that an action or the database writes into the audit trail can be told in words."""

import re
from pathlib import Path

import keepstep.actions
from keepstep.core.audit_words import SUBJECTS, known_actions

ACTIONS = Path(keepstep.actions.__path__[0])
WRITING = [*ACTIONS.glob("*.py"), ACTIONS.parent / "db/erasure.py"]


def test_every_entry_that_is_written_has_words_and_no_word_is_left_over() -> None:
    named = re.compile(rf"""["']((?:{"|".join(SUBJECTS)})\.[a-z_]+)["']""")
    written = {action for path in WRITING for action in named.findall(path.read_text(encoding="utf-8"))}
    assert len(written) > 20
    assert written == known_actions()
