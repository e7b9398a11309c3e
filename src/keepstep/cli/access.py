"""`keepstep access` and `keepstep invitation`: who may begin a wizard in public, and the people who are invited."""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import typer

from keepstep.actions.access import change_access, renew_link
from keepstep.actions.invitations import Added, add_invitations, make_links, renew_invitation, revoke_invitation
from keepstep.cli.files import opened, written_whole
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import AsJson, counted, print_json, print_lines, print_table
from keepstep.cli.wizards import Output, Ref
from keepstep.config import Resources
from keepstep.core.access import Mode
from keepstep.core.logic_values import as_datetime
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.errors import SettingInvalid
from keepstep.interchange.invitations_in import InvitationList, invitations_in
from keepstep.interchange.invitations_out import links_csv
from keepstep.queries.access import standing_of
from keepstep.queries.invitations import Invitation, InvitationFilter, Status, count_invitations, list_invitations
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.share_links import invitation_link, public_link

access = typer.Typer(help="Who may begin a wizard in public.", no_args_is_help=True)
invitation = typer.Typer(help="Invitations: lists in, links out.", no_args_is_help=True)

_PAGE: Final = 200
_COLUMNS: Final = ("respondent", "note", "status", "at", "linked_at", "run_id", "id")
Moment = Annotated[str | None, typer.Option(metavar="TIME", help="Such as 2026-03-27T14:30, in KEEPSTEP_ZONE; none: no such time.")]
Number = Annotated[str | None, typer.Option(metavar="N", help="A whole number; none: no limit.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the invitation, as `keepstep invitation list` shows it.")]


@access.command("show")
def show(slug: Ref, as_json: AsJson = False) -> None:
    """Show who may begin, how it stands now, and the public link."""
    _print(with_resources(lambda resources: _shown(resources, slug), as_json=as_json), as_json=as_json)


@access.command("set")
def set_(
    slug: Ref,
    mode: Annotated[Mode | None, typer.Option(help="Who may begin.")] = None,
    opens: Moment = None,
    closes: Moment = None,
    finish_within: Annotated[
        str | None, typer.Option(metavar="MINUTES", help="After closing, for runs that were begun; none: without end.")
    ] = None,
    max_runs: Number = None,
    starts_per_hour: Number = None,
    trap: Annotated[bool | None, typer.Option("--trap/--no-trap", help="A field that only programs fill in.")] = None,
    proof_of_work: Annotated[bool | None, typer.Option("--proof-of-work/--no-proof-of-work", help="Arithmetic before beginning.")] = None,
    embed_on: Annotated[list[str] | None, typer.Option(metavar="SITE", help="May frame it; repeat for several, none for none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change who may begin. It holds at once; what is not named stays."""

    async def work(resources: Resources) -> dict[str, Any]:
        zone = resources.settings.zone
        given: dict[str, Any] = {"mode": mode, "trap": trap, "proof_of_work": proof_of_work}
        given = {name: value for name, value in given.items() if value is not None}
        given |= {name: _moment(text, zone) for name, text in (("opens_at", opens), ("closes_at", closes)) if text is not None}
        numbers = (("finish_within", finish_within), ("max_runs", max_runs), ("starts_per_hour", starts_per_hour))
        given |= {name: _number(name, text) for name, text in numbers if text is not None}
        if embed_on:
            given["embed_on"] = [] if embed_on == ["none"] else embed_on
        async with open_write(resources.engine) as tx:
            await change_access(operator(resources), tx, slug, given)
        return await _shown(resources, slug)

    _print(with_resources(work, as_json=as_json), as_json=as_json)


@access.command("renew-link")
def renew_the_link(slug: Ref, as_json: AsJson = False) -> None:
    """Make another secret link; the present one lets nobody begin any more."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with open_write(resources.engine) as tx:
            await renew_link(operator(resources), tx, slug)
        return await _shown(resources, slug)

    _print(with_resources(work, as_json=as_json), as_json=as_json)


async def _shown(resources: Resources, slug: str) -> dict[str, Any]:
    ctx = operator(resources)
    async with open_read(resources.engine) as tx:
        wizard = await get_wizard(tx, ctx.actor, slug, "edit")
        standing = await standing_of(tx, wizard, ctx.now)
        invited = await count_invitations(tx, wizard.id)
    names = ("mode", "opens_at", "closes_at", "finish_within", "max_runs", "starts_per_hour", "trap", "proof_of_work")
    shown = {name: getattr(standing.access, name) for name in names} | {"embed_on": list(standing.access.embed_on)}
    more = {"state": standing.state, "runs": standing.runs, "link": public_link(resources, wizard), "invitations": invited.to_json()}
    return shown | more


def _print(shown: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        print_lines(f"{name}: {_plain(value)}" for name, value in shown.items())


def _plain(value: Any) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in value.items())
        case list():
            return ", ".join(value) or "none"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="minutes")
        case _:
            return "none" if value is None else str(value)


def _moment(text: str, zone: str) -> str | None:
    """Raises SettingInvalid."""
    if text == "none":
        return None
    if as_datetime(text) is not None:
        return text
    try:
        typed = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingInvalid(f"{text[:40]!r} is no time; write one such as 2026-03-27T14:30.") from error
    moment = typed if typed.tzinfo is not None else typed.replace(tzinfo=ZoneInfo(zone))
    return moment.isoformat()


def _number(name: str, text: str) -> int | None:
    """Raises SettingInvalid."""
    if text == "none":
        return None
    if text.isascii() and text.isdecimal() and len(text) < 12:
        return int(text)
    raise SettingInvalid(f"--{name.replace('_', '-')} takes a whole number or none; {text[:40]!r} is neither.")


# --- invitations -----------------------------------------------------------------------------------------------------


@invitation.command("list")
def list_(
    slug: Ref,
    status: Annotated[Status | None, typer.Option(help="Only those.")] = None,
    words: Annotated[str | None, typer.Option("--search", help="Words of the person or the note.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the invitations and what became of each, the newest first."""

    async def work(resources: Resources) -> list[Invitation]:
        async with open_read(resources.engine) as tx:
            wizard = await get_wizard(tx, operator(resources).actor, slug, "view")
            return await _all(tx, wizard, InvitationFilter(status=status, words=words))

    found = with_resources(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [{name: getattr(each, name) for name in _COLUMNS} for each in found])


async def _all(tx: Read, wizard: Wizard, wanted: InvitationFilter) -> list[Invitation]:
    found: list[Invitation] = []
    while page := await list_invitations(tx, wizard.id, wanted, limit=_PAGE, after=found[-1].id if found else None):
        found += page
    return found


@invitation.command("import")
def import_(
    slug: Ref,
    file: Annotated[Path, typer.Argument(help="CSV: one person on each line; a heading may name a column email, name or respondent.")],
    as_json: AsJson = False,
) -> None:
    """Add the people of a file to the list. Lines that invite nobody are named; the others are added."""
    with opened(file, as_json=as_json) as stream:

        async def work(resources: Resources) -> tuple[InvitationList, Added]:
            people = invitations_in(stream)
            async with open_write(resources.engine) as tx:
                return people, await add_invitations(operator(resources), tx, slug, people.invitees)

        people, added = with_resources(work, as_json=as_json)
    bad = sorted((*people.bad, *added.bad), key=lambda each: each.line)
    told = [{"line": each.line, "code": each.fault, "detail": each.detail} for each in bad]
    if as_json:
        print_json({"added": added.added, "bad": told, "ignored": people.ignored})
        return
    print(f"{counted(added.added, 'invitation')} added.")
    print_lines(f"  line {each['line']}: {each['detail']}" for each in told)
    if people.ignored:
        print(f"  passed over: {', '.join(people.ignored)}")


@invitation.command("links")
def links(
    slug: Ref,
    which: Annotated[
        Literal["new", "unused"],
        typer.Option(help="new: who never had a link; unused: everybody who has not begun, so that older links open nothing any more."),
    ] = "new",
    output: Output = None,
) -> None:
    """Make links and write them as CSV. They are in this output alone."""

    async def work(resources: Resources) -> int:
        # The file is complete before the links are stored: one that cannot be written takes nobody's link away.
        async with open_write(resources.engine) as tx:
            made = await make_links(operator(resources), tx, slug, which)
            rows = ((each.respondent, each.note, invitation_link(resources, each.secret)) for each in made)
            with nullcontext(sys.stdout.buffer) if output is None else written_whole(output) as file:
                file.write(links_csv(rows))
        return len(made)

    print(f"{counted(with_resources(work), 'link')} made.", file=sys.stderr)


@invitation.command("renew")
def renew(slug: Ref, invitation_id: Id) -> None:
    """Print a new link, good for one more run, whatever became of the invitation before."""

    async def work(resources: Resources) -> str:
        async with open_write(resources.engine) as tx:
            made = await renew_invitation(operator(resources), tx, slug, invitation_id)
        return invitation_link(resources, made.secret)

    print(with_resources(work))


@invitation.command("revoke")
def revoke(slug: Ref, invitation_id: Id, as_json: AsJson = False) -> None:
    """Let an invitation open nothing any more. One that was used stays as it is."""

    async def work(resources: Resources) -> Invitation:
        async with open_write(resources.engine) as tx:
            return await revoke_invitation(operator(resources), tx, slug, invitation_id)

    found = with_resources(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print(f"{found.status.replace('_', ' ')}: {found.respondent}")
