"""The account of an import of runs: what was added, what was there already, and where everything that did not fit is found.

Must not know how runs are read or stored.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from keepstep.core.structure import OptionSet
from keepstep.core.text import text_in
from keepstep.interchange.runs_in_receipt import RunsReceipt
from keepstep.queries.versions import Version
from keepstep.queries.wizards import Wizard

# As many ids as a person looks through; the number is always of all.
SHOWN_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the runs of a file, with the non-empty cells that they were read from."""

    runs: int = 0
    cells: int = 0


@dataclass(slots=True)
class Progress:
    """What has become of the runs of a file so far: it lives for one import and is never shared."""

    added: Share = field(default_factory=Share)
    there: Share = field(default_factory=Share)
    differing: list[str] = field(default_factory=list)
    erased: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    flags: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answers by option set id and code of their flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRuns:
    """An import of runs that is stored. `version`: the one that runs were taken for which named no other one themselves."""

    wizard: Wizard
    version: Version
    progress: Progress
    receipt: RunsReceipt
    questions: Mapping[str, OptionSet]

    def to_json(self) -> dict[str, Any]:
        """`{wizard, version_number, runs, flags, questions, archived, totals, columns, lines}`; `find` is the address of the runs meant."""
        return {
            "wizard": {"id": self.wizard.id, "slug": self.wizard.slug, "name": self.wizard.name},
            "version_number": self.version.number,
            "runs": self._runs(),
            "flags": self._flags(),
            "questions": list(self._questions()),
            "archived": list(self._archived()),
            **{name: part for name, part in self.receipt.to_json().items() if name != "flags"},
        }

    def _runs(self) -> dict[str, Any]:
        done = self.progress
        return {
            "in_file": self.receipt.runs,
            "added": done.added.runs,
            "already_there": done.there.runs,
            "cells_added": done.added.cells,
            "cells_already_there": done.there.cells,
            "stored_otherwise": len(done.differing),
            "stored_otherwise_ids": done.differing[:SHOWN_RUNS],
            "erased": done.erased,
            "by_status": dict(done.statuses),
            "by_version": {str(number): count for number, count in sorted(done.versions.items())},
        }

    def _flags(self) -> dict[str, int]:
        """Flagged answers by code, whatever their question."""
        counts: Counter[str] = Counter()
        for (_, code), count in self.progress.flags.items():
            counts[code] += count
        return dict(sorted(counts.items()))

    def _questions(self) -> Iterator[dict[str, Any]]:
        """Each question with flagged answers: how many by code, and where they are."""
        found: dict[str, dict[str, int]] = {}
        for (option_set_id, code), count in self.progress.flags.items():
            found.setdefault(option_set_id, {})[code] = count
        for option_set_id, option_set in self.questions.items():
            if option_set_id in found:
                label = text_in(option_set.name, self.version.structure.default_language, self.version.structure.default_language)
                flags = dict(sorted(found[option_set_id].items()))
                own = {"option_set_id": option_set_id, "key": option_set.key, "label": label, "flags": flags}
                yield own | {"find": {code: self.address(flag=code, flagged=option_set.key) for code in flags}}

    def _archived(self) -> Iterator[dict[str, Any]]:
        """Each column that is no question here, also those without a single cell: someone expects them."""
        for column in self.receipt.columns:
            if column.role == "archive":
                yield {"name": column.name, "cells": column.cells, "find": self.address(archived=column.name)}

    def address(self, **filters: str) -> str:
        """The list of the runs that these filters keep."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in filters.items())
        return f"/api/v1/wizards/{self.wizard.slug or self.wizard.id}/runs?{query}"
