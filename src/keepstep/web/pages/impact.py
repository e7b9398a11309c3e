"""Where a change meets stored answers: how other pages lead to the dialogs that ask first, and what every one of them is asked for.

All are under `/wizards/{wizard_ref}/build/impact/`; in templates `path_of(name, wizard_ref=…)`:

- `impact-delete`, `GET delete`: the dialog of a deletion: Cancel, Retire, Delete anyway, Publish the other changes first.
  `POST delete` without `act` deletes at once where nothing is stored and else gives the dialog; `act=retire`, `act=delete` do it.
- `impact-change`, `GET`/`POST change`: changes members of a node; asks "same meaning?" or shows the report where answers are touched.
- `impact-counts`, `GET counts`: answers and versions of every question: a page; for htmx the pills alone, to be put where they belong.
- `impact-answers`, `GET answers`: "Stored answers", "Used in" and "History" of one node: a page; for htmx the block of a side panel.

Parameters, in the query of a GET and in the form of a POST (with `csrf_field()`):

- `node`: the id of a step or option set; with `value`, its option of that value.
- `base`: the draft revision that the page showed. Later edits of other nodes do not matter; one of this node is shown with its
  author, and nothing is done. Left out, nobody asks.
- `return`: the local path where Cancel leads and where it goes on afterwards, to the builder with `done`, the revision of the edit, so
  that it can say what happened; the builder when left out.
- `fields` (change): a JSON object of the members to set, as in the API. `meaning` (`same`, `different`), `new_value` (of the option
  that is added when it is different), `confirm` and `counted` come from the dialogs themselves.

A delete button of the builder is a form, so that nothing asks where nothing is stored: `method="post"`, `action` and `hx-post` the path
of `impact-delete`, `hx-target="#dialog"`, with the parameters in hidden fields. A page whose own edit raises ImpactUnconfirmed or
MeaningUnconfirmed answers `await unconfirmed(request, visitor, tx, pending, problem)` (impact_change), for htmx in `#dialog` whatever was
to be replaced. The buttons go on to `POST change`; or, for an edit that only its page can plan, to that page again:

    Pending(asked=Asked(…), fields=members, planned=plan, way=Way(target, held, marks=("data-edit", "data-answer")))

where `held` is what its form had sent, without `base`, `confirm`, `meaning`, `new_value`: the answer brings those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepstep.actions.builder_edits import Seen
from keepstep.actions.drafts import Edited
from keepstep.core.jsonvalue import unstorable_text
from keepstep.errors import RequestInvalid
from keepstep.web.pages.build_after import node_after
from keepstep.web.pages.route import fields_of, local_path, see_other
from keepstep.web.rendering import in_dialog, page

PREFIX: Final = "/wizards/{wizard_ref}/build/impact"
# What the builder shows besides the node: the language, and the pane of a narrow window.
_KEPT: Final = ("lang", "pane")
# More digits than any draft will have revisions, and few enough for the database.
_LONGEST_REVISION: Final = 15


@dataclass(frozen=True, slots=True)
class Way:
    """Where the answers of a dialog go, and what they hold besides. `marks`: attributes for the script of the page whose edit it is."""

    target: str
    held: Sequence[tuple[str, str]]
    marks: Sequence[str] = ()

    def attributes(self, layout: str) -> Markup:
        """Of the form: the marks, or in the dialog of a page what htmx needs."""
        if self.marks:
            return Markup(" ").join(self.marks)
        return Markup('hx-post="{}" hx-target="#dialog" hx-swap="innerHTML"').format(self.target) if layout == "part.html" else Markup("")

    def with_more(self, **more: str) -> "Way":
        return Way(self.target, [*self.held, *more.items()], self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which node of which wizard, seen in which draft, and where to go on."""

    wizard_ref: str
    node: str
    value: str | None = None
    base: int | None = None
    back: str = ""

    @property
    def parameters(self) -> Mapping[str, str]:
        """What leads to the same node again, without `base`: whoever comes back wants to see it as it is then."""
        return {"node": self.node} | ({} if self.value is None else {"value": self.value}) | {"return": self.back}

    @property
    def cancel(self) -> str:
        """Where Cancel leads: in the builder to the node itself, which is still there then."""
        path, _, query = self.back.partition("?")
        if path != builder_path(self.wizard_ref):
            return self.back
        kept = [(name, value) for name, value in parse_qsl(query) if name in _KEPT]
        return f"{path}?{urlencode([('node', self.node), *kept])}"

    def path_to(self, page_name: str) -> str:
        """`delete`, `change` or `answers`, for the same node."""
        return f"{PREFIX.format(wizard_ref=quote(self.wizard_ref))}/{page_name}?{urlencode(self.parameters)}"

    def way_to(self, page_name: str) -> Way:
        """The form that goes on about the same node."""
        return Way(f"{PREFIX.format(wizard_ref=quote(self.wizard_ref))}/{page_name}", tuple(self.parameters.items()))

    def seen(self, given: Mapping[str, str], now: int) -> Seen:
        """What the form says along with a change; `now`, the draft's revision, for one that names none."""
        base = now if self.base is None else self.base
        return Seen(revision=base, about=frozenset({self.node}), confirm=given.get("confirm") or None, counted=given.get("counted") or None)


async def given_in(request: Request) -> Mapping[str, str]:
    """The parameters of the query, or of the form. Raises RequestInvalid for a text that cannot be stored."""
    if request.method not in {"GET", "HEAD"}:
        return await fields_of(request)
    found = dict(request.query_params)
    for name, text in found.items():
        if reason := unstorable_text(text):
            raise RequestInvalid(reason, errors=[{"pointer": f"/{name}", "code": "text-unstorable", "detail": reason}])
    return found


def asked_in(wizard_ref: str, given: Mapping[str, str]) -> Asked:
    """Raises RequestInvalid when no node is named."""
    node, base = given.get("node", ""), given.get("base", "")
    if not node:
        raise RequestInvalid("Name the `node`: the id of a step or a question.")
    return Asked(
        wizard_ref=wizard_ref,
        node=node,
        value=given.get("value"),
        base=int(base) if base.isascii() and base.isdecimal() and len(base) <= _LONGEST_REVISION else None,
        back=local_path(given.get("return"), builder_path(wizard_ref, node)),
    )


def builder_path(wizard_ref: str, node: str = "") -> str:
    """The builder, with this step or option set chosen."""
    return f"/wizards/{quote(wizard_ref)}/build" + (f"?{urlencode({'node': node})}" if node else "")


def gone_on(request: Request, asked: Asked, edited: Edited) -> Response:
    """Where the person came from. The builder shows the neighbour of what went, and is told which edit was made, for those who do not
    see it.
    """
    path, _, query = asked.back.partition("?")
    if path != builder_path(asked.wizard_ref):
        return see_other(request, asked.back)
    node = node_after(edited)
    kept = [(name, value) for name, value in parse_qsl(query) if name != "done" and (name != "node" or not node)]
    done = [("done", str(edited.state.wizard.draft_revision))] if edited.name is not None else []
    told = [*([("node", node)] if node else []), *kept, *done]
    return see_other(request, f"{path}?{urlencode(told)}" + (f"#item-{quote(node)}" if node else ""))


def dialog(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The dialog as a page, or as the block for `#dialog`, whatever the request meant to replace."""
    headers = in_dialog(request)
    return page(request, template, block="dialog", status=status, headers=headers, **values)
