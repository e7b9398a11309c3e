"""Each kind of change says what it is, and what it means for stored runs."""

import pytest
from tests.change_examples import COLOR, example, survey

from keepstep.core.change import VARIANTS
from keepstep.core.diff import diff
from keepstep.core.meaning import meaning_of
from keepstep.core.structure import dump, parse
from keepstep.core.wording import sentence_of

KINDS = [variant.kind for variant in VARIANTS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_told_in_one_sentence_that_names_its_object(kind: str) -> None:
    old, new, sentence = example(kind)
    (change,) = diff(old, new)
    assert change.kind == kind
    assert sentence_of(change, old, new) == sentence


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_says_what_it_means_for_stored_runs(kind: str) -> None:
    old, new, _ = example(kind)
    (change,) = diff(old, new)
    assert meaning_of(change).endswith(".")


def test_a_change_of_a_translation_alone_is_said_to_be_one() -> None:
    data = dump(survey()) | {"languages": ["en", "de"]}
    old = parse(data)
    data["steps"][1]["option_sets"][0]["name"] = {"en": "Favorite Color", "de": "Lieblingsfarbe"}
    (change,) = diff(old, parse(data))
    assert sentence_of(change, old, parse(data)) == "A question was reworded in a translation."


def test_a_path_names_nodes_by_their_ids() -> None:
    old, new, _ = example("option-removed")
    (change,) = diff(old, new)
    assert change.path == f"/option_sets/{COLOR}/options/green"
    assert change.id == f"option-removed:{COLOR}/green"
