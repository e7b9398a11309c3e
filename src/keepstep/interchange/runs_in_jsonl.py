"""Runs from JSON Lines: Keepstep's own export, exact, or one object per line as the API takes it to start a run.

Bytes in, values out. Answers whose option set the version does not have go to the archive; values that do not fit are
kept and flagged.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Final

import msgspec

from keepstep.core.clock import Clock
from keepstep.core.flow import is_answered
from keepstep.core.jsonvalue import exact, loads
from keepstep.core.selection import check_other, check_value
from keepstep.core.structure import OptionSet, Structure
from keepstep.errors import FileUnreadable, MalformedJson
from keepstep.interchange.receipt import Line, Place
from keepstep.interchange.runs_in import NO_VERSIONS, STATUSES, ImportedRun, run_id_in, run_id_of
from keepstep.interchange.runs_in_file import stream_of
from keepstep.interchange.runs_in_receipt import Fate, RunsReceipt, Tally
from keepstep.interchange.runs_in_row import Envelope
from keepstep.interchange.runs_in_time import moment_in
from keepstep.interchange.runs_out import Status

# One run with every answer of the largest wizard stays far below; a file without line breaks must not fill the memory.
MAX_LINE: Final = 64 * 1024 * 1024
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonlOptions:
    """`clock`: the time of the import. `wizard_id`: gives a run whose `id` is no UUID one, as for tables.

    `by_version`: each run is read for the version that it names, where that is known.
    """

    clock: Clock
    wizard_id: str | None = None
    by_version: bool = False


class JsonlReading:
    """A file under reading: iterate it once for its runs; then `receipt` tells what became of every answer."""

    def __init__(self, runs: Iterator[ImportedRun], tally: Tally) -> None:
        self._runs = runs
        self._tally = tally

    def __iter__(self) -> Iterator[ImportedRun]:
        for run in self._runs:
            self.settle(run)
            yield run

    def unsettled(self) -> Iterator[ImportedRun]:
        """As `RunsReading.unsettled`."""
        return self._runs

    def settle(self, run: ImportedRun, *, there: bool = False) -> None:
        """As `RunsReading.settle`."""
        self._tally.absorb(run.account, there=there)

    @property
    def receipt(self) -> RunsReceipt:
        """The account of the runs given so far, by key: `cells` are answers and archive entries here."""
        return self._tally.receipt({})


def read_runs_jsonl(
    source: bytes | BinaryIO, structure: Structure, options: JsonlOptions, *, older: Mapping[int, Structure] = NO_VERSIONS
) -> JsonlReading:
    """The runs of a JSON Lines file for this structure; `older` as for tables. Raises FileUnreadable before any run is given."""
    stream = stream_of(source)
    tally = Tally()
    reader = _Reader(structure, older, options, tally)
    seen: dict[str, int] = {}
    for line, data in _objects(stream, _object):
        run_id = reader.head(line, data)["id"]
        if run_id is not None and seen.setdefault(run_id, line) != line:
            raise FileUnreadable(f"Line {line}: the run {run_id} stands on line {seen[run_id]} already. Remove one of the two.")
    if tally.runs == 0 and not reader.found:
        raise FileUnreadable("The file holds no run. It needs one JSON object on each line.")
    return JsonlReading((reader.run(line, data) for line, data in _objects(stream, _object_again)), tally)


def _objects(stream: BinaryIO, read: Callable[[int, bytes], dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    stream.seek(0)
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            raise FileUnreadable(f"Line {number}: longer than {MAX_LINE:,} bytes. Each run stands on a line of its own.")
        text = raw.removeprefix(_MARK).strip() if number == 1 else raw.strip()
        if text:
            yield number, read(number, text)


def _object(number: int, text: bytes) -> dict[str, Any]:
    try:
        data = loads(text)
    except MalformedJson as error:
        raise FileUnreadable(f"Line {number}: {error.detail} Each line has to be one whole JSON object.") from error
    if not isinstance(data, dict):
        raise FileUnreadable(f"Line {number}: a run is a JSON object ({{…}}).")
    return data


# What was found storable in the first pass is not walked through again in the second: the walk is most of the time.
_again: Final = msgspec.json.Decoder(dict[str, Any], float_hook=lambda text: exact(Decimal(text)))


def _object_again(_: int, text: bytes) -> dict[str, Any]:
    return _again.decode(text)


class _Reader:
    """Reads the lines of one file: it lives for one reading."""

    def __init__(self, structure: Structure, older: Mapping[int, Structure], options: JsonlOptions, tally: Tally) -> None:
        self.structure = structure
        self.older = older
        self.options = options
        self.tally = tally
        self.found = False
        self.languages = {language for each in (structure, *older.values()) for language in each.languages}

    # What stops the import: members that are not what they are called.

    def head(self, line: int, data: Mapping[str, Any]) -> dict[str, Any]:
        """The run's own members. Raises FileUnreadable naming line and member."""
        self.found = True
        _known_members(line, data)
        _shape(line, data)
        head = self.members(line, data)
        language = head["language"]
        if language is not None and language not in self.languages:
            known = ", ".join(sorted(self.languages))
            raise FileUnreadable(f"Line {line}: the member language cannot be {language[:60]!r}; this wizard has {known}.")
        return head

    def members(self, line: int, data: Mapping[str, Any]) -> dict[str, Any]:
        head = {name: _member(line, name, data.get(name)) for name in _MEMBERS}
        return head | {"id": self.id_of(_member(line, "id", data.get("id")))}

    def id_of(self, name: str | None) -> str | None:
        if name is None or run_id_in(name):
            return name
        return None if self.options.wizard_id is None else run_id_of(self.options.wizard_id, name)

    def run(self, line: int, data: Mapping[str, Any]) -> ImportedRun:
        """One line as a run, every answer counted."""
        self.tally = Tally(runs=1)
        head = self.members(line, data)
        version = head["version_number"] if self.options.by_version else None
        self.note_head(line, data.get("id"), version)
        row = _Content(self, line, self.older.get(version or 0, self.structure))
        row.take(data)
        language = head.pop("language") or self.structure.default_language
        status: Status = head.pop("status") or "completed"
        content: dict[str, Any] = {"answers": row.answers, "archive": row.archive, "states": row.states, "cells": row.cells}
        return ImportedRun(line=line, language=language, status=status, account=self.tally, **content, **head)

    def note_head(self, line: int, name: str | None, version: int | None) -> None:
        """What a run says of itself and is not taken by its word: it stands in the receipt."""
        if name is not None and run_id_in(name) is None:
            detail = f"No UUID, so the run has an id made of it, the same at each import (the first one: {name[:60]!r})."
            self.tally.note(Line(Place(row=line, column="id"), "id-made", detail, cells=0))
        if version is not None and self.older and version not in self.older:
            detail = f"This wizard has no version {version}; the run is taken for the version that the import is for."
            self.tally.note(Line(Place(row=line, column="version_number"), "version-unknown", detail, cells=0))


class _Content:
    """The answers of one line, sorted into answers and archive."""

    def __init__(self, reader: _Reader, line: int, structure: Structure) -> None:
        self.reader = reader
        self.line = line
        self.structure = structure
        self.answers: dict[str, Envelope] = {}
        self.archive: dict[str, Envelope] = {}
        self.states: dict[str, str] = {}
        self.cells = 0

    def take(self, data: Mapping[str, Any]) -> None:
        for name, envelope in data.get("archive", {}).items():
            self.keep_away(name, envelope)
        for response in data.get("responses", ()):
            self.take_response(response)
        for name, item in data.get("answers", {}).items():
            self.take_answer((name, name), item if isinstance(item, dict) else {"value": item, "source": "import"})
        self.states |= dict.fromkeys(data.get("erased", ()), "erased") | dict.fromkeys(data.get("conflicts", ()), "conflict")

    def take_response(self, response: Mapping[str, Any]) -> None:
        names = (response["option_set_id"], response.get("key", response["option_set_id"]))
        option_set = self.option_set(names)
        self.states[option_set.id if option_set else names[0]] = response.get("state", "")
        if "response_value" in response:
            self.take_answer(names, response["response_value"])

    def take_answer(self, names: tuple[str, str], envelope: Envelope) -> None:
        option_set = self.option_set(names)
        if option_set is None:
            former = next((found for each in self.reader.older.values() if (found := _found(each, names))), None)
            self.keep_away(former.id if former else names[0], envelope)
        elif option_set.id in self.answers:
            self.keep_away(names[0], envelope)
        else:
            self.answers[option_set.id] = self.flagged(option_set, envelope)

    def option_set(self, names: tuple[str, str]) -> OptionSet | None:
        return _found(self.structure, names)

    def flagged(self, option_set: OptionSet, envelope: Envelope) -> Envelope:
        """The envelope with a flag for every finding that it does not carry yet."""
        language = self.reader.structure.default_language
        found = check_value(envelope.get("value"), option_set, self.reader.options.clock, language=language, default_language=language)
        other = check_other(envelope["other"], option_set) if envelope.get("other") else ()
        flags = list(envelope.get("flags", ()))
        known = {flag["code"] for flag in flags}
        for issue in {issue.code: issue for issue in (*found, *other)}.values():
            self.reader.tally.flags[issue.code] += 1
            self.reader.tally.note(Line(Place(row=self.line, column=option_set.key), issue.code, issue.detail))
            flags += [] if issue.code in known else [{"code": issue.code, "detail": issue.detail}]
        if is_answered(envelope):
            self.count(option_set.key, "flagged" if found or other else "answers")
        return envelope | {"flags": flags} if flags else envelope

    def keep_away(self, name: str, envelope: Envelope) -> None:
        self.archive[name] = envelope
        self.count(name, "archived")

    def count(self, name: str, fate: Fate) -> None:
        self.cells += 1
        self.reader.tally.cells[name] += 1
        self.reader.tally.fates[name, fate] += 1


def _found(structure: Structure, names: tuple[str, str]) -> OptionSet | None:
    """By id; else by key, which tells the question of a copied wizard, whose ids are others."""
    by_id = structure.option_set_by_id
    return by_id.get(names[0]) or by_id.get(structure.id_by_key.get(names[1], ""))


# --- shapes --------------------------------------------------------------------------------------------------------

_TIMES: Final = ("started_at", "completed_at", "updated_at")
_NUMBERS: Final = ("version_number", "first_version_number", "revision")
_MEMBERS: Final = ("language", "status", "respondent", *_TIMES, *_NUMBERS)
_KNOWN: Final = frozenset(("id", "answers", "responses", "archive", "erased", "conflicts", *_MEMBERS))
# As the API limits them. An id of another system is a name, not a text.
_LONGEST: Final = {"respondent": 320, "language": 40, "id": 1_000}


def _known_members(line: int, data: Mapping[str, Any]) -> None:
    """Raises FileUnreadable: what nobody reads would be lost without a word."""
    unknown = next((name for name in data if name not in _KNOWN), None)
    if unknown is not None:
        raise FileUnreadable(f"Line {line}: a run has no member {unknown[:60]!r}. Known are {', '.join(sorted(_KNOWN))}.")


def _member(line: int, name: str, value: Any) -> Any:
    if value is None:
        return None
    read = moment_in(value, "UTC") if name in _TIMES and isinstance(value, str) else value
    fits = {
        "status": value in STATUSES,
        **dict.fromkeys(_TIMES, read is not None and read is not value),
        **dict.fromkeys(_NUMBERS, isinstance(value, int) and not isinstance(value, bool) and value >= 0),
    }.get(name, isinstance(value, str) and bool(value))
    if not fits:
        raise FileUnreadable(f"Line {line}: the member {name} cannot be {str(value)[:60]!r}.")
    if isinstance(value, str) and len(value) > _LONGEST.get(name, len(value)):
        raise FileUnreadable(f"Line {line}: the member {name} has {len(value):,} characters; it has at most {_LONGEST[name]}.")
    return read


def _shape(line: int, data: Mapping[str, Any]) -> None:
    """Raises FileUnreadable where responses, answers or archive are not objects of envelopes."""
    responses, answers, archive = data.get("responses", []), data.get("answers", {}), data.get("archive", {})
    if not isinstance(answers, dict) or not isinstance(archive, dict) or not isinstance(responses, list):
        raise FileUnreadable(f"Line {line}: answers and archive are objects by option set, responses is a list.")
    for response in responses:
        if not isinstance(response, dict) or not isinstance(response.get("option_set_id"), str):
            raise FileUnreadable(f"Line {line}: each response is an object with its option_set_id.")
    envelopes = [response["response_value"] for response in responses if "response_value" in response]
    envelopes += [*archive.values(), *(item for item in answers.values() if isinstance(item, dict))]
    for envelope in envelopes:
        _envelope_shape(line, envelope)


def _envelope_shape(line: int, envelope: Any) -> None:
    whole = isinstance(envelope, dict) and "value" in envelope
    if not whole or not isinstance(envelope.get("other", ""), str) or not _are_flags(envelope.get("flags", [])):
        raise FileUnreadable(
            f'Line {line}: an answer is an object such as {{"value": …, "other": "text", "flags": [{{"code", "detail"}}]}}.'
        )


def _are_flags(flags: Any) -> bool:
    return isinstance(flags, list) and all(isinstance(flag, dict) and isinstance(flag.get("code"), str) for flag in flags)
