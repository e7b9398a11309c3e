"""`keepstep user` and `keepstep token`: who may sign in."""

import sys
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

import typer

from keepstep.actions.accounts import NewToken, NewUser, create_token, create_user
from keepstep.actions.password_links import make_password_link
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import AsJson, print_json, print_table
from keepstep.config import Resources
from keepstep.core.permissions import SCOPED, Role, Scope
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import SettingInvalid, UserNotFound
from keepstep.queries.accounts import User, find_user_by_email, list_users

user = typer.Typer(help="Users: who may sign in.", no_args_is_help=True)
token = typer.Typer(help="Tokens: how programs sign in.", no_args_is_help=True)

_PAGE: Final = 200
_COLUMNS: Final = ("email", "name", "role", "created_at", "disabled_at", "id")


@user.command("add")
def add_user(
    email: str,
    role: Annotated[Role, typer.Option(help="admin: everything; editor: wizards and runs; analyst: reads.")] = "editor",
    name: Annotated[str, typer.Option(help="How they are called; else the first part of the address.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a password from the first line of the input.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a user."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def work(resources: Resources) -> User:
        async with open_write(resources.engine) as tx:
            made, _ = await create_user(operator(resources), tx, NewUser(email, role, name, password=password))
            return made

    made = with_resources(work, as_json=as_json)
    if as_json:
        print_json(made)
    else:
        print(f"{made.email} is now an {made.role}. A token: keepstep token add {made.email}")


@user.command("link")
def make_link(email: str) -> None:
    """Print a link with which a user sets a password, once: an invitation, or a way back for an admin who forgot theirs."""

    async def work(resources: Resources) -> str:
        async with open_write(resources.engine) as tx:
            found = await find_user_by_email(tx, email.strip().lower())
            if found is None:
                raise UserNotFound(f"There is no user {email}. Make one: keepstep user add {email}")
            made = await make_password_link(operator(resources), tx, found.id)
        return f"{resources.settings.base_url}/password?{urlencode({'token': made.secret})}"

    print(with_resources(work))


@user.command("list")
def show_users(as_json: AsJson = False) -> None:
    """List the users."""

    async def work(resources: Resources) -> list[User]:
        found: list[User] = []
        async with open_read(resources.engine) as tx:
            while page := await list_users(tx, after=[found[-1].email] if found else None, limit=_PAGE):
                found += page
        return found

    found = with_resources(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [{name: getattr(each, name) for name in _COLUMNS} for each in found])


@token.command("add")
def add_token(
    email: str,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scopes: Annotated[
        str, typer.Option(help="What it may do: read, submit, edit, admin; several with commas. admin: all its user may.")
    ] = "admin",
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="For how many days it works; else until it is revoked.")] = None,
) -> None:
    """Make a token and print it, alone and this one time."""

    async def work(resources: Resources) -> str:
        ctx = operator(resources)
        expires_at = ctx.now + timedelta(days=days) if days else None
        async with open_write(resources.engine) as tx:
            owner = await find_user_by_email(tx, email.strip().lower())
            if owner is None:
                raise UserNotFound(f"There is no user {email}. Make one: keepstep user add {email}")
            made = await create_token(ctx, tx, owner.id, NewToken(name, _scopes(scopes), expires_at))
            return made.secret

    print(with_resources(work))


def _scopes(text: str) -> frozenset[Scope]:
    named = {part.strip() for part in text.split(",")}
    if not named <= set(SCOPED):
        raise SettingInvalid(f"--scopes takes {', '.join(SCOPED)}, with commas between them; {text!r} does not fit.")
    return frozenset(scope for scope in SCOPED if scope in named)
