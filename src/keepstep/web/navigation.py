"""Which pages the shell leads to. An entry shows as soon as a route with its name (`page:<name>`) exists, and not before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keepstep.web.texts import message


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the shell: the name of its page, the text, and for whom (a permission; None for everybody)."""

    page: str
    text: str
    permission: str | None = None


# The bar at the top.
NAVIGATION: Final[Sequence[Entry]] = (
    Entry("home", message("Wizards")),
    Entry("exports", message("Exports")),
    Entry("users", message("Users"), "administer"),
    Entry("subjects", message("Respondents"), "administer"),
    Entry("audit", message("Audit trail"), "administer"),
    Entry("health", message("Health"), "administer"),
)
# The tabs of one wizard: each of these routes has the one path parameter `wizard_ref`.
WIZARD_TABS: Final[Sequence[Entry]] = (
    Entry("build", message("Build")),
    Entry("versions", message("Versions")),
    Entry("runs", message("Runs")),
    Entry("migrate", message("Migrate")),
    Entry("results", message("Results")),
    Entry("share", message("Share"), "edit"),
    Entry("settings", message("Settings"), "edit"),
    Entry("wizard-audit", message("Audit trail")),
)
