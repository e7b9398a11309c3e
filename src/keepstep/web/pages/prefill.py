"""A link of a wizard that brings answers along: which question, which value, and the address that comes of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.actions.publishing import active_version
from keepstep.core.structure import Structure
from keepstep.core.text import text_in
from keepstep.queries.drafts import get_draft
from keepstep.web.deps import ResourcesDep
from keepstep.web.gate import HONEYPOT_FIELD, PROOF_FIELD, START_FIELD, TOKEN_PARAMETER
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.share_links import public_link
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

MOST: Final = 20
"""Questions of one link. Addresses above some thousand characters get lost on their way."""
_NEVER: Final = frozenset({"statement", "calculated", "file"})
_LONGEST_NAME: Final = 80
_TAKEN: Final = frozenset({TOKEN_PARAMETER, START_FIELD, PROOF_FIELD, HONEYPOT_FIELD, "lang", "embed"})

Texts = Annotated[list[str], Query(max_length=MOST + 1)]


@router.get("/wizards/{wizard_ref}/share/prefill", name="page:prefill")
async def prefill(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    resources: ResourcesDep,
    wizard_ref: str,
    key: Texts = [],  # noqa: B006 - FastAPI copies it
    value: Texts = [],  # noqa: B006 - as above
) -> Response:
    """The form with one more row than is filled in, and the link so far. Nothing is stored."""
    state = await get_draft(tx, visitor.actor, wizard_ref, "edit")
    version = await active_version(tx, state.wizard)
    questions = {} if version is None else _questions(version.structure)
    filled = [(each, text) for each, text in zip(key, value, strict=False) if each in questions and text.strip()][:MOST]
    rows = [*filled, ("", "")] if len(filled) < MOST else filled
    link = _with(public_link(resources, state.wizard), filled)
    values: dict[str, Any] = {"questions": questions, "rows": rows, "filled": filled, "link": link}
    return page(request, "share/prefill.html", **await frame_values(tx, state.wizard, state.draft), **values)


def _questions(structure: Structure) -> Mapping[str, str]:
    """What can be brought along, by key, in the order of the wizard; by id where the key means something else in an address."""
    asked = [each for each in structure.option_sets if each.selection_type not in _NEVER and not each.retired]
    return {
        each.id if each.key in _TAKEN else each.key: text_in(each.name, structure.default_language, structure.default_language)[
            :_LONGEST_NAME
        ]
        for each in asked
    }


def _with(link: str, filled: Sequence[tuple[str, str]]) -> str:
    return f"{link}{'&' if '?' in link else '?'}{urlencode(filled)}" if filled else link
