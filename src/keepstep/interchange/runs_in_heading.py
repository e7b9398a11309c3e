"""What each heading of a table of runs means: a question, one option of it, metadata of the run, or nothing known here.

Headings of other tools carry group paths (`consented-narrat-Id10476`): the longest end of the heading that names a
question counts. Keepstep's own headings are taken word for word. Must not know cells.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from keepstep.core.structure import ChoiceFields, MultipleSelect, OptionSet, Structure
from keepstep.interchange.columns import RESERVED, RUN_COLUMNS

Role = Literal["answer", "choice", "other", "state", "label", "archived", "run", "metadata", "archive"]
_SEPARATOR: Final = re.compile(r"[-/:.]")
# A heading of more groups than this names no question; the limit keeps a hostile heading from taking quadratic time.
_MAX_PARTS: Final = 40
# Only Keepstep's own export has all of these; one of them alone may be anybody's question.
_OWN: Final = frozenset(("run_id", "version", "first_version", "revision"))
_OWN_SUFFIXES: Final[dict[str, Role]] = {".state": "state", ".other": "other", ".label": "label", ".archived": "archived"}

METADATA: Final[dict[str, str]] = dict.fromkeys(
    "today deviceid subscriberid simserial simid phonenumber username email audit duration caseid instancename submitterid submittername "
    "attachmentspresent attachmentsexpected status reviewstate edits formversion formdef_version review_quality formhub/uuid __version__ "
    "_version_ _version _id _index _tags _notes _status _validation_status _submitted_by _attachments _geolocation _xform_id_string "
    "_duration _total_media _media_count _media_all_received".split(),
    "",
) | {
    "start": "started_at",
    "end": "completed_at",
    "submissiondate": "submitted_at",
    "_submission_time": "submitted_at",
    "instanceid": "instance_id",
    "key": "instance_key",
    "_uuid": "instance_key",
}
"""Headings that data collection tools add to every form, without the difference of case, and which member of a run each gives."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One column as it is understood.

    `field`: the option of a `choice`, the run member of `run` and `metadata`, the name of an `archive` entry.
    `why`: for an `archive` column of a file from elsewhere, the code of the reason.
    """

    position: int
    name: str
    role: Role
    option_set_id: str | None = None
    field: str = ""
    why: str = ""
    matched: int = 0
    """How many characters of the heading named the question: where two columns name the same one, the closer counts."""


def is_own(names: Iterable[str]) -> bool:
    """Whether a header is that of Keepstep's own export."""
    return set(names) >= _OWN


def headings_of(names: Sequence[str], structure: Structure, older: Mapping[int, Structure]) -> tuple[Heading, ...]:
    """Each heading's meaning. Questions of `older` versions are found as well, after those of `structure`."""
    index = Index(structure, older)
    if is_own(names):
        return tuple(_own_heading(position, name, index) for position, name in enumerate(names))
    return _settled(tuple(_heading(position, name, index) for position, name in enumerate(names)))


class Index:
    """The option sets of a structure and its older versions by every name that a heading may have for them."""

    def __init__(self, structure: Structure, older: Mapping[int, Structure]) -> None:
        newest_first = [older[number] for number in sorted(older, reverse=True)]
        self.older = older
        self.structures = (structure, *newest_first)
        self.option_sets: dict[str, OptionSet] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        for each in reversed(self.structures):
            self.option_sets.update(each.option_set_by_id)
            self.groups.update({name: tuple(filter(None, (_source_name(step), step.key))) for name, step in each.step_of.items()})
        self.exact = tuple(tier for each in self.structures for tier in _tiers(each))
        self.folded = tuple(_grouped((name.casefold(), id_) for name, id_ in _names(each)) for each in self.structures)

    def ids(self, name: str) -> tuple[str, ...]:
        """The option sets that the first tier with this name has for it: several where it is ambiguous."""
        return _first_in(self.exact, name) or _first_in(self.folded, name.casefold())

    def id_by_key(self, key: str) -> str | None:
        """The option set with this key or alias, in the structure itself, else in the newest version that has it."""
        return next((each.id_by_key[key] for each in self.structures if key in each.id_by_key), None)


def _first_in(tiers: Iterable[Mapping[str, tuple[str, ...]]], name: str) -> tuple[str, ...]:
    return next((found for tier in tiers if (found := tier.get(name))), ())


def _source_name(node: object) -> str | None:
    source = getattr(node, "source", None)
    return None if source is None else source.name


def _tiers(structure: Structure) -> Iterator[dict[str, tuple[str, ...]]]:
    """Name → ids, the more certain first: names in the source, keys, aliases."""
    yield _grouped((name, option_set.id) for option_set in structure.option_sets if (name := _source_name(option_set)))
    yield _grouped((option_set.key, option_set.id) for option_set in structure.option_sets)
    yield _grouped((alias, option_set.id) for option_set in structure.option_sets for alias in option_set.key_aliases)


def _names(structure: Structure) -> Iterator[tuple[str, str]]:
    for tier in _tiers(structure):
        yield from ((name, option_set_id) for name, ids in tier.items() for option_set_id in ids)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, dict[str, None]] = defaultdict(dict)
    for name, option_set_id in pairs:
        grouped[name][option_set_id] = None
    return {name: tuple(ids) for name, ids in grouped.items()}


# --- headings of other tools ---------------------------------------------------------------------------------------


# Spelled like this they are never a question's name in another case.
_UNMISTAKABLE: Final = frozenset(("KEY", "SubmissionDate"))


def _heading(position: int, name: str, index: Index) -> Heading:
    named = index.ids(name)
    meaning = _metadata(name)
    if meaning is not None and (not named or name in _UNMISTAKABLE):
        return Heading(position, name, "metadata", field=meaning)
    # max keeps the first of equals: a question of that very name before an option or an "other" text.
    found = max((_as_question(name, index), _as_choice(name, index), _as_other(name, index)), key=lambda heading: heading.matched)
    return replace(found, position=position)


def _metadata(name: str) -> str | None:
    """The run's member for metadata that tools add ("" for one without), None for anything else."""
    folded = name.casefold()
    group, _, leaf = _SEPARATOR.sub("/", folded).rpartition("/")
    return METADATA.get(folded, METADATA.get(leaf) if group in ("meta", "orx/meta") else None)


def _starts(name: str) -> list[int]:
    """Where an end of the heading may begin: at its start and after each separator."""
    return [0, *(match.end() for match in _SEPARATOR.finditer(name))][:_MAX_PARTS]


def _as_question(name: str, index: Index) -> Heading:
    """The longest end of the heading that names an option set; `archive` where none does, or several alike."""
    for start in _starts(name):
        ids = _of_group(index.ids(name[start:]), name[: max(0, start - 1)], index)
        if len(ids) == 1:
            return Heading(0, name, "answer", ids[0], matched=len(name) - start)
        if ids:
            return Heading(0, name, "archive", field=name, why="column-ambiguous", matched=len(name) - start)
    return Heading(0, name, "archive", field=name, why="question-unknown")


def _of_group(ids: tuple[str, ...], path: str, index: Index) -> tuple[str, ...]:
    """Of several option sets of one name, those whose step is the group that the heading names; all where that tells nothing."""
    if len(ids) < 2:
        return ids
    inner = tuple(path[start:] for start in _starts(path))
    return tuple(option_set_id for option_set_id in ids if set(index.groups[option_set_id]) & set(inner)) or ids


def _as_choice(name: str, index: Index) -> Heading:
    """`question/option`, as tools write a multiple choice over several columns."""
    for start in _starts(name)[1:]:
        end = start - 1
        question, value = _as_question(name[:end], index), name[start:]
        option_set = index.option_sets.get(question.option_set_id or "")
        if isinstance(option_set, MultipleSelect) and value in option_set.option_by_value:
            return Heading(0, name, "choice", option_set.id, field=value, matched=question.matched + 1 + len(value))
    return Heading(0, name, "archive", field=name, why="question-unknown")


def _as_other(name: str, index: Index) -> Heading:
    """`question_other`: the text column that an XLSForm's or_other adds."""
    if name.endswith("_other"):
        question = _as_question(name.removesuffix("_other"), index)
        option_set = index.option_sets.get(question.option_set_id or "")
        if isinstance(option_set, ChoiceFields) and option_set.allow_other:
            return Heading(0, name, "other", option_set.id, matched=question.matched + len("_other"))
    return Heading(0, name, "archive", field=name, why="question-unknown")


def _settled(headings: tuple[Heading, ...]) -> tuple[Heading, ...]:
    """Where several columns would be the same thing, the closest match is it and the others are archived; equals all are."""
    claims: dict[tuple[str, str | None, str], list[Heading]] = defaultdict(list)
    for heading in headings:
        if heading.option_set_id is not None:
            claims[heading.role, heading.option_set_id, heading.field].append(heading)
    taken = {loser.position: code for rivals in claims.values() for loser, code in _losers(rivals)}
    return tuple(
        Heading(heading.position, heading.name, "archive", field=heading.name, why=taken[heading.position])
        if heading.position in taken
        else heading
        for heading in headings
    )


def _losers(rivals: list[Heading]) -> Iterator[tuple[Heading, str]]:
    best = max(heading.matched for heading in rivals)
    alone = sum(heading.matched == best for heading in rivals) == 1
    for heading in rivals:
        if heading.matched < best or not alone:
            yield heading, "column-taken" if alone else "column-ambiguous"


# --- Keepstep's own headings ---------------------------------------------------------------------------------------


def _own_heading(position: int, name: str, index: Index) -> Heading:
    if name in RUN_COLUMNS:
        return Heading(position, name, "run", field=name)
    stem, role = _own_role(name)
    option_set_id = _own_question(stem, index)
    if option_set_id is not None:
        return Heading(position, name, role, option_set_id)
    if name.startswith("archive."):
        return Heading(position, name, "archive", field=name.removeprefix("archive."))
    chosen = _own_choice(name, index)
    if chosen is not None:
        return Heading(position, name, "choice", chosen[0], field=chosen[1])
    return Heading(position, name, role if role == "state" else "archive", field=stem if role == "state" else name, why="question-unknown")


def _own_role(name: str) -> tuple[str, Role]:
    for suffix, role in _OWN_SUFFIXES.items():
        if name.endswith(suffix) and not name.startswith("archive."):
            return name.removesuffix(suffix), role
    return name, "answer"


_OLD_KEY: Final = re.compile(r"(?P<key>.+)\.v(?P<number>\d{1,9})")


def _own_question(stem: str, index: Index) -> str | None:
    """The option set of a column name: a key, `answer.<key>` where a run column has that name, `<key>.v3` for a key of version 3."""
    plain = stem.removeprefix("answer.")
    if plain != stem and plain.partition(".v")[0] not in RESERVED:
        return None
    old = _OLD_KEY.fullmatch(plain)
    if old is None:
        return index.id_by_key(plain)
    structure = index.older.get(int(old["number"]))
    return None if structure is None else structure.id_by_key.get(old["key"])


def _own_choice(name: str, index: Index) -> tuple[str, str] | None:
    stem, _, value = name.partition("/")
    option_set_id = _own_question(stem, index) if value else None
    return None if option_set_id is None else (option_set_id, value)
