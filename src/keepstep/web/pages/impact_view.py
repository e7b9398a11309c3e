"""The numbers of an impact as the dialogs and panels show them: rows by version, distinct values, mentions. Values in, values out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepstep.core.conversion import Converted
from keepstep.core.counts import STATUSES, RunTally, total
from keepstep.core.impact import SHOWN_VALUES, Impact, Reported
from keepstep.core.places import Kind, Mention
from keepstep.core.revert import WIZARD
from keepstep.core.selection import display
from keepstep.core.structure import ChoiceFields, OptionSet, Structure, choices_of
from keepstep.core.text import quoted
from keepstep.web.pages.impact import builder_path
from keepstep.web.texts import plain


@dataclass(frozen=True, slots=True)
class VersionRow:
    """Runs by status and answers on one version. `share`: answers (or runs) as a percentage of the version with the most."""

    number: int
    is_live: bool
    runs: Mapping[str, int]
    answers: int
    share: int


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A distinct answer as people read it, and of another type what becomes of it, or why it waits for a person. `stored`: the values of
    the options that it chose, which two options of one label are told apart by; "" where the text is what is stored.
    """

    text: str
    count: int
    stored: str = ""
    becomes: str | None = None
    conflict: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """The first distinct values, how many more there are, and whether those are held once each."""

    rows: Sequence[ValueRow]
    total: int
    more: int
    once_each: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """An impact, ready to be shown."""

    impact: Impact
    rows: Sequence[VersionRow]
    totals: Mapping[str, int]
    trashed: int

    @property
    def runs(self) -> int:
        return sum(self.totals.values())

    @property
    def versions(self) -> int:
        return len(self.rows)


def numbers_of(impact: Impact, live: int | None) -> Numbers:
    """`live`: the number of the active version."""
    by_version: dict[int, list[RunTally]] = {}
    for run in impact.runs:
        if not run.trashed:
            by_version.setdefault(run.version_number, []).append(run)
    weights = {number: impact.answers_by_version.get(number, 0) or total(runs) for number, runs in by_version.items()}
    most = max(weights.values(), default=0) or 1
    rows = [
        VersionRow(number, number == live, _by_status(runs), impact.answers_by_version.get(number, 0), round(100 * weights[number] / most))
        for number, runs in sorted(by_version.items())
    ]
    return Numbers(impact, rows, _by_status(impact.runs), sum(run.count for run in impact.runs if run.trashed))


def _by_status(runs: Iterable[RunTally]) -> Mapping[str, int]:
    found = tuple(runs)
    return {status: total(run for run in found if run.status == status) for status in STATUSES}


# --- values ----------------------------------------------------------------------------------------------------------


def values_of(impact: Impact, option_set: OptionSet, language: str, reported: Reported | None = None) -> Values:
    """The distinct values as the question shows them. `reported`: the change of its type, for what becomes of each."""
    outcomes = _outcomes(reported, language)
    rows = [
        ValueRow(display(_envelope(value, other), option_set, language, language), count, _stored(value, option_set), *outcomes(index))
        for index, (value, other, count) in enumerate(impact.distinct[:SHOWN_VALUES])
    ]
    more = impact.distinct[SHOWN_VALUES:]
    return Values(rows, len(impact.distinct), len(more), all(count == 1 for _, _, count in more))


def _stored(value: Any, option_set: OptionSet) -> str:
    return plain(value) if isinstance(option_set, ChoiceFields) else ""


def _envelope(value: Any, other: str | None) -> Mapping[str, Any]:
    return {"value": value} | ({} if other is None else {"other": other})


def _outcomes(reported: Reported | None, language: str) -> Any:
    preview = reported.preview if reported is not None else None
    if preview is None:
        return lambda _index: (None, None, None)

    def outcome(index: int) -> tuple[str | None, str | None, str | None]:
        result = preview.shown[index]
        if isinstance(result, Converted):
            return display(result.envelope, preview.conversion.target, language, language), None, None
        return None, result.detail, result.code

    return outcome


@dataclass(frozen=True, slots=True)
class Going:
    """The options of a question that its new type has no place for, by label: those that are offered, and those retired before."""

    offered: Sequence[str]
    retired: Sequence[str]


def going(source: OptionSet, target: OptionSet, language: str) -> Going:
    left = {option.value for option in choices_of(target)}
    gone = [option for option in choices_of(source) if option.value not in left]
    return Going(
        [quoted(option.label, language) for option in gone if not option.retired],
        [quoted(option.label, language) for option in gone if option.retired],
    )


# --- mentions --------------------------------------------------------------------------------------------------------

_ICONS: Final[Mapping[Kind, str]] = {
    "condition": "condition",
    "option-condition": "condition",
    "calculation": "calculated",
    "rule": "safe",
    "text": "reworded",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place that reads the node, and where in the builder it is."""

    icon: str
    where: str
    path: str


def places_of(found: Iterable[Mention], wizard_ref: str) -> Sequence[Place]:
    """In the order of the wizard, each once."""
    return [
        Place(_ICONS[mention.kind], mention.where[:1].upper() + mention.where[1:], builder_path(wizard_ref, mention.node_id or WIZARD))
        for mention in dict.fromkeys(found)
    ]


@dataclass(frozen=True, slots=True)
class Counted:
    """One question of a step and its answers."""

    id: str
    name: str
    answers: int


def by_question(impact: Impact, structure: Structure) -> Sequence[Counted]:
    """The questions that have answers, in the order of the wizard."""
    counts = dict(impact.by_option_set)
    return [
        Counted(item.id, quoted(item.name, structure.default_language), counts[item.id])
        for item in structure.option_sets
        if counts.get(item.id)
    ]
