"""What a check of the store was asked to look at, what it looked at, and what it found. Values only; must not know how to look."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from keepstep.core.jsonvalue import loads
from keepstep.errors import MalformedJson

MAX_FINDINGS: Final = 1_000
"""Findings kept in full; more are counted. A store that is broken in a thousand places needs its backup, not a longer list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One alteration. `code` says of what: guard, version, snapshot, registry, unreadable, revision, chain, head, record,
    tombstone, erasure, working-copy, file, checkpoint, manifest; of one job also conservation, coverage; from a comparison with a
    checkpoint also dropped, cut, rewritten.
    """

    code: str
    wizard_id: str | None
    detail: str
    version_number: int | None = None
    run_id: str | None = None
    revision: int | None = None

    def to_json(self) -> dict[str, Any]:
        names = ("code", "wizard_id", "version_number", "run_id", "revision", "detail")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: everything, one wizard's part, or one run; `limit` runs after the run `after`, for those who take it in pieces."""

    wizard_id: str | None = None
    after: str | None = None
    limit: int | None = None
    run_id: str | None = None


EVERYTHING: Final = Scope()


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found. Fills while `verify` runs; `next` is where a limited one stopped.

    `files`: files that answers name, compared with their rows. `contents`: how many of their contents were read, None where
    nobody read any; `left_over`: contents that no file names, None where nobody looked. They are no alteration.
    """

    versions: int = 0
    runs: int = 0
    revisions: int = 0
    erased: int = 0
    files: int = 0
    altered: int = 0
    next: str | None = None
    contents: int | None = None
    content_bytes: int = 0
    left_over: int | None = None
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self.altered += 1
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)

    @property
    def is_intact(self) -> bool:
        return self.altered == 0

    def to_json(self) -> dict[str, Any]:
        names = ("versions", "runs", "revisions", "erased", "files", "contents", "content_bytes", "left_over", "altered", "next")
        counts = {name: getattr(self, name) for name in names}
        return {"intact": self.is_intact} | counts | {"findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class Place:
    wizard_id: str | None
    run_id: str
    revision: int | None

    def finding(self, code: str, detail: str) -> Finding:
        return Finding(code=code, wizard_id=self.wizard_id, run_id=self.run_id, revision=self.revision, detail=detail)


def read_json(text: str) -> Any:
    """The JSON value, None when it cannot be read exactly: what somebody spoiled must be named, not end the whole check."""
    try:
        return loads(text)
    except MalformedJson:
        return None
