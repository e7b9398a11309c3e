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
