"""The form of a condition: which operators and values a question can be compared by, what was posted, and the condition in words.

Must not know how a condition is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from babel import Locale

from keepstep.core.bidi import isolated
from keepstep.core.conditions import COMPARING, OPERATORS, TODAY, WITHOUT_VALUE, Condition, Kept, Rule, answer_to
from keepstep.core.jsonvalue import dumps, loads
from keepstep.core.logic import as_date, as_number, to_text
from keepstep.core.logic_words import condition_words
from keepstep.core.naming import Naming
from keepstep.core.piping import told
from keepstep.core.structure import Calculated, ChoiceFields, Option, OptionSet, Statement, Structure
from keepstep.core.text import Text, shortened, text_in, without_pipes
from keepstep.web.questions.lenient import clock, day
from keepstep.web.texts import message

WORDS: Final[Mapping[str, str]] = {
    "is": message("is"),
    "is-not": message("is not"),
    "less": message("is less than"),
    "at-most": message("is at most"),
    "more": message("is more than"),
    "at-least": message("is at least"),
    "includes": message("includes"),
    "not-includes": message("does not include"),
    "one-of": message("is one of"),
    "contains": message("contains"),
    "matches": message("has the form"),
    "answered": message("is answered"),
    "not-answered": message("is not answered"),
}
assert tuple(WORDS) == OPERATORS, "each operator has its words"
_ORDERED: Final = ("is", "is-not", "less", "at-most", "more", "at-least", *WITHOUT_VALUE)
_TEXT: Final = ("is", "is-not", "contains", "matches", *WITHOUT_VALUE)
_BY_TYPE: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("single_select", "dropdown"), ("is", "is-not", *WITHOUT_VALUE)),
    "multiple_select": ("includes", "not-includes", *WITHOUT_VALUE),
    "boolean": ("is", *WITHOUT_VALUE),
    **dict.fromkeys(("number", "integer", "slider", "rating", "date", "time", "datetime"), _ORDERED),
    "calculated": ("is", "is-not", "less", "at-most", "more", "at-least", "contains", "matches", *WITHOUT_VALUE),
    "file": WITHOUT_VALUE,
}
_NUMBERS: Final = ("number", "integer", "slider", "rating", "calculated")
_BOOLEAN: Final = ((message("Yes"), "true"), (message("No"), "false"))


_THIS: Final = message("This answer")
_OWN: Final = message("This question")
_GONE: Final = message("A question that is gone")
UNDER_TEST: Final = "."
"""The id under which the rules of a question read its own answer."""


@dataclass(frozen=True, slots=True)
class Readable:
    """What a condition may speak of: the questions that `naming` knows, and in a rule of a question its own answer, `under_test`."""

    naming: Naming
    under_test: OptionSet | None = None

    @property
    def structure(self) -> Structure:
        return self.naming.structure

    def option_set(self, option_set_id: str) -> OptionSet | None:
        return self.under_test if option_set_id == UNDER_TEST else self.naming.option_set(option_set_id)

    def is_gone(self, option_set_id: str) -> bool:
        """Whether it can be read no more."""
        return self.under_test is None if option_set_id == UNDER_TEST else self.naming.is_gone(option_set_id)

    def words(self, expression: Any) -> str:
        return condition_words(expression, self.structure, self.naming.shelf)


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule as the form shows it. `values`: (label, posted value, chosen) to choose from, () where a text is typed.

    `sentence`: what no form can show, in words; then `kept` is its expression and there is nothing else. `other`: the question whose
    answer it is compared with, of `others`; `may_compare`: such a question can be chosen instead of a value.
    """

    index: int
    block: int
    option_set_id: str
    name: str
    operator: str
    word: str
    operators: Sequence[tuple[str, str]]
    text: str
    values: Sequence[tuple[str, str, bool]]
    several: bool
    gone: bool
    hint: str
    sentence: str = ""
    kept: str = ""
    other: str = ""
    other_name: str = ""
    others: Sequence[tuple[str, str]] = ()
    may_compare: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """A rule as posted. `kept`: an expression in the place of a rule. `other`: a question in the place of a value."""

    block: int
    option_set_id: str
    operator: str
    texts: tuple[str, ...]
    kept: str = ""
    other: str = ""


# --- to the form ---------------------------------------------------------------------------------------------------


def posted_of(condition: Condition) -> tuple[Posted, ...]:
    """What the form of this condition would post."""
    return tuple(_posted(index, rule) for index, block in enumerate(condition.blocks) for rule in block)


def _posted(block: int, rule: Rule | Kept) -> Posted:
    if isinstance(rule, Kept):
        return Posted(block, "", "", (), dumps(rule.expression))
    if other := answer_to(rule.value):
        return Posted(block, rule.option_set_id, rule.operator, (), other=other)
    return Posted(block, rule.option_set_id, rule.operator, _texts(rule))


def _texts(rule: Rule) -> tuple[str, ...]:
    if rule.value is None:
        return ()
    return tuple(value_text(each) for each in (rule.value if isinstance(rule.value, tuple) else (rule.value,)))


def value_text(value: Any) -> str:
    return "today" if value == TODAY else to_text(value) or ""


def rule_views(rules: Iterable[Posted], readable: Readable) -> list[RuleView]:
    return [_kept_view(index, rule, readable) if rule.kept else _rule_view(index, rule, readable) for index, rule in enumerate(rules)]


def _kept_view(index: int, rule: Posted, readable: Readable) -> RuleView:
    words = readable.words(loads(rule.kept))
    shown = RuleView(index, rule.block, "", words, "", "", (), "", (), several=False, gone=False, hint="")
    return replace(shown, sentence=words, kept=rule.kept)


def _rule_view(index: int, rule: Posted, readable: Readable) -> RuleView:
    option_set = readable.option_set(rule.option_set_id)
    offered = operators_of(option_set)
    values = _values(option_set, rule.texts, readable.naming)
    others = others_for(readable, rule) if rule.other else []
    return RuleView(
        index=index,
        block=rule.block,
        option_set_id=rule.option_set_id,
        name=named(readable, rule.option_set_id),
        operator=rule.operator,
        word=word_of(rule.operator, option_set),
        operators=[(each, word_of(each, option_set)) for each in _with(offered, rule.operator)],
        text=", ".join(rule.texts),
        values=values,
        several=rule.operator == "one-of",
        gone=readable.is_gone(rule.option_set_id),
        hint=_PATTERN if rule.operator == "matches" else _HINTS.get(option_set.selection_type, "") if option_set else "",
        other=rule.other,
        other_name=named(readable, rule.other) if rule.other else "",
        others=others,
        may_compare=rule.operator in COMPARING,
    )


def word_of(operator: str, option_set: OptionSet | None) -> str:
    """An XLSForm says of a single choice, too, that it includes an option: people would say that it is one."""
    single = option_set is not None and option_set.selection_type != "multiple_select"
    return WORDS[{"includes": "is", "not-includes": "is-not"}.get(operator, operator) if single else operator]


def _with(offered: Sequence[str], operator: str) -> Sequence[str]:
    if operator in offered:
        return offered
    if operator in ("includes", "not-includes") and "is" in offered:
        return [{"is": "includes", "is-not": "not-includes"}.get(each, each) for each in offered]
    return (*offered, operator)


_HINTS: Final[Mapping[str, str]] = {
    "date": message("A date, or today"),
    "time": message("Such as 14:30"),
    "datetime": message("Such as 2026-03-27T14:30:00+01:00"),
}


_PATTERN: Final = message("A regular expression, such as [0-9]{5}")
_ALIKE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("number", "integer", "slider", "rating"), "number"),
    **dict.fromkeys(("date", "datetime"), "date"),
    "time": "time",
    "boolean": "boolean",
}


def others_for(readable: Readable, rule: Posted) -> list[tuple[str, str]]:
    """(id, name) of the questions whose answers can be compared with this one's, the one that is chosen among them."""
    mine = readable.option_set(rule.option_set_id)
    kind = "" if mine is None else _ALIKE.get(mine.selection_type, "text")
    own = {rule.option_set_id, readable.under_test.id if readable.under_test is not None else ""}
    found = [
        each.id
        for each in readable.structure.option_sets
        if (each.id not in own and not isinstance(each, Statement) and kind in (_ALIKE.get(each.selection_type, "text"), ""))
        or isinstance(each, Calculated)
    ]
    ids = found if rule.other in ("", ANY, *found) else [*found, rule.other]
    return [(each, named(readable, each)) for each in ids if each not in own]


ANY: Final = "?"
"""In the place of another question, while none is chosen yet."""


def operators_of(option_set: OptionSet | None) -> Sequence[str]:
    return OPERATORS if option_set is None else _BY_TYPE.get(option_set.selection_type, _TEXT)


def _values(option_set: OptionSet | None, chosen: tuple[str, ...], naming: Naming) -> list[tuple[str, str, bool]]:
    if isinstance(option_set, ChoiceFields):
        known = [(_option_label(option, naming.structure), option.value, option.value in chosen) for option in option_set.options]
        return known + [
            (naming.label(option_set.id, text) or text, text, True) for text in chosen if text not in option_set.option_by_value
        ]
    if option_set is not None and option_set.selection_type == "boolean":
        return [(label, value, value in chosen) for label, value in _BOOLEAN]
    return []


def _option_label(option: Option, structure: Structure) -> str:
    return _short(option.label, structure) or option.value


def named(readable: Readable, option_set_id: str) -> str:
    """A question as a list names it: on one line, and no longer than a line or two. A deleted one by the name that it had."""
    if option_set_id == UNDER_TEST:
        return _THIS
    option_set = readable.option_set(option_set_id)
    if option_set is None:
        return _GONE
    return _short(option_set.name, readable.structure) or option_set.key


_LONGEST: Final = 120


def _short(text: Text, structure: Structure) -> str:
    return shortened(without_pipes(text_in(text, structure.default_language, structure.default_language)), _LONGEST)


def questions_for(readable: Readable, node_id: str, *, is_option: bool) -> list[tuple[str, list[tuple[str, str]]]]:
    """(step, [(id, name)]) of every question that the condition of this node can read without reading itself."""
    structure = readable.structure
    inside = {node_id} if not is_option else set()
    step = structure.step_by_id.get(node_id)
    inside |= {each.id for each in step.option_sets} if step else set()
    found = [
        (
            told(step.name, structure),
            [
                (each.id, f"{isolated(named(readable, each.id))} ({each.key})")
                for each in step.option_sets
                if each.id not in inside and not isinstance(each, Statement)
            ],
        )
        for step in structure.steps
    ]
    own = [(_OWN, [(UNDER_TEST, named(readable, UNDER_TEST))])] if readable.under_test is not None else []
    return own + [(name, questions) for name, questions in found if questions]


def with_words(questions: Sequence[tuple[str, list[tuple[str, str]]]], words: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Those whose name, key or step has all of these words, in any order."""
    wanted = words.lower().split()
    found = [(step, [each for each in items if all(word in f"{step} {each[1]}".lower() for word in wanted)]) for step, items in questions]
    return [(step, items) for step, items in found if items]


# --- from the form -------------------------------------------------------------------------------------------------


def rules_in(form: Mapping[str, Sequence[str]]) -> tuple[Posted, ...]:
    """The rules of a form, in order: fields `rule-<n>-id`, `-block`, `-operator` and `-value`, or `-kept` and `-block`.

    Raises MalformedJson for what is kept and is no JSON.
    """
    rules: list[Posted] = []
    while (rule := _rule_in(form, f"rule-{len(rules)}")) is not None:
        rules.append(rule)
    return tuple(rules)


def _rule_in(form: Mapping[str, Sequence[str]], prefix: str) -> Posted | None:
    block = (form.get(f"{prefix}-block") or ["0"])[-1]
    number = int(block) if block.isascii() and block.isdigit() and len(block) < 5 else 0
    if kept := form.get(f"{prefix}-kept"):
        return Posted(number, "", "", (), dumps(loads(kept[-1])))
    option_set_ids = form.get(f"{prefix}-id")
    if not option_set_ids:
        return None
    operator = (form.get(f"{prefix}-operator") or ["is"])[-1]
    texts = tuple(form.get(f"{prefix}-value") or ())
    other = (form.get(f"{prefix}-other") or [""])[-1] if operator in COMPARING else ""
    return Posted(number, option_set_ids[-1], operator if operator in OPERATORS else "is", () if other else texts, other=other)


def condition_of(how: str, rules: Iterable[Posted], readable: Readable) -> Condition:
    """The condition that these rules are."""
    blocks: dict[int, list[Rule | Kept]] = {}
    for rule in rules:
        blocks.setdefault(rule.block, []).append(Kept(loads(rule.kept)) if rule.kept else _rule(rule, readable))
    return Condition("any" if how == "any" else "all", tuple(tuple(block) for block in blocks.values()))


def _rule(rule: Posted, readable: Readable) -> Rule:
    option_set = readable.option_set(rule.option_set_id)
    if rule.operator in WITHOUT_VALUE:
        return Rule(rule.option_set_id, rule.operator)
    if rule.other:
        return Rule(rule.option_set_id, rule.operator, {"var": rule.other})
    if rule.operator == "matches":
        return Rule(rule.option_set_id, rule.operator, "".join(rule.texts[:1]))
    values = tuple(_value(text.strip(), option_set) for text in rule.texts)
    return Rule(rule.option_set_id, rule.operator, values if rule.operator == "one-of" else values[0] if values else "")


def _value(text: str, option_set: OptionSet | None) -> Any:
    kind = option_set.selection_type if option_set else ""
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in _NUMBERS:
        return _number(text)
    if kind in ("date", "datetime") and text.casefold() == "today":
        return dict(TODAY)
    if kind == "date":
        return _day(text)
    return clock(text) if kind == "time" else text


def _number(text: str) -> int | Decimal | str:
    found = as_number(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    return text if found is None else found


def _day(text: str) -> str:
    if as_date(text) is not None:
        return text
    parts = text.replace(".", " ").replace("/", " ").split()
    found = day((parts[0], parts[1], parts[2]), Locale("en")) if len(parts) == 3 else ()
    return text if isinstance(found, tuple) else found.isoformat()


def empty_values(rules: Iterable[Posted]) -> list[int]:
    """The rules that say nothing yet: they would compare with an empty text."""
    return [
        index
        for index, rule in enumerate(rules)
        if not rule.kept
        and rule.operator not in WITHOUT_VALUE
        and (rule.other in ("", ANY) and not any(text.strip() for text in rule.texts))
    ]
