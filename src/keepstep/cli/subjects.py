"""`keepstep subject`: everything of one respondent over all wizards, out into one file, or erased for good."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from keepstep.actions.subjects import SubjectErasure, list_subject
from keepstep.cli.files import written_whole
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import AsJson, counted, print_json, print_lines
from keepstep.config import Resources
from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import open_read
from keepstep.web.subject_acts import erase_whole_subject, subject_zip

subject = typer.Typer(help="One respondent over all wizards: export and erasure.", no_args_is_help=True)

Also = Annotated[
    list[str] | None,
    typer.Option("--run", metavar="ID", help="A run that holds the name as an answer, to go as well; repeatable. --dry-run lists them."),
]
Respondent = Annotated[str, typer.Argument(help="Exactly as runs and invitations name them; spelling and case count.")]


@subject.command("export")
def export(
    respondent: Respondent,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The ZIP file; else the standard output.")] = None,
    also: Also = None,
) -> None:
    """Write runs, the bytes of their files, invitations and a manifest into one ZIP file."""

    async def work(resources: Resources) -> None:
        async with subject_zip(operator(resources), resources, respondent, _ids(also)) as pieces:
            # Opened only now: a respondent whom nothing is stored of must not leave an empty file.
            with nullcontext(sys.stdout.buffer) if output is None else written_whole(output) as file:
                async for piece in pieces:
                    file.write(piece)

    with_resources(work)


@subject.command("erase")
def erase(
    respondent: Respondent,
    reason: Annotated[str, typer.Option(help="Kept for ever, so it must not name the person.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would go, with its token; nothing is erased.")] = False,
    confirm: Annotated[str, typer.Option(metavar="TOKEN", help="The token of the list; without it, you are asked.")] = "",
    also: Also = None,
    as_json: AsJson = False,
) -> None:
    """Erase every answer and file of their runs and their invitations, in the trash too. This cannot be undone."""
    if dry_run or not (confirm or as_json):
        listed = with_resources(lambda resources: _listed(resources, respondent, _ids(also)), as_json=as_json)
        _print_list(listed, as_json=as_json, with_token=dry_run)
        if dry_run:
            return
        typer.confirm("Erase all of this for good?", abort=True)
        confirm = listed["confirm"]

    async def work(resources: Resources) -> dict[str, Any]:
        wanted = SubjectErasure(respondent=respondent, reason=reason, confirm=confirm, also=_ids(also))
        return (await erase_whole_subject(operator(resources), resources, wanted)).to_json()

    _print_erased(with_resources(work, as_json=as_json), as_json=as_json)


def _ids(also: list[str] | None) -> list[str]:
    for each in also or ():
        if re.fullmatch(ID_PATTERN, each) is None:
            raise typer.BadParameter(f"{each} is no id of a run.", param_hint="--run")
    return also or []


async def _listed(resources: Resources, respondent: str, also: list[str]) -> dict[str, Any]:
    async with open_read(resources.engine) as tx:
        listed = await list_subject(operator(resources), tx, respondent, also)
    return listed.to_json() | {"confirm": listed.token}


def _print_list(listed: dict[str, Any], *, as_json: bool, with_token: bool) -> None:
    if as_json:
        print_json(listed)
        return
    for each in listed["wizards"]:
        beside = f"{counted(each['files'], 'file')}, {counted(each['invitations'], 'invitation')}"
        print(f"{each['slug'] or each['id']}: {counted(each['runs'], 'run')} ({each['trashed']:,} in the trash), {beside}")
    for each in listed["mentions"]:
        print(
            f"{'also' if each['chosen'] else 'stays'}: run {each['id']}, which holds it as an answer{'' if each['chosen'] else ' (--run)'}"
        )
    if with_token:
        print(f"confirm: {listed['confirm']}")


def _print_erased(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    told = (("answers", "answer"), ("files", "file"), ("invitations", "invitation"))
    lines = [f"Erased {counted(len(done['runs']), 'run')}: {', '.join(counted(done[name], noun) for name, noun in told)}."]
    lines += [f"{counted(done['left'], 'run')} left: run it again."] if done["left"] else []
    print_lines(lines)
