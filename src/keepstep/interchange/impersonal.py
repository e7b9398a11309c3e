"""Runs and columns without personal data: who answered, every option set that holds such, and what no question stands for.

Takes which option sets those are (core/personal.py). Must not know file formats: what is left out is gone before one is written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from keepstep.interchange.columns import Column, Question
from keepstep.interchange.runs_out import StoredRun

_WHO: Final = "respondent"


def impersonal_columns(columns: Iterable[Column], personal: Collection[str]) -> tuple[Column, ...]:
    """The columns that stay. Nobody has said of a column of an imported file whether it is personal, so it goes."""
    return tuple(each for each in columns if each.question.id not in personal and each.kind != "archive" and each.field != _WHO)


def impersonal_run(run: StoredRun, stay: Collection[str]) -> StoredRun:
    """The run with nothing but its answers to these option sets; its id and its times stay."""
    return replace(
        run,
        respondent=None,
        answers=_kept(run.answers, stay),
        archive=_kept(run.archive, stay),
        erased=run.erased & set(stay),
        conflicts=run.conflicts & set(stay),
    )


def _kept(envelopes: Mapping[str, Mapping[str, Any]], stay: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    return {name: envelope for name, envelope in envelopes.items() if name in stay}


def left_out(questions: Sequence[Question], personal: Collection[str]) -> tuple[Question, ...]:
    """The questions that such an export leaves out, in the order of its columns."""
    return tuple(question for question in questions if question.id in personal)
