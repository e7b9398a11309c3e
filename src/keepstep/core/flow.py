"""Which option sets a run is asked, what its calculations give, and which step comes next.

Compiles a structure's conditions once (`flow_of`), then evaluates any number of runs. Must not know storage or validation.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from keepstep.core.clock import Clock
from keepstep.core.logic import Compiled, Scope, answered, compile_expression, inputs_of
from keepstep.core.structure import Calculated, OptionSet, Statement, Step, Structure

Answers = Mapping[str, Mapping[str, Any]]
"""Option set id → envelope (`{value, other?, source?, rule?, params?, flags?}`)."""

ASKED: Final = "1"
NOT_ASKED: Final = "0"


@dataclass(frozen=True, slots=True)
class Node:
    """A step or an option set in evaluation order."""

    index: int
    step_index: int
    is_step: bool
    id: str
    condition: Compiled | None
    calculation: Compiled | None
    inputs: frozenset[str]
    never: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """A structure's conditions and calculations, compiled and in dependency order; `cycles` are the ids that no order fits."""

    nodes: tuple[Node, ...]
    cycles: tuple[str, ...]
    has_logic: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`asked`: one "1" or "0" per option set, in the order of the structure. `calculated`: the value of each asked calculation.

    `scope` holds the values that conditions, rules and options may read. `differs`: the imported calculations, kept as
    they came, that would come to something else.
    """

    asked: str
    calculated: Mapping[str, Any]
    scope: Scope
    differs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an option set was not asked. `by`: the option sets that its conditions read."""

    kind: Literal["condition", "not_reached", "waived", "retired"]
    by: tuple[str, ...] = ()


def flow_of(structure: Structure) -> Flow:
    """The compiled flow; kept with the structure, as its cached properties are, since it is a function of it alone."""
    cached: Flow | None = structure.__dict__.get("_flow")
    if cached is None:
        cached = structure.__dict__["_flow"] = _compiled_flow(structure)
    return cached


def _compiled_flow(structure: Structure) -> Flow:
    nodes = tuple(_nodes(structure))
    ordered, cycles = _ordered(nodes)
    has_logic = any(node.condition or node.calculation or node.never for node in nodes)
    return Flow(ordered, cycles, has_logic)


def _nodes(structure: Structure) -> Iterator[Node]:
    index = 0
    for step_index, step in enumerate(structure.steps):
        yield _step_node(step, step_index)
        for option_set in step.option_sets:
            yield _option_set_node(option_set, index, step, step_index)
            index += 1


def _condition(expression: Any) -> Compiled | None:
    return None if expression is None else compile_expression(expression)


def _inputs(*expressions: Any) -> frozenset[str]:
    return frozenset[str]().union(*(inputs_of(expression) for expression in expressions if expression is not None))


def _step_node(step: Step, step_index: int) -> Node:
    return Node(
        index=-1,
        step_index=step_index,
        is_step=True,
        id=step.id,
        condition=_condition(step.visible_if),
        calculation=None,
        inputs=_inputs(step.visible_if),
        never=step.retired,
    )


def _option_set_node(option_set: OptionSet, index: int, step: Step, step_index: int) -> Node:
    expression = option_set.expression if isinstance(option_set, Calculated) else None
    inputs = _inputs(option_set.visible_if, expression) | {step.id}
    calculation = compile_expression(expression) if isinstance(option_set, Calculated) else None
    return Node(
        index=index,
        step_index=step_index,
        is_step=False,
        id=option_set.id,
        condition=_condition(option_set.visible_if),
        calculation=calculation,
        inputs=inputs,
        never=option_set.retired,
    )


def _ordered(nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Kahn's algorithm, stable in wizard order; nodes of a cycle come last and read each other as unanswered."""
    known = {node.id for node in nodes}
    waiting = {node.id: len(node.inputs & known) for node in nodes}
    readers: dict[str, list[Node]] = {node.id: [] for node in nodes}
    for node in nodes:
        for source in node.inputs & known:
            readers[source].append(node)
    ready = [node for node in nodes if waiting[node.id] == 0]
    ordered: list[Node] = []
    for node in ready:  # grows while it is walked
        ordered.append(node)
        for reader in readers[node.id]:
            waiting[reader.id] -= 1
            if waiting[reader.id] == 0:
                ready.append(reader)
    cycles = tuple(node.id for node in nodes if waiting[node.id] > 0)
    return (*ordered, *(node for node in nodes if waiting[node.id] > 0)), cycles


def cycles_in(structure: Structure) -> tuple[tuple[str, ...], ...]:
    """Each circle of steps and option sets that depend on each other, as ids in wizard order.

    `Flow.cycles` has besides what merely waits for a circle. A step comes before its option sets, so a step whose
    condition reads its own questions is the first of its circle.
    """
    flow = flow_of(structure)
    stuck = set(flow.cycles)
    inputs = {node.id: node.inputs & stuck for node in flow.nodes if node.id in stuck}
    position = {node_id: index for index, node_id in enumerate(flow.cycles)}
    circles = (tuple(sorted(circle, key=position.__getitem__)) for circle in _circles(inputs))
    return tuple(sorted(circles, key=lambda circle: position[circle[0]]))


def _circles(inputs: Mapping[str, Collection[str]]) -> Iterator[set[str]]:
    """Kosaraju's algorithm: the strongly connected sets in which a path leads back."""
    readers: dict[str, list[str]] = {node_id: [] for node_id in inputs}
    for node_id, sources in inputs.items():
        for source in sources:
            readers[source].append(node_id)
    placed: set[str] = set()
    for start in reversed(_depth_first(inputs)):
        if start not in placed:
            circle = _reached(start, readers, placed)
            placed |= circle
            if len(circle) > 1 or start in inputs[start]:
                yield circle


def _depth_first(edges: Mapping[str, Collection[str]]) -> list[str]:
    """Every node after all that can be reached from it."""
    finished: dict[str, None] = {}
    seen: set[str] = set()
    for start in edges:
        trail = [] if start in seen else [(start, iter(edges[start]))]
        seen.add(start)
        while trail:
            node_id, rest = trail[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                finished[node_id] = None
                trail.pop()
            else:
                seen.add(following)
                trail.append((following, iter(edges[following])))
    return list(finished)


def _reached(start: str, edges: Mapping[str, Collection[str]], barred: Collection[str]) -> set[str]:
    seen = {start}
    pending = [start]
    while pending:
        for node_id in edges[pending.pop()]:
            if node_id not in seen and node_id not in barred:
                seen.add(node_id)
                pending.append(node_id)
    return seen


# --- evaluation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Before:
    """The state that an edit starts from: what was asked then, and which answers the edit changes.

    `asked` None: no edit at all, a stored state is looked at again, so that every stored calculation is taken as it is.
    """

    asked: str | None
    changed: frozenset[str]


AS_STORED: Final = Before(None, frozenset())


def evaluate(structure: Structure, answers: Answers, clock: Clock, before: Before | None = None) -> Evaluation:
    """What this run is asked. Without `before` every calculation is computed but the imported ones; with it those whose inputs changed."""
    flow = flow_of(structure)
    state = _State(structure, answers, clock, before)
    for node in flow.nodes:
        state.visit(node)
    return Evaluation("".join(state.asked), state.calculated, state.scope, frozenset(state.differs))


class _State:
    """One evaluation under way: it lives for one call and is never shared."""

    __slots__ = ("answers", "asked", "before", "calculated", "changed", "differs", "others", "scope", "shown", "values")

    def __init__(self, structure: Structure, answers: Answers, clock: Clock, before: Before | None) -> None:
        self.answers = answers
        self.before = before
        self.changed = set(before.changed) if before else set()
        self.values: dict[str, Any] = {}
        self.others: dict[str, str] = {}
        self.calculated: dict[str, Any] = {}
        self.differs: set[str] = set()
        self.shown = [True] * len(structure.steps)
        self.asked = [NOT_ASKED] * len(structure.option_sets)
        self.scope = Scope(clock, self.values, self.others)

    def visit(self, node: Node) -> None:
        condition = node.condition
        holds = not node.never and (condition is None or bool(condition(self.scope)))
        if node.is_step:
            self.shown[node.step_index] = holds
            return
        asked = holds and self.shown[node.step_index]
        # Before the answer is read: a calculation that is asked anew must not take up what it came to long ago.
        if self.before is not None and self.before.asked is not None and self.was_asked(node, self.before.asked) != asked:
            self.changed.add(node.id)
        if asked:
            self.asked[node.index] = ASKED
            if node.calculation is not None or node.id in self.answers:
                self.read(node)

    def was_asked(self, node: Node, asked: str) -> bool:
        return asked[node.index : node.index + 1] == ASKED

    def read(self, node: Node) -> None:
        envelope = self.answers.get(node.id)
        if node.calculation is not None:
            self.values[node.id] = self.calculated[node.id] = self.calculate(node, node.calculation, envelope)
        elif envelope is not None:
            if answered(envelope.get("value")):
                self.values[node.id] = envelope["value"]
            if envelope.get("other"):
                self.others[node.id] = envelope["other"]

    def calculate(self, node: Node, calculation: Compiled, envelope: Mapping[str, Any] | None) -> Any:
        stored = None if envelope is None else envelope.get("value")
        if self.is_kept(node, envelope):
            if self.before is None and not same_value(stored, calculation(self.scope)):
                self.differs.add(node.id)
            return stored
        value = calculation(self.scope)
        if not same_value(stored, value):
            self.changed.add(node.id)
        return value

    def is_kept(self, node: Node, envelope: Mapping[str, Any] | None) -> bool:
        """Whether the stored result stands, "no result" included: today is another day, but nothing that it depends on changed."""
        if self.before is None:
            return envelope is not None and envelope.get("source") == "import"
        return node.id not in self.changed and not (node.inputs & self.changed)


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are the same answer. `True == 1` in Python; as answers they differ."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


WAIVED: Final = "waived"
"""The code of the flag of an answer that a version requires and that nobody was asked for, because somebody waived it."""


def is_waived(envelope: Mapping[str, Any] | None) -> bool:
    """Whether somebody waived this answer when the run came to its version."""
    return envelope is not None and any(flag["code"] == WAIVED for flag in envelope.get("flags", ()))


def without_waived(structure: Structure, asked: str, answers: Answers) -> str:
    """The bits of an edited run: what was waived and is still not answered was not asked by the edit either."""
    bits = zip(structure.option_sets, asked, strict=True)
    return "".join(NOT_ASKED if is_waived(answers.get(each.id)) and not is_answered(answers.get(each.id)) else bit for each, bit in bits)


def reason_of(structure: Structure, option_set: OptionSet) -> Reason:
    """Why an option set of this version was not asked, from its own and its step's conditions; kept with the structure, as the flow is."""
    known: dict[str, Reason] = structure.__dict__.setdefault("_reasons", {})
    if option_set.id not in known:
        known[option_set.id] = _reason_of(structure, option_set)
    return known[option_set.id]


def _reason_of(structure: Structure, option_set: OptionSet) -> Reason:
    step = structure.step_of[option_set.id]
    if option_set.retired or step.retired:
        return Reason("retired")
    return Reason("condition", tuple(sorted(_inputs(option_set.visible_if, step.visible_if))))


# --- steps ---------------------------------------------------------------------------------------------------------


def steps_asked(structure: Structure, asked: str) -> tuple[Step, ...]:
    """The steps with at least one visible question or statement, in order."""
    return tuple(step for step, bits in _bits(structure, asked) if any(_is_shown(node, bit) for node, bit in bits))


def _is_shown(option_set: OptionSet, bit: str) -> bool:
    return bit == ASKED and is_shown_type(option_set)


def is_shown_type(option_set: OptionSet) -> bool:
    """Whether a step is worth showing for it."""
    return not option_set.hidden and not isinstance(option_set, Calculated)


def _bits(structure: Structure, asked: str) -> Iterator[tuple[Step, list[tuple[OptionSet, str]]]]:
    start = 0
    for step in structure.steps:
        yield step, list(zip(step.option_sets, asked[start : start + len(step.option_sets)], strict=True))
        start += len(step.option_sets)


def next_step(structure: Structure, asked: str, step_id: str | None) -> Step | None:
    """The step to show after `step_id` (None: the first one); None when the run is through."""
    shown = steps_asked(structure, asked)
    if step_id is None:
        return shown[0] if shown else None
    order = {step.id: index for index, step in enumerate(structure.steps)}
    return next((step for step in shown if order[step.id] > order[step_id]), None)


class Progress(NamedTuple):
    """Reachable steps: how many have nothing left to ask, of how many."""

    done: int
    total: int


def progress(structure: Structure, asked: str, answers: Answers) -> Progress:
    """A step is done when each of its required questions has an answer and at least one question was looked at."""
    shown = {step.id for step in steps_asked(structure, asked)}
    done = sum(_is_done(bits, answers) for step, bits in _bits(structure, asked) if step.id in shown)
    return Progress(done, len(shown))


def _is_done(bits: list[tuple[OptionSet, str]], answers: Answers) -> bool:
    questions = [node for node, bit in bits if _is_shown(node, bit) and not isinstance(node, Statement)]
    seen = any(node.id in answers for node in questions) or not questions
    return seen and all(is_answered(answers.get(node.id)) for node in questions if node.is_required)


def is_answered(envelope: Mapping[str, Any] | None) -> bool:
    """Whether an envelope holds an answer: a value, or "other" text."""
    return envelope is not None and (answered(envelope.get("value")) or bool(envelope.get("other")))
