"""When a step, a question or an option is shown: the editor of one condition, and all conditions of a wizard.

What is built is kept in the form until it is saved; saving is one edit of the draft. `/wizards/{wizard_ref}/conditions?node=<id>`, for an
option with `&value=<its value>`. Without `node` it is the list of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.conditions import Conditioned, Setting, set_condition
from keepstep.core.conditions import Condition, built, parsed
from keepstep.core.faults import problems_in
from keepstep.core.jsonvalue import dumps, loads, unstorable_text
from keepstep.core.logic import references
from keepstep.core.nodes import option_in, option_set_in
from keepstep.core.places import expressions_in, mentions
from keepstep.core.structure import Structure
from keepstep.core.text import text_in
from keepstep.errors import ImpactUnconfirmed, MalformedJson, RequestInvalid, Stale
from keepstep.queries.drafts import WizardDraft, get_draft
from keepstep.web.pages.condition_form import (
    Posted,
    condition_of,
    empty_values,
    named,
    operators_of,
    posted_of,
    questions_for,
    rule_views,
    rules_in,
)
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router, see_other
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead, PageWrite, Visitor

router = page_router()

_EMPTY: Final = message("Give each rule a value.")
_NO_RULES: Final = message("This condition cannot be shown as a list of rules.")


@dataclass(frozen=True, slots=True)
class Editor:
    """The editor as it is shown: `rules` of a form, or the expression as `text`. `was` is what the draft had when it was opened,
    `focus` the input to go on with.
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

    @property
    def structure(self) -> Structure:
        return self.draft.draft.structure


@router.get("/wizards/{wizard_ref}/conditions", name="page:conditions")
async def conditions(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    node: Annotated[str, Query(max_length=100)] = "",
    value: Annotated[str | None, Query(max_length=200)] = None,
    mode: Annotated[str, Query(alias="as", max_length=10)] = "",
    saved: Annotated[bool, Query()] = False,
) -> Response:
    """The editor of one node's condition, or without `node` every condition of the draft. `as=text`: as an expression."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    frame = await frame_values(tx, draft.wizard, draft.draft)
    if not node:
        return page(request, "conditions.html", block="list", places=_places(draft), **frame)
    return _shown(request, visitor, _opened(draft, Conditioned(node, value), as_text=mode == "text"), is_saved=saved, **frame)


@router.post("/wizards/{wizard_ref}/conditions", name="page:condition")
async def condition(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
    """`do`: add, same-<block>, remove-<rule>, text and rules change the form; save and save-text store; drop takes the condition away."""
    form = await _form(request)
    draft = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    frame = await frame_values(tx, draft.wizard, draft.draft)
    editor = _sent(draft, form)
    act = _one(form, "do") or ("save-text" if editor.as_text else "save")
    try:
        if act not in ("save", "save-text", "drop"):
            return _shown(request, visitor, _rebuilt(editor, act, form), **frame)
        expression = _expression(editor, act)
        setting = Setting(
            of=editor.of, expression=expression, was=_json(editor.was), base=editor.base, confirm=_one(form, "confirm") or None
        )
        await set_condition(visitor.ctx, tx, wizard_ref, setting)
    except RequestInvalid as problem:
        return _shown(request, visitor, editor, status=422, error=problem.detail, errors=problem.errors, **frame)
    except ImpactUnconfirmed as problem:
        return _shown(request, visitor, editor, status=409, report=problem.extra, act=act, **frame)
    except Stale as problem:
        return _shown(request, visitor, _seen_again(editor), status=409, stale=problem.extra["changed"], **frame)
    return see_other(request, f"/wizards/{wizard_ref}/conditions?{urlencode(_address(editor.of) | {'saved': 'true'})}")


# --- the editor ----------------------------------------------------------------------------------------------------


def _opened(draft: WizardDraft, of: Conditioned, *, as_text: bool = False) -> Editor:
    """Raises NodeNotFound."""
    expression = of.condition(draft.draft.structure)
    found = parsed(expression)
    rules = posted_of(found) if found else ()
    is_text = as_text or (found is None and expression is not None)
    how = found.how if found else "all"
    return Editor(draft, of, how, rules, _pretty(expression), is_text, dumps(expression), draft.wizard.draft_revision)


# Up to here an operation is read better on one line.
_LINE: Final = 70


def _pretty(expression: Any, depth: int = 0) -> str:
    """An expression on several lines, its numbers exactly as they are stored; "" for none."""
    if expression is None and not depth:
        return ""
    line = dumps(expression)
    if len(line) + 2 * depth <= _LINE or not isinstance(expression, dict | list) or not expression:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(expression, list):
        return "[\n" + ",\n".join(inner + _pretty(each, depth + 1) for each in expression) + f"\n{outer}]"
    members = (f"{inner}{dumps(name)}: {_pretty(each, depth + 1)}" for name, each in expression.items())
    return "{\n" + ",\n".join(members) + f"\n{outer}}}"


def _sent(draft: WizardDraft, form: Mapping[str, Sequence[str]]) -> Editor:
    value = _one(form, "value") if "value" in form else None
    base = _one(form, "base")
    return Editor(
        draft=draft,
        of=Conditioned(_one(form, "node"), value),
        how="any" if _one(form, "how") == "any" else "all",
        rules=rules_in(form),
        text=_one(form, "text"),
        as_text=_one(form, "mode") == "text",
        was=_one(form, "was"),
        base=int(base) if base.isascii() and base.isdigit() and len(base) < 19 else 0,
    )


def _rebuilt(editor: Editor, act: str, form: Mapping[str, Sequence[str]]) -> Editor:
    """The editor with a rule more or less, or from rules to text and back. Raises RequestInvalid."""
    kind, _, number = act.partition("-")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else -1
    match kind:
        case "text":
            expression = built(condition_of(editor.how, editor.rules, editor.structure))
            return replace(editor, as_text=True, text=_pretty(expression), focus="text")
        case "rules":
            return _as_rules(editor)
        case "remove":
            rest = tuple(rule for index, rule in enumerate(editor.rules) if index != at)
            return replace(editor, rules=rest, focus=f"rule-{min(at, len(rest) - 1)}-operator" if rest else "question")
        case "same":
            like = next((rule for rule in reversed(editor.rules) if rule.block == at), None)
            return _with_rule(editor, replace(like, texts=())) if like else editor
        case "add":
            return _with_question(editor, form)
        case _:
            return editor


def _with_question(editor: Editor, form: Mapping[str, Sequence[str]]) -> Editor:
    """A rule about the question that was chosen, in a block of its own or into one that is there."""
    question, into = _one(form, "question"), _one(form, "into")
    if question not in editor.structure.option_set_by_id:
        return editor
    highest = max((rule.block for rule in editor.rules), default=-1)
    block = int(into) if into.isascii() and into.isdigit() and int(into) <= highest else highest + 1
    return _with_rule(editor, _new_rule(editor.structure, question, block))


def _as_rules(editor: Editor) -> Editor:
    expression = _json(editor.text) if editor.text.strip() else None
    found = parsed(expression)
    if found is None and expression is not None:
        raise RequestInvalid(_NO_RULES)
    rules = posted_of(found) if found else ()
    return replace(editor, as_text=False, how=found.how if found else "all", rules=rules)


def _with_rule(editor: Editor, rule: Posted) -> Editor:
    """The rule behind the others of its block."""
    rules = tuple(sorted((*editor.rules, rule), key=lambda each: each.block))
    at = max(index for index, each in enumerate(rules) if each.block == rule.block)
    return replace(editor, rules=rules, focus=f"rule-{at}-operator")


def _new_rule(structure: Structure, option_set_id: str, block: int) -> Posted:
    return Posted(block, option_set_id, operators_of(structure.option_set_by_id[option_set_id])[0], ())


def _seen_again(editor: Editor) -> Editor:
    """The same form over the draft as it is now, so that saving it again replaces what somebody else did, knowingly."""
    now = _opened(editor.draft, editor.of)
    return replace(editor, was=now.was, base=now.base)


def _expression(editor: Editor, act: str) -> Any:
    """What is to be stored. Raises RequestInvalid. A form that was not touched keeps the expression as it was written."""
    if act == "drop":
        return None
    if act == "save-text":
        return _json(editor.text) if editor.text.strip() else None
    if empty_values(editor.rules):
        raise RequestInvalid(_EMPTY)
    was = _json(editor.was)
    before = parsed(was)
    if before is not None and (before.how, posted_of(before)) == (editor.how, editor.rules):
        return was
    return built(condition_of(editor.how, editor.rules, editor.structure))


def _json(text: str) -> Any:
    try:
        return loads(text) if text else None
    except MalformedJson as problem:
        raise RequestInvalid(problem.detail) from problem


# --- the page ------------------------------------------------------------------------------------------------------


def _shown(request: Request, visitor: Visitor, editor: Editor, *, status: int = 200, **more: Any) -> Response:
    structure, of = editor.structure, editor.of
    present = of.condition(structure)
    node = structure.step_by_id.get(of.node_id) or option_set_in(structure, of.node_id)
    values: dict[str, Any] = {"report": None, "stale": None, "error": "", "errors": (), "is_saved": False, "act": "save"} | more
    return page(
        request,
        "condition.html",
        block="editor",
        status=status,
        editor=editor,
        rules=rule_views(editor.rules, structure),
        questions=questions_for(structure, of.node_id, is_option=of.value is not None),
        is_step=of.node_id in structure.step_by_id,
        name=_name(structure, of),
        owner=text_in(node.name, structure.default_language, structure.default_language),
        present=_words(present, structure),
        can_form=present is None or parsed(present) is not None,
        mentioned=_mentioned(editor, structure),
        used_in=mentions(structure, of.node_id, of.value) if of.node_id in structure.option_set_by_id else (),
        problems=_problems(structure, of),
        may_edit=visitor.may("edit", editor.draft.wizard.id),
        **values,
    )


def _address(of: Conditioned) -> dict[str, str]:
    return {"node": of.node_id} | ({"value": of.value} if of.value is not None else {})


def _name(structure: Structure, of: Conditioned) -> str:
    default = structure.default_language
    if of.value is not None:
        option = option_in(option_set_in(structure, of.node_id), of.value)
        return text_in(option.label, default, default) or option.value
    step = structure.step_by_id.get(of.node_id)
    return text_in(step.name, default, default) if step else named(structure, of.node_id)


def _mentioned(editor: Editor, structure: Structure) -> list[tuple[str, str]]:
    """The questions that an expression names by id, by name."""
    try:
        ids = sorted({each.option_set_id for each in references(_json(editor.text))}) if editor.as_text else []
    except RequestInvalid:
        return []
    return [(each, named(structure, each)) for each in ids]


def _problems(structure: Structure, of: Conditioned) -> list[Any]:
    """What is wrong with this very condition, as the draft has it."""
    place = next((each.pointer for each in expressions_in(structure) if (each.node_id, each.kind) == (of.node_id, "condition")), None)
    if place is None or of.value is not None:
        return []
    return [each for each in problems_in(structure) if each.issue.pointer == place or each.issue.pointer.startswith(f"{place}/")]


def _words(expression: Any, structure: Structure) -> Any:
    """A condition to be read: (how, blocks of rule views), or the expression verbatim."""
    found = parsed(expression)
    if expression is None:
        return None
    return _read_condition(found, structure) if found else {"verbatim": dumps(expression)}


def _read_condition(found: Condition, structure: Structure) -> dict[str, Any]:
    views = rule_views(posted_of(found), structure)
    blocks: dict[int, list[Any]] = {}
    for view in views:
        blocks.setdefault(view.block, []).append(view)
    return {"how": found.how, "blocks": list(blocks.values())}


def _places(draft: WizardDraft) -> list[dict[str, Any]]:
    """Every condition of the draft with its place and its words."""
    structure = draft.draft.structure
    found = []
    for place in expressions_in(structure):
        if place.kind == "condition" and place.node_id:
            found.append(
                {"where": place.where, "address": urlencode({"node": place.node_id}), "words": _words(place.expression, structure)}
            )
        elif place.kind == "option-condition":
            index = int(place.pointer.split("/")[6])
            option = structure.option_set_by_id[place.node_id].options[index]  # type: ignore[union-attr]  # only these have options
            address = urlencode({"node": place.node_id, "value": option.value})
            found.append({"where": place.where, "address": address, "words": _words(place.expression, structure)})
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
