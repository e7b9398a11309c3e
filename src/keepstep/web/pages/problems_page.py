"""What is wrong with a draft: what stops publishing, what its author should look at, each with the way to its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.edits import Draft
from keepstep.core.faults import Finding, problems_in
from keepstep.core.naming import way_back
from keepstep.core.piping import told
from keepstep.core.shelf import Shelved
from keepstep.core.structure import Structure, choices_of
from keepstep.queries.drafts import get_draft
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.problem_groups import UNTRANSLATED, grouped, is_untranslated, sums_of
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
    "same-name": message("Questions with the same name"),
    "piped-unknown": message("Braces that no question fills"),
    "untranslated": message("Not translated"),
    "reads-retired": message("Reads what is retired"),
    "reads-retired-option": message("Reads what is retired"),
    "reads-statement": message("Reads a statement"),
    "type-mismatch": message("Cannot come out as meant"),
    "rule-never-holds": message("Cannot come out as meant"),
}
_OTHER: Final = message("Malformed expressions")
# Of each kind; a wizard in five languages has thousands of untranslated texts, which the page of languages lists.
_MOST: Final = 100
_MOST_UNTRANSLATED: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `path` leads to its place, the node `place`; "" for what concerns the wizard as a whole. `back`: what mends it by
    coming back from the shelf.
    """

    detail: str
    kind: str
    stops: bool
    where: str
    path: str
    condition_path: str
    place: str = ""
    back: Shelved | None = None

    @property
    def restoring(self) -> tuple[str, Mapping[str, str]]:
        """The act of the builder that brings it back, and what its form names."""
        return restoring(self.back) if self.back is not None else ("", {})


UNTRANSLATED_KIND: Final = _KINDS[UNTRANSLATED]


def restoring(item: Shelved) -> tuple[str, Mapping[str, str]]:
    """The act of the builder that takes this from the shelf, and what its form names."""
    owner, value = item.address
    match item.kind:
        case "step":
            return "restore-step", {"step_id": item.id}
        case "option_set":
            return "restore-option-set", {"option_set_id": item.id}
        case _:
            assert value is not None  # an option has one
            return "restore-option", {"option_set_id": owner, "value": value}


def problems_of(draft: Draft, wizard_ref: str) -> list[Problem]:
    """Every problem of a draft, those that stop publishing first."""
    found = sorted(problems_in(draft.structure, draft.shelf), key=lambda finding: finding.severity != "stops")
    return [problem_of(finding, draft, wizard_ref) for finding in found]


def problem_of(finding: Finding, draft: Draft, wizard_ref: str) -> Problem:
    structure = draft.structure
    node = structure.step_by_id.get(finding.node_id) or structure.option_set_by_id.get(finding.node_id)
    return Problem(
        detail=finding.issue.detail,
        kind=_KINDS.get(finding.issue.code, _OTHER),
        stops=finding.severity == "stops",
        where=told(node.name, structure) if node else "",
        path=f"/wizards/{wizard_ref}/build?{urlencode({'node': finding.node_id})}" if node else "",
        condition_path=_condition_path(finding, structure, wizard_ref),
        place=finding.node_id if node else "",
        back=way_back(structure, draft.shelf, finding.missing) if finding.missing else None,
    )


def _condition_path(finding: Finding, structure: Structure, wizard_ref: str) -> str:
    """Where the condition is edited that the finding is about; "" when it is about none."""
    parts = finding.issue.pointer.split("/")
    if parts[1] == "endings" and "visible_if" in parts:
        return f"/wizards/{wizard_ref}/conditions?{urlencode({'ending': structure.endings[int(parts[2])].key})}"
    asked = {"node": finding.node_id}
    if parts[5:7] == ["constraints", "rules"] and parts[8:9] == ["expression"]:
        return f"/wizards/{wizard_ref}/conditions?{urlencode(asked | {'rule': parts[7]})}"
    if "visible_if" not in parts or not finding.node_id:
        return ""
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
    show: Annotated[Literal["all", "stops", "warns", "untranslated"], Query()] = "all",
) -> Response:
    """`show`: all of them, only those of one severity, or the texts that are not translated."""
    draft = await get_draft(tx, visitor.actor, wizard_ref)
    findings = problems_in(draft.draft.structure, draft.draft.shelf)
    chosen = [problem_of(finding, draft.draft, wizard_ref) for finding in findings if show in ("all", _shown_as(finding))]
    return page(
        request,
        "problems.html",
        block="problems",
        **await frame_values(tx, draft.wizard, draft.draft),
        groups=grouped(sorted(chosen, key=_is_last), lambda first: _MOST_UNTRANSLATED if _is_last(first) else _MOST),
        sums=sums_of(findings),
        untranslated=UNTRANSLATED_KIND,
        show=show,
        may_edit=visitor.may("edit", draft.wizard.id) and draft.wizard.trashed_at is None,
    )


def _shown_as(finding: Finding) -> str:
    return UNTRANSLATED if is_untranslated(finding) else finding.severity


def _is_last(problem: Problem) -> bool:
    return problem.kind == UNTRANSLATED_KIND
