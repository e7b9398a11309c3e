"""A run as people and clients read it: one response for each option set of its version, in its order and language.

Works on values alone; the API, exports and pages show the same thing because they call this.
"""

from collections.abc import Mapping
from typing import Any

from keepstep.core.archive import parked_in
from keepstep.core.flow import ASKED, WAIVED, is_answered, is_waived, reason_of
from keepstep.core.piping import Shown, shown_answers
from keepstep.core.selection import display
from keepstep.core.structure import OptionSet, Statement, Step, Structure, dump
from keepstep.core.text import piped, text_in
from keepstep.queries.runs import RunState, RunWizard


def run_json(state: RunState, wizard: RunWizard) -> dict[str, Any]:
    """The whole run, as GET answers it (docs/api.md)."""
    return run_summary(state, wizard) | {"responses": responses_of(state), "archive": archive_of(state)}


def run_summary(state: RunState, wizard: RunWizard) -> dict[str, Any]:
    """The run without its answers: what writes answer, and what each line of a list begins with."""
    return {
        "id": state.id,
        "wizard": {"id": wizard.id, "slug": wizard.slug, "name": wizard.name} | ({"removed": True} if wizard.removed else {}),
        "status": state.status,
        "revision": state.revision,
        "save_number": state.save_number,
        "version": version_json(state, wizard),
        "language": state.language,
        "respondent": state.respondent,
        "started_at": state.started_at,
        "updated_at": state.updated_at,
        "completed_at": state.completed_at,
        "trashed_at": state.trashed_at,
        "erased_at": state.erased_at,
        "evaluated_at": state.evaluated_at,
        "zone": state.zone,
        "cause": state.cause,
        "digest": None if state.digest is None else state.digest.hex(),
    }


def version_json(state: RunState, wizard: RunWizard) -> dict[str, Any]:
    """The run's own version against the one that new runs start on."""
    number = state.version.number
    return {
        "id": state.version.id,
        "version_number": number,
        "is_current": number == wizard.active_number,
        "active_version_number": wizard.active_number,
    }


def responses_of(state: RunState) -> list[dict[str, Any]]:
    """Every option set of the run's version with its state; a stored value is never hidden."""
    structure = state.version.structure
    asked = iter(state.asked)
    shown = shown_answers(structure, state.answers, state.asked, state.language)
    parked = {to: entry for to, _, entry in parked_in(state.archive)}
    return [
        _response(state, (shown, parked), step, option_set, is_asked=next(asked) == ASKED)
        for step in structure.steps
        for option_set in step.option_sets
    ]


def _response(
    state: RunState, with_: tuple[Shown, Mapping[str, Any]], step: Step, option_set: OptionSet, *, is_asked: bool
) -> dict[str, Any]:
    shown, parked = with_
    structure, envelope = state.version.structure, state.answers.get(option_set.id)
    language, default = state.language, structure.default_language
    response = {
        "step_id": step.id,
        "option_set_id": option_set.id,
        "key": option_set.key,
        "label": piped(text_in(option_set.name, language, default), shown),
        **state_of(state, structure, option_set, is_asked=is_asked),
        "response_value": response_value(envelope),
        "display": display(envelope, option_set, language, default),
        "source": (envelope or {}).get("source"),
        "flags": (envelope or {}).get("flags", []),
        "step_snapshot": {"id": step.id, "key": step.key, "name": step.name},
        "option_set_snapshot": _snapshot(option_set),
    }
    if option_set.id in parked and response["state"] in ("empty", "not_asked"):
        response |= _waiting(parked[option_set.id], option_set, (language, default))
    return response | {name: envelope[name] for name in ("rule", "params") if envelope and name in envelope}


def _waiting(entry: Mapping[str, Any], option_set: OptionSet, languages: tuple[str, str]) -> dict[str, Any]:
    """What a question says whose answer no rule converted: it lies in the archive, and waits for a person."""
    original = {"response_value": response_value(entry), "display": display(entry, option_set, *languages)}
    return {"state": "conflict", "conflict": conflict_in(entry), "original": original}


def conflict_in(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Why an entry of the archive waits: `{code, detail}`."""
    return {name: entry["conflict"][name] for name in ("code", "detail")}


def _snapshot(option_set: OptionSet) -> Mapping[str, Any]:
    """The option set in JSON. Kept with it, as its cached properties are: making it anew for each run of a form with five hundred
    questions takes ten times as long as everything else.
    """
    cached: Mapping[str, Any] | None = option_set.__dict__.get("_snapshot")
    if cached is None:
        cached = option_set.__dict__["_snapshot"] = dump(option_set)
    return cached


def response_value(envelope: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was answered: `{value, other?}`; None where nothing is stored."""
    if envelope is None:
        return None
    return {name: envelope[name] for name in ("value", "other") if name in envelope}


def state_of(state: RunState, structure: Structure, option_set: OptionSet, *, is_asked: bool) -> dict[str, Any]:
    """`{state, asked, reason?}` of one option set: answered, empty, not_asked or erased; with the reason if not asked (semantics 2)."""
    envelope = state.answers.get(option_set.id)
    kind = "erased" if option_set.id in state.erased else "answered" if is_answered(envelope) else None
    if not is_asked and kind is None and is_waived(envelope):
        return {"state": "not_asked", "asked": False, "reason": {"kind": WAIVED, "by": []}}
    if not is_asked:
        reason = reason_of(structure, option_set)
        return {"state": kind or "not_asked", "asked": False, "reason": {"kind": reason.kind, "by": list(reason.by)}}
    if kind is not None:
        return {"state": kind, "asked": True}
    if envelope is None and state.status != "completed" and not isinstance(option_set, Statement):
        return {"state": "not_asked", "asked": False, "reason": {"kind": "not_reached", "by": []}}
    return {"state": "empty", "asked": True}


def archive_of(state: RunState) -> list[dict[str, Any]]:
    """What the run keeps without a place in its version: by option set id, or by the name of an imported column."""
    return [
        {
            "name": name,
            "state": "archived",
            "response_value": response_value(envelope),
            "source": envelope.get("source"),
            "flags": envelope.get("flags", []),
            **({"conflict": conflict_in(envelope)} if "conflict" in envelope else {}),
        }
        for name, envelope in sorted(state.archive.items())
    ] + [{"name": name, "state": "erased", "response_value": None} for name in sorted(_erased_archive(state))]


def _erased_archive(state: RunState) -> set[str]:
    return {name for name in state.erased if name not in state.version.structure.option_set_by_id}


def answers_by_key(state: RunState) -> dict[str, Any]:
    """The answered option sets of a list's line, by key: `{value, other?}`."""
    known = state.version.structure.option_set_by_id
    return {
        known[name].key: response_value(envelope) for name, envelope in state.answers.items() if name in known and is_answered(envelope)
    }
