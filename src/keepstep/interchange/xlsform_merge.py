"""A newer edition of a form on top of a draft: what is the same keeps its id, and whatever is doubtful is asked.

Draft × imported structure → structure × receipt; applying it (as one edit) is the caller's. Must not know workbooks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepstep.core.copying import with_ids
from keepstep.core.edits import Draft
from keepstep.core.keys import FreeKeys
from keepstep.core.shelf import option_id, shelved_option_sets
from keepstep.core.structure import OptionSet, Structure, dump, parse
from keepstep.core.text import quoted, text_in
from keepstep.interchange.receipt import Line, Place, Receipt
from keepstep.interchange.xlsform import key_of

Node = dict[str, Any]
# What a form cannot say, so that its silence changes nothing.
_OWN: tuple[str, ...] = ("personal_data", "unit")


@dataclass(frozen=True, slots=True)
class Merged:
    """One option set as it will be, with what to ask and to suggest about it."""

    node: Node
    questions: tuple[Line, ...] = ()
    suggestions: tuple[Line, ...] = ()


def merge_into(draft: Draft, imported: Structure) -> tuple[Structure, Receipt]:
    """The draft's structure as the newer form wants it; `receipt.ids`: id in `imported` → id kept.

    A question is the same if its name or key is one that the draft, its aliases or its shelf know. What the form no longer
    has is not in the result: the caller's edit puts it on the shelf, and publishing shows it. Retired nodes stay.
    """
    known = _known(draft)
    ids = _matches(imported, known, draft)
    old = {node["id"]: node for node in known}
    taken = FreeKeys(key for node in known for key in (node["key"], *node.get("key_aliases", [])))
    data = with_ids(_spoken(dump(imported), imported.default_language), ids)
    shelf = _shelved_labels(draft)
    merged: list[Merged] = []
    for step in data["steps"]:
        done = [_merged(node, old.get(node["id"]), draft, shelf) for node in _with_free_keys(step["option_sets"], old, taken)]
        merged += done
        step["option_sets"] = [item.node for item in done] + _retired_in(step["id"], draft, imported, ids)
    structure = parse(_wizard(data, draft.structure, imported))
    gone = tuple(_gone(draft.structure, structure))
    return structure, Receipt(
        questions=tuple(line for item in merged for line in item.questions) + gone,
        suggestions=tuple(line for item in merged for line in item.suggestions) + tuple(_look_alikes(draft, structure)),
        ids=ids,
    )


# --- who is who ----------------------------------------------------------------------------------------------------


def _known(draft: Draft) -> list[Mapping[str, Any]]:
    """The JSON of every option set that the draft has or had, those in the structure first."""
    present = [dump(option_set) for option_set in draft.structure.option_sets]
    return [*present, *shelved_option_sets(draft.shelf)]


def _matches(imported: Structure, known: Sequence[Mapping[str, Any]], draft: Draft) -> dict[str, str]:
    """Id in `imported` → id in the draft: first by the name in the form, then by key and alias; each id goes to one."""
    ids = _matched_steps(imported, draft)
    by_name = {_source_name(node): node["id"] for node in reversed(known) if _source_name(node)}
    by_key = {key: node["id"] for node in reversed(known) for key in (*node.get("key_aliases", []), node["key"])}
    taken = set(ids.values())
    named = ((item.id, by_name.get((item.source.name if item.source else None) or "")) for item in imported.option_sets)
    keyed = ((item.id, by_key.get(item.key)) for item in imported.option_sets)
    for new, found in (*named, *keyed):
        if found is not None and new not in ids and found not in taken:
            ids[new] = found
            taken.add(found)
    return ids


def _source_name(node: Mapping[str, Any]) -> str:
    return str((node.get("source") or {}).get("name") or "")


def _matched_steps(imported: Structure, draft: Draft) -> dict[str, str]:
    by_key = {item.node["key"]: item.id for item in draft.shelf if item.kind == "step"}
    by_key |= {step.key: step.id for step in draft.structure.steps}
    return {step.id: by_key[step.key] for step in imported.steps if step.key in by_key}


def _with_free_keys(nodes: Sequence[Node], old: Mapping[str, Mapping[str, Any]], taken: FreeKeys) -> Iterator[Node]:
    """A known option set keeps its key and aliases; a new one takes a key that nobody has or had."""
    for node in nodes:
        former = old.get(node["id"])
        if former is None:
            yield node | {"key": key_of(_source_name(node) or node["key"], taken)}
        else:
            aliases = {"key_aliases": former["key_aliases"]} if former.get("key_aliases") else {}
            yield node | {"key": former["key"]} | aliases


# --- one option set ------------------------------------------------------------------------------------------------


def _merged(node: Node, former: Mapping[str, Any] | None, draft: Draft, shelf: Mapping[str, Any]) -> Merged:
    if former is None:
        return Merged(node)
    old = draft.structure
    node = node | {name: former[name] for name in _OWN if former.get(name)}
    node |= {name: _with_other_languages(node[name], former.get(name), old) for name in ("name", "help") if node.get(name)}
    place = Place("survey", name=_source_name(node) or node["key"], column="type")
    questions = []
    if former["selection_type"] != node["selection_type"]:
        detail = (
            f"The type was {former['selection_type']} and is {node['selection_type']} now: publishing shows what that means for answers."
        )
        questions.append(Line(place, "type-changed", detail, cells=0))
    if "options" not in node:
        return Merged(node, tuple(questions))
    options, asked, suggested = _merged_options(node, former, draft, shelf)
    return Merged(node | {"options": options}, (*questions, *asked), suggested)


def _with_other_languages(text: Mapping[str, str], former: Any, old: Structure) -> dict[str, str]:
    """The form's text, with the languages that only the draft has."""
    before = former if isinstance(former, dict) else {old.default_language: former} if former else {}
    return {**before, **text}


def _merged_options(
    node: Node, former: Mapping[str, Any], draft: Draft, shelf: Mapping[str, Any]
) -> tuple[list[Node], tuple[Line, ...], tuple[Line, ...]]:
    """The form's options, then the draft's that the form no longer has, retired."""
    old, place = draft.structure, Place("choices", name=_source_name(node) or node["key"])
    present = former["id"] in old.option_set_by_id
    before = {option["value"]: option for option in former.get("options", [])}
    options: list[Node] = []
    questions: list[Line] = []
    for option in node["options"]:
        known = before.get(option["value"]) if present else None
        shelved = shelf.get(option_id(former["id"], option["value"])) if known is None else None
        if shelved is not None:
            options.append(option | {"label": shelved})
            questions += _restored_lines(place, option, shelved, old)
        elif known is None:
            options.append(option)
        else:
            options.append(option | {"label": _with_other_languages(option["label"], known["label"], old)})
            questions += _label_lines(place, option, known["label"], old)
            questions += _retired_lines(place, known, old)
    offered = {option["value"] for option in node["options"]}
    gone = [option for value, option in before.items() if value not in offered]
    questions += [_gone_line(place, option, old) for option in gone if not option.get("retired")]
    kept = [{name: value for name, value in option.items() if name != "visible_if"} | {"retired": True} for option in gone]
    added = [option for option in node["options"] if option["value"] not in before]
    return _with_retired(options, kept, list(before)), tuple(questions), tuple(_moved_labels(place, gone, added, old))


def _with_retired(options: list[Node], retired: list[Node], former: list[str]) -> list[Node]:
    """Each retired option behind the one that it stood behind: nobody moved it, so publishing must not show another order."""
    behind: dict[str | None, list[Node]] = {}
    offered = {option["value"] for option in options}
    by_value = {option["value"]: option for option in retired}
    last: str | None = None
    for value in former:
        if value in by_value:
            behind.setdefault(last, []).append(by_value[value])
        elif value in offered:
            last = value
    return [*behind.get(None, ()), *(node for option in options for node in (option, *behind.get(option["value"], ())))]


def _label_lines(place: Place, option: Mapping[str, Any], before: Any, old: Structure) -> Iterator[Line]:
    if _plain(before, old) != _plain(option["label"], old):
        change = f"The label of {option['value']!r} was {_quoted(before, old)} and is {_quoted(option['label'], old)} now."
        yield Line(place, "label-changed", f"{change} Taken as the same meaning: is it?", cells=0)


def _restored_lines(place: Place, option: Mapping[str, Any], shelved: Any, old: Structure) -> Iterator[Line]:
    if _plain(shelved, old) != _plain(option["label"], old):
        change = (
            f"The code {option['value']!r} was deleted here as {_quoted(shelved, old)} and is {_quoted(option['label'], old)} in the form."
        )
        yield Line(place, "option-restored", f"{change} It is back under its old label; relabel it if it means the same.", cells=0)


def _retired_lines(place: Place, known: Mapping[str, Any], old: Structure) -> Iterator[Line]:
    if known.get("retired"):
        detail = f"{known['value']!r} ({_quoted(known['label'], old)}) was retired here; the form offers it, so it is offered again."
        yield Line(place, "option-unretired", detail, cells=0)


def _gone_line(place: Place, option: Mapping[str, Any], old: Structure) -> Line:
    detail = f"{option['value']!r} ({_quoted(option['label'], old)}) is not in the form any more: retired; answers keep it."
    return Line(place, "option-retired", detail, cells=0)


def _moved_labels(place: Place, gone: Sequence[Node], added: Sequence[Node], old: Structure) -> Iterator[Line]:
    by_label: dict[str, list[Node]] = {}
    for new in added:
        by_label.setdefault(_plain(new["label"], old), []).append(new)
    for option in gone:
        for new in by_label.get(_plain(option["label"], old), ())[:_MOST_TWINS]:
            detail = (
                f"{_quoted(new['label'], old)} has the code {new['value']!r} now and had {option['value']!r}: the old option is "
                "retired and the new one added. Map the old code to the new one when moving runs, if they mean the same."
            )
            yield Line(place, "same-label", detail, cells=0)


# Options of one label, with which one that is gone is compared: 5,000 with 5,000 would take minutes.
_MOST_TWINS = 5


def _plain(text: Any, old: Structure) -> str:
    return " ".join(text_in(text, old.default_language, old.default_language).split()).casefold()


def _quoted(text: Any, old: Structure) -> str:
    return quoted(text, old.default_language)


def _shelved_labels(draft: Draft) -> dict[str, Any]:
    """The label of each option on the shelf, by the option's id; its code may only come back as that option."""
    labels = {
        option_id(node["id"], item["value"]): item["label"] for node in shelved_option_sets(draft.shelf) for item in node.get("options", [])
    }
    return labels | {item.id: item.node["label"] for item in draft.shelf if item.kind == "option"}


# --- the rest of the wizard ----------------------------------------------------------------------------------------


def _retired_in(step_id: str, draft: Draft, imported: Structure, ids: Mapping[str, str]) -> list[Node]:
    """Option sets that were retired in this step and that the form does not bring back."""
    step = draft.structure.step_by_id.get(step_id)
    matched = {ids.get(option_set.id) for option_set in imported.option_sets}
    return [dump(item) | {"visible_if": None} for item in (step.option_sets if step else ()) if item.retired and item.id not in matched]


def _wizard(data: Node, old: Structure, imported: Structure) -> Node:
    """Steps and origin from the form; name, description, endings and looks stay the wizard's own."""
    languages = [*imported.languages, *(language for language in old.languages if language not in imported.languages)]
    own = dump(old)
    kept = {name: own[name] for name in ("name", "description", "endings", "presentation") if name in own}
    default = old.default_language if old.option_sets else imported.default_language
    return data | kept | {"languages": languages, "default_language": default}


_TEXTS = frozenset(("name", "help", "text", "label", "message", "unit", "is_required"))
_WORDLESS = frozenset(("source", "expression", "visible_if", "presentation", "default"))


def _spoken(node: Any, language: str) -> Any:
    """The JSON with every text as a map by language; parsing brings it back into the canonical form."""
    if isinstance(node, list):
        return [_spoken(item, language) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: _spoken_member(name, value, language) for name, value in node.items()}


def _spoken_member(name: str, value: Any, language: str) -> Any:
    if name in _WORDLESS:
        return value
    return {language: value} if name in _TEXTS and isinstance(value, str) else _spoken(value, language)


def _gone(old: Structure, new: Structure) -> Iterator[Line]:
    for option_set in old.option_sets:
        if option_set.id not in new.option_set_by_id:
            detail = f"{_quoted(option_set.name, old)} is not in the form any more: on the draft's shelf, its answers stay where they are."
            yield Line(Place("survey", name=_name(option_set)), "question-gone", detail, cells=0)


def _name(option_set: OptionSet) -> str:
    return (option_set.source.name if option_set.source else None) or option_set.key


def _look_alikes(draft: Draft, new: Structure) -> Iterator[Line]:
    """A question gone and a new one with the same label may be one question under a new name."""
    old = draft.structure
    known = {node["id"] for node in _known(draft)}
    added = {_plain(item.name, old): item for item in new.option_sets if item.id not in known and item.selection_type != "statement"}
    for option_set in old.option_sets:
        twin = added.get(_plain(option_set.name, old))
        if option_set.id not in new.option_set_by_id and twin is not None:
            change = f"{_quoted(twin.name, old)} was {_name(option_set)!r} and is a new question {_name(twin)!r} now."
            detail = f"{change} Map one to the other when moving runs."
            yield Line(Place("survey", name=_name(twin)), "same-question", detail, cells=0)
