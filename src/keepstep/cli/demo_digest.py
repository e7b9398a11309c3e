"""One digest over everything that runs read back as, question wording and states included: equal digests mean equal to the byte."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from keepstep.cli.stage import Stage
from keepstep.core.flow import is_answered
from keepstep.core.jsonvalue import dump_bytes
from keepstep.db.transaction import open_read
from keepstep.queries.exports import chosen_versions, exported_runs
from keepstep.queries.responses import run_json
from keepstep.queries.runs import RunState, RunWizard, get_run, wizard_of
from keepstep.queries.wizards import get_wizard

# Which version is the active one is no part of a run: it is what changes when another version is published.
_OF_OTHERS: Final = ("is_current", "active_version_number")


@dataclass(slots=True)
class Read:
    """The runs of a wizard as they read back: how many, their digest, and how many of them answered each option set."""

    digest: str = ""
    runs: int = 0
    answered: Counter[str] = field(default_factory=Counter)


async def run_digest(stage: Stage, run_id: str) -> str:
    """The digest of one run."""
    state = await stage.look(get_run, run_id)
    async with open_read(stage.resources.engine) as tx:
        return sha256(_bytes_of(state, await wizard_of(tx, state.origin_wizard_id), {})).hexdigest()


async def read_back(stage: Stage, wizard_ref: str) -> Read:
    """All runs of a wizard, read one after the other."""
    read, summed = Read(), sha256()
    # The wording of a version's questions is the same object in each of its runs, and is hashed once.
    snapshots: dict[int, str] = {}
    async with open_read(stage.resources.engine) as tx:
        wizard = await get_wizard(tx, stage.actor, wizard_ref, "view")
        of = await wizard_of(tx, wizard.id)
        async for batch in exported_runs(tx, await chosen_versions(tx, wizard, "all")):
            for exported in batch:
                read.runs += 1
                read.answered.update(name for name, envelope in exported.state.answers.items() if is_answered(envelope))
                summed.update(_bytes_of(exported.state, of, snapshots))
    read.digest = summed.hexdigest()
    return read


def _bytes_of(state: RunState, wizard: RunWizard, snapshots: dict[int, str]) -> bytes:
    """What GET answers for this run, without what is about other versions, each snapshot by its digest."""
    body = run_json(state, wizard)
    body["version"] = {name: value for name, value in body["version"].items() if name not in _OF_OTHERS}
    for response in body["responses"]:
        response["option_set_snapshot"] = _digest_of(response["option_set_snapshot"], snapshots)
    return dump_bytes(body)


def _digest_of(snapshot: Mapping[str, Any], known: dict[int, str]) -> str:
    found = known.get(id(snapshot))
    if found is None:
        found = known[id(snapshot)] = sha256(dump_bytes(snapshot)).hexdigest()
    return found
