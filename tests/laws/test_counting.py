"""Laws of counting: answers counted as they pass are those of looking at every run."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keepstep.core.counts import RunTally, Tally
from keepstep.core.jsonvalue import canonical_bytes, dumps
from keepstep.queries.counting import SEPARATOR, Passing, tallies_of

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
IDS = ("a", "b", "c")
_texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=3)
_values = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.decimals(0, 1, places=1), _texts, st.lists(st.sampled_from("xy"), max_size=2)
)
_envelopes = st.fixed_dictionaries({"value": _values}, optional={"other": _texts, "source": st.sampled_from(["editor", "respondent"])})
_slots = st.tuples(st.sampled_from(["completed", "in_progress", "abandoned"]), st.integers(1, 2), st.booleans())
_runs = st.tuples(_slots, st.integers(0, 5), st.dictionaries(st.sampled_from(IDS), _envelopes))


def _slot(slot: tuple[str, int, bool]) -> str:
    return f"{slot[0]} {slot[1]} {'trashed' if slot[2] else 'live'}"


def _at(day: int) -> datetime:
    # Some with and some without fractions of a second: as texts, their lengths differ.
    return START + timedelta(days=day, microseconds=day % 2 * 500_000)


def _written(at: datetime) -> str:
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}+00"


def _line(run: tuple[Any, int, dict[str, Any]]) -> bytes:
    slot, day, answers = run
    texts = (dumps(answers[item]).replace("\\", "\\\\") if item in answers else "" for item in IDS)
    return f"{_slot(slot)}\t{_written(_at(day))}\t{SEPARATOR.join(texts)}\n".encode()


def _is_answer(envelope: dict[str, Any] | None) -> bool:
    return envelope is not None and (envelope["value"] not in (None, "", []) or "other" in envelope)


def _by_hand(runs: list[Any], item: str) -> set[Any]:
    given_ = [(slot, day, answers[item]) for slot, day, answers in runs if _is_answer(answers.get(item))]
    keyed = sorted(((slot, canonical_bytes(one["value"]), repr(one.get("other"))), _at(day)) for slot, day, one in given_)
    grouped = [(key, [at for _, at in some]) for key, some in groupby(keyed, key=lambda pair: pair[0])]
    return {(*key, len(times), min(times), max(times)) for key, times in grouped}


def _seen(tallies: tuple[Tally, ...]) -> set[Any]:
    slots = (((one.status, one.version_number, one.trashed), one) for one in tallies)
    seen = [(slot, canonical_bytes(one.value), repr(one.other), one.count, one.oldest, one.newest) for slot, one in slots]
    assert len(set(seen)) == len(seen)
    return set(seen)


@given(st.lists(_runs, max_size=12), st.integers(1, 4))
def test_answers_counted_as_they_pass_are_those_of_every_run(runs: list[Any], at_once: int) -> None:
    passing = Passing(IDS)
    lines = [_line(run) for run in sorted(runs, key=lambda run: run[:2])]
    for start in range(0, len(lines), at_once):
        passing.count(b"".join(lines[start : start + at_once]))
    found = passing.answers()
    assert all(_seen(found[item]) == _by_hand(runs, item) for item in IDS)


@given(st.lists(_runs, max_size=12))
def test_answers_that_the_database_grouped_are_those_of_every_run(runs: list[Any]) -> None:
    rows = [
        SimpleNamespace(slot=_slot(slot), given=dumps(answers["a"]) if "a" in answers else None, runs=1, oldest=_at(day), newest=_at(day))
        for slot, day, answers in runs
    ]
    assert _seen(tallies_of(rows)) == _by_hand(runs, "a")


@given(st.lists(_runs, max_size=12), st.sets(st.sampled_from(IDS), min_size=1))
def test_a_run_counts_once_in_each_group_that_it_answered_any_of(runs: list[Any], members: set[str]) -> None:
    group = frozenset(members)
    passing = Passing(IDS, [group])
    passing.count(b"".join(_line(run) for run in sorted(runs, key=lambda run: run[:2])))
    holding = sorted(slot for slot, _, answers in runs if any(_is_answer(answers.get(item)) for item in group))
    by_hand = {RunTally(len(list(some)), *slot) for slot, some in groupby(holding)}
    assert set(passing.runs_together()[group]) == by_hand
