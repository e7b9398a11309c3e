"""What became of an imported file, as a page and as JSON: kept, approximated, not supported, and what to ask a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.jsonvalue import dump_bytes
from keepstep.queries.drafts import get_draft
from keepstep.queries.receipts import get_receipt
from keepstep.queries.wizards import Wizard, get_wizard
from keepstep.web.pages.frame import frame_values
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import page, path_to
from keepstep.web.texts import message
from keepstep.web.visitor import CurrentVisitor, PageRead

router = page_router()

# The gravest first; each with its title and what it means.
PARTS: Final[Sequence[tuple[str, str, str]]] = (
    ("questions", message("Please answer"), message("Only a person can tell what is meant here.")),
    ("not_supported", message("Not supported"), message("Kept word for word with the wizard or left out. It has no effect.")),
    ("approximated", message("Approximated"), message("Taken over, with a difference.")),
    ("suggestions", message("Suggestions"), message("Nothing is wrong; somebody may want to look at it.")),
)


# What a wizard in Keepstep's own form is counted by.
OWN_PARTS: Final[Mapping[str, str]] = {
    "steps": message("Steps"),
    "questions": message("Questions"),
    "options": message("Options"),
    "conditions": message("Conditions"),
    "rules": message("Rules"),
    "calculations": message("Calculations"),
    "endings": message("Endings"),
    "languages": message("Languages"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a sheet, with the columns that a group speaks of. What is not known is empty."""

    sheet: str
    row: int | None
    name: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one part that say the same, with all their places. `lines`: how many there are, in fewer rows."""

    detail: str
    lines: int
    cells: int
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a receipt. `unlisted`: cells that the receipt counts without a line for each."""

    name: str
    title: str
    meaning: str
    total: int
    unlisted: int
    groups: Sequence[Group]


@router.get("/wizards/{wizard_ref}/imports/{import_id}", name="page:receipt")
async def receipt(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, import_id: str) -> Response:
    state = await get_draft(tx, visitor.actor, wizard_ref)
    stored = await get_receipt(tx, state.wizard.id, import_id)
    values = {"parts": parts_of(stored.receipt), "kept": _by_sheet(stored.receipt["kept"]), "totals": stored.receipt["totals"]}
    values["own_parts"] = OWN_PARTS
    return page(request, "receipt.html", line=stored.line, **await frame_values(tx, state.wizard, state.draft), **values)


@router.get("/wizards/{wizard_ref}/imports/{import_id}/receipt.json", name="page:receipt-file")
async def receipt_file(visitor: CurrentVisitor, tx: PageRead, wizard_ref: str, import_id: str) -> Response:
    """The same as a file."""
    wizard = await get_wizard(tx, visitor.actor, wizard_ref, "view")
    stored = await get_receipt(tx, wizard.id, import_id)
    line = {"file": stored.line.filename, "at": stored.line.at, "by": stored.line.by, "wizard": wizard.name}
    return json_file({**line, "receipt": stored.receipt}, f"receipt-{wizard.slug or wizard.id}.json")


def json_file(value: Any, name: str) -> Response:
    """A JSON value to be saved under a name of plain characters."""
    return saved_file(dump_bytes(value), name)


def saved_file(content: bytes, name: str) -> Response:
    """JSON to be saved under a name of plain characters."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/json", headers=headers)


def receipt_path(request: Request, wizard: Wizard, import_id: str) -> str:
    """Where a receipt is shown."""
    return path_to(request, "receipt", wizard_ref=wizard.slug or wizard.id, import_id=import_id)


def parts_of(receipt: Mapping[str, Any]) -> Sequence[Part]:
    """The parts that hold anything, their lines together by what they say."""
    found = []
    for name, title, meaning in PARTS:
        groups, total = _grouped(receipt[name]), int(receipt["totals"][name])
        listed = sum(group.lines if name in {"questions", "suggestions"} else group.cells for group in groups)
        if total:
            found.append(Part(name, title, meaning, total, total - listed, groups))
    return found


def _grouped(lines: Iterable[Mapping[str, Any]]) -> Sequence[Group]:
    """Those with the fewest places first: what concerns one place is read, what concerns hundreds is a rule."""
    same: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        same.setdefault((line["code"], line["detail"]), []).append(line)
    groups = [Group(detail, len(own), sum(line["cells"] for line in own), _rows(own)) for (_, detail), own in same.items()]
    return sorted(groups, key=lambda group: len(group.places))


def _rows(lines: Iterable[Mapping[str, Any]]) -> Sequence[Place]:
    columns: dict[tuple[str, int | None, str], list[str]] = {}
    for place in (line["place"] for line in lines):
        row = (place.get("sheet", ""), place.get("row"), place.get("name", ""))
        columns.setdefault(row, []).extend([place["column"]] if "column" in place else [])
    return [Place(*row, found) for row, found in columns.items()]


def _by_sheet(kept: Mapping[str, int]) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Cells that mean the same here, by sheet and column ("survey/label")."""
    found: dict[str, list[tuple[str, int]]] = {}
    for place, number in kept.items():
        sheet, _, column = place.partition("/")
        found.setdefault(sheet, []).append((column, number))
    return found
