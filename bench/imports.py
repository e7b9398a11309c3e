"""How long the 900 real runs take to come in: read, judged, digested, stored, every cell accounted for."""

import csv
import io
import time

import uuid_utils

from bench.measure import Measured, medians
from bench.world import INPUTS, World
from keepstep.actions.imports import WizardFile, import_wizard, read_wizard_file
from keepstep.actions.run_imports import RunsFile, import_runs
from keepstep.cli.opening import operator
from keepstep.config import Resources
from keepstep.core import jsonvalue
from keepstep.db.copying import copy_rows
from keepstep.db.transaction import open_write

TARGET = 15.0


def imported(world: World) -> list[Measured]:
    content = (INPUTS / "who-va-runs.csv").read_bytes()
    took, floor = medians(
        lambda: world.run(lambda resources: _import(resources, content)), lambda: world.run(lambda resources: _copied(resources, content))
    )
    floor_name = "its rows as plain documents by COPY"
    return [Measured("import of the 900 real runs", took, "s", floor, floor_name, f"≤ {TARGET:g} s", took <= TARGET)]


async def _import(resources: Resources, content: bytes) -> float:
    """Into a new wizard each time, since a run that is there already is not stored again."""
    ctx = operator(resources)
    path = INPUTS / "who-va-1.5.2.xlsx"
    file = WizardFile(data=path.read_bytes(), filename=path.name, publish=True, slug=f"who-{uuid_utils.uuid7()}")
    read = await read_wizard_file(ctx, file)
    async with open_write(resources.engine) as tx:
        wizard = (await import_wizard(ctx, tx, read)).wizard
    began = time.perf_counter()
    async with open_write(resources.engine) as tx:
        await import_runs(ctx, tx, wizard.id, RunsFile(stream=io.BytesIO(content), filename="who-va-runs.csv"))
    return time.perf_counter() - began


async def _copied(resources: Resources, content: bytes) -> float:
    from sqlalchemy import Column, MetaData, Table, text
    from sqlalchemy.dialects.postgresql import JSONB

    began = time.perf_counter()
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    documents = [({name: value for name, value in row.items() if value},) for row in rows]
    async with resources.engine.begin() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE bench_documents (document jsonb)"))
        table = Table("bench_documents", MetaData(), Column("document", JSONB))
        await copy_rows(connection, table, ["document"], documents)
    assert jsonvalue.dumps(documents[0][0])
    return time.perf_counter() - began
