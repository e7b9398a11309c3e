"""What changes mean for what is stored: exact counts, effective class and mentions of each change, and of all together.

The same report is shown before a change, bound into its confirm token, and made again when it is committed. Must not
know how the counts were queried.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.clock import Clock, utc_text
from keepstep.core.conversion import Params
from keepstep.core.conversion_preview import Distinct, Lot, Preview, preview_by_lots, preview_with
from keepstep.core.convert import rule_for
from keepstep.core.counts import STATUSES, Counts, RunTally, Tally, distinct_values, total
from keepstep.core.logic import Reference, references
from keepstep.core.meaning import NOTHING_STORED, coming_back, meaning_of
from keepstep.core.places import Mention, expressions_in, names_ids, texts_in
from keepstep.core.severity import Rule, Severity, rule_of
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.text import piped_references, texts_of
from keepstep.core.touched import Answers, Touched, answers_to, option_sets_of, touched_by
from keepstep.core.wording import sentence_of

# As many distinct values as fit on a screen; the rest is said as a number.
SHOWN_VALUES: Final = 20


@dataclass(frozen=True, slots=True)
class Impact:
    """What one change, or all of them, touch. `runs` by status; `distinct` (value, other text, count), all of them.

    `runs` are those that hold a touched answer or lack a demanded one. `at_most`: the numbers are upper bounds. Where several
    option sets are touched, `distinct` is empty and `several` has the answers of each.
    """

    runs: tuple[RunTally, ...]
    answers: int
    distinct: tuple[tuple[Any, str | None, int], ...]
    oldest: datetime | None
    newest: datetime | None
    by_option_set: tuple[tuple[str, int], ...]
    mentions: tuple[Mention, ...]
    at_most: bool
    as_of: datetime
    answers_by_version: Mapping[int, int] = field(default_factory=dict)
    several: Answers = ()

    @property
    def is_nothing(self) -> bool:
        """Whether no answer and no run is touched, trashed ones left out: then the change is safe here."""
        return self.answers == 0 and total(self.runs) == 0

    def to_json(self) -> dict[str, Any]:
        """The `impact` member of the report."""
        by_option_set = {item: {"option_set_id": item, "answers": count} for item, count in self.by_option_set}
        for item, tallies in self.several:
            by_option_set[item] |= _values_json(distinct_values(tallies))
        return {
            "runs": {status: total(run for run in self.runs if run.status == status) for status in STATUSES},
            "trashed": sum(run.count for run in self.runs if run.trashed),
            "answers": self.answers,
            **_values_json(self.distinct),
            "by_version": _by_version(self.runs),
            "by_option_set": list(by_option_set.values()),
            "oldest": utc_text(self.oldest) if self.oldest else None,
            "newest": utc_text(self.newest) if self.newest else None,
            "mentions": [{"kind": mention.kind, "where": mention.where} for mention in self.mentions],
            "at_most": self.at_most,
            "as_of": utc_text(self.as_of),
        }


def _values_json(distinct: Sequence[tuple[Any, str | None, int]]) -> dict[str, Any]:
    shown = [{"value": value, "count": count} | ({"other": other} if other else {}) for value, other, count in distinct[:SHOWN_VALUES]]
    return {"distinct_values": shown, "more_distinct_values": len(distinct) - len(shown)}


@dataclass(frozen=True, slots=True)
class Reported:
    """One change with its row of the catalogue, its class here, what it touches, and of another type what becomes of the answers."""

    change: Change
    rule: Rule
    effective: Severity
    impact: Impact
    sentence: str
    meaning: str
    preview: Preview | None = None

    def tried_with(self, params: Params, clock: Clock) -> Self:
        """The same with these parameters for the answers of the type that changes."""
        assert self.preview is not None
        preview = preview_with(self.preview, params, self.impact.distinct, shown=SHOWN_VALUES, clock=clock)
        return replace(self, preview=preview, effective=_effective(self.impact, self.rule, preview))

    def to_json(self) -> dict[str, Any]:
        """`{id, kind, code, class, effective_class, concerns, path, old, new, summary, meaning, impact, conversion?}`."""
        change, impact, preview = self.change, self.impact.to_json(), self.preview
        if preview is not None:
            impact |= {"distinct_values": preview.beside(impact["distinct_values"])}
        return {
            "id": change.id,
            "kind": change.kind,
            "code": self.rule.code,
            "class": self.rule.severity,
            "effective_class": self.effective,
            "concerns": list(self.rule.concerns),
            "path": change.path,
            "old": change.old,
            "new": change.new,
            "summary": self.sentence,
            "meaning": self.meaning,
            "impact": impact,
        } | ({} if preview is None else {"conversion": preview.to_json()})


@dataclass(frozen=True, slots=True)
class Report:
    """Every change, and what they touch together."""

    changes: tuple[Reported, ...]
    impact: Impact

    def to_json(self) -> dict[str, Any]:
        """The report of the API, without its `confirm` token."""
        return {"changes": [reported.to_json() for reported in self.changes], "impact": self.impact.to_json()}


def option_sets_to_count(changes: Iterable[Change], new: Structure) -> frozenset[str]:
    """The option sets whose answers `Counts.answers` must hold for a report on these changes."""
    return frozenset().union(*(option_sets_of(change, new) | _demanded(change) for change in changes))


def groups_to_count(changes: Sequence[Change], new: Structure) -> frozenset[frozenset[str]]:
    """The groups of two or more option sets for which `Counts.together` must hold the runs that answered any of them."""
    groups = {option_sets_of(change, new) for change in changes}
    return frozenset(group for group in groups | {frozenset().union(*groups)} if len(group) > 1)


def _demanded(change: Change) -> frozenset[str]:
    """Of a step that is added: its option sets may have answers from an earlier version."""
    return frozenset(item["id"] for item in change.new["option_sets"]) if isinstance(change, c.StepAdded) else frozenset()


def report_on(changes: Sequence[Change], counts: Counts, *, old: Structure, new: Structure, clock: Clock) -> Report:
    """The report on changes from `old` to `new`. `clock` is the time for limits such as "today"."""
    index = _mention_index(new)
    touched = [touched_by(change, counts, (old, new), clock) for change in changes]
    reported = tuple(
        _reported(change, _impact(one, counts, _mentions(change, index)), (old, new), _Stored(counts, clock))
        for change, one in zip(changes, touched, strict=True)
    )
    mentions = dict.fromkeys(mention for one in reported for mention in one.impact.mentions)
    return Report(reported, _impact(_together(touched), counts, tuple(mentions)))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored, and what it was answered in: runs are converted from their own version, whichever one is live."""

    counts: Counts
    clock: Clock

    def answers_that_come_back(self, change: Change, new: Structure) -> int:
        """Answers to what this change asks again, from before it went or was retired."""
        if not isinstance(change, c.StepAdded | c.StepUnretired | c.OptionSetAdded | c.OptionSetUnretired):
            return 0
        return sum(total(self.counts.answers.get(item, ())) for item in option_sets_of(change, new) | _demanded(change))

    def lots(self, option_set_id: str, old: Structure, target: OptionSet) -> list[Lot]:
        """The distinct answers to this option set by what they were given under."""
        live = old.option_set_by_id[option_set_id]
        tallies: dict[int | None, list[Tally]] = {}
        for tally in self.counts.answers.get(option_set_id, ()):
            own = self.counts.versions.get(tally.version_number, old).option_set_by_id.get(option_set_id, live)
            tallies.setdefault(None if own == live else tally.version_number, []).append(tally)
        structures = {number: old if number is None else self.counts.versions[number] for number in tallies}
        return [self.lot(distinct_values(given), structures[number], option_set_id, target) for number, given in tallies.items()]

    def lot(self, values: Sequence[Distinct], structure: Structure, option_set_id: str, target: OptionSet) -> Lot:
        """With the parameters that a plan takes up, too."""
        conversion = rule_for(structure.option_set_by_id[option_set_id], target, language=structure.default_language)
        return Lot(values, conversion, conversion.taken_up(self.counts.tried))


def _reported(change: Change, impact: Impact, structures: tuple[Structure, Structure], stored: _Stored) -> Reported:
    rule = rule_of(change, *structures)
    preview = _preview(change, impact, structures, stored) if isinstance(change, c.TypeChanged) else None
    effective = _effective(impact, rule, preview)
    back = stored.answers_that_come_back(change, structures[1])
    meaning = coming_back(back) if back else _meaning(change, impact, rule)
    return Reported(change, rule, effective, impact, sentence_of(change, *structures), meaning, preview)


def _effective(impact: Impact, rule: Rule, preview: Preview | None) -> Severity:
    by_values = None if preview is None else preview.severity
    return "safe" if impact.is_nothing else by_values or rule.severity


def _meaning(change: Change, impact: Impact, rule: Rule) -> str:
    return NOTHING_STORED if impact.is_nothing and rule.severity != "safe" else meaning_of(change)


def _preview(change: c.TypeChanged, impact: Impact, structures: tuple[Structure, Structure], stored: _Stored) -> Preview:
    """By the same rule as a run is read through another version: labels become text in the language they were given in."""
    source, target = (structure.option_set_by_id[change.option_set_id] for structure in structures)
    conversion = rule_for(source, target, language=structures[0].default_language)
    lots = stored.lots(change.option_set_id, structures[0], target)
    return preview_by_lots(impact.distinct, lots, conversion, shown=SHOWN_VALUES, clock=stored.clock)


# --- counting ------------------------------------------------------------------------------------------------------


def stored_under(counts: Counts, option_set_ids: Iterable[str], value: str | None = None, *, mentions: tuple[Mention, ...] = ()) -> Impact:
    """What is stored of these option sets, before anything changes; with `value`, the answers that chose it."""
    return _impact(answers_to(counts, option_set_ids, value), counts, mentions)


def _impact(touched: Touched, counts: Counts, mentions: tuple[Mention, ...]) -> Impact:
    tallies = [tally for _, answers in touched.answers for tally in answers]
    holding, exact = _runs_holding(touched.answers, counts)
    live = [tally for tally in tallies if not tally.trashed]
    return Impact(
        runs=_bounded(_merged((*holding, *touched.lacking)), counts),
        answers=total(tallies),
        distinct=distinct_values(tallies) if len(touched.answers) == 1 else (),
        oldest=min((tally.oldest for tally in live if tally.oldest), default=None),
        newest=max((tally.newest for tally in live if tally.newest), default=None),
        by_option_set=tuple((item, total(answers)) for item, answers in touched.answers),
        mentions=mentions,
        at_most=touched.at_most or not exact,
        as_of=counts.as_of,
        answers_by_version=_answers_by_version(live),
        several=touched.answers if len(touched.answers) > 1 else (),
    )


def _answers_by_version(live: Iterable[Tally]) -> Mapping[int, int]:
    counts: dict[int, int] = {}
    for tally in live:
        counts[tally.version_number] = counts.get(tally.version_number, 0) + tally.count
    return dict(sorted(counts.items()))


def _runs_holding(answers: Answers, counts: Counts) -> tuple[tuple[RunTally, ...], bool]:
    """The runs with one of these answers, and whether that number is exact.

    A run holds one answer to one option set, so for a single one the answers are the runs; over several, a run counts once.
    """
    tallies = (tally for _, of_one in answers for tally in of_one)
    summed = _merged(RunTally(tally.count, tally.status, tally.version_number, tally.trashed) for tally in tallies)
    if len(answers) <= 1:
        return summed, True
    whole = all(tallies == counts.answers[item] for item, tallies in answers)
    group = _counted_group(frozenset(item for item, _ in answers), counts) if whole else None
    return (_bounded(summed, counts), False) if group is None else (group, True)


def _counted_group(option_set_ids: frozenset[str], counts: Counts) -> tuple[RunTally, ...] | None:
    """The runs that answered any of these; a group with further option sets that nobody answered is the same."""
    for group, runs in counts.together.items():
        if option_set_ids <= group and not any(counts.answers.get(item) for item in group - option_set_ids):
            return runs
    return None


def _bounded(runs: Iterable[RunTally], counts: Counts) -> tuple[RunTally, ...]:
    """No more runs of a status and version than there are."""
    most = {_slot(run): run.count for run in _merged(counts.runs)}
    return tuple(RunTally(min(run.count, most.get(_slot(run), run.count)), run.status, run.version_number, run.trashed) for run in runs)


def _slot(run: RunTally) -> tuple[str, int, bool]:
    return run.status, run.version_number, run.trashed


def _merged(runs: Iterable[RunTally]) -> tuple[RunTally, ...]:
    counts: dict[tuple[str, int, bool], RunTally] = {}
    for run in runs:
        before = counts.get(_slot(run))
        counts[_slot(run)] = run if before is None else RunTally(before.count + run.count, run.status, run.version_number, run.trashed)
    return tuple(counts.values())


def _by_version(runs: Iterable[RunTally]) -> list[dict[str, int]]:
    counts: dict[int, int] = {}
    for run in runs:
        if not run.trashed:
            counts[run.version_number] = counts.get(run.version_number, 0) + run.count
    return [{"version_number": version, "runs": counts[version]} for version in sorted(counts)]


def _together(touched: Sequence[Touched]) -> Touched:
    """What all changes touch, each answer once."""
    answers: dict[str, dict[int, Tally]] = {}
    for item, tallies in (pair for one in touched for pair in one.answers):
        answers.setdefault(item, {}).update((id(tally), tally) for tally in tallies)
    lacking = tuple(run for one in touched for run in one.lacking)
    several = sum(bool(one.lacking) for one in touched) + bool(answers) > 1
    joined = tuple((item, tuple(tallies.values())) for item, tallies in sorted(answers.items()))
    # Runs that lack one answer may be those that hold another: only an upper bound can be told.
    return Touched(joined, lacking, at_most=(bool(lacking) and several) or any(one.at_most for one in touched))


# --- mentions ------------------------------------------------------------------------------------------------------

MentionIndex = Mapping[Reference, tuple[Mention, ...]]


def _mention_index(structure: Structure) -> MentionIndex:
    """Who reads what, for the whole structure in one pass: a publish asks for hundreds of nodes."""
    index: dict[Reference, dict[Mention, None]] = {}
    for place in expressions_in(structure):
        for reference in references(place.expression):
            index.setdefault(reference, {})[Mention(place.kind, place.node_id, place.where)] = None
    for text in texts_in(structure, names_ids):
        for option_set_id in {found for wording in texts_of(text.text) for found in piped_references(wording)}:
            index.setdefault(Reference(option_set_id), {})[Mention("text", text.node_id, text.where)] = None
    return {reference: tuple(found) for reference, found in index.items()}


def mentions_of(changes: Iterable[Change], new: Structure) -> tuple[Mention, ...]:
    """What else of `new` mentions nodes that these changes take away, retype or give another meaning; nothing is counted."""
    index = _mention_index(new)
    return tuple(dict.fromkeys(mention for change in changes for mention in _mentions(change, index)))


def _mentions(change: Change, index: MentionIndex) -> tuple[Mention, ...]:
    """What else mentions the node that a change takes away, retypes or gives another meaning."""
    if isinstance(change, c.AboutOption):
        return index.get(Reference(change.option_set_id, change.value), ())
    if isinstance(change, c.AboutOptionSet):
        return tuple(found for found in index.get(Reference(change.option_set_id), ()) if found.node_id != change.option_set_id)
    if isinstance(change, c.StepRemoved):
        return tuple(dict.fromkeys(found for item in change.old["option_sets"] for found in index.get(Reference(item["id"]), ())))
    return ()
