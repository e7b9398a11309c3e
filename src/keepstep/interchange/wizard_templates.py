"""Wizards to begin with: complete forms as files of Keepstep JSON in the folder `templates`, and what a list of them says of each.

A template is edited like any wizard: import its file, change it in the builder, export it over the file. Must not know storage.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from keepstep.core.structure import Structure
from keepstep.errors import TemplateNotFound
from keepstep.interchange.keepstep_json import read_keepstep_json

# In the order in which they are offered.
NAMES: Final[Sequence[str]] = (
    "customer-survey",
    "clinic-intake",
    "employee-onboarding",
    "event-registration",
    "incident-report",
    "course-evaluation",
)


@cache
def wizard_templates() -> Mapping[str, Structure]:
    """Every template by its name."""
    folder = files("keepstep.interchange").joinpath("templates")
    return {name: read_keepstep_json(folder.joinpath(f"{name}.json").read_bytes(), f"{name}.json") for name in NAMES}


def wizard_template(name: str) -> Structure:
    """One template, under the ids of its file: whoever makes a wizard from it gives it new ones. Raises TemplateNotFound."""
    found = wizard_templates().get(name)
    if found is None:
        raise TemplateNotFound(f"There is no template {name[:80]!r}. There are: {', '.join(NAMES)}.")
    return found
