"""A plan as far as ids alone decide it: a person completes what is left open. Must not know runs."""

from collections.abc import Mapping

from keepstep.core.conversion import Tried
from keepstep.core.convert import rule_for
from keepstep.core.plan import Archive, Carry, Plan, Route
from keepstep.core.structure import Calculated, OptionSet, Statement, Structure


def made_plan(sources: Mapping[str, Structure], target_id: str, target: Structure, tried: Tried | None = None) -> Plan:
    """Every question to the one of the same id, or to the archive where the target has none. `sources`: by version id.

    Parameters of a conversion that were `tried` at the change of type are proposed again, as far as they mean anything here.
    """
    routes = {
        version_id: {item.id: _route(item, source, target, tried or {}) for item in source.option_sets if holds_answers(item)}
        for version_id, source in sources.items()
    }
    return Plan(sources=tuple(sources), target=target_id, routes=routes)


def _route(option_set: OptionSet, source: Structure, target: Structure, tried: Tried) -> Route:
    other = target.option_set_by_id.get(option_set.id)
    if other is None or not is_possible(option_set, other):
        return Archive()
    if (option_set.id, option_set.selection_type, other.selection_type) not in tried:
        return Carry(to=option_set.id)
    return Carry(to=option_set.id, params=rule_for(option_set, other, language=source.default_language).taken_up(tried))


def is_possible(source: OptionSet, target: OptionSet) -> bool:
    """Whether answers of one can be answers of the other at all: what is derived and what is asked never turn into each other."""
    return holds_answers(target) and isinstance(source, Calculated) == isinstance(target, Calculated)


def holds_answers(option_set: OptionSet) -> bool:
    """Whether a run stores something for it; for a statement it does not."""
    return not isinstance(option_set, Statement)
