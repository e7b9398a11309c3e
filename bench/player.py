"""How long the player keeps a respondent waiting: a step of a version of 200 questions, sent and the next one shown, while 50 others
do the same at their own pace. Server time, in process and without a network. The floor is the row read and written in SQL alone.
"""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from statistics import median, quantiles

import httpx
from sqlalchemy import text

from bench.measure import Measured
from bench.world import SEED, World, made_wizard, many_questions
from keepstep.config import Resources
from keepstep.db.transaction import open_write
from keepstep.web.app import create_app

QUESTIONS = 200
RESPONDENTS = 50
STEPS = 6
TARGET = 0.050
# Somebody reads and types for longer; at this pace fifty people send some twenty pages a second.
PAUSE = (1.0, 4.0)
_SAVE = text("UPDATE wizard_runs SET working_answers = working_answers, save_number = save_number + 1 WHERE id = CAST(:id AS uuid)")


def player(world: World) -> list[Measured]:
    wizard_id = made_wizard(world, many_questions(QUESTIONS))
    world.settle()
    return world.run(lambda resources: _measured(resources, wizard_id))


async def _measured(resources: Resources, wizard_id: str) -> list[Measured]:
    app = create_app(resources)
    transport = httpx.ASGITransport(app)
    headers = {"Accept": "text/html", "Origin": "http://127.0.0.1"}
    saved: list[float] = []
    shown: list[float] = []

    async def answer(number: int) -> str:
        draw = random.Random(SEED + number)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            await asyncio.sleep(draw.uniform(0, PAUSE[1]))
            page, path = await _begun(client, wizard_id), ""
            for _ in range(STEPS):
                await asyncio.sleep(draw.uniform(*PAUSE))
                page, path = await _stepped(client, page, (saved, shown))
            return path.split("/")[3]

    busy = time.process_time()
    runs = await asyncio.gather(*(answer(number) for number in range(RESPONDENTS)))
    busy = (time.process_time() - busy) / (RESPONDENTS * STEPS)
    floor = await _floor(resources, runs[0])
    how = f"median {{:.1f}} ms; processor time {busy * 1e3:.1f} ms for both, the bench included"
    name = f"player, {QUESTIONS} questions, {RESPONDENTS} respondents"
    return [_row(f"{name}, a step saved", saved, floor, how), _row(f"{name}, a step shown", shown, floor, how)]


def _row(name: str, times: Sequence[float], floor: float, how: str) -> Measured:
    p95, note = _p95(times), how.format(median(times) * 1e3)
    return Measured(f"{name}, p95", p95, "s", floor, "the row written in SQL", _target(), p95 <= TARGET, note)


def _target() -> str:
    return f"≤ {TARGET:g} s"


async def _begun(client: httpx.AsyncClient, wizard_id: str) -> str:
    """The first page of a new run."""
    start = await client.get(f"/w/{wizard_id}")
    form = filled_in(start.text) | {"trap": [""]}
    answer = await client.post(f"/w/{wizard_id}", data=form)
    assert answer.status_code == 303, answer.text[:500]
    return (await client.get(answer.headers["location"])).text


_INPUT = re.compile(r"<input\b([^>]*)>")
_MEMBER = re.compile(r'(\w+)="([^"]*)"')
_ACTION = re.compile(r'<form method="post" action="([^"]+)"')


def filled_in(page: str) -> dict[str, list[str]]:
    """What the form of a page sends once its questions are answered. By patterns: a tree takes longer to read than to serve."""
    form: dict[str, list[str]] = {"go": ["next"]}
    for found in _INPUT.finditer(page):
        given = dict(_MEMBER.findall(found[1]))
        name, kind = given.get("name", ""), given.get("type")
        if kind == "hidden":
            form.setdefault(name, []).append(given["value"])
        elif kind in ("radio", "checkbox"):
            form.setdefault(name, [given["value"]])
        elif kind == "text":
            form[name] = ["2021" if name.endswith("-year") else "7"]
    return form


async def _stepped(client: httpx.AsyncClient, page: str, times: tuple[list[float], list[float]]) -> tuple[str, str]:
    """The next page and its address, after this one was filled in."""
    saved, shown = times
    form, action = filled_in(page), _ACTION.findall(page)[0]
    began = time.perf_counter()
    answer = await client.post(action, data=form)
    saved.append(time.perf_counter() - began)
    assert answer.status_code == 303, answer.text[:500]
    began = time.perf_counter()
    following = await client.get(answer.headers["location"])
    shown.append(time.perf_counter() - began)
    return following.text, answer.headers["location"]


async def _floor(resources: Resources, run_id: str) -> float:
    found = []
    for _ in range(20):
        began = time.perf_counter()
        async with open_write(resources.engine) as tx:
            await tx.execute(_SAVE, {"id": run_id})
        found.append(time.perf_counter() - began)
    return median(found)


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]
