"""A run seen through another version of its wizard (semantics 23): converted as it is read, nothing stored, nothing guessed.

Matches by ids and converts by the rules that need no parameter; whatever needs a person is a conflict that shows the original.
Works on values alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from keepstep.core.conversion import Conflict, Converted
from keepstep.core.convert import convert, rule_for
from keepstep.core.flow import NOT_ASKED, is_answered
from keepstep.core.structure import Calculated, OptionSet
from keepstep.queries.responses import archive_of, responses_of, run_summary
from keepstep.queries.runs import RunState, RunWizard, clock_of
from keepstep.queries.versions import Version

VIA: Final = "direct"


def run_through(state: RunState, wizard: RunWizard, target: Version) -> dict[str, Any]:
    """The run as GET answers it with `?through=`: `version` stays its own, `responses` and `archive` are those of the target."""
    view = _view(state, target)
    own = {response["option_set_id"]: response for response in responses_of(state)}
    shown = [_response(response, own.get(response["option_set_id"]), view) for response in responses_of(view.state)]
    through = {"version_number": target.number, "via": VIA, "direct_differs": False}
    return run_summary(state, wizard) | {"through": through, "responses": shown, "archive": archive_of(view.state)}


@dataclass(frozen=True, slots=True)
class _View:
    """The run as it would be in the target. `converted`: the answers that a rule changed; `conflicts`: those that no rule converts."""

    state: RunState
    source: RunState
    converted: frozenset[str]
    conflicts: Mapping[str, Conflict]


def _view(state: RunState, target: Version) -> _View:
    answers: dict[str, Mapping[str, Any]] = {}
    archive = dict(state.archive)
    conflicts: dict[str, Conflict] = {}
    for name, envelope in state.answers.items():
        place = target.structure.option_set_by_id.get(name)
        if place is None:
            # An empty answer has nothing that could get lost.
            archive |= {name: envelope} if is_answered(envelope) else {}
            continue
        result = _converted(state, name, envelope, place)
        if isinstance(result, Conflict):
            conflicts[name] = result
        else:
            answers[name] = result.envelope
            archive |= {} if result.archived is None else {name: result.archived}
    converted = frozenset(name for name, envelope in answers.items() if envelope is not state.answers[name])
    moved = replace(state, version=target, answers=answers, archive=archive, asked=_asked(state, target))
    return _View(moved, state, converted, conflicts)


def _converted(state: RunState, name: str, envelope: Mapping[str, Any], place: OptionSet) -> Converted | Conflict:
    structure = state.version.structure
    source = structure.option_set_by_id.get(name)
    # What a calculation came to then is a fact of the run; it is shown as it was stored and never computed anew.
    if source is None or source == place or (isinstance(source, Calculated) and isinstance(place, Calculated)):
        return Converted(envelope)
    conversion = rule_for(source, place, language=structure.default_language)
    return convert(envelope, conversion, clock=clock_of(state))


def _asked(state: RunState, target: Version) -> str:
    """What was asked, as it was stored: a question that the run's own version does not have was never asked (semantics 3)."""
    own = {option_set.id: bit for option_set, bit in zip(state.version.structure.option_sets, state.asked, strict=True)}
    return "".join(own.get(option_set.id, NOT_ASKED) for option_set in target.structure.option_sets)


# --- one response ----------------------------------------------------------------------------------------------------


def _response(shown: dict[str, Any], own: dict[str, Any] | None, view: _View) -> dict[str, Any]:
    name = shown["option_set_id"]
    state = {member: own[member] for member in ("state", "asked", "reason") if member in own} if own else _elsewhere(name, view)
    response = {member: value for member, value in shown.items() if member not in {"state", "asked", "reason"}} | state
    if own is None:
        return response
    original = {"response_value": own["response_value"], "display": own["display"]}
    if name in view.conflicts:
        conflict = view.conflicts[name]
        response |= {"state": "conflict", "conflict": {"code": conflict.code, "detail": conflict.detail}, "flags": own["flags"]}
    return response | ({"original": original} if name in view.conflicts or name in view.converted else {})


def _elsewhere(name: str, view: _View) -> dict[str, Any]:
    """The state of a question that the run's own version does not have."""
    if name in view.source.erased:
        return {"state": "erased", "asked": False}
    return {"state": "archived" if name in view.source.archive else "not_in_version", "asked": False}
