"""How long the player keeps a respondent waiting: a step of a version of 200 questions, sent and the next one shown, while 50 others
do the same at their own pace. Server time, in process and without a network. The floor is the row read and written in SQL alone.
"""

import asyncio
import random
import time
from statistics import median, quantiles

import httpx
from sqlalchemy import text
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, form_in

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
            page = await begun(Browser(client), wizard_id)
            for _ in range(STEPS):
                await asyncio.sleep(draw.uniform(*PAUSE))
                page = await _stepped(client, page, (saved, shown))
            return page.answer.url.path.split("/")[3]

    busy = time.process_time()
    runs = await asyncio.gather(*(answer(number) for number in range(RESPONDENTS)))
    busy = (time.process_time() - busy) / (RESPONDENTS * STEPS)
    floor = await _floor(resources, runs[0])
    how = f"median {{:.1f}} ms; processor time {busy * 1e3:.1f} ms for both and the reading of the page by the bench"
    name = f"player, {QUESTIONS} questions, {RESPONDENTS} respondents"
    return [
        Measured(
            f"{name}, a step saved, p95",
            _p95(saved),
            "s",
            floor,
            "the row written in SQL",
            _target(),
            _p95(saved) <= TARGET,
            how.format(median(saved) * 1e3),
        ),
        Measured(
            f"{name}, a step shown, p95",
            _p95(shown),
            "s",
            floor,
            "the row written in SQL",
            _target(),
            _p95(shown) <= TARGET,
            how.format(median(shown) * 1e3),
        ),
    ]


def _target() -> str:
    return f"≤ {TARGET:g} s"


async def _stepped(client: httpx.AsyncClient, page: Page, times: tuple[list[float], list[float]]) -> Page:
    """The next page, after this one was filled in as its questions want it."""
    saved, shown = times
    form = form_in(page) | {"go": ["next"]}
    for question in page.tree.select(".pl-question"):
        choice, field = question.select_one("input[type=radio], input[type=checkbox]"), question.select_one("input[type=text]")
        if choice is not None:
            form[str(choice["name"])] = [str(choice["value"])]
        elif question.select_one("[id$=-day]"):
            form |= {
                str(each["name"]): [value] for each, value in zip(question.select("input[type=text]"), ("3", "4", "2021"), strict=True)
            }
        elif field is not None:
            form[str(field["name"])] = ["7"]
    began = time.perf_counter()
    answer = await client.post(str(page.one("form")["action"]), data=form)
    saved.append(time.perf_counter() - began)
    assert answer.status_code == 303, answer.text[:500]
    began = time.perf_counter()
    following = await client.get(answer.headers["location"])
    shown.append(time.perf_counter() - began)
    return Page(following)


async def _floor(resources: Resources, run_id: str) -> float:
    found = []
    for _ in range(20):
        began = time.perf_counter()
        async with open_write(resources.engine) as tx:
            await tx.execute(_SAVE, {"id": run_id})
        found.append(time.perf_counter() - began)
    return median(found)


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]
