"""Laws of the digests: any alteration shows, any erasure keeps the rest checkable."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.expression_strategies import values

from keepstep.core.integrity import Header, content_digest, erased_leaves, leaves_of, merkle_root, remaining_leaves
from keepstep.core.jsonvalue import canonical_bytes, dumps, loads

AT = datetime(2026, 3, 27, tzinfo=UTC)
HEADER = Header(
    run_id="r", revision=1, version_id="v", origin_wizard_id="w", language="en", status="completed", cause="respondent", actor="a",
    at=AT, asked="1", evaluated_at=AT, zone="UTC",
)  # fmt: skip
salts = st.binary(min_size=32, max_size=32)
envelopes = st.dictionaries(st.sampled_from("abcdef"), st.builds(lambda value: {"value": value}, values()), max_size=5)


def digest(salt: bytes, answers: Any, archive: Any, header: Header = HEADER) -> bytes:
    return content_digest(header, leaves_of(salt, answers), leaves_of(salt, archive), None)


@given(salts, envelopes, envelopes, envelopes)
def test_two_states_have_one_digest_only_if_they_are_the_same(salt: bytes, one: Any, other: Any, archive: Any) -> None:
    same = canonical_bytes(one) == canonical_bytes(other)
    assert (digest(salt, one, archive) == digest(salt, other, archive)) is same


@given(salts, envelopes, envelopes)
def test_a_digest_survives_storage_as_json(salt: bytes, answers: Any, archive: Any) -> None:
    assert digest(salt, loads(dumps(answers)), loads(dumps(archive))) == digest(salt, answers, archive)


@given(salts, envelopes, envelopes, st.sets(st.sampled_from("abcdef")))
def test_any_erasure_keeps_the_digest(salt: bytes, answers: Any, archive: Any, erase: set[str]) -> None:
    erased = erased_leaves(salt, answers, archive, erase)
    left, kept = ({name: envelope for name, envelope in each.items() if name not in erase} for each in (answers, archive))
    assert content_digest(HEADER, *remaining_leaves(erased, left, kept), None) == digest(salt, answers, archive)


@given(salts, envelopes, st.sets(st.sampled_from("abcdef")), st.sampled_from("abcdef"), values())
def test_after_any_erasure_an_altered_answer_still_shows(salt: bytes, answers: Any, erase: set[str], name: str, value: Any) -> None:
    erased = erased_leaves(salt, answers, {}, erase)
    left = {each: envelope for each, envelope in answers.items() if each not in erase}
    assume(canonical_bytes(left.get(name)) != canonical_bytes({"value": value}))
    assert content_digest(HEADER, *remaining_leaves(erased, left | {name: {"value": value}}, {}), None) != digest(salt, answers, {})


@given(salts, st.text("01", max_size=20), st.text("01", max_size=20))
def test_what_was_asked_is_covered_bit_by_bit(salt: bytes, one: str, other: str) -> None:
    digests = [digest(salt, {}, {}, HEADER._replace(asked=asked)) for asked in (one, other)]
    assert (digests[0] == digests[1]) is (one == other)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=12), st.lists(st.binary(min_size=32, max_size=32), max_size=12))
def test_two_lists_of_leaves_have_one_root_only_if_they_are_the_same(one: list[bytes], other: list[bytes]) -> None:
    assert (merkle_root(one) == merkle_root(other)) is (one == other)
