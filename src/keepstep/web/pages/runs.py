"""The runs of a wizard as a table over all its versions: filters, search, columns, saved views, pages of fifty."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.run_views import MAX_NAME, NewView, delete_run_view, save_run_view
from keepstep.core.text import text_in, without_pipes
from keepstep.db.transaction import Read, open_read
from keepstep.errors import RequestInvalid
from keepstep.queries.drafts import get_draft
from keepstep.queries.run_lists import RunFilter, count_listed, end_of_stretch, list_runs, position_of
from keepstep.queries.run_views import RunView, list_run_views
from keepstep.queries.versions import versions_of
from keepstep.queries.wizards import Wizard, get_wizard, is_id
from keepstep.web.deps import ResourcesDep
from keepstep.web.forms import by_field, id_in
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Listing
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.pages.runs_asked import MOST_COLUMNS, Table, asked_in, is_code
from keepstep.web.pages.runs_table import STATE_ICONS, STATE_WORDS, STATUS_WORDS, label_of, legend_of, rows_of, values_to_choose, word_of
from keepstep.web.rendering import page, path_to
from keepstep.web.visitor import CurrentVisitor, PageRead, Visitor, writing

router = page_router()

# Runs that one page of a search looks at: each of them costs some 40 µs, and nobody waits for seconds at a time.
STRETCH: Final = 10_000
WORDS: Final[Mapping[str, Any]] = {"state_words": STATE_WORDS, "state_icons": STATE_ICONS, "status_words": STATUS_WORDS}


async def table_of(request: Request, visitor: Visitor, tx: Read, wizard_ref: str) -> tuple[Wizard, Table]:
    """The wizard and its table as the address asks for it. Raises WizardNotFound, Forbidden, RequestInvalid."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view", removed=True)
    return wizard, Table(asked_in(request.query_params), await versions_of(tx, wizard.id))


def runs_path(request: Request, wizard: Wizard, query: str = "") -> str:
    path = path_to(request, "runs", wizard_ref=wizard.slug or wizard.id)
    return f"{path}?{query}" if query else path


@router.get("/wizards/{wizard_ref}/runs", name="page:runs")
async def runs(
    request: Request, visitor: CurrentVisitor, tx: PageRead, resources: ResourcesDep, wizard_ref: str, cursor: Cursor = None
) -> Response:
    """The newest change first. Only the chosen columns are made."""
    wizard, table = await table_of(request, visitor, tx, wizard_ref)
    zone = ZoneInfo(resources.settings.zone)
    chosen = table.filter(zone)
    listing = Listing("runs-page", {"wizard": wizard.id, "query": table.asked.query(c=())}, resources.secret)
    after = listing.after(cursor)
    stretch = None if chosen.search is None else await end_of_stretch(tx, wizard.id, chosen, STRETCH, after)
    found = await list_runs(tx, wizard.id, replace(chosen, until=stretch), limit=DEFAULT_LIMIT + 1, after=after)
    shown, following = listing.page(found, DEFAULT_LIMIT, position=lambda state: position_of(state, chosen))
    # What is left was not looked at yet.
    further = listing.cursor(stretch) if stretch is not None and following is None else None
    is_whole = cursor is None and following is None and further is None
    rows = rows_of(shown, table.columns, zone)
    values = await _framed(visitor, tx, wizard) | {
        "asked": table.asked,
        "rows": rows,
        "legend": legend_of(rows),
        "columns": _headed(table),
        "following": following,
        "further": further,
        "looked_at": STRETCH,
        "is_first": cursor is None,
        # Not counted where that takes looking through every answer once more.
        "total": len(shown) if is_whole else None if chosen.search else await count_listed(tx, wizard.id, chosen),
        "in_trash": await count_listed(tx, wizard.id, RunFilter(trashed=True)),
        "done": _done(request),
    }
    return page(request, "runs/table.html", block="runs", **values, **WORDS, **await _around(tx, wizard, table))


async def _framed(visitor: Visitor, tx: Read, wizard: Wizard) -> dict[str, Any]:
    draft = None if wizard.removed_at else (await get_draft(tx, visitor.actor, wizard.id)).draft
    values = await frame_values(tx, wizard, draft)
    return values | {"may_edit": visitor.may("edit", wizard.id), "may_erase": visitor.may("administer", wizard.id)}


async def _around(tx: Read, wizard: Wizard, table: Table) -> dict[str, Any]:
    """What stands around the rows: the menus, and the filters by answer in words."""
    views = await list_run_views(tx, wizard.id)
    kept = table.asked.kept(table.questions)
    return {
        "numbers": [version.number for version in reversed(table.versions)],
        "all_columns": len(table.questions),
        "views": [(view, _query_of(view)) for view in views],
        "view": next((view for view in views if view.query == kept), None),
        "chips": [(place, *_in_words(table, place)) for place in range(len(table.asked.answers))],
        "unnamed": sum(1 for each in table.asked.answers if each.option_set_id not in table.questions),
    }


def _query_of(view: RunView) -> str:
    return urlencode([(name, value) for name, values in view.query.items() for value in values])


def _language(table: Table) -> str:
    return table.versions[-1].structure.default_language if table.versions else "en"


def _headed(table: Table) -> list[tuple[str, str]]:
    """Ids and headings of the columns."""
    language = _language(table)
    return [(each.id, label_of(each, language, language)) for each in table.columns]


def _in_words(table: Table, place: int) -> tuple[str, str]:
    """A filter by answer: the question, and the answer as people know it ("" for any)."""
    given, language = table.asked.answers[place], _language(table)
    question = table.questions.get(given.option_set_id)
    if question is None:
        return given.option_set_id[-8:], given.value
    return label_of(question, language, language), word_of(question, given.value, language, _newest(table))


def _newest(table: Table) -> int:
    return table.versions[-1].number if table.versions else 0


_DEEDS: Final = ("trash", "restore", "erase", "view", "view-deleted")


def _done(request: Request) -> tuple[str, int] | None:
    """What was just done, and to how many runs; anything else in the address says nothing."""
    deed, many = request.query_params.get("done", ""), request.query_params.get("many", "0")
    return (deed, int(many)) if deed in _DEEDS and many.isdecimal() and len(many) < 9 else None


# --- columns and filters, each a dialog ------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/columns", name="page:run-columns")
async def columns(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """Every question of all versions, by the step that it stands in last, to choose from."""
    wizard, table = await table_of(request, visitor, tx, wizard_ref)
    return page(
        request,
        "runs/columns.html",
        block="dialog",
        wizard=wizard,
        asked=table.asked,
        groups=_by_step(table),
        shown={each.id for each in table.columns},
        most=MOST_COLUMNS,
        action=runs_path(request, wizard),
        back=runs_path(request, wizard, table.asked.query()),
    )


def _by_step(table: Table) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Headings of steps with (id, label, key) of their questions; a question that the newest version lacks says so by its step."""
    language = _language(table)
    groups: dict[str, list[tuple[str, str, str]]] = {}
    by_number = {version.number: version.structure for version in table.versions}
    for question in table.questions.values():
        structure = by_number[max(question.option_sets)]
        name = without_pipes(text_in(structure.step_of[question.id].name, language, language))
        groups.setdefault(name, []).append((question.id, label_of(question, language, language), question.key))
    return list(groups.items())


@router.get("/wizards/{wizard_ref}/runs/filter", name="page:run-filter")
async def answer_filter(
    request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, on: str = "", typed: bool = False
) -> Response:
    """A question to filter by; then its answer: one of the options that any version had, or what is `typed`."""
    wizard, table = await table_of(request, visitor, tx, wizard_ref)
    language, question = _language(table), table.questions.get(on)
    options = values_to_choose(question, language, _newest(table))
    path = path_to(request, "run-filter", wizard_ref=wizard.slug or wizard.id)
    return page(
        request,
        "runs/filter.html",
        block="dialog",
        wizard=wizard,
        asked=table.asked,
        questions=[(each.id, label_of(each, language, language)) for each in table.questions.values()],
        on=on if question else "",
        asks=label_of(question, language, language) if question else "",
        options=() if typed else [each for each in options if each.of is None],
        older=() if typed else [each for each in options if each.of is not None],
        filter_path=path,
        again=f"{path}?{table.asked.query()}",
        typing=f"{path}?{table.asked.query(on=on, typed='1')}" if options and not typed else "",
        action=runs_path(request, wizard),
        back=runs_path(request, wizard, table.asked.query()),
    )


# --- saved views ----------------------------------------------------------------------------------------------------


@router.get("/wizards/{wizard_ref}/runs/views", name="page:run-views")
async def ask_view(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
    """What a saved view would keep, and the views there are."""
    return await _view_dialog(request, visitor, tx, wizard_ref)


async def _view_dialog(request: Request, visitor: Visitor, tx: Read, wizard_ref: str, **more: Any) -> Response:
    wizard, table = await table_of(request, visitor, tx, wizard_ref)
    dropped = sum(1 for each in table.asked.answers if each.value and not is_code(table.questions.get(each.option_set_id), each.value))
    values: dict[str, Any] = {"name": "", "errors": {}, "id": visitor.ctx.make_id(), "status": 200, **more}
    return page(
        request,
        "runs/views.html",
        block="dialog",
        wizard=wizard,
        asked=table.asked,
        views=await list_run_views(tx, wizard.id),
        may_edit=visitor.may("edit", wizard.id),
        is_shortened=bool(table.asked.words) or bool(dropped),
        most=MAX_NAME,
        action=f"{path_to(request, 'run-views', wizard_ref=wizard.slug or wizard.id)}?{table.asked.query()}",
        back=runs_path(request, wizard, table.asked.query()),
        **values,
    )


@router.post("/wizards/{wizard_ref}/runs/views", name="page:save-run-view")
async def save_view(request: Request, visitor: CurrentVisitor, resources: ResourcesDep, wizard_ref: str) -> Response:
    """Saves the view, or deletes the one that `delete` names."""
    fields = await fields_of(request)
    try:
        async with writing(request) as tx:
            wizard, table = await table_of(request, visitor, tx, wizard_ref)
            if is_id(fields.get("delete", "")):
                await delete_run_view(visitor.ctx, tx, wizard.id, fields["delete"])
                return see_other(request, runs_path(request, wizard, table.asked.query(done="view-deleted")))
            new = NewView(fields.get("name", ""), table.asked.kept(table.questions), id_in(fields))
            await save_run_view(visitor.ctx, tx, wizard.id, new)
    except RequestInvalid as problem:
        async with open_read(resources.engine) as tx:
            typed = {"name": fields.get("name", ""), "errors": by_field(problem, otherwise="name"), "status": 422}
            return await _view_dialog(request, visitor, tx, wizard_ref, **typed)
    return see_other(request, runs_path(request, wizard, table.asked.query(done="view")))
