"""What the plan of a migration says: where each answer of a source version goes in the target, and what fills what is new there.

A value, stored before it is used; approvals bind to its digest. Must not know runs, nor whether the plan is right (`plan_faults`).
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from keepstep.core.convert_matrix import RULE_VERSIONS
from keepstep.core.jsonvalue import canonical_bytes


class Part(BaseModel):
    """Every part of a plan: never changed, and nothing in it that no release knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Carry(Part):
    """To the question `to` of the target, converted by `params` where the types differ.

    `keeps_meaning`: a person said that the value still means the same where a unit changed or labels were exchanged.
    `as_legacy`: a value that the target's limits refuse goes along untouched and flagged, as one that was stored before them.
    """

    kind: Literal["carry"] = "carry"
    to: str
    params: dict[str, Any] = Field(default_factory=dict)
    keeps_meaning: bool = False
    as_legacy: bool = False


class Archive(Part):
    """To the run's archive, where it stays readable, exported and restorable."""

    kind: Literal["archive"] = "archive"


Route = Annotated[Carry | Archive, Field(discriminator="kind")]


class Default(Part):
    """The question's own default."""

    kind: Literal["default"] = "default"


class Constant(Part):
    """The same value for every run."""

    kind: Literal["constant"] = "constant"
    value: Any


class Empty(Part):
    """Asked and left empty, although nobody was asked: for analyses that need it so."""

    kind: Literal["empty"] = "empty"


Fill = Annotated[Default | Constant | Empty, Field(discriminator="kind")]


class First(Part):
    """The first answer in the order of the source counts; the others go to the archive."""

    kind: Literal["first"] = "first"


class Union(Part):
    """Every option chosen in any of them, in a question of several choices; the originals go to the archive."""

    kind: Literal["union"] = "union"


class Joined(Part):
    """Their texts one behind the other; the originals go to the archive."""

    kind: Literal["joined"] = "joined"
    delimiter: str = Field(min_length=1, max_length=10)


Merge = Annotated[First | Union | Joined, Field(discriminator="kind")]

OnConflict = Literal["stay", "park", "archive"]
"""A run with an answer that no rule converts: stays whole on its version, moves with that answer parked, or archives it."""
OnNeed = Literal["stay", "waive", "reopen"]
"""A run that would lack a required answer: stays, moves without it, or moves and is in progress again."""

RULE_SET: Final[Mapping[str, int]] = {str(rule): version for rule, version in sorted(RULE_VERSIONS.items())}
"""The rules of conversion that a plan was made for: with others it may decide otherwise, so it is not applied by them."""


class Plan(Part):
    """From the versions `sources` to the version `target` (ids). `routes`: by source version, by option set id.

    `fills`: by option set of the target that a source version has no answer for; one without a fill stays "not asked".
    `merges`: by option set of the target that several questions of one version go to.
    """

    sources: tuple[str, ...]
    target: str
    routes: dict[str, dict[str, Route]]
    fills: dict[str, Fill] = Field(default_factory=dict)
    merges: dict[str, Merge] = Field(default_factory=dict)
    on_conflict: OnConflict = "stay"
    on_need: OnNeed = "stay"
    rule_set: dict[str, int] = Field(default_factory=lambda: dict(RULE_SET))


def dump_plan(plan: Plan) -> dict[str, Any]:
    """The plan as JSON; `parse_plan` reads it back."""
    return {**plan.model_dump(), "sources": list(plan.sources)}


def parse_plan(stored: Mapping[str, Any]) -> Plan:
    """The plan of `dump_plan`. Raises pydantic's ValidationError for anything else."""
    return Plan.model_validate({**stored, "sources": tuple(stored["sources"])})


def plan_digest(plan: Plan) -> bytes:
    """The same for equal plans alone, however they were put together."""
    return sha256(canonical_bytes(dump_plan(plan))).digest()
