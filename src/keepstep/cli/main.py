"""The command `keepstep`: its options and its commands. A command's module is imported when it is asked for: all of them, with the
server and the readers of spreadsheets, take four times as long as the one that adds a user.
"""

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from keepstep import __version__

# In the order of the help; each with the module in keepstep.cli and what it is called there.
COMMANDS: Final = {
    "serve": ("serving", "serve"),
    "worker": ("working", "worker"),
    "daily": ("working", "daily"),
    "demo": ("demo", "demo"),
    "verify": ("verifying", "verify"),
    "sweep": ("sweeping", "sweep"),
    "backup": ("backup", "backup"),
    "restore": ("backup", "restore"),
    "db": ("database", "db"),
    "files": ("filestore", "files"),
    "user": ("accounts", "user"),
    "token": ("accounts", "token"),
    "wizard": ("wizards", "wizard"),
    "impact": ("wizards", "impact"),
    "run": ("runs", "run"),
    "plan": ("plans", "plan"),
    "access": ("access", "access"),
    "invitation": ("access", "invitation"),
    "subject": ("subjects", "subject"),
    "retention": ("retention", "retention"),
}
_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """The commands of COMMANDS, each imported when it is called or when the help tells of it."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - the library calls it so
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ARG002 - the library calls it so
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command = _command(cmd_name, getattr(import_module(f"keepstep.cli.{module}"), name))
        command.name = cmd_name
        return command


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        return get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return get_command(alone)


app = typer.Typer(
    name="keepstep",
    cls=_Commands,
    help="Change the wizard, keep every answer.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback of ours with local variables could show answers.
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"keepstep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Change the wizard, keep every answer."""
