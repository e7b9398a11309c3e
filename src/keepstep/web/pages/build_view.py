"""What the builder's templates show, worked out of a construction: rows with their marks, what is chosen, what lies on the shelf.

Must not know requests or forms.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from keepstep.actions.drafts import undo_names
from keepstep.core.change import (
    Change,
    LabelsPermuted,
    OfOption,
    OptionRemoved,
    OptionRetired,
    OptionReworded,
    OptionSetReworded,
    RequiredChanged,
    StepChanged,
    TypeChanged,
)
from keepstep.core.jsonvalue import dumps
from keepstep.core.piping import told
from keepstep.core.places import Mention, mentions
from keepstep.core.structure import ChoiceFields, Option, OptionSet, Rule, Step, Structure, choices_of
from keepstep.core.text import Text, text_in, without_pipes
from keepstep.core.wording import sentence_of
from keepstep.queries.builder import Construction, Stored
from keepstep.web.questions.situation import Situation
from keepstep.web.texts import message

TYPE_ICONS: Final[Mapping[str, str]] = {
    "text_input": "text",
    "textarea": "text-long",
    "email": "email",
    "phone": "phone",
    "url": "url",
    "single_select": "choice",
    "dropdown": "dropdown",
    "multiple_select": "choices",
    "number": "number",
    "integer": "number",
    "slider": "scale",
    "rating": "rating",
    "boolean": "yes-no",
    "date": "date",
    "time": "time",
    "datetime": "date",
    "file": "file",
    "statement": "statement",
    "calculated": "calculated",
}
TYPE_NAMES: Final[Mapping[str, str]] = {
    "text_input": message("Short text"),
    "textarea": message("Long text"),
    "email": message("E-mail address"),
    "phone": message("Phone number"),
    "url": message("Web address"),
    "single_select": message("Single choice"),
    "dropdown": message("Dropdown"),
    "multiple_select": message("Multiple choice"),
    "number": message("Number"),
    "integer": message("Whole number"),
    "slider": message("Slider"),
    "rating": message("Rating"),
    "boolean": message("Yes or no"),
    "date": message("Date"),
    "time": message("Time"),
    "datetime": message("Date and time"),
    "file": message("File"),
    "statement": message("Statement"),
    "calculated": message("Calculated value"),
}
# One word for each kind of change, beside the bar of what is changed.
_MARKS: Final[Mapping[str, str]] = {
    "step-added": message("new"),
    "step-moved": message("moved"),
    "step-condition-changed": message("condition"),
    "step-unretired": message("back"),
    "option-set-added": message("new"),
    "option-set-moved": message("moved"),
    "messages-changed": message("messages"),
    "key-changed": message("key"),
    "type-changed": message("retyped"),
    "condition-changed": message("condition"),
    "calculation-changed": message("calculation"),
    "validation-changed": message("range"),
    "precision-changed": message("range"),
    "choice-limits-changed": message("range"),
    "scale-changed": message("range"),
    "unit-changed": message("unit"),
    "default-changed": message("default"),
    "other-text-changed": message("own text"),
    "property-changed": message("settings"),
    "option-set-unretired": message("back"),
    "labels-permuted": message("labels"),
}
# By the member, where a change is of one of several.
_MEMBERS: Final[Mapping[str, str]] = {
    "name": message("reworded"),
    "text": message("reworded"),
    "help": message("help text"),
    "key": message("key"),
    "presentation": message("settings"),
    "source": message("origin"),
}
_MOST_SENTENCES: Final = 30
# What a list of changes begins with: answers are stored under what these change.
_ANSWERED: Final = (TypeChanged, OptionReworded, OptionRetired, OptionRemoved, LabelsPermuted)
# Whatever happens to an option, or to their order.
_OPTIONS: Final = message("options")


def _mark(change: Change) -> str:
    if isinstance(change, RequiredChanged):
        return message("required") if change.new else message("optional")
    if isinstance(change, OptionSetReworded | StepChanged):
        return _MEMBERS[change.member]
    return _MARKS.get(change.kind, _OPTIONS)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A node that is retired or deleted: what to bring back. `is_new`: it was there in the live version, and not on the shelf.

    `waits_for`: what has to come first: the `step` or `question` that it lay in was deleted as well, or that question, `place`, is of a
    type without `options` now.
    """

    kind: str
    id: str
    value: str | None
    name: str
    deleted: bool
    is_new: bool
    option_set_ids: tuple[str, ...]
    waits_for: str = ""
    place: OptionSet | None = None


T = TypeVar("T")
# A question on the canvas is some 3 KB of HTML and an option among the properties 6: of thousands nobody would see a page.
MOST_QUESTIONS: Final = 40
MOST_OPTIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    """The part of a long list that a page shows. `previous` and `next`: the first item of the parts before and behind it."""

    items: tuple[T, ...]
    start: int
    total: int
    previous: T | None
    next: T | None

    @property
    def end(self) -> int:
        return self.start + len(self.items)


def window(items: Sequence[T], at: int, size: int) -> Window[T]:
    """The part that holds the item at this index; the last one for an index beyond the end."""
    start = max(0, min(at, len(items) - 1)) // size * size
    return Window(
        tuple(items[start : start + size]),
        start,
        len(items),
        items[start - size] if start else None,
        items[start + size] if start + size < len(items) else None,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """What a page of the builder is about: the node chosen, the language, the pane of a narrow window, where something is to be added,
    which of many options are shown: those around this index, and the words by which the outline is searched.
    """

    node: str = ""
    language: str = ""
    pane: str = "step"
    add: str | None = None
    find: str = ""
    options: int = 0
    search: str = ""


@dataclass(frozen=True)
class View:
    """A construction as somebody sees it at a place. `stored` is what was counted; None: not yet."""

    construction: Construction
    place: Place
    actor_id: str | None
    stored: Mapping[str, Stored] | None = None
    undo: Mapping[str, Mapping[str, Any] | None] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "undo", undo_names(self.construction.log, self.actor_id))

    @property
    def structure(self) -> Structure:
        return self.construction.structure

    @cached_property
    def language(self) -> str:
        known = self.place.language in self.structure.languages
        return self.place.language if known else self.structure.default_language

    def text(self, text: Text | None) -> str:
        """A text in the language of the page, else in the default language, to be read: its answers by the names of their questions."""
        return told(text, self.structure, self.language)

    @cached_property
    def situation(self) -> Situation:
        """How the player's templates show a question here: every option, and the name of a question where its answer would stand."""
        default = self.structure.default_language

        def named(option_set_id: str) -> str:
            option_set = self.structure.option_set_by_id.get(option_set_id)
            return "" if option_set is None else f"[{without_pipes(text_in(option_set.name, self.language, default))}]"

        return Situation(self.language, default, shown=named)

    # --- what is chosen ---

    @cached_property
    def option_set(self) -> OptionSet | None:
        """The question that is chosen."""
        return self.structure.option_set_by_id.get(self.place.node)

    @cached_property
    def step(self) -> Step | None:
        """The step on the canvas: the chosen one, or that of the chosen question, else the first."""
        if self.option_set is not None:
            return self.structure.step_of[self.option_set.id]
        asked = [step for step in self.structure.steps if not step.retired]
        return self.structure.step_by_id.get(self.place.node) or next(iter(asked or self.structure.steps), None)

    @property
    def node(self) -> str:
        """The id of what is chosen, "wizard" for the wizard itself."""
        if self.is_wizard or self.step is None:
            return "wizard"
        return self.option_set.id if self.option_set is not None else self.step.id

    @property
    def is_wizard(self) -> bool:
        """Whether the wizard itself is chosen."""
        return self.place.node == "wizard" or self.step is None

    @cached_property
    def number(self) -> int:
        """Of the step on the canvas, from 1."""
        return 1 + [step.id for step in self.steps].index(self.step.id) if self.step in self.steps and self.step is not None else 0

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are asked."""
        return tuple(step for step in self.structure.steps if not step.retired)

    def asked_in(self, step: Step) -> tuple[OptionSet, ...]:
        return tuple(item for item in step.option_sets if not item.retired)

    @cached_property
    def found(self) -> frozenset[str] | None:
        """The steps and questions with all words of the search in their name or key, and the steps of those; None without a search."""
        words = self.place.search.lower().split()
        if not words:
            return None
        found: set[str] = set()
        for step in self.steps:
            asked = self.asked_in(step)
            hits = [item.id for item in asked if self._has(item, words)]
            if self._has(step, words):
                hits = [item.id for item in asked]
                found.add(step.id)
            found |= {step.id, *hits} if hits else set()
        return frozenset(found)

    def _has(self, node: Step | OptionSet, words: Sequence[str]) -> bool:
        text = f"{self.text(node.name)} {node.key}".lower()
        return all(word in text for word in words)

    @cached_property
    def found_count(self) -> int:
        """The questions that a search found."""
        return sum(item.id in self.found for step in self.steps for item in self.asked_in(step)) if self.found is not None else 0

    @cached_property
    def questions(self) -> Window[OptionSet]:
        """Those of the step that the canvas shows: around the chosen one, or around the place where one is to be added."""
        asked = self.asked_in(self.step) if self.step is not None else ()
        wanted = self.place.add or self.place.node
        at = len(asked) if self.place.add == "" else next((index for index, item in enumerate(asked) if item.id == wanted), 0)
        return window(asked, at, MOST_QUESTIONS)

    @cached_property
    def options(self) -> Window[Option]:
        """Those offered options of the chosen question that its properties show."""
        return window(offered_by(self.option_set), self.place.options, MOST_OPTIONS)

    @cached_property
    def count(self) -> int:
        """The questions that are asked."""
        return sum(len(self.asked_in(step)) for step in self.steps)

    # --- changes ---

    @cached_property
    def changes_of(self) -> Mapping[str, tuple[Change, ...]]:
        """The changes against the live version by step or option set; those of its options count as the option set's."""
        found: dict[str, list[Change]] = {}
        for change in self.construction.changes:
            found.setdefault(change.option_set_id if isinstance(change, OfOption) else change.node_id, []).append(change)
        return {node: tuple(changes) for node, changes in found.items()}

    def marks(self, node_id: str) -> tuple[str, ...]:
        """One word for each kind of change of this node."""
        return tuple(dict.fromkeys(_mark(change) for change in self.changes_of.get(node_id, ())))

    def sentences(self, node_id: str) -> tuple[str, ...]:
        """The changes of this node in sentences, those first that concern what was answered; not all of very many."""
        active = self.construction.active
        if active is None:
            return ()
        changes = sorted(self.changes_of.get(node_id, ()), key=lambda change: not isinstance(change, _ANSWERED))[:_MOST_SENTENCES]
        return tuple(sentence_of(change, active.structure, self.structure) for change in changes)

    @cached_property
    def changed_sets(self) -> frozenset[str]:
        """The option sets that differ from the live version."""
        return frozenset(self.changes_of) & frozenset(self.structure.option_set_by_id)

    # --- the shelf ---

    @cached_property
    def shelf(self) -> tuple[Shelved, ...]:
        """Everything that can be brought back."""
        return (*self.retired, *self.deleted)

    @cached_property
    def retired(self) -> tuple[Shelved, ...]:
        """What is retired in the draft, in its order."""
        return tuple(self._retired())

    @cached_property
    def deleted(self) -> tuple[Shelved, ...]:
        """What was deleted from the draft, the last first."""
        return tuple(self._deleted(item) for item in reversed(self.construction.state.draft.shelf))

    def _retired(self) -> Iterator[Shelved]:
        for step in self.structure.steps:
            if step.retired:
                yield self._shelved("step", step.id, None, step.name, tuple(item.id for item in step.option_sets))
            for item in step.option_sets:
                if item.retired:
                    yield self._shelved("option-set", item.id, None, item.name, (item.id,))
                for option in choices_of(item):
                    if option.retired:
                        yield self._shelved("option", item.id, option.value, option.label, ())

    def _shelved(self, kind: str, node_id: str, value: str | None, name: Text, sets: tuple[str, ...]) -> Shelved:
        return Shelved(kind, node_id, value, self.text(name), deleted=False, is_new=self._was_live(node_id, value), option_set_ids=sets)

    def _deleted(self, item: Any) -> Shelved:
        kind = item.kind.replace("_", "-")
        owner, value = item.address
        sets = {"step": tuple(node["id"] for node in item.node.get("option_sets", ())), "option-set": (item.id,)}.get(kind, ())
        is_new = self._was_live(owner, value)
        waits_for, place = self._waits_for(item)
        return Shelved(
            kind,
            owner,
            value,
            item.name,
            deleted=True,
            is_new=is_new,
            option_set_ids=sets,
            waits_for=waits_for,
            place=place,
        )

    def _waits_for(self, item: Any) -> tuple[str, OptionSet | None]:
        structure = self.structure
        if item.kind == "option_set":
            return ("" if item.parents[-1] in structure.step_by_id else "step"), None
        if item.kind == "step":
            return "", None
        owner = structure.option_set_by_id.get(item.parents[-1])
        if owner is None:
            return "question", None
        return ("", None) if isinstance(owner, ChoiceFields) else ("options", owner)

    def _was_live(self, node_id: str, value: str | None) -> bool:
        """Whether the live version has it and still asks for it."""
        if self.construction.active is None:
            return False
        live = self.construction.active.structure
        node: Any = live.step_by_id.get(node_id) or live.option_set_by_id.get(node_id)
        if value is not None and node is not None:
            node = next((option for option in choices_of(node) if option.value == value), None)
        return node is not None and not node.retired

    # --- beside the node ---

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Where the chosen question is used."""
        return mentions(self.structure, self.option_set.id) if self.option_set is not None else ()

    @cached_property
    def sets_to_count(self) -> frozenset[str]:
        """The option sets whose stored answers the page shows: changed, chosen, on the shelf."""
        chosen = frozenset() if self.option_set is None else frozenset({self.option_set.id})
        return self.changed_sets | chosen | {each for item in self.shelf for each in item.option_set_ids}

    def stored_in(self, *option_set_ids: str) -> Stored | None:
        """What was counted of one option set; None for nothing, or when it is not counted yet."""
        if self.stored is None or len(option_set_ids) != 1:
            return None
        return self.stored.get(option_set_ids[0])


def offered_by(option_set: OptionSet | None) -> tuple[Option, ...]:
    """The options that are not retired."""
    return tuple(option for option in choices_of(option_set) if not option.retired) if option_set is not None else ()


def abridged(option_set: OptionSet) -> OptionSet:
    """The question with as many options as the canvas shows."""
    offered = offered_by(option_set)
    return option_set if len(offered) <= MOST_OPTIONS else option_set.model_copy(update={"options": offered[:MOST_OPTIONS]})


def neighbours(siblings: Sequence[Any], key: str) -> Mapping[str, tuple[str | None, str | None]]:
    """For each sibling what `before` a move up and a move down name: None where it cannot go; "" is the end."""
    ids = [getattr(each, key) for each in siblings]
    found: dict[str, tuple[str | None, str | None]] = {}
    for index, each in enumerate(ids):
        up = ids[index - 1] if index else None
        down = (ids[index + 2] if index + 2 < len(ids) else "") if index + 1 < len(ids) else None
        found[each] = (up, down)
    return found


def rules_of(option_set: OptionSet) -> Sequence[tuple[int, Rule, str]]:
    """(index, rule, its expression as it is written)."""
    return [(index, rule, dumps(rule.expression)) for index, rule in enumerate(option_set.constraints.rules)]
