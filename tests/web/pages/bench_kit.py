"""What tests of the migration bench share: a wizard of two versions with runs, and a browser that looks at a plan of it."""

from typing import Any

from tests.migration_kit import Bench, changed, options, question
from tests.pages_kit import Browser, Page

from keepstep.config import Resources
from keepstep.db.transaction import open_read
from keepstep.jobs.migrations import work_on
from keepstep.queries.migration_jobs import list_jobs
from keepstep.queries.plans import list_plans

COLORS = options("blue", "red", "teal")


async def two_versions(bench_of: Any) -> Bench:
    """v1: name, a color of three, age as text, fax. v2: several colors without teal, age a whole number, a required phone, no fax."""
    questions = (
        question("name"),
        question("color", "single_select", options=COLORS),
        question("age"),
        question("fax"),
    )
    bench: Bench = await bench_of(*questions)
    await bench.answer(6, lambda n: {"name": f"N{n}", "color": ("blue", "red")[n % 2], "age": str(20 + n), "fax": "1"})
    await bench.answer(1, lambda _: {"name": "Old", "color": "teal", "age": "about <b>thirty</b>"})
    second = changed(
        bench.structure,
        drop=["fax"],
        color={"selection_type": "multiple_select", "options": options("blue", "red", "green")},
        age={"selection_type": "integer"},
    )
    await bench.publish(second)
    return bench


def migrations_path(bench: Bench, rest: str = "") -> str:
    return f"/wizards/{bench.wizard}/migrations{rest}"


async def new_plan(browser: Browser, bench: Bench) -> Page:
    """The plan from v1 to v2 made by the form of the page, and its page."""
    page = await browser.open(migrations_path(bench))
    answer = await browser.press(page, "Show what would happen", {"source": "1", "target": "2"})
    assert answer.status_code == 303, answer.text
    return await browser.open(answer.headers["Location"])


async def press(browser: Browser, page: Page, button: str, **fields: str) -> Page:
    """The page that a form leads to."""
    answer = await browser.press(page, button, fields)
    assert answer.status_code == 303, answer.text[-3000:]
    return await browser.open(answer.headers["Location"].partition("#")[0])


def form_of_line(page: Page, label: str) -> dict[str, str]:
    """What the form of one question sends as it stands, choices included."""
    title = next(each for each in page.tree.select(".ks-line-card h3") if label in each.get_text(" ", strip=True))
    form = title.find_parent("section").find("form")  # type: ignore[union-attr]
    assert form is not None
    fields = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]") if each.get("type") != "checkbox"}
    for each in form.select("select[name]"):
        chosen = each.select_one("option[selected]") or each.select_one("option")
        fields[str(each["name"])] = str(chosen["value"]) if chosen else ""
    return fields


async def save_line(browser: Browser, page: Page, label: str, **fields: str) -> Page:
    """One question saved with these inputs filled in."""
    title = next(each for each in page.tree.select(".ks-line-card h3") if label in each.get_text(" ", strip=True))
    action = str(title.find_parent("section").find("form")["action"])  # type: ignore[union-attr,index]
    answer = await browser.client.post(action, data={**form_of_line(page, label), **fields}, follow_redirects=True)
    return Page(answer)


def groups_of(page: Page) -> dict[str, int]:
    """The groups on top of the bench."""
    cards = page.tree.select(".ks-group")
    return {card.select_one(".ks-badge").get_text(strip=True): int(card.select_one("b").get_text()) for card in cards}  # type: ignore[union-attr]


async def run_last_job(resources: Resources, bench: Bench) -> None:
    async with open_read(resources.engine) as tx:
        job = (await list_jobs(tx, bench.wizard, limit=1))[0]
    await work_on(resources, job.id)


async def count_plans(resources: Resources, bench: Bench) -> int:
    async with open_read(resources.engine) as tx:
        return len(await list_plans(tx, bench.wizard, limit=100))
