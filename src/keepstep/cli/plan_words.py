"""What somebody says of a plan of a migration in a file: for a plan of its own, and for the one of a publish. Must not know plans."""

from pathlib import Path
from typing import Annotated, Final

import typer

from keepstep.core.jsonvalue import loads
from keepstep.core.plan_changes import Said
from keepstep.errors import FileUnreadable, RequestInvalid

Words = Annotated[
    Path | None, typer.Option("--words", help="A JSON file with mapping, parameters, fills, merges and policy, as PATCH of a plan takes.")
]
_MEMBERS: Final = ("mapping", "parameters", "fills", "merges", "policy")


def said_in(path: Path | None) -> Said:
    """The words in this file; none without one. Raises FileUnreadable, RequestInvalid."""
    if path is None:
        return Said()
    try:
        given = loads(path.read_bytes())
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}.") from error
    if not isinstance(given, dict) or not set(given) <= set(_MEMBERS) or not all(isinstance(each, dict) for each in given.values()):
        raise RequestInvalid(f"{path} holds an object with the members {', '.join(_MEMBERS)}, each of them an object.")
    return Said(**given)
