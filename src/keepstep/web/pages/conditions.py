"""When a step, a question, an option or an ending is shown, and which answers fit: the editor of one condition, and all of a wizard.

What is built is kept in the form until it is saved; saving is one edit of the draft. `/wizards/{wizard_ref}/conditions?node=<id>`, for an
option with `&value=<its value>`, for a rule of a question with `&rule=<its index>`; `?ending=<key>`. Without these it is the list of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.conditions import Conditioned, Setting, ending_in, rule_in, set_condition
from keepstep.core.by_identity import ByIdentity
from keepstep.core.conditions import Condition, built, parsed
from keepstep.core.edits import Draft
from keepstep.core.faults import problems_in
from keepstep.core.jsonvalue import dumps, loads, unstorable_text
from keepstep.core.languages import by_language
from keepstep.core.logic import references
from keepstep.core.naming import Naming
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.piping import told
from keepstep.core.places import Place, expressions_in, texts_in
from keepstep.core.structure import ChoiceFields, Structure
from keepstep.core.text import piped_references, texts_of
from keepstep.errors import ImpactUnconfirmed, MalformedJson, RequestInvalid, Stale
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.web.pages.condition_form import (
    ANY,
    Posted,
    Readable,
    condition_of,
    empty_values,
    named,
    operators_of,
    posted_of,
    questions_for,
    rule_views,
    rules_in,
    with_words,
)
from keepstep.web.pages.expression_text import expression_of, text_of
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

_EMPTY: Final = message("Give each rule a value.")


@dataclass(frozen=True, slots=True)
class Editor:
    """The editor as it is shown: `rules` of a form, or the expression as `text`. `was` is what the draft had when it was opened,
    `focus` the input to go on with. `message`: of a rule, what respondents read when it is broken; None where it is not edited.
    """

    draft: WizardDraft
    of: Conditioned
    how: str
    rules: tuple[Posted, ...]
    text: str
    as_text: bool
    was: str
    base: int
    focus: str = ""
    message: str | None = None
    find: str = ""

    @property
    def structure(self) -> Structure:
        return self.draft.draft.structure

    @property
    def readable(self) -> Readable:
        under_test = option_set_in(self.structure, self.of.node_id) if self.of.rule is not None else None
        return Readable(Naming(self.structure, self.draft.draft.shelf), under_test)


@router.get("/wizards/{wizard_ref}/conditions", name="page:conditions")
async def conditions(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    node: Annotated[str, Query(max_length=100)] = "",
    value: Annotated[str | None, Query(max_length=200)] = None,
    rule: Annotated[int | None, Query(ge=0, le=1000)] = None,
    ending: Annotated[str | None, Query(max_length=100)] = None,
    mode: Annotated[str, Query(alias="as", max_length=10)] = "",
    saved: Annotated[bool, Query()] = False,
) -> Response:
    """The editor of one node's condition, or without `node` every condition of the draft. `as=text`: as an expression."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    frame = await frame_values(tx, draft.wizard, draft.draft)
    if not node and ending is None:
        return page(request, "conditions.html", block="list", places=_places_of(draft.draft), **frame)
    return _shown(request, visitor, _opened(draft, Conditioned(node, value, rule, ending), as_text=mode == "text"), is_saved=saved, **frame)


@router.post("/wizards/{wizard_ref}/conditions", name="page:condition")
async def condition(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """`do`: add, same-<block>, remove-<rule>, other-<rule>, value-<rule>, text and rules change the form; save and save-text store; drop
    takes the condition away.
    """
    form = await _form(request)
    draft = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    frame = await frame_values(tx, draft.wizard, draft.draft)
    editor = _sent(draft, form)
    if editor.of.rule is not None:
        rule_in(option_set_in(editor.structure, editor.of.node_id), editor.of.rule)
    act = _act(form, editor)
    try:
        if act not in ("save", "save-text", "drop"):
            return _shown(request, visitor, _rebuilt(editor, act, form), **frame)
        expression = _expression(editor, act)
        setting = Setting(
            of=editor.of,
            expression=expression,
            was=_json(editor.was),
            base=editor.base,
            confirm=_one(form, "confirm") or None,
            message=editor.message,
        )
        await set_condition(visitor.ctx, tx, wizard_ref, setting)
    except RequestInvalid as problem:
        return _shown(request, visitor, editor, status=422, error=problem.detail, errors=problem.errors, **frame)
    except ImpactUnconfirmed as problem:
        return _shown(request, visitor, editor, status=409, report=problem.extra, act=act, **frame)
    except Stale as problem:
        return _shown(request, visitor, _seen_again(editor), status=409, stale=problem.extra["changed"], **frame)
    if editor.of.rule is not None and expression is None:
        return see_other(request, f"/wizards/{wizard_ref}/build?{urlencode({'node': editor.of.node_id})}")
    return see_other(request, f"/wizards/{wizard_ref}/conditions?{urlencode(_address(editor.of) | {'saved': 'true'})}")


def _act(form: Mapping[str, Sequence[str]], editor: Editor) -> str:
    """What is asked for. Enter in the search of questions finds; anywhere else it saves."""
    act = _one(form, "do") or ("save-text" if editor.as_text else "save")
    if act != "enter":
        return act
    return "find" if editor.find != _one(form, "found") else "save"


# --- the editor ----------------------------------------------------------------------------------------------------


def _opened(draft: WizardDraft, of: Conditioned, *, as_text: bool = False) -> Editor:
    """Raises NodeNotFound."""
    structure = draft.draft.structure
    expression = of.condition(structure)
    found = parsed(expression)
    rules = posted_of(found) if found else ()
    how, was = found.how if found else "all", dumps(expression)
    said = _message(of, structure)
    naming = Naming(structure, draft.draft.shelf)
    return Editor(draft, of, how, rules, text_of(expression, naming), as_text, was, draft.wizard.draft_revision, message=said)


def _message(of: Conditioned, structure: Structure) -> str | None:
    """What a rule says in the default language; "" for none."""
    if of.rule is None:
        return None
    rule = rule_in(option_set_in(structure, of.node_id), of.rule)
    wordings = {} if rule is None or rule.message is None else by_language(rule.message, structure.default_language)
    return wordings.get(structure.default_language, "")


def _sent(draft: WizardDraft, form: Mapping[str, Sequence[str]]) -> Editor:
    base = _one(form, "base")
    of = _of(form)
    return Editor(
        draft=draft,
        of=of,
        how="any" if _one(form, "how") == "any" else "all",
        rules=rules_in(form),
        text=_one(form, "text"),
        as_text=_one(form, "mode") == "text",
        was=_one(form, "was"),
        base=int(base) if base.isascii() and base.isdigit() and len(base) < 19 else 0,
        message=None if of.rule is None else _one(form, "message"),
        find=_one(form, "find")[:_LONGEST_FIND],
    )


_LONGEST_FIND: Final = 200


def _of(form: Mapping[str, Sequence[str]]) -> Conditioned:
    value, ending = (_one(form, name) if name in form else None for name in ("value", "ending"))
    number = _one(form, "rule")
    return Conditioned(
        _one(form, "node"), value, int(number) if number.isascii() and number.isdigit() and len(number) < 5 else None, ending
    )


def _rebuilt(editor: Editor, act: str, form: Mapping[str, Sequence[str]]) -> Editor:
    """The editor with a rule more or less, or from rules to text and back. Raises RequestInvalid."""
    kind, _, number = act.partition("-")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else -1
    match kind:
        case "text":
            expression = built(condition_of(editor.how, editor.rules, editor.readable))
            return replace(editor, as_text=True, text=text_of(expression, editor.readable.naming), focus="text")
        case "rules":
            return _as_rules(editor)
        case "remove":
            rest = tuple(rule for index, rule in enumerate(editor.rules) if index != at)
            return replace(editor, rules=rest, focus=f"rule-{min(at, len(rest) - 1)}-operator" if rest else "question")
        case "other" | "value" if 0 <= at < len(editor.rules):
            rule = replace(editor.rules[at], other=ANY if kind == "other" else "", texts=())
            return replace(editor, rules=(*editor.rules[:at], rule, *editor.rules[at + 1 :]), focus=f"rule-{at}-{kind}")
        case "same":
            like = next((rule for rule in reversed(editor.rules) if rule.block == at), None)
            return _with_rule(editor, replace(like, texts=(), other="")) if like else editor
        case "add":
            return replace(_with_question(editor, form), find="")
        case "find":
            return replace(editor, focus="question" if editor.find else "find")
        case _:
            return editor


def _with_question(editor: Editor, form: Mapping[str, Sequence[str]]) -> Editor:
    """A rule about the question that was chosen, in a block of its own or into one that is there."""
    question, into = _one(form, "question"), _one(form, "into")
    if editor.readable.is_gone(question):
        return editor
    highest = max((rule.block for rule in editor.rules), default=-1)
    block = int(into) if into.isascii() and into.isdigit() and int(into) <= highest else highest + 1
    return _with_rule(editor, _new_rule(editor.readable, question, block))


def _as_rules(editor: Editor) -> Editor:
    found = parsed(expression_of(editor.text, editor.readable.naming))
    rules = posted_of(found) if found else ()
    return replace(editor, as_text=False, how=found.how if found else "all", rules=rules)


def _with_rule(editor: Editor, rule: Posted) -> Editor:
    """The rule behind the others of its block."""
    rules = tuple(sorted((*editor.rules, rule), key=lambda each: each.block))
    at = max(index for index, each in enumerate(rules) if each.block == rule.block)
    return replace(editor, rules=rules, focus=f"rule-{at}-operator")


def _new_rule(readable: Readable, option_set_id: str, block: int) -> Posted:
    return Posted(block, option_set_id, operators_of(readable.option_set(option_set_id))[0], ())


def _seen_again(editor: Editor) -> Editor:
    """The same form over the draft as it is now, so that saving it again replaces what somebody else did, knowingly."""
    now = _opened(editor.draft, editor.of)
    return replace(editor, was=now.was, base=now.base)


def _expression(editor: Editor, act: str) -> Any:
    """What is to be stored. Raises RequestInvalid. A form that was not touched keeps the expression as it was written."""
    if act == "drop":
        return None
    if act == "save-text":
        return expression_of(editor.text, editor.readable.naming)
    if empty_values(editor.rules):
        raise RequestInvalid(_EMPTY)
    was = _json(editor.was)
    before = parsed(was)
    if before is not None and (before.how, posted_of(before)) == (editor.how, editor.rules):
        return was
    return built(condition_of(editor.how, editor.rules, editor.readable))


def _json(text: str) -> Any:
    try:
        return loads(text) if text else None
    except MalformedJson as problem:
        raise RequestInvalid(problem.detail) from problem


# --- the page ------------------------------------------------------------------------------------------------------


def _shown(request: Request, visitor: Visitor, editor: Editor, *, status: int = 200, **more: Any) -> Response:
    structure, of, readable = editor.structure, editor.of, editor.readable
    present = of.condition(structure)
    questions = questions_for(readable, of.node_id, is_option=of.value is not None)
    values: dict[str, Any] = {"report": None, "stale": None, "error": "", "errors": (), "is_saved": False, "act": "save"} | more
    return page(
        request,
        "condition.html",
        block="editor",
        status=status,
        editor=editor,
        rules=rule_views(editor.rules, readable),
        questions=questions,
        found_questions=with_words(questions, editor.find),
        kind=_kind(of, structure),
        name=_name(of, readable),
        owner=_owner(of, structure),
        present=_words(present, readable),
        mentioned=_mentioned(editor),
        in_words=_in_words(editor),
        used_in=_used_in(of, readable) if of.node_id in structure.option_set_by_id and of.rule is None else None,
        problems=_problems(editor),
        may_edit=visitor.may("edit", editor.draft.wizard.id),
        **values,
    )


def _kind(of: Conditioned, structure: Structure) -> str:
    if of.ending is not None:
        return "ending"
    if of.rule is not None:
        return "rule"
    return "option" if of.value is not None else "step" if of.node_id in structure.step_by_id else "question"


def _address(of: Conditioned) -> dict[str, str]:
    if of.ending is not None:
        return {"ending": of.ending}
    rule = {} if of.rule is None else {"rule": str(of.rule)}
    return {"node": of.node_id} | ({"value": of.value} if of.value is not None else {}) | rule


def _name(of: Conditioned, readable: Readable) -> str:
    structure = readable.structure
    if of.ending is not None:
        return told(ending_in(structure, of.ending).name, structure)
    if of.value is not None:
        option = option_in(option_set_in(structure, of.node_id), of.value)
        return told(option.label, structure) or option.value
    step = structure.step_by_id.get(of.node_id)
    return told(step.name, structure) if step else named(readable, of.node_id)


def _owner(of: Conditioned, structure: Structure) -> str:
    if of.value is None:
        return ""
    return told(option_set_in(structure, of.node_id).name, structure)


def _mentioned(editor: Editor) -> list[tuple[str, str]]:
    """The questions that an expression names by their keys, by name."""
    try:
        expression = expression_of(editor.text, editor.readable.naming) if editor.as_text else None
    except RequestInvalid:
        return []
    found = {each.option_set_id for each in references(expression)}
    keyed = sorted((option_set.key, each) for each in found if (option_set := editor.readable.option_set(each)) is not None)
    return [(key, named(editor.readable, each)) for key, each in keyed]


def _in_words(editor: Editor) -> str:
    """What is typed as an expression, to be read; "" while it is none."""
    try:
        expression = expression_of(editor.text, editor.readable.naming) if editor.as_text else None
    except RequestInvalid:
        return ""
    return "" if expression is None else editor.readable.words(expression)


def _problems(editor: Editor) -> list[Any]:
    """What is wrong with this very condition, as the draft has it."""
    structure, wanted = editor.structure, _address(editor.of)
    place = next((each.pointer for each in expressions_in(structure) if _address_of(each, structure) == wanted), None)
    if place is None:
        return []
    found = problems_in(structure, editor.draft.draft.shelf)
    return [each for each in found if each.issue.pointer == place or each.issue.pointer.startswith(f"{place}/")]


def _words(expression: Any, readable: Readable) -> Any:
    """A condition to be read: (how, blocks of rule views)."""
    found = parsed(expression)
    return None if found is None else _read_condition(found, readable)


def _read_condition(found: Condition, readable: Readable) -> dict[str, Any]:
    views = rule_views(posted_of(found), readable)
    blocks: dict[int, list[Any]] = {}
    for view in views:
        blocks.setdefault(view.block, []).append(view)
    return {"how": found.how, "blocks": list(blocks.values())}


# --- every place ---------------------------------------------------------------------------------------------------


def _places(draft: Draft) -> list[dict[str, Any]]:
    """Every condition and rule of the draft with its place and its words."""
    structure = draft.structure
    readable = Readable(Naming(structure, draft.shelf))
    return [_shown_place(each, readable) for each in expressions_in(structure) if each.kind != "calculation"]


# A draft is a value: its conditions are put into words once, for as long as it is kept.
_places_of: Final = ByIdentity[Draft, list[dict[str, Any]]](_places)


def _shown_place(place: Place, readable: Readable) -> dict[str, Any]:
    """`address`: of its editor; a calculation is edited in the builder, so it has a sentence and no address."""
    structure = readable.structure
    if place.kind == "calculation":
        return {"where": place.where, "node": place.node_id, "address": "", "sentence": readable.words(place.expression)}
    if place.kind == "rule":
        readable = replace(readable, under_test=structure.option_set_by_id[place.node_id])
    address = urlencode(_address_of(place, structure))
    return {"where": place.where, "node": place.node_id, "address": address, "words": _words(place.expression, readable)}


def _address_of(place: Place, structure: Structure) -> dict[str, str]:
    parts = place.pointer.split("/")
    if parts[1] == "endings":
        return {"ending": structure.endings[int(parts[2])].key}
    address = {"node": place.node_id}
    if place.kind == "rule":
        return address | {"rule": parts[7]}
    option_set = structure.option_set_by_id.get(place.node_id)
    if place.kind == "option-condition" and isinstance(option_set, ChoiceFields):
        return address | {"value": option_set.options[int(parts[6])].value}
    return address


def _used_in(of: Conditioned, readable: Readable) -> list[dict[str, Any]]:
    """Every place that reads this question, or compares it with this option, with its words."""
    structure, wanted = readable.structure, (of.node_id, of.value)
    reading = (
        place for place in expressions_in(structure) if of.node_id in repr(place.expression) and wanted in references(place.expression)
    )
    found = [_shown_place(place, readable) for place in reading]
    if of.value is None:
        piping = (place for place in texts_in(structure) if any(of.node_id in piped_references(text) for text in texts_of(place.text)))
        found += [{"where": place.where, "node": place.node_id, "address": "", "sentence": ""} for place in piping]
    return found


# --- the form ------------------------------------------------------------------------------------------------------


async def _form(request: Request) -> dict[str, list[str]]:
    """Raises RequestInvalid for what cannot be stored."""
    found: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str):
            if reason := unstorable_text(value):
                raise RequestInvalid(reason)
            found.setdefault(name, []).append(value)
    return found


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    found = form.get(name) or [""]
    return found[-1]
