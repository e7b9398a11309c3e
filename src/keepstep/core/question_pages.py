"""A structure as its pages: its steps as they are, or a page for each question where the wizard says so (`presentation.pages`).

The option sets and their order stay, so that what a run is asked (`asked`) fits both. Must not know runs.
"""

from typing import Any, Final, Literal

from keepstep.core.structure import Calculated, Step, Structure

Pages = Literal["step", "question"]
PAGES: Final = "pages"
"""The member of a wizard's `presentation` that says what stands on one page: `step` (without it, too) or `question`."""


def pages_of(structure: Structure) -> Pages:
    return "question" if structure.presentation.get(PAGES) == "question" else "step"


def with_pages(structure: Structure, pages: Pages) -> dict[str, Any]:
    """The wizard's `presentation` with these pages."""
    others = {name: value for name, value in structure.presentation.items() if name != PAGES}
    return others | ({PAGES: pages} if pages == "question" else {})


_PAGE: Final = "page-"


def is_question_page(step: Step) -> bool:
    """Whether it is the page of one question, and not a whole step."""
    return step.id.startswith(_PAGE)


def paged(structure: Structure) -> Structure:
    """The structure whose steps are its pages; kept with it, as its flow is, since it is a function of it alone."""
    if pages_of(structure) == "step":
        return structure
    cached: Structure | None = structure.__dict__.get("_paged")
    if cached is None:
        members = {name: getattr(structure, name) for name in Structure.model_fields}
        steps = tuple(page for step in structure.steps for page in _question_pages(step))
        # Built and not copied: a copy would take along what was derived from the steps as they were.
        cached = structure.__dict__["_paged"] = Structure.model_construct(**(members | {"steps": steps}))
    return cached


def _question_pages(step: Step) -> tuple[Step, ...]:
    """One page for each question, named by its key. Statements stand above the question that follows them."""
    groups: list[list[int]] = [[]]
    for index, option_set in enumerate(step.option_sets):
        groups[-1].append(index)
        if option_set.selection_type != "statement" and not isinstance(option_set, Calculated) and not option_set.hidden:
            groups.append([])
    pages = []
    for group in (group for group in groups if group):
        last = step.option_sets[group[-1]]
        members = {"id": f"{_PAGE}{last.id}", "key": last.key, "option_sets": tuple(step.option_sets[index] for index in group)}
        pages.append(step.model_copy(update=members))
    return tuple(pages)
