"""Laws of counting: answers grouped by the database are those of looking at every run."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keepstep.core.counts import Tally
from keepstep.core.jsonvalue import canonical_bytes, dumps
from keepstep.queries.counting import Grouped

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
IDS = ("a", "b", "c")
_texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=3)
_values = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.decimals(0, 1, places=1), _texts, st.lists(st.sampled_from("xy"), max_size=2)
)
_envelopes = st.fixed_dictionaries({"value": _values}, optional={"other": _texts, "source": st.sampled_from(["editor", "respondent"])})
_slots = st.tuples(st.sampled_from(["completed", "in_progress", "abandoned"]), st.integers(1, 2), st.booleans())
_runs = st.tuples(_slots, st.integers(0, 5), st.dictionaries(st.sampled_from(IDS), _envelopes))


def _at(day: int) -> datetime:
    # Some with and some without fractions of a second: as texts, their order is not that of the moments.
    return START + timedelta(days=day // 2, microseconds=day % 2 * 500_000)


def _written(at: datetime) -> str:
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}+00"


def _line(slot: tuple[str, int, bool], item: str, envelope: str, days: list[int]) -> bytes:
    """As COPY writes what the database grouped."""
    status, version_number, trashed = slot
    written = envelope.replace("\\", "\\\\")
    fields = (status, version_number, "f" if trashed else "t", item, written, len(days), _written(_at(min(days))), _written(_at(max(days))))
    return "\t".join(map(str, fields)).encode() + b"\n"


def _lines(runs: list[Any]) -> list[bytes]:
    given_ = sorted((slot, item, dumps(envelope), day) for slot, day, answers in runs for item, envelope in answers.items())
    grouped = groupby(given_, key=lambda one: one[:3])
    return [_line(slot, item, envelope, [day for *_, day in some]) for (slot, item, envelope), some in grouped]


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
def test_answers_that_the_database_grouped_are_those_of_every_run(runs: list[Any], at_once: int) -> None:
    grouped = Grouped(IDS)
    lines = _lines(runs)
    for start in range(0, len(lines), at_once):
        grouped.take(b"".join(lines[start : start + at_once]))
    found = grouped.answers()
    assert all(_seen(found[item]) == _by_hand(runs, item) for item in IDS)
