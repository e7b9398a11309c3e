"""What a form brings beyond texts: the id with which it is sent, and what was wrong with it, by its fields."""

from collections.abc import Mapping

from keepstep.errors import Problem
from keepstep.queries.wizards import is_id


def by_field(problem: Problem, *, otherwise: str = "") -> Mapping[str, str]:
    """The reasons by the name of the field; all of it at `otherwise` for a problem that names none."""
    found = {str(error["pointer"]).strip("/"): str(error["detail"]) for error in problem.errors}
    return found or ({otherwise: problem.detail} if otherwise else {})


def id_in(fields: Mapping[str, str]) -> str | None:
    """The id that a form was given when it was shown: sent twice, by a double click or by Reload, it makes one thing."""
    given = fields.get("id", "")
    return given if is_id(given) else None
