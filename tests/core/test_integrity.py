"""Digests find every alteration, and go on doing so after an erasure."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from keepstep.core.integrity import (
    Header,
    chained,
    content_digest,
    erased_leaves,
    instant,
    leaf_key,
    leaves_of,
    merkle_root,
    remaining_leaves,
    structure_digest,
    unread_leaves,
)

AT = datetime(2026, 3, 27, 14, 30, 0, 5, tzinfo=UTC)
SALT = bytes(range(32))
HEADER = Header(
    run_id="run", revision=1, version_id="version", origin_wizard_id="wizard", language="en", status="completed", cause="respondent",
    actor="somebody", at=AT, asked="101", evaluated_at=AT, zone="UTC",
)  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {"a": {"value": "é"}, "b": {"value": Decimal("1.5"), "source": "respondent"}}
ARCHIVE: dict[str, dict[str, Any]] = {"old": {"value": 1}}


Envelopes = dict[str, dict[str, Any]]


def digest(answers: Envelopes = ANSWERS, archive: Envelopes = ARCHIVE, **members: Any) -> bytes:
    previous = members.pop("previous", None)
    return content_digest(HEADER._replace(**members), leaves_of(SALT, answers), leaves_of(SALT, archive), previous)


def test_the_digest_of_a_revision_is_this_one_for_ever() -> None:
    # Computed apart, with json, hmac and hashlib alone, from the description in docs/integrity.md.
    assert digest().hex() == "19698ddce8407f8269ec1f6ad0c41365941cc8a6dc67615d9956ff3fd8245de5"


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"a": {"value": "é"}},
        ANSWERS | {"a": {"value": "e\u0301"}},
        ANSWERS | {"b": {"value": Decimal("1.5")}},
        ANSWERS | {"b": {"value": "1.5", "source": "respondent"}},
        ANSWERS | {"c": {"value": None}},
        {"a": ANSWERS["b"], "b": ANSWERS["a"]},
    ],
)
def test_any_other_answers_have_another_digest(answers: dict[str, Any]) -> None:
    assert digest(answers) != digest()


@pytest.mark.parametrize("member", list(Header._fields))
def test_every_member_of_the_header_is_covered(member: str) -> None:
    old = getattr(HEADER, member)
    new: Any = old + timedelta(microseconds=1) if isinstance(old, datetime) else old + 1 if isinstance(old, int) else old + "0"
    members: Any = {member: new}
    assert digest(**members) != digest()


def test_archive_and_answers_are_told_apart_and_chained_to_the_revision_before() -> None:
    assert digest(ARCHIVE, ANSWERS) != digest()
    assert digest(previous=b"x") != digest()


def test_the_spelling_of_a_number_and_the_order_of_members_do_not_matter() -> None:
    other: Envelopes = {"b": {"source": "respondent", "value": Decimal("1.500")}, "a": {"value": "é"}}
    assert digest(other) == digest()


def test_a_time_is_spelled_in_utc_whatever_its_offset() -> None:
    assert instant(AT.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-03-27T14:30:00.000005Z"


# --- erasure -------------------------------------------------------------------------------------------------------


def test_after_an_erasure_the_digest_still_holds_and_nothing_of_the_answer_is_left() -> None:
    erased = erased_leaves(SALT, ANSWERS, ARCHIVE, ["a"])
    left = {name: envelope for name, envelope in ANSWERS.items() if name != "a"}
    assert content_digest(HEADER, *remaining_leaves(erased, left, ARCHIVE), None) == digest()
    assert "a" not in erased.keys
    assert leaf_key(SALT, "a").hex() not in str(erased)


def test_what_remains_after_an_erasure_is_still_protected() -> None:
    erased = erased_leaves(SALT, ANSWERS, ARCHIVE, ["a"])
    for altered in ({"b": {"value": 2}}, {"b": ANSWERS["b"], "a": {"value": "guess"}}, {"b": ANSWERS["b"], "c": {"value": 1}}):
        assert content_digest(HEADER, *remaining_leaves(erased, altered, ARCHIVE), None) != digest()


def test_an_answer_taken_out_after_an_erasure_is_told_apart_by_what_was_erased() -> None:
    erased = erased_leaves(SALT, ANSWERS, ARCHIVE, ["a"])
    assert unread_leaves(erased, {"b": ANSWERS["b"]}, ARCHIVE) == (frozenset("a"), frozenset())
    assert unread_leaves(erased, {}, {}) == (frozenset("ab"), frozenset({"old"}))


def test_everything_can_be_erased() -> None:
    erased = erased_leaves(SALT, ANSWERS, ARCHIVE, ["a", "b", "old"])
    assert not erased.keys
    assert content_digest(HEADER, *remaining_leaves(erased, {}, {}), None) == digest()


@pytest.mark.parametrize("spoiled", ["", "zz", "00", "é"])
def test_a_spoiled_tombstone_is_a_difference_and_not_a_crash(spoiled: str) -> None:
    erased = erased_leaves(SALT, ANSWERS, ARCHIVE, ["a"])
    for other in (replace(erased, keys={"b": spoiled, "old": spoiled}), replace(erased, answer_leaves={"a": spoiled})):
        assert content_digest(HEADER, *remaining_leaves(other, {"b": ANSWERS["b"]}, ARCHIVE), None) != digest()


# --- structures, chains, trees -------------------------------------------------------------------------------------


def test_a_structure_has_one_digest_however_it_is_spelled() -> None:
    assert structure_digest({"a": 1, "b": [Decimal("2.0")]}) == structure_digest({"b": [2], "a": 1})


def test_a_chain_depends_on_every_record_before() -> None:
    first = chained(None, {"a": 1})
    assert chained(first, {"b": 1}) != chained(chained(None, {"a": 2}), {"b": 1})


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + reference_root(leaves[:half]) + reference_root(leaves[half:])).digest()


@pytest.mark.parametrize("count", range(20))
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
    leaves = [bytes([number]) * 32 for number in range(count)]
    assert merkle_root(leaves) == reference_root(leaves)
