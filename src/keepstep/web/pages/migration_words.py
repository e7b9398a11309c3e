"""How pages of migrations name what becomes of runs and answers: outcomes, reasons, choices. Must not know storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.text import text_in
from keepstep.queries.migration_reports import Report, Why
from keepstep.queries.versions import Version
from keepstep.web.texts import message


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """`word` beside an icon in a tint; `done` the same of a job that works."""

    word: str
    done: str
    icon: str
    tint: str


_OUTCOMES: Final[Mapping[str, OutcomeWords]] = {
    "carries": OutcomeWords(message("Carries"), message("carried"), "safe", "safe"),
    "loses": OutcomeWords(message("Loses to archive"), message("with archive"), "lossy", "lossy"),
    "needs-answer": OutcomeWords(message("Needs an answer"), message("need an answer"), "edit", "convertible"),
    "conflicts": OutcomeWords(message("Conflicts"), message("conflicts"), "conflict", "blocking"),
    "blocked": OutcomeWords(message("Blocked by the plan"), message("blocked"), "blocking", "blocking"),
    "changed_since_preview": OutcomeWords(message("Changed since the preview"), message("changed since the preview"), "history", "lossy"),
    "arrived_late": OutcomeWords(message("Began later"), message("began later"), "clock", "lossy"),
    "still_active": OutcomeWords(message("Still being answered"), message("still being answered"), "in-progress", "lossy"),
    "trashed": OutcomeWords(message("In the trash"), message("in the trash"), "delete", "lossy"),
    "erased": OutcomeWords(message("Erased"), message("erased"), "erase", "lossy"),
    "moved_on": OutcomeWords(message("Moved by another job since"), message("moved by another job since"), "history", "lossy"),
    "taken_back": OutcomeWords(message("Taken back already"), message("taken back already"), "undo", "safe"),
    "failed": OutcomeWords(message("Failed"), message("failed"), "error", "blocking"),
}

_SENTENCES: Final[Mapping[str, str]] = {
    "no-place": message("%(questions)s: no place in v%(number)s; the archive keeps it."),
    "told-less": message("%(questions)s: tells less in v%(number)s; the archive keeps the original."),
    "merged": message("%(questions)s: several answers become one; the archive keeps the others."),
    "required": message("%(questions)s: required in v%(number)s, and not answered."),
    "meaning-undecided": message("%(questions)s: say below whether the answers keep their meaning."),
    "parameter-missing": message("%(questions)s: the conversion waits for values that you give below."),
    "option-missing": message("%(questions)s: say below which option takes the place of one that is gone."),
    "no-conversion": message("%(questions)s: no conversion leads there; choose another place below."),
}
_ELSE: Final[Mapping[str, str]] = {
    "conflicts": message("%(questions)s: some values cannot be converted."),
    "blocked": message("%(questions)s: the plan has to say more."),
    "loses": message("%(questions)s: some answers go to the archive."),
    "needs-answer": message("%(questions)s: an answer is missing."),
}
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Sentence:
    """Said of a group: a text for the catalogue, and what it names. `more`: questions beyond those named."""

    pattern: str
    questions: tuple[str, ...]
    number: int
    more: int


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A group of runs as it stands on top of the bench."""

    outcome: str
    words: OutcomeWords
    runs: int
    moves: int
    sentences: tuple[Sentence, ...]


def outcome_words() -> Mapping[str, OutcomeWords]:
    return _OUTCOMES


def group_cards(report: Report, target: Version) -> list[GroupCard]:
    """The groups in the order of a decision; a group of nobody that no plan can have is left out."""
    return [
        GroupCard(
            group["outcome"], _OUTCOMES[group["outcome"]], group["runs"], group["moves"], _sentences(group["outcome"], report, target)
        )
        for group in report.groups
        if group["runs"] or group["outcome"] != "blocked"
    ]


def _sentences(outcome: str, report: Report, target: Version) -> tuple[Sentence, ...]:
    """Why, the reason of most runs first; two sentences at most, or a card becomes a list."""
    named: dict[str, list[str]] = {}
    for why in report.reasons:
        if why.outcome == outcome and why.option_set is not None:
            pattern = _SENTENCES.get(why.code) or _ELSE.get(outcome, "")
            labels = named.setdefault(pattern, [])
            label = _label(why, target)
            labels.extend([label] if label not in labels else [])
    found = [
        Sentence(pattern, tuple(labels[:_NAMED]), target.number, max(len(labels) - _NAMED, 0))
        for pattern, labels in named.items()
        if pattern
    ]
    return tuple(found[:2])


def _label(why: Why, target: Version) -> str:
    assert why.option_set is not None
    default = target.structure.default_language
    return text_in(why.option_set.name, default, default) or why.option_set.key


CHOICES: Final[Mapping[str, str]] = {
    "value": message("Take this answer"),
    "archive": message("To the archive"),
    "park": message("Move, park the answer"),
    "stay": message("Leave the run where it is"),
    "waive": message("Waive"),
    "reopen": message("Ask again"),
    "before": message("As before the move"),
}
FATES: Final[Mapping[str, str]] = {
    "carried": message("carries"),
    "converted": message("converts"),
    "mapped": message("mapped"),
    "archived": message("to the archive"),
    "conflicted": message("conflict"),
    "new": message("new here"),
    "stays": message("stays"),
}


def rows_of(choices: Sequence[str]) -> list[tuple[str, str]]:
    """Each choice with its text for the catalogue."""
    return [(choice, CHOICES[choice]) for choice in choices]


def progress_parts(outcomes: Mapping[str, int], total: int) -> list[tuple[str, Any]]:
    """The widths of a bar of a thousand, by outcome: the ones of a decision, then all that was left."""
    wide = max(total, sum(outcomes.values()), 1)
    found, start = [], 0.0
    for name in _OUTCOMES:
        if outcomes.get(name):
            width = outcomes[name] * 1000 / wide
            found.append((name, (round(start, 2), round(width, 2))))
            start += width
    return found


# Faults and reasons that say the same of every question, by code; the others name a value, and stand in the words of the core.
SAYINGS: Final[Mapping[str, str]] = {
    "default-missing": message("This question has no default."),
    "merge-rule-missing": message("Several questions lead to this one: say which answer counts."),
    "merged": message("Several answers became one; this one also goes to the run's archive."),
    "no-conversion": message("No conversion leads from one type to the other. Choose another place, or the archive."),
    "no-place": message("The answer goes to the run's archive."),
    "parameter-missing": message("The conversion waits for what is marked as needed; where there are several ways, one is enough."),
    "question-removed": message("The target has no such question. Choose another, or the archive."),
    "required": message("The target requires an answer that this run does not have."),
    "settled": message("A person decided what becomes of this answer."),
    "told-less": message("The answer tells less in the target; the original goes to the run's archive."),
}

# The rules of core/convert_matrix.py as a page says them: each on its own, since nobody sees their numbers here.
RULE_WORDS: Final[Mapping[int, str]] = {
    1: message("the value stays as it is"),
    2: message("without a line break, and short enough"),
    3: message("names exactly one option, by its code or its label; or a table says which"),
    4: message("names options by their codes or labels; several only with a sign between them"),
    5: message("a plain number; with a currency, a unit, a percent sign or a range it does not convert"),
    6: message("a whole number; with a currency, a unit, a percent sign or a range it does not convert"),
    7: message("a whole number within the new range and on its steps; nothing is cut off or rounded"),
    8: message("one of the words for yes and no; anything else does not convert"),
    9: message("as year-month-day or hours:minutes, or by the one pattern given; an unclear order of day and month does not convert"),
    10: message("a time with its offset, or a local time and a zone; times that do not exist or occur twice do not convert"),
    11: message("what the new type takes"),
    12: message("an international number, or a national one and its country"),
    13: message("the choice becomes a list of one"),
    14: message("the label of the option; its code is kept beside it, so that the way back is exact"),
    15: message("a table says which number each option becomes"),
    16: message("a table says which option means yes and which no"),
    17: message("a table says which value each option becomes"),
    18: message("one choice is taken out of the list; several only with a rule that picks one, and the list goes to the archive"),
    19: message("the labels with a sign between them; their codes are kept beside, so that the way back is exact"),
    20: message("how many were chosen, a score, or whether one was; the list goes to the archive"),
    21: message("the number as a text"),
    22: message("the option whose code is the number; or ranges say which"),
    23: message("a whole number only"),
    24: message("every whole number is a number"),
    25: message("the steps of the slider are whole numbers"),
    26: message("the same number where the new scale has it; or stretched to it, where that is exact"),
    27: message("1 is yes and 0 is no; or yes from a number on, and the number goes to the archive"),
    28: message("counted from a day in a unit, or written by a pattern"),
    29: message("“true” and “false”, or the words given"),
    30: message("a table says which option is yes and which no"),
    31: message("1 for yes and 0 for no; for a rating a table says which"),
    32: message("as year-month-day and hours:minutes, with its offset"),
    33: message("at the given time of the day in the given zone"),
    34: message("the day of a time at midnight in the given zone; of another time only where its loss is accepted"),
    35: message("the names of the files, or links to them; the files stay with the run"),
}
