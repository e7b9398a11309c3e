"""How long the builder keeps somebody waiting with 500 questions: opening the page, and one edit with the answer that its script gets.

In process, through the whole application with a real session: server time without a network. The floor is the document in SQL alone.
"""

import time
from statistics import median, quantiles

import httpx
from sqlalchemy import text
from tests.pages_kit import HTMX, PASSWORD, Browser, Page

from bench.measure import Measured
from bench.world import World, made_wizard, many_questions
from keepstep.actions.accounts import NewUser, create_user
from keepstep.cli.opening import operator
from keepstep.config import Resources
from keepstep.core.edits import Draft
from keepstep.core.structure import Structure, empty_structure
from keepstep.db.transaction import open_write
from keepstep.queries.kept_drafts import KEPT, Kept
from keepstep.web.app import create_app
from keepstep.web.warmth import warm as warm_up

QUESTIONS = 500
OPENED = 30
EDITS = 100
OPEN_TARGET = 0.300
EDIT_TARGET = 0.080
EMAIL = "bench@example.org"
_REWRITE = text(
    "UPDATE wizards SET draft = jsonb_set(draft, '{name}', to_jsonb(CAST(:name AS text))) WHERE id = CAST(:wizard AS uuid) RETURNING draft"
)


def builder(world: World) -> list[Measured]:
    wizard_id = made_wizard(world, many_questions(QUESTIONS))
    world.settle()
    return world.run(lambda resources: _measured(resources, wizard_id))


async def _measured(resources: Resources, wizard_id: str) -> list[Measured]:
    floor = await _floor(resources, wizard_id)
    # As every server does in its first seconds, beside its first requests.
    warm_up(resources)
    transport = httpx.ASGITransport(create_app(resources))
    headers = {"Accept": "text/html", "Origin": "http://127.0.0.1"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        browser = await _signed_in(resources, client)
        path = f"/wizards/{wizard_id}/build"
        cold = [await _opened(client, path, forget=True) for _ in range(OPENED)]
        warm = [await _opened(client, path, forget=False) for _ in range(OPENED)]
        busy = time.process_time()
        edits = await _edits(browser, path)
        busy = (time.process_time() - busy) / EDITS
    note = f"median {median(cold) * 1e3:.0f} ms; with the draft in memory p95 {_p95(warm) * 1e3:.0f} ms"
    told = f"median {median(edits) * 1e3:.0f} ms; processor time {busy * 1e3:.0f} ms"
    name, how = f"builder of {QUESTIONS} questions", "the document rewritten and read in SQL"
    return [
        Measured(f"{name}, opened, p95", _p95(cold), "s", floor, how, f"≤ {OPEN_TARGET:g} s", _p95(cold) <= OPEN_TARGET, note),
        Measured(
            f"{name}, an edit, p95",
            _p95(edits),
            "s",
            floor,
            how,
            f"≤ {EDIT_TARGET:g} s",
            _p95(edits) <= EDIT_TARGET,
            told,
        ),
    ]


async def _signed_in(resources: Resources, client: httpx.AsyncClient) -> Browser:
    async with open_write(resources.engine) as tx:
        await create_user(operator(resources), tx, NewUser(EMAIL, "admin", "Bench", password=PASSWORD))
    browser = Browser(client)
    assert (await browser.sign_in(EMAIL)).status_code == 303
    return browser


async def _opened(client: httpx.AsyncClient, path: str, *, forget: bool) -> float:
    if forget:
        KEPT.put(path.split("/")[2], Kept("", Draft(other_structure())))
    began = time.perf_counter()
    answer = await client.get(path)
    took = time.perf_counter() - began
    assert answer.status_code == 200
    return took


def other_structure() -> Structure:
    """Any structure: it is kept under a stamp that no row has, so that the draft is read anew."""
    return empty_structure("")


async def _edits(browser: Browser, path: str) -> list[float]:
    """Help texts of one question after the other, each as its form sends it."""
    page = Page(await browser.client.get(path))
    nodes = [str(row["id"]).removeprefix("row-") for row in page.tree.select(".kb-sets .kb-row")]
    token = str(page.one('meta[name="csrf-token"]')["content"])
    revision = int(str(page.one("#builder")["data-revision"]))
    found = []
    for number in range(EDITS):
        node = nodes[number * 7 % len(nodes)]
        fields = {
            "csrf_token": token,
            "base": str(revision + number),
            "node": node,
            "option_set_id": node,
            "has": "help",
            "help": f"Help {number}",
        }
        began = time.perf_counter()
        answer = await browser.client.post(f"{path}/edit/change-option-set", data=fields, headers=HTMX)
        found.append(time.perf_counter() - began)
        assert answer.headers["X-Revision-Made"] == str(revision + number + 1), answer.text[:500]
    return found


async def _floor(resources: Resources, wizard_id: str) -> float:
    found = []
    for number in range(20):
        began = time.perf_counter()
        async with open_write(resources.engine) as tx:
            await tx.scalar(_REWRITE, {"name": f"n{number}", "wizard": wizard_id})
        found.append(time.perf_counter() - began)
    return median(found)


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]
