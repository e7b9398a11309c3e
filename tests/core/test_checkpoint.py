from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keepstep.core.checkpoint import NOTHING, Checkpoint, Line, is_signed, key_id, signed, with_line
from keepstep.core.integrity import merkle_root
from keepstep.core.jsonvalue import canonical_bytes

SECRET = b"a secret of these tests, long enough"
CHECKPOINT = Checkpoint(id="1", at=datetime(2026, 3, 3, tzinfo=UTC), cause="request", counts={"run": 1}, root=b"r" * 32)


def lines(count: int) -> list[Line]:
    return [["run", str(number), number, None] for number in range(count)]


@given(st.integers(0, 200))
def test_the_root_of_a_growing_tree_is_that_of_the_whole_one(count: int) -> None:
    summed = NOTHING
    for line in lines(count):
        summed = with_line(summed, line)
    assert summed.root == merkle_root([canonical_bytes(line) for line in lines(count)])
    assert dict(summed.counts) == {"version": 0, "run": count, "erasure": 0}


def test_a_growing_tree_holds_one_digest_for_each_doubling_of_its_lines() -> None:
    summed = NOTHING
    for line in lines(1_023):
        summed = with_line(summed, line)
    assert len(summed.peaks) == 10


def test_a_signature_holds_for_what_was_signed_and_for_nothing_else() -> None:
    made = signed(SECRET, CHECKPOINT)
    assert is_signed(SECRET, made)
    assert not is_signed(SECRET[::-1], made)
    others: dict[str, Any] = {"id": "2", "at": datetime(2026, 3, 4, tzinfo=UTC), "cause": "daily", "counts": {"run": 2}, "root": b"s" * 32}
    for name, value in others.items():
        assert not is_signed(SECRET, replace(made, **{name: value}))


def test_keys_are_told_apart_by_a_name_that_says_nothing_about_the_secret() -> None:
    assert key_id(SECRET) == signed(SECRET, CHECKPOINT).key_id
    assert key_id(SECRET) != key_id(SECRET[::-1])
    assert SECRET.hex()[:8] not in key_id(SECRET)
