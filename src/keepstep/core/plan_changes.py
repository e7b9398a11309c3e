"""What a person says about a plan, in words that a person uses (keys, version numbers), made part of the plan. Must not know storage."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from keepstep.core.issue import Issue, pointer
from keepstep.core.plan import Archive, Carry, Fill, Merge, Plan, Route
from keepstep.core.structure import Structure
from keepstep.core.validate import find_option_set

_ROUTE: Final[TypeAdapter[Route]] = TypeAdapter(Route)
_FILL: Final[TypeAdapter[Fill]] = TypeAdapter(Fill)
_MERGE: Final[TypeAdapter[Merge]] = TypeAdapter(Merge)
POLICIES: Final[Mapping[str, tuple[str, ...]]] = {
    "on_conflict": ("stay", "park", "archive"),
    "on_need": ("stay", "waive", "reopen"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Every name is an option set's key or id. `mapping`: by question of a source its route (`"archive"`, `{to}`, `{to, params, …}`), or by
    version number such a mapping for that version alone. `parameters`, likewise: by question the parameters of its conversion, and nothing
    else of its route. `fills`: by question of the target `"default"`, `"empty"` or `{constant}`; None takes one away. `merges` likewise.
    """

    mapping: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fills: Mapping[str, Any] = field(default_factory=dict)
    merges: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Between:
    """The versions that a plan is about: sources by id, with their numbers, and the target."""

    sources: Mapping[str, Structure]
    numbers: Mapping[int, str]
    target: Structure


def said_of(plan: Plan, said: Said, between: Between) -> tuple[Plan, tuple[Issue, ...]]:
    """The plan with all that was understood, and a finding for each thing that was not."""
    change = _Change(plan, between)
    change.mapping(said.mapping)
    change.parameters(said.parameters)
    change.of_target("fills", said.fills, _FILL, change.fills)
    change.of_target("merges", said.merges, _MERGE, change.merges)
    change.policy(said.policy)
    update = {"routes": change.routes, "fills": change.fills, "merges": change.merges, **change.policies}
    return plan.model_copy(update=update), tuple(change.issues)


class _Change:
    """One change under way: it lives for one call and is never shared."""

    __slots__ = ("between", "fills", "issues", "merges", "policies", "routes")

    def __init__(self, plan: Plan, between: Between) -> None:
        self.between = between
        self.routes: dict[str, dict[str, Route]] = {version_id: dict(each) for version_id, each in plan.routes.items()}
        self.fills: dict[str, Any] = dict(plan.fills)
        self.merges: dict[str, Any] = dict(plan.merges)
        self.policies: dict[str, str] = {}
        self.issues: list[Issue] = []

    def mapping(self, given: Mapping[str, Any]) -> None:
        for name, route in given.items():
            if name.isascii() and name.isdigit():
                self.of_version(name, route)
            else:
                self.of_question(name, route, pointer("mapping", name), self.between.sources)

    def of_version(self, number: str, given: Any) -> None:
        for name, version_id in self.in_version("mapping", number, given):
            self.of_question(name, given[name], pointer("mapping", number, name), {version_id: self.between.sources[version_id]})

    def in_version(self, member: str, number: str, given: Any) -> Iterator[tuple[str, str]]:
        """The questions that are named under a version's number, each with the id of that version."""
        version_id = self.between.numbers.get(int(number)) if len(number) < 10 else None
        if version_id is None or not isinstance(given, Mapping):
            self.say(pointer(member, number), "version-unknown", f"The plan moves no runs of version {number[:12]}.")
            return
        for name in given:
            yield name, version_id

    def of_question(self, name: str, given: Any, at: str, sources: Mapping[str, Structure]) -> None:
        route = self.parsed(_ROUTE, self.spelt(given), at)
        places = list(self.places(name, sources))
        if not places:
            self.say(at, "question-unknown", f"None of these versions has a question {name[:80]!r}.")
        for version_id, option_set_id in places if route is not None else ():
            assert route is not None
            self.routes[version_id][option_set_id] = route

    def parameters(self, given: Mapping[str, Any]) -> None:
        for name, params in given.items():
            if name.isascii() and name.isdigit():
                for inner, version_id in self.in_version("parameters", name, params):
                    at = pointer("parameters", name, inner)
                    self.params_of(inner, params[inner], at, {version_id: self.between.sources[version_id]})
            else:
                self.params_of(name, params, pointer("parameters", name), self.between.sources)

    def params_of(self, name: str, params: Any, at: str, sources: Mapping[str, Structure]) -> None:
        places = list(self.places(name, sources))
        if not places or not isinstance(params, Mapping):
            self.say(at, "question-unknown", f"None of these versions has a question {name[:80]!r} with parameters of a conversion.")
            return
        for version_id, option_set_id in places:
            route = self.routes[version_id].get(option_set_id)
            if isinstance(route, Carry):
                self.routes[version_id][option_set_id] = route.model_copy(update={"params": dict(params)})

    def places(self, name: str, sources: Mapping[str, Structure]) -> Iterator[tuple[str, str]]:
        for version_id, structure in sources.items():
            option_set = find_option_set(structure, name)
            if option_set is not None:
                yield version_id, option_set.id

    def of_target(self, kind: str, given: Mapping[str, Any], form: TypeAdapter[Any], into: dict[str, Any]) -> None:
        for name, value in given.items():
            at = pointer(kind, name)
            option_set = find_option_set(self.between.target, name)
            if option_set is None:
                self.say(at, "question-unknown", f"The target has no question {name[:80]!r}.")
            elif value is None:
                into.pop(option_set.id, None)
            else:
                parsed = self.parsed(form, _of_kind(value), at)
                into |= {} if parsed is None else {option_set.id: parsed}

    def policy(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if value in POLICIES.get(name, ()):
                self.policies[name] = value
            else:
                allowed = "; ".join(f"{each}: {', '.join(values)}" for each, values in POLICIES.items())
                self.say(pointer("policy", name), "policy-unknown", f"A policy is {allowed}.")

    def spelt(self, given: Any) -> Any:
        """A route in its long form, its place in the target by id."""
        if isinstance(given, Archive | Carry):
            return given.model_dump()
        if isinstance(given, str):
            return {"kind": given}
        if not isinstance(given, Mapping):
            return given
        to = given.get("to")
        place = find_option_set(self.between.target, to) if isinstance(to, str) else None
        named = {"to": place.id} if place is not None else {}
        return {"kind": "carry", **given, **named}

    def parsed(self, form: TypeAdapter[Any], value: Any, at: str) -> Any:
        try:
            return form.validate_python(value, strict=True)
        except ValidationError as error:
            for each in error.errors()[:5]:
                self.say(at, "malformed", f"{'.'.join(map(str, each['loc']))}: {each['msg']}")
            return None

    def say(self, at: str, code: str, detail: str) -> None:
        self.issues.append(Issue(at, code, detail))


def _of_kind(value: Any) -> Any:
    """The short forms: "default", {"constant": 3}."""
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, Mapping) and set(value) == {"constant"}:
        return {"kind": "constant", "value": value["constant"]}
    return value
