"""`keepstep run`: runs in from a file and out into one."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

import typer

from keepstep.actions.exports import Export, ExportFormat, ExportRequest, export_runs
from keepstep.actions.imported_runs import ImportedRuns
from keepstep.actions.run_imports import RunsFile, RunsFormat, import_runs
from keepstep.cli.files import opened, written_whole
from keepstep.cli.opening import operator, with_resources
from keepstep.cli.printing import AsJson, print_json, print_lines, progress
from keepstep.cli.wizards import Output, Ref
from keepstep.config import Resources
from keepstep.db.transaction import open_read, open_write
from keepstep.errors import SettingInvalid, Unsupported
from keepstep.interchange.columns import Labels, TableOptions
from keepstep.interchange.runs_out import WriteOptions
from keepstep.queries.exports import Versions

run = typer.Typer(help="Runs: import and export.", no_args_is_help=True)

# What every run of a form with rules may have many of: counted in total, found by the filter of lists.
# Flags that come from the run as a whole, not from a cell: the account of cells counts such answers as fitting.
_NOTED: Final = frozenset({"missing-required", "differs-from-calculation", "rule", "option-not-offered"})


@run.command("import")
def import_(
    slug: Ref,
    file: Annotated[Path, typer.Argument(help="A CSV file of a form tool, or Keepstep's own CSV or JSON Lines.")],
    format_name: Annotated[RunsFormat, typer.Option("--format", help="auto: told by the content.")] = "auto",
    version: Annotated[
        int | None, typer.Option(min=1, help="The version that all runs are for; else the one they name, or the active one.")
    ] = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Take uneven rows and repeated headings as they are, and list them.")] = False,
    guarded: Annotated[bool, typer.Option("--guarded", help="The file was written with --excel-safe.")] = False,
    delimiter: Annotated[str | None, typer.Option(help="Else comma, semicolon or tab, whichever fits.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Else UTF-8, or what the file's mark says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import runs, all of them or none. Nothing is refused: what does not fit is flagged, what has no question is archived."""
    with opened(file, as_json=as_json) as stream, progress() as bar:
        task = bar.add_task(f"Importing {file.name}", total=None)
        wanted = RunsFile(
            stream=stream,
            filename=file.name,
            format_name=format_name,
            version_number=version,
            lenient=lenient,
            guarded=guarded,
            delimiter=delimiter,
            encoding=encoding,
            told=lambda done: bar.update(task, completed=done),
        )

        async def work(resources: Resources) -> ImportedRuns:
            async with open_write(resources.engine) as tx:
                return await import_runs(operator(resources), tx, slug, wanted)

        imported = with_resources(work, as_json=as_json)
    if as_json:
        print_json(imported.to_json())
    else:
        print_lines(told(imported))


def told(imported: ImportedRuns) -> list[str]:
    """What an import came to, for people: how many, what was flagged and archived, and where it is found."""
    receipt = imported.to_json()
    runs, totals = receipt["runs"], receipt["totals"]
    lines = [f"{runs['in_file']:,} runs in the file: {runs['added']:,} added, {runs['already_there']:,} there already."]
    if runs["stored_otherwise"]:
        shown = ", ".join(runs["stored_otherwise_ids"][:3])
        lines.append(
            f"  {runs['stored_otherwise']:,} of those there already say something else than the file; they stay as they are: {shown}"
        )
    named = ["answers", "flagged", "metadata", "archived", *(["already_there"] if totals["already_there"] else [])]
    fates = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in named)
    lines.append(f"{totals['cells']:,} cells that are not empty: {fates}.")
    for question in receipt["questions"]:
        counts = ", ".join(f"{code} {count:,}" for code, count in question["flags"].items() if code not in _NOTED)
        if counts:
            lines.append(f"  flagged  {question['key']}: {counts}")
    lines += [f"  noted    {code}: {count:,} answers" for code, count in receipt["flags"].items() if code in _NOTED]
    lines += [f"  archived {column['name']}: {column['cells']:,} cells" for column in receipt["archived"] if column["cells"]]
    empty = sum(not column["cells"] for column in receipt["archived"])
    if empty:
        lines.append(f"  {empty} more columns without a question hold nothing")
    return lines


# --- export --------------------------------------------------------------------------------------------------------


@run.command("export")
def export(
    slug: Ref,
    format_name: Annotated[
        Literal["csv", "jsonl", "xlsx", "parquet"], typer.Option("--format", help="csv or jsonl in this release.")
    ] = "csv",
    versions: Annotated[str, typer.Option(help="all, latest, or a number.")] = "all",
    labels: Annotated[Labels, typer.Option(help="What stands for a choice: its code, its label, or both.")] = "codes",
    states: Annotated[bool, typer.Option("--states/--no-states", help="A column beside each question that says its state.")] = True,
    split: Annotated[bool, typer.Option("--split", help="A column for each option of a multiple choice, too.")] = False,
    excel_safe: Annotated[bool, typer.Option("--excel-safe", help="Guard texts that a spreadsheet could run as formulas.")] = False,
    impersonal: Annotated[
        bool,
        typer.Option(
            "--without-personal-data", help="Without who answered, option sets marked as personal data, and columns of imported files."
        ),
    ] = False,
    output: Output = None,
) -> None:
    """Export every run, in one table over all versions. Runs in the trash are left out."""
    table = TableOptions(states=states, split=split, labels=labels)

    async def work(resources: Resources) -> Export:
        request = ExportRequest(
            format_name=_format(format_name),
            versions=versions_in(versions),
            table=table,
            write=WriteOptions(excel_safe=excel_safe),
            impersonal=impersonal,
        )
        async with open_read(resources.engine) as tx:
            export = await export_runs(operator(resources), tx, slug, request)
            # Opened only now: a wizard that is not there must not leave an empty file.
            with nullcontext(sys.stdout.buffer) if output is None else written_whole(output) as file:
                await _write(export, file)
            return export

    done = with_resources(work)
    if done.trashed:
        print(f"{done.trashed:,} runs are in the trash and were left out.", file=sys.stderr)


async def _write(export: Export, file: BinaryIO) -> None:
    async for piece in export.pieces:
        file.write(piece)


def _format(name: Literal["csv", "jsonl", "xlsx", "parquet"]) -> ExportFormat:
    match name:
        case "csv" | "jsonl":
            return name
        case _:
            raise Unsupported(f"{name} is not written by this release. Export csv or jsonl.")


def versions_in(text: str) -> Versions:
    """The versions that an option names. Raises SettingInvalid."""
    known: dict[str, Versions] = {"all": "all", "latest": "latest"}
    if text in known:
        return known[text]
    if text.isascii() and text.isdigit() and 0 < len(text) < 10:
        return int(text)
    raise SettingInvalid(f"--versions takes all, latest or a number; {text[:40]!r} is none of them.")
