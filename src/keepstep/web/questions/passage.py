"""One respondent's way through a structure as values: where they stand, what a sent step leads to, what the pages show.

The player and the preview both walk by this. Must not know storage, requests or HTML.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from keepstep.core.clock import Clock
from keepstep.core.flow import ASKED, Answers, Evaluation, evaluate, is_answered, next_step, steps_asked
from keepstep.core.issue import Issue
from keepstep.core.logic import compile_expression, truth
from keepstep.core.question_pages import is_question_page
from keepstep.core.reachable import ahead_of
from keepstep.core.structure import Calculated, Ending, OptionSet, Statement, Step, Structure
from keepstep.core.validate import merged, verdict_on
from keepstep.web.questions.posted import Given, Posted, given_in
from keepstep.web.questions.shown import shown_answer
from keepstep.web.questions.situation import UTC, Situation, situation_of
from keepstep.web.questions.view import Question, Stored, files_in, issues_by_option_set, question_view


@dataclass(frozen=True, slots=True)
class Standing:
    """What has been answered so far, and what that leads to."""

    structure: Structure
    answers: Answers
    evaluation: Evaluation
    situation: Situation
    clock: Clock

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that these answers lead through."""
        return steps_asked(self.structure, self.evaluation.asked)

    def questions(self, step: Step) -> tuple[OptionSet, ...]:
        """What the step shows now."""
        bits = zip(self.structure.option_sets, self.evaluation.asked, strict=True)
        asked = {option_set.id for option_set, bit in bits if bit == ASKED}
        return tuple(each for each in step.option_sets if each.id in asked and _is_seen(each))


# The member of a calculation's `presentation` that says that respondents see what it comes to. Without it they do not, as in the forms that
# are imported, whose calculations have no wording: other texts pipe them.
SHOWN: Final = "shown"


def _is_seen(option_set: OptionSet) -> bool:
    if isinstance(option_set, Calculated):
        # One whose expression could not be taken over comes to nothing.
        return not option_set.hidden and option_set.expression is not None and bool(option_set.presentation.get(SHOWN))
    return not option_set.hidden


def is_answered_by_hand(option_set: OptionSet) -> bool:
    """Whether its respondent gives an answer to it, and may change that."""
    return not isinstance(option_set, Statement | Calculated)


def standing(structure: Structure, answers: Answers, clock: Clock, *, language: str, zone: ZoneInfo = UTC) -> Standing:
    evaluation = evaluate(structure, answers, clock)
    return Standing(structure, answers, evaluation, situation_of(structure, answers, evaluation, language=language, zone=zone), clock)


def first_answers(structure: Structure) -> dict[str, dict[str, Any]]:
    """What stands in the form before anybody answered: the defaults."""
    return {each.id: {"value": each.default, "source": "default"} for each in structure.option_sets if each.default is not None}


# --- a step is sent ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """What a sent step leads to. `issues` are those of its questions, by option set; `opened` are questions of the same step that
    its answers ask for and the form did not show.
    """

    after: Standing
    given: Given
    issues: Mapping[str, tuple[Issue, ...]]
    opened: tuple[OptionSet, ...]

    @property
    def is_done(self) -> bool:
        return not self.issues and not self.opened


def sent_step(before: Standing, step: Step, form: Posted) -> Given:
    """What the form of this step says. Uploads in it are still to be stored: `with_files`."""
    # What nobody is shown is not read, whatever a form says that it showed.
    open_ones = [each for each in step.option_sets if not each.hidden and not each.retired]
    return given_in(form, open_ones, before.situation, before.answers)


def with_files(given: Given, before: Standing, stored: Mapping[str, Sequence[Mapping[str, Any]]]) -> Given:
    """`given` with the records of its uploads, behind the files that were there and stay."""
    answers = dict(given.answers)
    for option_set_id, files in stored.items():
        kept = answers.get(option_set_id, before.answers.get(option_set_id, {})).get("value") or []
        answers[option_set_id] = {"value": [*kept, *(dict(each) for each in files)]}
    return replace(given, answers=answers)


def turn_of(before: Standing, step: Step, given: Given) -> Turn:
    """The answers taken over, and what is wrong with them or still to be asked in this step."""
    envelopes = {each: {**answer, "source": "respondent"} for each, answer in given.answers.items()}
    zone, language = before.situation.zone, before.situation.language
    after = standing(before.structure, merged(before.answers, envelopes), before.clock, language=language, zone=zone)
    issues = {**_of_step(after, step, given), **_own(given, before.structure)}
    shown = given.typed.keys()
    opened = tuple(each for each in after.questions(step) if each.id not in shown and is_answered_by_hand(each))
    return Turn(after, given, issues, opened)


def _own(given: Given, structure: Structure) -> dict[str, tuple[Issue, ...]]:
    """What could not even be read; nothing else is said about such a question."""
    return issues_by_option_set(given.issues, structure)


def _of_step(after: Standing, step: Step, given: Given) -> dict[str, tuple[Issue, ...]]:
    """Findings on the questions that were shown; what the answers open is asked before it is missed."""
    shown = {each.id for each in after.questions(step)} & given.typed.keys()
    found = issues_by_option_set(issues_of(after), after.structure)
    return {each: issues for each, issues in found.items() if each in shown}


def issues_of(where: Standing) -> tuple[Issue, ...]:
    """Everything that would stop these answers from being sent."""
    return verdict_on(where.answers, where.structure, where.evaluation, "complete", language=where.situation.language).errors


def following(turn: Turn, step: Step) -> Step | None:
    """The step behind this one; None when all is asked."""
    return next_step(turn.after.structure, turn.after.evaluation.asked, step.id)


def step_before(where: Standing, step: Step) -> Step | None:
    """The step to go back to."""
    order = {each.id: index for index, each in enumerate(where.structure.steps)}
    earlier = [each for each in where.steps if order[each.id] < order[step.id]]
    return earlier[-1] if earlier else None


# --- what the pages show -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepView:
    """`number` of `total`: this step, those before it, and those that may still come. So the total shrinks on the way and never grows.

    It is only `about` right while answers to come decide. `asks`: the question of a page that asks only this one, which tells it from
    the other pages of its step; "" for a step.
    """

    id: str
    title: str
    intro: str
    number: int
    total: int
    about: bool
    questions: tuple[Question, ...]
    asks: str = ""

    @property
    def has_errors(self) -> bool:
        return any(each.errors for each in self.questions)

    @property
    def sends_files(self) -> bool:
        return any(each.kind == "file" for each in self.questions)


def step_view(where: Standing, step: Step, turn: Turn | None = None, *, keep: bool = False) -> StepView:
    """The step as it is shown; with `turn`, as it was sent, with what is wrong. `keep`: what was typed stands there in any case."""
    issues = turn.issues if turn else {}
    typed = turn.given.typed if turn and (turn.issues or keep) else {}
    questions = tuple(
        question_view(each, where.situation, _envelope(where, each), issues=issues.get(each.id, ()), typed=typed.get(each.id))
        for each in where.questions(step)
    )
    ids = [each.id for each in where.steps]
    number = ids.index(step.id) + 1 if step.id in ids else 1
    ahead, text = ahead_of(where.structure, step.id, where.evaluation.scope), where.situation.text
    asks = questions[-1].label if is_question_page(step) and questions else ""
    return StepView(step.id, text(step.name), text(step.help), number, number + ahead.steps, ahead.open, questions, asks)


def _envelope(where: Standing, option_set: OptionSet) -> Mapping[str, Any] | None:
    if option_set.id in where.evaluation.calculated:
        return {"value": where.evaluation.calculated[option_set.id]}
    return where.answers.get(option_set.id)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer on the check page. `text` "" is left empty."""

    option_set_id: str
    label: str
    text: str
    files: tuple[Stored, ...] = ()
    by_hand: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """The answers of one step."""

    step_id: str
    title: str
    rows: tuple[Row, ...]


def check_view(where: Standing) -> tuple[Section, ...]:
    """Every answer that the respondent gave, by step, and the calculations that they see."""
    sections = (Section(step.id, where.situation.text(step.name), tuple(_rows(where, where.questions(step)))) for step in where.steps)
    return tuple(section for section in sections if section.rows)


def _rows(where: Standing, option_sets: Iterable[OptionSet]) -> Iterable[Row]:
    for option_set in option_sets:
        if isinstance(option_set, Statement):
            continue
        envelope = _envelope(where, option_set)
        text = shown_answer(envelope, option_set, where.situation) if is_answered(envelope) else ""
        files = files_in(envelope, where.situation) if option_set.selection_type == "file" else ()
        yield Row(option_set.id, where.situation.text(option_set.name), text, files, is_answered_by_hand(option_set))


def ending_of(where: Standing) -> Ending | None:
    """The first ending whose condition holds; None when the wizard has none for these answers."""
    scope = where.evaluation.scope
    fits = (each for each in where.structure.endings if each.visible_if is None or truth(compile_expression(each.visible_if)(scope)))
    return next(fits, None)
