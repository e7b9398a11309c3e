"""A plan as people and clients read it: each question of each source with where it goes and by which rule. Works on values alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keepstep.core.convert import rule_for
from keepstep.core.issue import Issue, to_errors
from keepstep.core.plan import Carry, Plan, Route
from keepstep.core.plan_making import holds_answers, is_possible
from keepstep.core.structure import OptionSet, Structure
from keepstep.core.text import text_in
from keepstep.queries.plans import StoredPlan, Versions
from keepstep.queries.versions import Version


def plan_json(stored: StoredPlan, versions: Versions, faults: Sequence[Issue], *, preview: Mapping[str, Any] | None) -> dict[str, Any]:
    """The plan with its mapping and faults. `preview`: the newest one, `{job_id, state}` and whether it is of this very plan."""
    plan = stored.plan
    return {
        "id": stored.id,
        "wizard_id": stored.origin_wizard_id,
        "state": _state(stored, preview),
        "revision": stored.revision,
        "sources": [_version_json(versions[version_id]) for version_id in plan.sources],
        "target": _version_json(versions[plan.target]),
        "mapping": [line for version_id in plan.sources for line in mapping_of(plan, versions[version_id], versions[plan.target])],
        "new_questions": list(_new_questions(plan, versions)),
        "merges": {name: merge.model_dump() for name, merge in plan.merges.items()},
        "policy": {"on_conflict": plan.on_conflict, "on_need": plan.on_need},
        "rule_set": dict(plan.rule_set),
        "faults": list(to_errors(faults)),
        "preview": preview,
        "digest": stored.digest.hex(),
        "created_at": stored.created_at,
        "created_by": stored.created_by,
        "updated_at": stored.updated_at,
        "approved_at": stored.approved_at,
        "approved_by": stored.approved_by,
    }


def plan_line(stored: StoredPlan, versions: Versions) -> dict[str, Any]:
    """The plan in a list."""
    names = ("id", "revision", "created_at", "created_by", "updated_at", "approved_at", "approved_by")
    return {name: getattr(stored, name) for name in names} | {
        "wizard_id": stored.origin_wizard_id,
        "state": _state(stored, None),
        "sources": [_version_json(versions[version_id]) for version_id in stored.plan.sources],
        "target": _version_json(versions[stored.plan.target]),
        "digest": stored.digest.hex(),
    }


def _state(stored: StoredPlan, preview: Mapping[str, Any] | None) -> str:
    if stored.approved_at is not None:
        return "approved"
    return "previewed" if preview is not None and preview["is_current"] and preview["state"] == "completed" else "draft"


def _version_json(version: Version) -> dict[str, Any]:
    return {"id": version.id, "version_number": version.number}


def mapping_of(plan: Plan, source: Version, target: Version) -> Iterator[dict[str, Any]]:
    """A line for each question of the source that holds answers, in its order."""
    routes = plan.routes.get(source.id, {})
    for option_set in filter(holds_answers, source.structure.option_sets):
        route = routes.get(option_set.id)
        place = target.structure.option_set_by_id.get(route.to) if isinstance(route, Carry) else None
        yield {
            "version_number": source.number,
            **_question_json(option_set, source.structure),
            "route": None if route is None else _route_json(route),
            "target": None if place is None else _question_json(place, target.structure),
            "conversion": None if place is None else conversion_json(option_set, place, source.structure),
        }


def _route_json(route: Route) -> dict[str, Any]:
    return route.model_dump()


def _question_json(option_set: OptionSet, structure: Structure) -> dict[str, Any]:
    language = structure.default_language
    return {
        "option_set_id": option_set.id,
        "key": option_set.key,
        "label": text_in(option_set.name, language, language),
        "selection_type": option_set.selection_type,
    }


def conversion_json(source: OptionSet, target: OptionSet, structure: Structure) -> dict[str, Any] | None:
    """How answers of one become answers of the other; None for the same question, or where none can."""
    if source == target or not is_possible(source, target) or source.selection_type == "calculated":
        return None
    conversion = rule_for(source, target, language=structure.default_language)
    return {
        "kind": conversion.kind,
        "rule": conversion.rule_id,
        "needs": [list(group) for group in conversion.needs],
        "accepts": list(conversion.accepts),
        "suggestions": dict(conversion.suggestions),
    }


def _new_questions(plan: Plan, versions: Versions) -> Iterator[dict[str, Any]]:
    """Questions of the target that no question of some source leads to, and what fills them."""
    target = versions[plan.target].structure
    reached = [{route.to for route in routes.values() if isinstance(route, Carry)} for routes in plan.routes.values()]
    for option_set in filter(holds_answers, target.option_sets):
        if all(option_set.id in places for places in reached):
            continue
        fill = plan.fills.get(option_set.id)
        required = {"is_required": option_set.is_required, "has_default": option_set.default is not None}
        yield _question_json(option_set, target) | required | {"fill": None if fill is None else fill.model_dump()}
