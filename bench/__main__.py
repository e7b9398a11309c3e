"""`python -m bench [NAME…]`: measures, prints each result as it comes, and the table at the end (docs/benchmarks.md)."""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence

from bench.builder import builder
from bench.during import during
from bench.imports import imported
from bench.measure import Measured
from bench.moves import moves
from bench.player import player
from bench.pure import differences, evaluation
from bench.stored import beside, impact, storage, verification
from bench.submit import submit
from bench.world import INPUTS, World, opened_world

BENCHES: Mapping[str, Callable[[World], list[Measured]]] = {
    "submit": submit,
    "storage": storage,
    "impact": impact,
    "beside": beside,
    "diff": differences,
    "import": imported,
    "evaluate": evaluation,
    "verify": verification,
    "builder": builder,
    "player": player,
    "moves": moves,
    "during": during,
}
NEED_INPUTS = {"import", "evaluate"}


def measured(names: Sequence[str]) -> list[Measured]:
    """Each bench in a world of its own, so that none measures what another left behind."""
    found: list[Measured] = []
    for name in names:
        if name in NEED_INPUTS and not INPUTS.is_dir():
            print(f"{name}: skipped, the folder of real inputs is absent (set KEEPSTEP_TEST_INPUTS)", flush=True)
            continue
        with opened_world() as world:
            for result in BENCHES[name](world):
                print(result.line(), flush=True)
                found.append(result)
    return found


def table(found: Sequence[Measured]) -> str:
    """The results as docs/benchmarks.md holds them."""
    lines = ["| what | measured | floor | ratio | target |", "|---|---|---|---|---|"]
    for each in found:
        verdict = f"{each.target}, {'met' if each.met else '**missed**'}" if each.target else "—"
        floor = f"{each.floor:,.4g} {each.unit}: {each.floor_name}"
        lines.append(f"| {each.name} | {each.value:,.4g} {each.unit} | {floor} | {each.ratio:.3g} | {verdict} |")
    return "\n".join(lines)


def main() -> None:
    unknown = set(sys.argv[1:]) - set(BENCHES)
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    load = os.getloadavg()[0]
    how = "medians of five, but moves, player and during are one round"
    print(f"{os.cpu_count()} cores, load {load:.1f} before, Python {platform.python_version()}; {how}\n", flush=True)
    print("\n" + table(measured(sys.argv[1:] or list(BENCHES))))


if __name__ == "__main__":
    main()
