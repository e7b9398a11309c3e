"""What the stateful machine believes: the runs of one wizard as plain Python, computed without the program's own code."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]
UNANSWERED: tuple[Any, ...] = (None, "", [])


@dataclass
class ModelRun:
    """A run: `answers` by option set id as they are now, `rows` of its revisions as they were when they were stored, as text."""

    id: str
    version: int
    completed: bool
    answers: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    revisions: int = 0
    save_number: int = 0
    trashed: bool = False
    imported: bool = False
    moved: bool = False
    erased: set[str] = field(default_factory=set)
    wholly_erased: bool = False
    archive: dict[str, Any] = field(default_factory=dict)
    views: dict[str, bytes] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f"{self.revisions}.{self.save_number}"

    def stored(self) -> None:
        """The present answers have become a revision."""
        self.revisions += 1
        self.save_number = 0
        self.history.append(dict(self.answers))

    def answered(self, option_set_id: str) -> bool:
        return self.answers.get(option_set_id) not in UNANSWERED


def option_sets(structure: Node) -> list[Node]:
    return [item for step in structure["steps"] for item in step["option_sets"]]


def options(option_set: Node) -> list[str]:
    """The values that are offered."""
    return [each["value"] for each in option_set.get("options") or [] if not each.get("retired")]


def asked(structure: Node, answers: Mapping[str, Any]) -> set[str]:
    """The option sets that are asked. Conditions are `{"==": [{"var": id}, value]}`, on an option set in front of theirs."""
    found: set[str] = set()
    for step in structure["steps"]:
        for item in step["option_sets"]:
            condition = item.get("visible_if")
            if step.get("retired") or item.get("retired"):
                continue
            if condition is not None:
                variable, value = condition["=="]
                source = variable["var"]
                if source not in found or answers.get(source) in UNANSWERED or answers[source] != value:
                    continue
            found.add(item["id"])
    return found


def is_kept(name: str, value: Any, answers: Mapping[str, Node], archive: Mapping[str, Node]) -> bool:
    """Whether an answer that a run had is still there after it moved: as it was, as what it came from, or in the archive."""
    now = answers.get(name, {})
    original = now.get("params", {}).get("original")
    entry: Node | None = archive.get(name)
    while entry is not None:
        if entry.get("value") == value:
            return True
        entry = entry.get("earlier")
    if {type(value), type(now.get("value"))} == {int, str}:
        return str(value) in (str(now["value"]), str(original))
    return now.get("value") in (value, [value]) or [now.get("value")] == value or original == value


# --- counting by going through every run ---------------------------------------------------------------------------


def holding(runs: Iterable[ModelRun], option_set_id: str, value: str | None = None) -> Iterator[ModelRun]:
    """The runs that answered this option set, or chose that value in it."""
    for run in runs:
        given = run.answers.get(option_set_id)
        if run.answered(option_set_id) and (value is None or given == value or (isinstance(given, list) and value in given)):
            yield run


def by_status(runs: Iterable[ModelRun]) -> dict[str, int]:
    """As the impact says it, trashed runs left out."""
    live = [run for run in runs if not run.trashed]
    completed = sum(run.completed for run in live)
    return {"completed": completed, "in_progress": len(live) - completed, "abandoned": 0}


def by_version(runs: Iterable[ModelRun]) -> list[dict[str, int]]:
    numbers = [run.version for run in runs if not run.trashed]
    return [{"version_number": number, "runs": numbers.count(number)} for number in sorted(set(numbers))]


def distinct(runs: Iterable[ModelRun], option_set_id: str) -> dict[str, int]:
    """How many live runs hold each value."""
    counts: dict[str, int] = {}
    for run in runs:
        if not run.trashed:
            value = repr(run.answers[option_set_id])
            counts[value] = counts.get(value, 0) + 1
    return counts
