"""An example of every variant of a change: what is done to the Customer Survey, and the sentence that names it."""

from collections.abc import Callable
from typing import Any

from keepstep.core.structure import Structure, dump, parse

Node = dict[str, Any]
INFO, PREFERENCES = "018f0000-0000-7000-8000-000000000000", "018f0000-0000-7000-8000-000000000001"
NAME, EMAIL, COLOR, AGE, RATING, SCORE, TOYS = (f"018f0000-0000-7000-9000-00000000000{number}" for number in range(7))


def survey() -> Structure:
    colors = [{"value": "blue", "label": "Blue"}, {"value": "red", "label": "Red"}]
    info = [
        {"id": NAME, "key": "full-name", "name": "Full Name", "selection_type": "text_input"},
        {"id": EMAIL, "key": "email", "name": "Email", "selection_type": "text_input"},
    ]
    preferences = [
        {"id": COLOR, "key": "favorite-color", "name": "Favorite Color", "selection_type": "single_select", "options": colors},
        {"id": AGE, "key": "age", "name": "Age", "selection_type": "number"},
        {"id": RATING, "key": "rating", "name": "Rating", "selection_type": "rating"},
        {"id": SCORE, "key": "score", "name": "Score", "selection_type": "calculated", "expression": 1},
        {"id": TOYS, "key": "toys", "name": "Toys", "selection_type": "multiple_select", "options": colors},
    ]
    steps = [
        {"id": INFO, "key": "info", "name": "Personal Info", "option_sets": info},
        {"id": PREFERENCES, "key": "preferences", "name": "Preferences", "option_sets": preferences},
    ]
    return parse({"name": "Customer Survey", "steps": steps})


def _step(structure: Node, **members: Any) -> None:
    structure["steps"][0].update(members)


def _question(structure: Node, position: int, **members: Any) -> None:
    """A question of the second step; the first two are told apart by being in the first."""
    structure["steps"][1]["option_sets"][position].update(members)


def _option(structure: Node, **members: Any) -> None:
    structure["steps"][1]["option_sets"][0]["options"][1].update(members)


def _labels(structure: Node, *labels: str) -> None:
    for option, label in zip(structure["steps"][1]["option_sets"][0]["options"], labels, strict=True):
        option["label"] = label


Edit = Callable[[Node], Any]
# Kind of change → what is done to the JSON of the survey, and the sentence. The sentence of the opposite has an entry of its own.
FORWARD: dict[str, tuple[Edit, str]] = {
    "wizard-changed": (lambda s: s.update(name="Survey"), "The wizard was renamed from “Customer Survey” to “Survey”."),
    "language-added": (lambda s: s.update(languages=["en", "de"]), "The language de was added."),
    "step-added": (
        lambda s: s["steps"].append({"id": INFO[:-1] + "9", "key": "more", "name": "More"}),
        "The step “More” was added.",
    ),
    "step-moved": (lambda s: s["steps"].reverse(), "The step “Preferences” moved from place 2 to place 1."),
    "step-changed": (lambda s: _step(s, name="You"), "A step was renamed from “Personal Info” to “You”."),
    "step-condition-changed": (lambda s: _step(s, visible_if=True), "The condition of the step “Personal Info” was added."),
    "step-retired": (lambda s: _step(s, retired=True), "The step “Personal Info” was retired."),
    "option-set-added": (
        lambda s: s["steps"][0]["option_sets"].append({"id": NAME[:-1] + "9", "key": "fax", "name": "Fax", "selection_type": "phone"}),
        "The question “Fax” was added to “Personal Info”.",
    ),
    "option-set-moved": (
        lambda s: s["steps"][0]["option_sets"].append(s["steps"][1]["option_sets"].pop()),
        "The question “Toys” moved from “Preferences” to “Personal Info”.",
    ),
    "option-set-reworded": (lambda s: _question(s, 1, name="How old?"), "A question was reworded from “Age” to “How old?”."),
    "messages-changed": (
        lambda s: _question(s, 1, constraints={"messages": {"min": "Too young"}}),
        "The validation messages of “Age” were reworded.",
    ),
    "key-changed": (lambda s: _question(s, 1, key="years"), "The key of “Age” is 'years' instead of 'age'."),
    "type-changed": (
        lambda s: _question(s, 1, selection_type="integer", constraints={}),
        "“Age” is now a whole number instead of a number.",
    ),
    "required-changed": (lambda s: _question(s, 1, is_required=True), "“Age” is now required."),
    "condition-changed": (lambda s: _question(s, 1, visible_if=False), "The condition of “Age” was added."),
    "calculation-changed": (lambda s: _question(s, 3, expression=2), "The calculation “Score” changed."),
    "validation-changed": (lambda s: _question(s, 1, constraints={"min": 18}), "The validation of “Age” changed: min none → 18."),
    "precision-changed": (
        lambda s: _question(s, 1, constraints={"max_decimals": 1}),
        "The decimals of “Age” changed: max_decimals none → 1.",
    ),
    "choice-limits-changed": (
        lambda s: _question(s, 4, constraints={"max_choices": 1}),
        "How many options of “Toys” may be chosen changed: max_choices none → 1.",
    ),
    "scale-changed": (lambda s: _question(s, 2, constraints={"max": 10}), "The scale of “Rating” changed: max 5 → 10."),
    "unit-changed": (lambda s: _question(s, 1, unit="years"), "The unit of “Age” was added."),
    "default-changed": (lambda s: _question(s, 1, default=3), "The default answer of “Age” was added."),
    "other-text-changed": (lambda s: _question(s, 0, allow_other=True), "“Favorite Color” now takes a text of one's own."),
    "property-changed": (lambda s: _question(s, 1, hidden=True), "The visibility of “Age” changed."),
    "option-set-retired": (lambda s: _question(s, 1, retired=True), "The question “Age” was retired."),
    "labels-permuted": (lambda s: _labels(s, "Red", "Blue"), "Labels of “Favorite Color” changed places: blue, red."),
    "options-reordered": (
        lambda s: s["steps"][1]["option_sets"][0]["options"].reverse(),
        "The options of “Favorite Color” stand in another order.",
    ),
    "option-added": (
        lambda s: s["steps"][1]["option_sets"][0]["options"].append({"value": "green", "label": "Green"}),
        "The option “Green” was added to “Favorite Color”.",
    ),
    "option-reworded": (lambda s: _option(s, label="Crimson"), "An option of “Favorite Color” was reworded from “Red” to “Crimson”."),
    "option-retired": (lambda s: _option(s, retired=True), "The option “Red” of “Favorite Color” was retired."),
    "exclusive-changed": (lambda s: _option(s, exclusive=True), "The option “Red” of “Favorite Color” now excludes all others."),
    "option-condition-changed": (lambda s: _option(s, visible_if=True), "The condition of the option “Red” of “Favorite Color” was added."),
    "option-source-changed": (
        lambda s: _option(s, source={"format": "xlsform"}),
        "The record of its origin of the option “Red” of “Favorite Color” changed.",
    ),
}
# Kind of change → the kind of which it is the way back, and its sentence.
BACKWARD = {
    "language-removed": ("language-added", "The language de was removed."),
    "step-removed": ("step-added", "The step “More” was removed."),
    "step-unretired": ("step-retired", "The step “Personal Info” was brought back."),
    "option-set-removed": ("option-set-added", "The question “Fax” was removed from “Personal Info”."),
    "option-set-unretired": ("option-set-retired", "The question “Age” was brought back."),
    "option-removed": ("option-added", "The option “Green” was removed from “Favorite Color”."),
    "option-unretired": ("option-retired", "The option “Red” of “Favorite Color” was brought back."),
}


def bilingual() -> Structure:
    return parse(dump(survey()) | {"languages": ["en", "de"]})


def example(kind: str) -> tuple[Structure, Structure, str]:
    """Two structures that differ by one change of this kind, and its sentence."""
    if kind in BACKWARD:
        forward, sentence = BACKWARD[kind]
        old, new, _ = example(forward)
        return new, old, sentence
    if kind == "languages-reordered":
        return bilingual(), parse(dump(bilingual()) | {"languages": ["de", "en"]}), "The languages stand in another order: de, en."
    if kind == "default-language-changed":
        return bilingual(), parse(dump(bilingual()) | {"default_language": "de"}), "The default language is de instead of en."
    edit, sentence = FORWARD[kind]
    data = dump(survey())
    edit(data)
    return survey(), parse(data), sentence
