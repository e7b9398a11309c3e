"""A plan as far as ids alone decide it: a person completes what is left open. Must not know runs."""

from collections.abc import Mapping

from keepstep.core.plan import Archive, Carry, Plan, Route
from keepstep.core.structure import Calculated, OptionSet, Statement, Structure


def made_plan(sources: Mapping[str, Structure], target_id: str, target: Structure) -> Plan:
    """Every question to the one of the same id, or to the archive where the target has none. `sources`: by version id."""
    routes = {
        version_id: {item.id: _route(item, target) for item in source.option_sets if holds_answers(item)}
        for version_id, source in sources.items()
    }
    return Plan(sources=tuple(sources), target=target_id, routes=routes)


def _route(option_set: OptionSet, target: Structure) -> Route:
    other = target.option_set_by_id.get(option_set.id)
    return Carry(to=option_set.id) if other is not None and is_possible(option_set, other) else Archive()


def is_possible(source: OptionSet, target: OptionSet) -> bool:
    """Whether answers of one can be answers of the other at all: what is derived and what is asked never turn into each other."""
    return holds_answers(target) and isinstance(source, Calculated) == isinstance(target, Calculated)


def holds_answers(option_set: OptionSet) -> bool:
    """Whether a run stores something for it; for a statement it does not."""
    return not isinstance(option_set, Statement)
