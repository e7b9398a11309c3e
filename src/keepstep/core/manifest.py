"""What a job leaves as proof: its plan, its counts, and the roots over every run before and after. Must not know jobs or storage."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from keepstep.core.integrity import Peaks, chained, grown, merkle_root, root_of_peaks


@dataclass(frozen=True, slots=True)
class Leaf:
    """One run at one revision."""

    run_id: str
    revision: int
    digest: bytes

    def hashed(self) -> bytes:
        """The leaf of the tree."""
        # The canonical bytes of the three, whose characters need no escape: a job has two leaves for each run.
        return sha256(f'["{self.run_id}",{self.revision},"{self.digest.hex()}"]'.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`counts`: runs by outcome. Roots over the runs that moved, in the order of their ids. `previous`: the digest of the job before."""

    job_id: str
    plan_digest: bytes
    counts: Mapping[str, int]
    before: bytes
    after: bytes
    previous: bytes | None

    def record(self) -> dict[str, Any]:
        """As it is stored and signed."""
        return {
            "job_id": self.job_id,
            "plan_digest": self.plan_digest.hex(),
            "counts": dict(sorted(self.counts.items())),
            "before": self.before.hex(),
            "after": self.after.hex(),
        }

    @property
    def digest(self) -> bytes:
        """Chained to the job before, so that no job can be taken out."""
        return chained(self.previous, self.record())


def root_of(leaves: Iterable[Leaf]) -> bytes:
    """The Merkle root, whatever order the leaves come in: by run, then revision."""
    return merkle_root([leaf.hashed() for leaf in sorted(leaves, key=lambda leaf: (leaf.run_id, leaf.revision))])


@dataclass(frozen=True, slots=True)
class Moved:
    """Runs that moved, summed up in the order of their ids: the trees over them before and after, and how many there are."""

    before: Peaks = ()
    after: Peaks = ()
    runs: int = 0

    def and_one(self, before: Leaf, after: Leaf) -> "Moved":
        """With one more run. The same roots as `root_of` gives of all."""
        return Moved(grown(self.before, before.hashed()), grown(self.after, after.hashed()), self.runs + 1)

    @property
    def roots(self) -> tuple[bytes, bytes]:
        return root_of_peaks(self.before), root_of_peaks(self.after)
