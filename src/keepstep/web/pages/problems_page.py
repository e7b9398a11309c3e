"""What is wrong with a draft: what stops publishing, what its author should look at, each with the way to its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.faults import Finding, problems_in
from keepstep.core.structure import Structure, choices_of
from keepstep.core.text import text_in
from keepstep.queries.drafts import get_draft
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

# By the code of a finding: what a list calls them.
_KINDS: Final[Mapping[str, str]] = {
    "cycle": message("Circles"),
    "reference-missing": message("Reads what is gone"),
    "reference-value-missing": message("Reads what is gone"),
    "step-unreachable": message("Nobody can reach it"),
    "step-empty": message("Empty steps"),
    "no-questions": message("Empty steps"),
    "no-options": message("No options"),
    "never-asked": message("Never asked"),
    "same-label": message("Options with the same label"),
    "untranslated": message("Not translated"),
    "reads-retired": message("Reads what is retired"),
    "reads-retired-option": message("Reads what is retired"),
    "reads-statement": message("Reads a statement"),
    "type-mismatch": message("Cannot come out as meant"),
    "rule-never-holds": message("Cannot come out as meant"),
}
_OTHER: Final = message("Malformed expressions")
# A wizard in five languages has thousands of untranslated texts; the page of languages lists those.
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `path` leads to its place, "" for what concerns the wizard as a whole."""

    detail: str
    kind: str
    stops: bool
    where: str
    path: str
    condition_path: str


def problems_of(structure: Structure, wizard_ref: str) -> list[Problem]:
    """Every problem of a draft, those that stop publishing first."""
    found = sorted(problems_in(structure), key=lambda finding: finding.severity != "stops")
    return [_problem(finding, structure, wizard_ref) for finding in found]


def _problem(finding: Finding, structure: Structure, wizard_ref: str) -> Problem:
    node = structure.step_by_id.get(finding.node_id) or structure.option_set_by_id.get(finding.node_id)
    default = structure.default_language
    return Problem(
        detail=finding.issue.detail,
        kind=_KINDS.get(finding.issue.code, _OTHER),
        stops=finding.severity == "stops",
        where=text_in(node.name, default, default) if node else "",
        path=f"/wizards/{wizard_ref}/build?{urlencode({'node': finding.node_id})}" if node else "",
        condition_path=_condition_path(finding, structure, wizard_ref),
    )


def _condition_path(finding: Finding, structure: Structure, wizard_ref: str) -> str:
    """Where the condition is edited that the finding is about; "" when it is about none."""
    parts = finding.issue.pointer.split("/")
    if "visible_if" not in parts or not finding.node_id:
        return ""
    asked = {"node": finding.node_id}
    option_set = structure.option_set_by_id.get(finding.node_id)
    if option_set is not None and len(parts) > 6 and parts[5] == "options":
        asked["value"] = choices_of(option_set)[int(parts[6])].value
    return f"/wizards/{wizard_ref}/conditions?{urlencode(asked)}"


@router.get("/wizards/{wizard_ref}/problems", name="page:problems")
async def problems(
    request: Request,
    visitor: CurrentVisitor,
    tx: PageRead,
    wizard_ref: str,
    show: Annotated[Literal["all", "stops", "warns"], Query()] = "all",
) -> Response:
    """`show`: all of them, or only those of one severity."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    found = problems_of(draft.draft.structure, wizard_ref)
    wanted = [each for each in found if show == "all" or each.stops == (show == "stops")]
    return page(
        request,
        "problems.html",
        block="problems",
        **await frame_values(tx, draft.wizard, draft.draft),
        groups=_by_kind(wanted),
        more=max(0, len(wanted) - _MOST),
        stopping=sum(each.stops for each in found),
        total=len(found),
        show=show,
    )


def _by_kind(found: Sequence[Problem]) -> list[tuple[str, bool, int, list[Problem]]]:
    """(kind, whether it stops publishing, how many there are, those that are listed), in the order of their first."""
    groups: dict[tuple[str, bool], list[Problem]] = {}
    for each in found:
        groups.setdefault((each.kind, each.stops), []).append(each)
    left, counted = _MOST, []
    for (kind, stops), all_of_it in groups.items():
        counted.append((kind, stops, len(all_of_it), all_of_it[:left]))
        left = max(0, left - len(all_of_it))
    return counted
