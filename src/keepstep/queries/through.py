"""A run seen through another version of its wizard (semantics 23): converted as it is read, nothing stored, nothing guessed.

By the approved plan for that pair of versions, else by approved plans one behind the other, else by ids and the rules that need no
parameter. Whatever needs a person is a conflict that shows the original.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from keepstep.core.flow import NOT_ASKED, is_answered
from keepstep.core.plan import RULE_SET
from keepstep.core.viewing import View, viewed
from keepstep.core.ways import Prepared
from keepstep.db.transaction import Read
from keepstep.errors import VersionNotFound
from keepstep.queries.movable import subject_of
from keepstep.queries.plans import Hop, StoredPlan, approved_hops, plans_by_id, prepared_among, prepared_by_ids, versions_by_id
from keepstep.queries.responses import archive_of, response_value, responses_of, run_summary
from keepstep.queries.runs import RunState, RunWizard
from keepstep.queries.versions import Version

Via = Literal["direct", "plan", "plans"]
"""By ids alone; by the plan from the run's version to the target; by several plans one behind the other."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How a run comes from its version to the target: `hops` in their order, and the stored plans that they are. `direct`: by ids alone."""

    target: Version
    hops: Sequence[Prepared]
    direct: Sequence[Prepared]
    plans: Sequence[StoredPlan] = field(default=())

    @property
    def via(self) -> Via:
        return _VIA[min(len(self.plans), 2)]


_VIA: Final[Sequence[Via]] = ("direct", "plan", "plans")


async def passage_to(tx: Read, state: RunState, number: int) -> Passage:
    """The way from the run's version to the version of this number. Four statements at most. Raises VersionNotFound."""
    versions = await versions_by_id(tx, state.origin_wizard_id)
    target = next((version for version in versions.values() if version.number == number), None)
    if target is None:
        raise VersionNotFound(f"This wizard has no version {number}.")
    if target.id == state.version.id:
        return Passage(target, (), ())
    chain = _chain(await approved_hops(tx, state.origin_wizard_id), state.version.id, target.id)
    found = await plans_by_id(tx, [hop.plan_id for hop in chain])
    plans = [found[hop.plan_id] for hop in chain]
    direct = [prepared_by_ids(state.version, target, versions)]
    return Passage(target, [prepared_among(plan, versions) for plan in plans] or direct, direct, plans)


def _chain(hops: Sequence[Hop], source: str, target: str) -> Sequence[Hop]:
    """The fewest plans that lead from one version to the other, the newest where several do; none where there is no such way.

    Of `hops`, the newest first, those that were made for the rules of this release: by others they may say something else.
    """
    usable = [hop for hop in hops if hop.rule_set == RULE_SET]
    reached: dict[str, tuple[Hop, ...]] = {source: ()}
    fringe = [source]
    while fringe and target not in reached:
        further: dict[str, tuple[Hop, ...]] = {}
        for hop in usable:
            start = next((version_id for version_id in fringe if version_id in hop.sources), None)
            if start is not None and hop.target not in reached:
                further.setdefault(hop.target, (*reached[start], hop))
        reached |= further
        fringe = list(further)
    return reached.get(target, ())


# --- the run ---------------------------------------------------------------------------------------------------------


def run_through(state: RunState, wizard: RunWizard, passage: Passage) -> dict[str, Any]:
    """The run as GET answers it with `?through=`: `version` stays its own, `responses` and `archive` are those of the target."""
    subject, own = subject_of(state), state.version.structure
    view = viewed(subject, own, passage.hops)
    direct = view if passage.hops == passage.direct else viewed(subject, own, passage.direct)
    seen = _seen(state, view, passage.target)
    given = {response["option_set_id"]: response for response in responses_of(state)}
    responses = [_response(each, given, (state, view)) for each in responses_of(seen)]
    through = {
        "version_number": passage.target.number,
        "via": passage.via,
        "plans": [plan.id for plan in passage.plans],
        "direct_differs": not view.is_like(direct),
    }
    return run_summary(state, wizard) | {"through": through, "responses": responses, "archive": archive_of(seen)}


def _seen(state: RunState, view: View, target: Version) -> RunState:
    own = state.version.structure.option_sets
    bits = {option_set.id: bit for option_set, bit in zip(own, state.asked, strict=True)}
    asked = "".join(max((bits[name] for name in view.origins.get(each.id, ())), default=NOT_ASKED) for each in target.structure.option_sets)
    return replace(state, version=target, answers=view.run.answers, archive=view.run.archive, asked=asked)


# --- one response ----------------------------------------------------------------------------------------------------


def _response(shown: dict[str, Any], given: Mapping[str, dict[str, Any]], of: tuple[RunState, View]) -> dict[str, Any]:
    """A response of the target: in the state that its question was in when the run asked it."""
    state, view = of
    name = shown["option_set_id"]
    own = [given[each] for each in view.origins.get(name, ())]
    response = {member: value for member, value in shown.items() if member not in _OF_STATE}
    if name in view.held:
        return response | _conflict(name, given, view)
    response |= _state(name, own, (state, view))
    there = view.run.answers.get(name)
    before = next((each for each in own if each["response_value"] is not None), None)
    # What an answer was is shown wherever it is not that very answer any more.
    if before is not None and is_answered(there) and there != state.answers[before["option_set_id"]]:
        response["original"] = _original(before)
    return response


def _state(name: str, own: Sequence[Mapping[str, Any]], of: tuple[RunState, View]) -> dict[str, Any]:
    """The state of the question of the run's own version that leads here; of several, of the one that says most."""
    state, view = of
    is_there = is_answered(view.run.answers.get(name))
    if not own:
        return {"state": "answered" if is_there else _elsewhere(name, state, view), "asked": False}
    says_most = min(own, key=lambda each: (_SAYS.get(each["state"], len(_SAYS)), not each["asked"]))
    found = {member: says_most[member] for member in _OF_STATE if member in says_most}
    # An answer that the plan puts away has left its question.
    return found if is_there or found["state"] != "answered" else {"state": "archived", "asked": found["asked"]}


_OF_STATE: Final = ("state", "asked", "reason", "conflict", "original")
_SAYS: Final = {"answered": 0, "conflict": 1, "erased": 2, "empty": 3}


def _elsewhere(name: str, state: RunState, view: View) -> str:
    """The state of a question that nothing in the run's own version leads to."""
    if name in state.erased:
        return "erased"
    return "archived" if name in view.run.archive else "not_in_version"


def _conflict(name: str, given: Mapping[str, dict[str, Any]], view: View) -> dict[str, Any]:
    held = view.held[name]
    own = next((given[each] for each in view.origins.get(name, ()) if given[each]["response_value"] is not None), None)
    original = {"response_value": response_value(held.envelope), "display": ""}
    return {
        "state": "conflict",
        "asked": own is not None and own["asked"],
        "conflict": {"code": held.conflict.code, "detail": held.conflict.detail},
        "flags": [] if own is None else own["flags"],
        "original": original if own is None else _original(own),
    }


def _original(response: Mapping[str, Any]) -> dict[str, Any]:
    return {"response_value": response["response_value"], "display": response["display"]}
