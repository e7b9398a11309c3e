"""Which stored answers a change touches: for each change, the tallies that it is about. Must not know classes or wording."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from keepstep.core import change as c
from keepstep.core.change import Change
from keepstep.core.clock import Clock
from keepstep.core.counts import Counts, RunTally, Tally, minus
from keepstep.core.selection import check_value
from keepstep.core.severity import demanding, takes_answers
from keepstep.core.structure import OptionSet, Structure, dump

Answers = tuple[tuple[str, tuple[Tally, ...]], ...]
"""Tallies by option set id; no option set without a tally."""


@dataclass(frozen=True, slots=True)
class Touched:
    """`answers` by option set; `lacking`: runs that lack an answer which the change demands.

    `at_most`: the counts are an upper bound, since only each run's own evaluation could tell.
    """

    answers: Answers = ()
    lacking: tuple[RunTally, ...] = ()
    at_most: bool = False


def option_sets_of(change: Change, new: Structure) -> frozenset[str]:
    """The option sets whose stored answers tell what the change touches."""
    if isinstance(change, c.AboutOptionSet | c.AboutOption):
        return frozenset({change.option_set_id})
    if isinstance(change, c.StepRemoved):
        return frozenset(item["id"] for item in change.old["option_sets"] if takes_answers(item))
    if isinstance(change, c.StepConditionChanged | c.StepRetired | c.StepUnretired):
        return frozenset(item.id for item in new.step_by_id[change.step_id].option_sets if item.selection_type != "statement")
    return frozenset()


def answers_to(counts: Counts, option_set_ids: Iterable[str], value: str | None = None) -> Touched:
    """Everything that was answered to these option sets; with `value`, only where it was chosen."""
    everything = Touched(_answers(option_set_ids, counts))
    return everything if value is None else _only(everything, lambda tally: _chosen(tally, value))


def touched_by(change: Change, counts: Counts, structures: tuple[Structure, Structure], clock: Clock) -> Touched:
    """What one change from `structures[0]` to `structures[1]` touches, as counted."""
    if isinstance(change, c.AboutOption):
        return _by_option(change, counts.answers.get(change.option_set_id, ()))
    if isinstance(change, c.AboutOptionSet):
        return _by_option_set(change, counts, structures, clock)
    if isinstance(change, c.AboutStep):
        return _by_step(change, counts, structures)
    # Which runs are in the language is not counted; those in progress may be.
    running = tuple(run for run in counts.runs if run.status == "in_progress")
    return Touched(lacking=running, at_most=True) if isinstance(change, c.LanguageRemoved) else Touched()


# --- steps ---------------------------------------------------------------------------------------------------------


def _by_step(change: c.AboutStep, counts: Counts, structures: tuple[Structure, Structure]) -> Touched:
    match change:
        case c.StepAdded():
            return _lacking(change.new["option_sets"], counts, conditional=change.new["visible_if"] is not None)
        case c.StepUnretired():
            step = structures[1].step_by_id[change.step_id]
            return _lacking([dump(item) for item in step.option_sets], counts, conditional=step.visible_if is not None)
        case c.StepRemoved() | c.StepRetired():
            return Touched(_answers(option_sets_of(change, structures[1]), counts))
        case c.StepConditionChanged():
            step = structures[1].step_by_id[change.step_id]
            lacking = _lacking([dump(item) for item in step.option_sets], counts, conditional=True).lacking
            return Touched(_answers(option_sets_of(change, structures[1]), counts), lacking, at_most=True)
        case c.StepMoved() | c.StepChanged():
            return Touched()
        case _:
            assert_never(change)


def _answers(option_set_ids: Iterable[str], counts: Counts) -> Answers:
    return tuple((item, counts.answers[item]) for item in sorted(option_set_ids) if counts.answers.get(item))


def _lacking(nodes: Iterable[Mapping[str, Any]], counts: Counts, *, conditional: bool) -> Touched:
    """The runs without an answer that these option sets (JSON) demand and do not fill in themselves.

    An upper bound where a condition decides for each run, and where several option sets were answered by different runs.
    """
    wanted = [node for node in nodes if demanding(node)]
    if not wanted:
        return Touched()
    answered = [tally for node in wanted for tally in counts.answers.get(node["id"], ())]
    lacking = minus(counts.runs, answered) if len(wanted) == 1 else counts.runs
    several = len(wanted) > 1 and bool(answered)
    return Touched(lacking=lacking, at_most=several or conditional or any(node["visible_if"] is not None for node in wanted))


# --- option sets ---------------------------------------------------------------------------------------------------


def _by_option_set(change: c.AboutOptionSet, counts: Counts, structures: tuple[Structure, Structure], clock: Clock) -> Touched:
    everything = Touched(_answers([change.option_set_id], counts))
    match change:
        case c.OptionSetAdded():
            return _lacking([change.new], counts, conditional=False)
        case c.OptionSetUnretired() | c.RequiredChanged() | c.TypeChanged(old={"selection_type": "statement"}):
            return _lacking([dump(structures[1].option_set_by_id[change.option_set_id])], counts, conditional=False)
        case c.ConditionChanged():
            node = dump(structures[1].option_set_by_id[change.option_set_id])
            return Touched(everything.answers, _lacking([node], counts, conditional=True).lacking, at_most=True)
        case c.ValidationChanged() | c.PrecisionChanged() | c.ChoiceLimitsChanged():
            return _violating(change, everything, structures[0].option_set_by_id[change.option_set_id], clock)
        case c.OtherTextChanged():
            return _only(everything, lambda tally: tally.other is not None and not change.new)
        case c.LabelsPermuted():
            return _only(everything, lambda tally: any(_chosen(tally, value) for value in change.new))
        case c.OptionSetMoved() | c.OptionsReordered() | c.DefaultChanged() | c.PropertyChanged() | c.MessagesChanged():
            return Touched()
        case c.OptionSetRemoved() | c.OptionSetRetired() | c.OptionSetReworded() | c.KeyChanged() | c.TypeChanged():
            return everything
        case c.CalculationChanged() | c.ScaleChanged() | c.UnitChanged():
            return everything
        case _:
            assert_never(change)


def _only(touched: Touched, wanted: Callable[[Tally], bool]) -> Touched:
    kept = ((item, tuple(filter(wanted, tallies))) for item, tallies in touched.answers)
    return Touched(tuple((item, tallies) for item, tallies in kept if tallies))


Narrowing = c.ValidationChanged | c.PrecisionChanged | c.ChoiceLimitsChanged


def _violating(change: Narrowing, everything: Touched, old: OptionSet, clock: Clock) -> Touched:
    """The answers that fitted and no longer do. A rule by expression may read other answers: then any answer may be one."""
    if change.new.get("rules"):
        return Touched(everything.answers, at_most=True)
    constraints = type(old.constraints).model_validate({**dump(old.constraints), **change.new})
    new = old.model_copy(update={"constraints": constraints})
    return _only(everything, lambda tally: bool(_codes(tally, new, clock) - _codes(tally, old, clock)))


def _codes(tally: Tally, option_set: OptionSet, clock: Clock) -> set[str]:
    return {issue.code for issue in check_value(tally.value, option_set, clock)}


# --- options -------------------------------------------------------------------------------------------------------


def _by_option(change: c.AboutOption, tallies: tuple[Tally, ...]) -> Touched:
    chosen = _only(Touched(((change.option_set_id, tallies),)), lambda tally: _chosen(tally, change.value))
    match change:
        case c.OptionRemoved() | c.OptionRetired() | c.OptionReworded():
            return chosen
        case c.OptionConditionChanged():
            return Touched(chosen.answers, at_most=True)
        case c.ExclusiveChanged():
            return _only(chosen, lambda tally: isinstance(tally.value, list) and len(tally.value) > 1 and bool(change.new))
        case c.OptionAdded() | c.OptionUnretired() | c.OptionSourceChanged():
            return Touched()
        case _:
            assert_never(change)


def _chosen(tally: Tally, value: str) -> bool:
    return tally.value == value or (isinstance(tally.value, list) and value in tally.value)
