"""The command `keepstep`: its options and its commands."""

from typing import Annotated

import typer

from keepstep import __version__
from keepstep.cli import (
    access,
    accounts,
    backup,
    database,
    demo,
    filestore,
    plans,
    retention,
    runs,
    serving,
    subjects,
    sweeping,
    verifying,
    wizards,
    working,
)

app = typer.Typer(
    name="keepstep",
    help="Change the wizard, keep every answer.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback of ours with local variables could show answers.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serving.serve)
app.command("worker")(working.worker)
app.command("daily")(working.daily)
app.command("demo")(demo.demo)
app.command("verify")(verifying.verify)
app.command("sweep")(sweeping.sweep)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(database.db, name="db")
app.add_typer(filestore.files, name="files")
app.add_typer(accounts.user, name="user")
app.add_typer(accounts.token, name="token")
app.add_typer(wizards.wizard, name="wizard")
app.add_typer(runs.run, name="run")
app.add_typer(plans.plan, name="plan")
app.add_typer(access.access, name="access")
app.add_typer(access.invitation, name="invitation")
app.add_typer(subjects.subject, name="subject")
app.add_typer(retention.retention, name="retention")
app.command("impact")(wizards.impact)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"keepstep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Change the wizard, keep every answer."""
