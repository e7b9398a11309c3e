"""`keepstep files`: whether the store of uploaded files does what is asked of it."""

import asyncio
import os

import typer

from keepstep.cli.exits import FINDINGS, problems_end_the_command
from keepstep.cli.printing import AsJson, print_json
from keepstep.config import settings_from

files = typer.Typer(help="The store of uploaded files.", no_args_is_help=True)
KEEPS_VERSIONS = (
    "The bucket keeps versions: what is erased stays in it. Switch versioning off, or let a lifecycle rule remove noncurrent versions."
)


@files.command("check")
def check(as_json: AsJson = False) -> None:
    """Write, read, list and remove something in the file store. Ends with 8 when what is deleted stays there."""
    with problems_end_the_command(as_json=as_json):
        settings = settings_from(os.environ)
        tried = asyncio.run(settings.blobs(settings.max_file).try_out())
    where = "a folder in the home" if settings.bucket is None else str(settings.bucket)
    if as_json:
        print_json({"store": where, "keeps_versions": tried.keeps_versions})
    else:
        print(f"The file store ({where}) takes files, gives them back and removes them.")
        print(KEEPS_VERSIONS if tried.keeps_versions else "What is deleted there is gone.")
    if tried.keeps_versions:
        raise SystemExit(FINDINGS)
