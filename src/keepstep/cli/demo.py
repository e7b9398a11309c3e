"""`keepstep demo`: a home of its own with a story in it, told on the screen while it is made, and then served."""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.cli import serving
from keepstep.cli.demo_job import Material, material, perform_job
from keepstep.cli.demo_survey import perform_survey
from keepstep.cli.exits import problems_end_the_command
from keepstep.cli.opening import OPERATOR, database_of, open_resources, require_schema
from keepstep.cli.stage import Stage, heading, require_intact, say
from keepstep.config import Resources, Settings, settings_from
from keepstep.core.permissions import ALL_SCOPES, Actor
from keepstep.db.engine import PATIENT
from keepstep.errors import SettingInvalid

EMAIL: Final = "demo@example.org"
# Settings of the person's own installation: the demo must not meet its database or its key.
_OWN: Final = ("KEEPSTEP_DATABASE_URL", "KEEPSTEP_SECRET_KEY")


def demo(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = serving.LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8000,
    home: Annotated[Path | None, typer.Option(help="A new or empty folder to keep; else a temporary one, removed at the end.")] = None,
    inputs: Annotated[
        Path, typer.Option(envvar="KEEPSTEP_TEST_INPUTS", help="Where a real form and its runs are; without them a form of Keepstep's own.")
    ] = Path("../shared/inputs"),
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve it afterwards, until Ctrl-C.")] = True,
) -> None:
    """Show Keepstep: a survey that changes after it was answered, and a large form with its runs. Touches nothing that exists."""
    with problems_end_the_command():
        if serve:
            _require_free(host, port)
        address = f"http://{host}:{port}"
        with _home(home) as folder:
            settings = _settings(folder, address)
            with database_of(settings) as url:
                login = asyncio.run(_performed(settings, url, inputs))
                if serve or home is not None:
                    heading("Yours")
                    say(*login)
                if serve:
                    say("", f"Keepstep answers at {address} until Ctrl-C: sign in there. Its reference: {address}/api/docs")
                    serving.serve(host=host, port=port, workers=1)
        if home is not None:
            say(f"To go on with it: KEEPSTEP_HOME={folder} keepstep serve")


def _require_free(host: str, port: int) -> None:
    """Found out now rather than after a minute of performance."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise SettingInvalid(f"{host}:{port} cannot be listened on: {error.strerror}. Choose another --port.") from error


@contextmanager
def _home(given: Path | None) -> Iterator[Path]:
    """The folder that the demo lives in. Raises SettingInvalid for one with something in it."""
    if given is None:
        folder = Path(tempfile.mkdtemp(prefix="keepstep-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    folder = given.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingInvalid(f"{folder} has something in it, and the demo touches nothing that exists. Name a new folder.")
    yield folder


def _settings(folder: Path, address: str) -> Settings:
    """The settings of the demo, which the server reads from the environment as well."""
    for name in _OWN:
        os.environ.pop(name, None)
    os.environ |= {"KEEPSTEP_HOME": str(folder), "KEEPSTEP_BASE_URL": address}
    return settings_from(os.environ)


async def _performed(settings: Settings, url: str, inputs: Path) -> list[str]:
    """The lines that tell how to sign in."""
    await require_schema(settings, url)
    async with open_resources(settings, url, timeouts=PATIENT) as resources:
        stage, login = await _on_stage(resources)
        await perform_survey(stage)
        given: Material = material(inputs, resources.make_id)
        await perform_job(stage, given, settings.base_url)
        heading("Proof")
        await require_intact(stage)
    return login


async def _on_stage(resources: Resources) -> tuple[Stage, list[str]]:
    """The demo's admin, who performs all of it, and the lines that tell how to sign in as them."""
    password = secrets.token_urlsafe(12)
    door = Stage(resources, OPERATOR)
    user, _ = await door.do(create_user, NewUser(EMAIL, "admin", "Demo", password=password))
    token = await door.do(create_token, user.id, NewToken("demo", ALL_SCOPES))
    actor = Actor(id=user.id, name=user.name, role="admin", channel="cli")
    return Stage(resources, actor), [f"E-mail:   {EMAIL}", f"Password: {password}", f"Token:    {token.secret}"]
