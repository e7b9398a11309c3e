"""What a plan makes of one run: the same decision for the report, the dry run, one run and a million. Pure, and no run fails another.

`prepared` once for a plan, then `decide` for each run. Must not know storage. What goes back is `moving_back`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keepstep.core.archive import Parked, put
from keepstep.core.clock import Clock
from keepstep.core.conversion import NOTHING, Conflict, Converted, Envelope
from keepstep.core.flow import ASKED, NOT_ASKED, WAIVED, Answers, evaluate, is_answered, is_waived
from keepstep.core.merging import Merged, merged_answers
from keepstep.core.plan import Constant, Default
from keepstep.core.structure import Structure
from keepstep.core.validate import lacks_required
from keepstep.core.ways import Prepared, Way

Outcome = Literal["carries", "loses", "needs-answer", "conflicts", "blocked"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("carries", "loses", "needs-answer", "conflicts", "blocked")
"""From harmless to grave. A run counts once, in its gravest."""

UNDECIDED: Final = frozenset({"no-conversion", "parameter-missing", "option-missing", "meaning-undecided"})
"""Codes that only the plan can mend: no value of the run is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run as far as moving it goes. `asked`: one bit per option set of its version. `clock`: when it was evaluated, in its zone."""

    version_id: str
    answers: Answers
    archive: Mapping[str, Any]
    asked: str
    is_completed: bool
    language: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run does not simply carry: an option set, a stable code, and what a person can do."""

    option_set_id: str
    outcome: Outcome
    code: str
    detail: str


Settled = Literal["archive", "park", "waive", "reopen"] | Envelope
"""What a person decided about one reason: the answer goes to the archive, or there as a conflict; the run does without the answer that
it would need, or is in progress again; or the envelope that is the answer in the target, the one that was there going to the archive."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`moved` is the run in the target; None where it stays whole on its version. `reasons` in the order of the wizard."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    moved: Subject | None


def decide(run: Subject, prepared: Prepared, settled: Mapping[str, Settled] = NOTHING) -> Decision:
    """What becomes of this run. Never raises on data; a decision for an unknown version is `blocked`.

    `settled`: what a person decided for this run alone, by the option set that a reason names.
    """
    if run.version_id not in prepared.ways:
        return Decision("blocked", (Reason("", "blocked", "version-not-in-plan", "The plan does not speak of this run's version."),), None)
    move = _Move(run, prepared, settled)
    move.go_straight()
    for way in prepared.turning[run.version_id]:
        move.take(way)
    move.keep_strays()
    move.merge()
    move.fill()
    return move.decided()


class _Move:
    """One decision under way: it lives for one call and is never shared."""

    __slots__ = ("answers", "archive", "arriving", "asked", "plan", "prepared", "reasons", "run", "settled", "waived")

    def __init__(self, run: Subject, prepared: Prepared, settled: Mapping[str, Settled]) -> None:
        self.run = run
        self.settled = dict(settled)
        self.waived = {name for name, each in settled.items() if each in ("waive", "reopen")}
        self.prepared = prepared
        self.plan = prepared.plan
        self.answers: dict[str, Envelope] = {}
        self.arriving: dict[str, list[tuple[Way, Converted]]] = {}
        self.archive = dict(run.archive)
        self.asked: dict[str, str] = {}
        self.reasons: list[Reason] = []

    def go_straight(self) -> None:
        """The answers that stay what they are, alone in their place; the rest takes ten times as long."""
        answers, bits = self.run.answers, self.run.asked
        for source_id, target_id, position in self.prepared.straight[self.run.version_id]:
            self.asked[target_id] = bits[position]
            envelope = answers.get(source_id)
            if envelope is not None:
                self.answers[target_id] = envelope
        for target_id, position in self.prepared.told[self.run.version_id]:
            self.asked[target_id] = bits[position]

    def take(self, way: Way) -> None:
        """The answer of one question on its way: into the target, to the archive, or nowhere yet."""
        envelope = self.run.answers.get(way.source.id)
        bit = self.run.asked[way.position]
        if way.target is None:
            if is_answered(envelope):
                assert envelope is not None
                self.put_away(way, envelope)
                self.say(way, "loses", "no-place", "The answer goes to the run's archive.")
            return
        if bit == ASKED or way.target.id not in self.asked:
            self.asked[way.target.id] = bit
        if envelope is None:
            return
        result = self.converted(way, envelope)
        if isinstance(result, Conflict):
            self.conflict(way, envelope, result)
        else:
            self.arriving.setdefault(way.target.id, []).append((way, result))

    def converted(self, way: Way, envelope: Envelope) -> Converted | Conflict:
        assert way.target is not None
        if way.conversion is None or not is_answered(envelope):
            return Converted(envelope)
        if way.undecided:
            return Conflict("meaning-undecided", way.undecided, envelope.get("value"))
        former = way.former(envelope, self.run)
        if former is not None:
            return Converted(former)
        result = way.converted(envelope, self.run.clock)
        if isinstance(result, Conflict) and way.as_legacy and way.conversion.kind == "·" and result.issues:
            flags = [{"code": issue.code, "detail": issue.detail} for issue in result.issues]
            return Converted({**envelope, "flags": flags})
        return result

    def conflict(self, way: Way, envelope: Envelope, conflict: Conflict) -> None:
        outcome: Outcome = "blocked" if conflict.code in UNDECIDED else "conflicts"
        settled = self.settled.pop(way.source.id, None)
        if settled is not None:
            self.settle_conflict(way, envelope, conflict, settled)
            return
        if outcome == "conflicts" and self.plan.on_conflict == "archive":
            self.put_away(way, envelope)
            self.say(way, "loses", conflict.code, conflict.detail)
            return
        self.say(way, outcome, conflict.code, conflict.detail)
        self.put_away(way, envelope, conflict=conflict)

    def settle_conflict(self, way: Way, envelope: Envelope, conflict: Conflict, settled: Settled) -> None:
        """As a person decided; whatever that was, the answer as it stood is kept."""
        self.put_away(way, envelope, conflict=conflict if settled == "park" else None)
        if way.target is not None and not isinstance(settled, Mapping):
            # Whoever puts an answer away knows that the target then goes without it.
            self.waived.add(way.target.id)
        elif way.target is not None and isinstance(settled, Mapping):
            self.arriving.setdefault(way.target.id, []).append((way, Converted(settled)))
        self.say(way, "loses", "settled", "A person decided what becomes of this answer.")

    def keep_strays(self) -> None:
        """Answers to what the version does not ask, however they came there: the archive takes them, so that nothing is dropped."""
        known = self.prepared.known[self.run.version_id]
        if self.run.answers.keys() <= known:
            return
        for option_set_id, envelope in self.run.answers.items():
            if option_set_id not in known and is_answered(envelope):
                put(self.archive, option_set_id, envelope, version_id=self.run.version_id)

    def merge(self) -> None:
        """What arrived becomes the answers of the target, several into one by the plan's rule."""
        for target_id, arrived in self.arriving.items():
            rule = self.plan.merges.get(target_id)
            if rule is None or len(arrived) == 1:
                (way, result), *_ = arrived
                self.settle(way, result)
                continue
            merged = merged_answers([(way.source.id, self.run.answers[way.source.id], result) for way, result in arrived], rule)
            self.settle_merged(target_id, merged, {way.source.id: way for way, _ in arrived})

    def settle(self, way: Way, result: Converted) -> None:
        assert way.target is not None
        self.answers[way.target.id] = result.envelope
        if result.archived is not None:
            self.put_away(way, result.archived)
            self.say(way, "loses", "told-less", "The answer tells less in the target; the original goes to the run's archive.")

    def settle_merged(self, target_id: str, merged: Merged, ways: Mapping[str, Way]) -> None:
        self.answers[target_id] = merged.envelope
        for source_id in merged.archived:
            self.put_away(ways[source_id], self.run.answers[source_id])
            self.say(ways[source_id], "loses", "merged", "Several answers became one; this one also goes to the run's archive.")

    def fill(self) -> None:
        """What no question of this version leads to: an answer of long ago from the archive, else what the plan says."""
        for option_set in self.prepared.fresh[self.run.version_id]:
            returned = self.prepared.returned(option_set, self.run)
            if returned is not None:
                self.answers[option_set.id] = returned
                continue
            match self.plan.fills.get(option_set.id):
                case None:
                    continue
                case Default():
                    if option_set.default is not None:
                        self.answers[option_set.id] = {"value": option_set.default, "source": "default"}
                case Constant(value=value):
                    self.answers[option_set.id] = {"value": value, "source": "conversion"}
                case _:
                    self.answers[option_set.id] = {"value": None, "source": "conversion"}

    def put_away(self, way: Way, envelope: Envelope, *, conflict: Conflict | None = None) -> None:
        parked = None if conflict is None or way.target is None else Parked(conflict, way.target.id)
        put(self.archive, way.source.id, envelope, version_id=self.run.version_id, parked=parked)

    def say(self, way: Way, outcome: Outcome, code: str, detail: str) -> None:
        self.reasons.append(Reason(way.source.id, outcome, code, detail))

    def decided(self) -> Decision:
        """The gravest of what was found, and the run in the target where the plan lets it move."""
        target = self.prepared.target
        self.answers |= {name: each for name, each in self.settled.items() if isinstance(each, Mapping) and name in target.option_set_by_id}
        if self.run.is_completed and self.prepared.requires:
            self.reasons.extend(self.needs(target, evaluate(target, self.answers, self.run.clock).asked))
        outcome = gravest(self.reasons)
        if not self.may_move():
            return Decision(outcome, tuple(self.reasons), None)
        reopens = self.reopens()
        is_completed = self.run.is_completed and not reopens
        if is_completed:
            self.waive()
        asked = self.carried_bits(target) if is_completed else evaluate(target, self.answers, self.run.clock).asked
        moved = Subject(
            version_id=self.plan.target,
            answers=self.answers,
            archive=self.archive,
            asked=asked,
            is_completed=is_completed,
            language=self.run.language if self.run.language in target.languages else target.default_language,
            clock=self.run.clock,
        )
        return Decision(outcome, tuple(self.reasons), moved)

    def reopens(self) -> bool:
        """Whether the run is in progress again, to be asked what it lacks."""
        if "reopen" in self.settled.values():
            return self.run.is_completed
        return self.plan.on_need == "reopen" and any(reason.outcome == "needs-answer" for reason in self.reasons)

    def waive(self) -> None:
        """Marks each answer that the target requires and the run goes without: no later move holds that against it."""
        flag = {"code": WAIVED, "detail": "Required, and waived when the run came to this version: nobody was asked."}
        for reason in self.reasons:
            if reason.code == "required":
                there = self.answers.get(reason.option_set_id, {"value": None, "source": "conversion"})
                self.answers[reason.option_set_id] = {**there, "flags": [*there.get("flags", ()), flag]}

    def may_move(self) -> bool:
        found = {reason.outcome for reason in self.reasons}
        if "blocked" in found or ("conflicts" in found and self.plan.on_conflict == "stay"):
            return False
        return "needs-answer" not in found or self.plan.on_need != "stay"

    def carried_bits(self, target: Structure) -> str:
        """What was asked is a fact (semantics 3): a question that the run's own version does not have was never asked."""
        return "".join(self.asked.get(option_set.id, NOT_ASKED) for option_set in target.option_sets)

    def needs(self, target: Structure, asked: str) -> Iterator[Reason]:
        """Required questions that the target would ask of this run and that nobody answered; what was missing before is no news."""
        pairs = zip(target.option_sets, asked, strict=True)
        lacking = [each for each, bit in pairs if each.is_required and lacks_required(each, bit, self.answers.get(each.id))]
        missing = self.missing_before() if lacking else frozenset()
        for option_set in lacking:
            if option_set.id not in missing:
                outcome: Outcome = "carries" if option_set.id in self.waived else "needs-answer"
                yield Reason(option_set.id, outcome, "required", "The target requires an answer that this run does not have.")

    def missing_before(self) -> set[str]:
        """The target's questions whose counterpart in the source was asked and required, and left empty already."""
        ways, run = self.prepared.ways[self.run.version_id], self.run
        return {way.target.id for way in ways if way.target is not None and _went_without(way, run)}


def _went_without(way: Way, run: Subject) -> bool:
    envelope = run.answers.get(way.source.id)
    return lacks_required(way.source, run.asked[way.position], envelope) or (is_waived(envelope) and not is_answered(envelope))


def decide_over(run: Subject, hops: tuple[Prepared, ...]) -> Decision:
    """Several plans one behind the other, as one decision: where one hop lets the run stay, it stays whole where it was."""
    reasons: list[Reason] = []
    moved: Subject | None = run
    for hop in hops:
        assert moved is not None
        decision = decide(moved, hop)
        reasons.extend(decision.reasons)
        moved = decision.moved
        if moved is None:
            break
    return Decision(gravest(reasons), tuple(reasons), moved)


def gravest(reasons: Iterable[Reason]) -> Outcome:
    """The outcome that a run with these reasons counts in."""
    return OUTCOMES[max((OUTCOMES.index(reason.outcome) for reason in reasons), default=0)]
