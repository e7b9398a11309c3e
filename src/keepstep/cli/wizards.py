"""`keepstep wizard` and `keepstep impact`: list, show, import, publish and export wizards, and say what publishing would touch."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from keepstep.actions.confirm import Confirmable, Consent
from keepstep.actions.context import Context
from keepstep.actions.exports import export_wizard
from keepstep.actions.imports import ImportedWizard, WizardFile, import_wizard, read_wizard_file
from keepstep.actions.policies import Policied, Policy
from keepstep.actions.publishing import Published, Publishing, PublishReport, active_version, publish_draft, whole_report
from keepstep.cli.files import bytes_of, written_whole
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.plan_words import Words, said_in
from keepstep.cli.printing import AsJson, print_json, print_lines, print_table
from keepstep.config import Resources
from keepstep.core.conversion_preview import Preview
from keepstep.core.faults import problems_in
from keepstep.core.impact import Impact
from keepstep.core.issue import to_errors
from keepstep.db.transaction import Read, open_read, open_write
from keepstep.interchange.formats_wizard import WizardFormat
from keepstep.interchange.receipt import Line, Receipt
from keepstep.queries.drafts import get_draft
from keepstep.queries.history import list_versions
from keepstep.queries.wizards import Wizard, WizardFilter, count_runs, list_wizards

InProgress = Annotated[
    Policy, typer.Option("--in-progress", help="Runs in progress finish where they are, are offered the new version, or are moved to it.")
]
wizard = typer.Typer(help="Wizards: list, show, import, publish, export.", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(metavar="SLUG", help="The wizard's slug or id.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file, whole or not at all; else to the standard output.")
]
_PAGE: Final = 200
_COLUMNS: Final = ("slug", "name", "active_version_number", "draft_revision", "updated_at", "id")
# As many lines of a receipt as a screen holds; --json has all of them.
_SHOWN: Final = 12


# --- look ----------------------------------------------------------------------------------------------------------


@wizard.command("list")
def show_wizards(
    trashed: Annotated[bool, typer.Option("--trashed", help="Those in the trash instead.")] = False, as_json: AsJson = False
) -> None:
    """List the wizards, the newest first."""

    async def work(resources: Resources) -> list[Wizard]:
        found: list[Wizard] = []
        ctx = operator(resources)
        async with open_read(resources.engine) as tx:
            while page := await list_wizards(
                tx, ctx.actor, WizardFilter(trashed=trashed), limit=_PAGE, after=found[-1].id if found else None
            ):
                found += page
        return found

    found = with_resources(work, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [{name: getattr(each, name) for name in _COLUMNS} for each in found])


@wizard.command("show")
def show_wizard(slug: Ref, as_json: AsJson = False) -> None:
    """Show one wizard: its draft, its versions and its runs."""
    shown = with_resources(lambda resources: _shown(resources, slug), as_json=as_json)
    if as_json:
        print_json(shown)
        return
    print_lines(f"{name}: {_plain(value)}" for name, value in shown.items() if name != "versions")
    print_table(("version_number", "created_at", "change_summary", "completed", "in_progress"), shown["versions"])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


async def _shown(resources: Resources, slug: str) -> dict[str, Any]:
    ctx = operator(resources)
    async with open_read(resources.engine) as tx:
        state = await get_draft(tx, ctx.actor, slug)
        structure, found = state.draft.structure, state.wizard
        runs = await count_runs(tx, found.id)
        lines = await list_versions(tx, found, limit=_PAGE)
    return {
        **{name: getattr(found, name) for name in ("id", "slug", "name", "draft_revision", "active_version_number", "updated_at")},
        "steps": len(structure.steps),
        "option_sets": len(structure.option_sets),
        "languages": list(structure.languages),
        "shelf": len(state.draft.shelf),
        "runs": runs.to_json(),
        "versions": [
            {"version_number": line.number, "created_at": line.created_at, "change_summary": line.change_summary, **line.runs.to_json()}
            for line in lines
        ],
    }


# --- import --------------------------------------------------------------------------------------------------------


@wizard.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An XLSForm workbook or a Keepstep export.")],
    format_name: Annotated[WizardFormat, typer.Option("--format", help="auto: told by the content.")] = "auto",
    into: Annotated[str | None, typer.Option(metavar="SLUG", help="A newer edition of this wizard: its draft is edited.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Make it live at once, unless that touches stored answers.")] = False,
    slug: Annotated[str | None, typer.Option(help="The slug of the new wizard; else made from its name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a wizard. Ends with 6 when it is stored, but publishing it touches answers and wants a confirmation."""
    data = bytes_of(file, as_json=as_json)
    wanted = WizardFile(data=data, filename=file.name, format_name=format_name, into=into, publish=publish, slug=slug)

    async def work(resources: Resources) -> ImportedWizard:
        ctx = operator(resources)
        read = await read_wizard_file(ctx, wanted)
        async with open_write(resources.engine) as tx:
            return await import_wizard(ctx, tx, read)

    imported = with_resources(work, as_json=as_json)
    if as_json:
        print_json(imported.to_json())
    else:
        print_lines(_told(imported))
    if imported.unconfirmed is not None:
        raise SystemExit(6)


def _told(imported: ImportedWizard) -> list[str]:
    found = imported.wizard
    lines = [f"{found.name} ({found.slug}): draft revision {found.draft_revision}."]
    if not imported.created and imported.edit is None:
        lines.append("The draft says all of this already; nothing changed.")
    lines += receipt_lines(imported.receipt)
    if imported.published is not None:
        lines.append(f"Published as version {imported.published.version.number}.")
    if imported.unconfirmed is not None:
        lines += ["Not published, because that touches stored answers:", *report_lines(imported.unconfirmed)]
        lines.append(f"To publish it all the same: keepstep wizard publish {found.slug} --confirm {imported.unconfirmed.token}")
    return lines


def receipt_lines(receipt: Receipt) -> list[str]:
    """The totals of a receipt and its first lines."""
    totals = receipt.totals
    fates = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in ("kept", "approximated", "not_supported"))
    # A Keepstep export has no cells: it is the structure itself.
    lines = [f"{receipt.cells:,} cells: {fates}."] if receipt.cells else ["Taken over whole, as the file has it."]
    parts = {
        "approximated": receipt.approximated,
        "not supported": receipt.not_supported,
        "please answer": receipt.questions,
        "suggestion": receipt.suggestions,
    }
    for name, part in parts.items():
        lines += [f"  {name}: {_line(line)}" for line in part[:_SHOWN]]
        if len(part) > _SHOWN:
            lines.append(f"  {name}: {len(part) - _SHOWN:,} more (--json lists them)")
    return lines


def _line(line: Line) -> str:
    place = " ".join(str(part) for part in line.place.to_json().values())
    return f"{place}: {line.detail}" if place else line.detail


# --- publish -------------------------------------------------------------------------------------------------------


@wizard.command("publish")
def publish_(
    slug: Ref,
    summary: Annotated[str | None, typer.Option(help="What changed, for people.")] = None,
    confirm: Annotated[str | None, typer.Option(metavar="TOKEN", help="The token of `keepstep impact`.")] = None,
    in_progress: InProgress = "finish",
    words: Words = None,
    as_json: AsJson = False,
) -> None:
    """Publish the draft. When that touches stored answers or runs in progress, it takes the token that `keepstep impact` prints."""

    async def work(resources: Resources) -> Published:
        publishing = Publishing(change_summary=summary, in_progress=in_progress, said=said_in(words))
        async with open_write(resources.engine) as tx:
            return await publish_draft(operator(resources), tx, slug, publishing, Consent(seen="*", confirm=confirm))

    published = with_resources(work, as_json=as_json)
    version = published.version
    if as_json:
        own = {"wizard_id": version.origin_wizard_id, "version_number": version.number, "id": version.id}
        print_json(own if published.job is None else own | {"job_id": published.job.id})
        return
    print(f"{published.wizard.name}: version {version.number} is live.")
    if published.job is not None:
        print(f"Job {published.job.id} moves {counted(published.policy.moving, 'run')} in progress.")


def impact(slug: Ref, in_progress: InProgress = "finish", words: Words = None, as_json: AsJson = False) -> None:
    """Say what publishing the draft would change and which stored answers it touches, with the token that confirms it."""
    report, problems = with_resources(
        lambda resources: _impact(resources, slug, Publishing(in_progress=in_progress, said=said_in(words))), as_json=as_json
    )
    if as_json:
        print_json(report.to_json() | {"problems": problems})
        return
    print_lines(report_lines(report.stored) or ["The draft is what is live."])
    print_lines(_policy_lines(report.policy))
    print_lines(f"problem: {problem['pointer']}: {problem['detail']}" for problem in problems)
    if report.report.changes:
        policy = "" if in_progress == "finish" else f" --in-progress {in_progress}" + (f" --words {words}" if words else "")
        print(f"To publish it: keepstep wizard publish {slug}{policy} --confirm {report.token}")


def _policy_lines(policy: Policied) -> list[str]:
    """What becomes of runs in progress, and what has to be said of their plan before."""
    faults = [f"fault of the plan: {fault.pointer}: {fault.detail}" for fault in policy.faults]
    if policy.plan is None or policy.tallies is None:
        return faults
    words = "would be offered it" if policy.policy == "offer" else "would move"
    return [f"{counted(policy.unsent, 'run')} in progress: {counted(policy.moving, 'run')} {words}; the rest finish where they are."]


async def _impact(resources: Resources, slug: str, publishing: Publishing) -> tuple[PublishReport, Sequence[Mapping[str, str]]]:
    ctx = operator(resources)
    async with open_read(resources.engine) as tx:
        return await impact_of_draft(ctx, tx, slug, publishing)


async def impact_of_draft(
    ctx: Context, tx: Read, slug: str, publishing: Publishing | None = None
) -> tuple[PublishReport, Sequence[Mapping[str, str]]]:
    """The report on publishing the draft, and the problems that stop it."""
    state = await get_draft(tx, ctx.actor, slug, "edit")
    structure = state.draft.structure
    between = (await active_version(tx, state.wizard), structure)
    report = await whole_report(ctx, tx, state.wizard, between, publishing or Publishing())
    return report, to_errors([finding.issue for finding in problems_in(structure) if finding.severity == "stops"])


def report_lines(report: Confirmable) -> list[str]:
    """A line for each change: its class here, what it is, and what it touches."""
    return [f"  {each.effective:<11} {each.sentence}{_touched(each.impact, each.preview)}" for each in report.report.changes]


def _touched(impact: Impact, preview: Preview | None) -> str:
    if impact.is_nothing:
        return ""
    runs = counted(sum(run.count for run in impact.runs if not run.trashed), "run")
    if preview is not None:
        runs += f"; {preview.converted:,} would convert, {preview.conflicts:,} would wait"
        runs += ", with what was tried" if preview.is_tried else ""
    return f" [{counted(impact.answers, 'answer')} in {runs}]" if impact.answers else f" [{runs}]"


def counted(number: int, noun: str) -> str:
    """Such as "1 run" and "1,200 runs"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


# --- export --------------------------------------------------------------------------------------------------------


@wizard.command("export")
def export(
    slug: Ref,
    version: Annotated[int | None, typer.Option(min=1, help="A published version; else the draft.")] = None,
    output: Output = None,
) -> None:
    """Export a wizard as Keepstep JSON, to be imported elsewhere."""

    async def work(resources: Resources) -> None:
        async with open_read(resources.engine) as tx:
            data = await export_wizard(operator(resources), tx, slug, version)
        with nullcontext(sys.stdout.buffer) if output is None else written_whole(output) as file:
            file.write(data)

    with_resources(work)
