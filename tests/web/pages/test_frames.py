"""The frame of a wizard and a dialog, before any page uses them: rendered from small templates on a planted route."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from tests.pages_kit import Browser

from keepstep.queries.wizards import get_wizard
from keepstep.web.navigation import WIZARD_TABS
from keepstep.web.pages.route import page_router
from keepstep.web.rendering import _always, environment_of
from keepstep.web.visitor import CurrentVisitor, PageRead

FRAME = """{% extends "wizard.html" %}{% block tab %}versions{% endblock %}
{% block chips %}{{ super() }}{{ ui.draft_chip(5) }}{% endblock %}{% block content %}<p id="here">{{ wizard.name }}</p>{% endblock %}"""
DIALOG = """{% extends "dialog.html" %}{% block title %}Delete{% endblock %}{% block heading %}Delete “Email”?{% endblock %}
{% block pill %}{{ ui.pill(214, 3) }}{% endblock %}{% block buttons %}{{ ui.button("Delete", danger=true) }}{% endblock %}"""


@pytest.fixture
def planted(app: FastAPI) -> None:
    router = page_router()

    def rendered(request: Request, source: str, **values: Any) -> Response:
        return HTMLResponse(environment_of("en", "UTC").from_string(source).render({**_always(request), **values}))

    @router.get("/wizards/{wizard_ref}/versions", name="page:versions")
    async def versions(request: Request, visitor: CurrentVisitor, tx: PageRead, wizard_ref: str) -> Response:
        return rendered(request, FRAME, wizard=await get_wizard(tx, visitor.actor, wizard_ref, "view"))

    @router.get("/planted-dialog", name="page:planted")
    async def dialog(request: Request, _visitor: CurrentVisitor) -> Response:
        return rendered(request, DIALOG, back="/", layout="shell.html")

    # Before the page of that name.
    app.router.routes[:0] = router.routes


@pytest.mark.usefixtures("planted")
async def test_the_frame_shows_the_tabs_that_have_a_page(app: FastAPI, admin_browser: Browser, editor: Any) -> None:
    await editor.post("/api/v1/wizards", json={"name": "Intake", "slug": "intake"})
    page = await admin_browser.open("/wizards/intake/versions")
    tabs = {each.get_text(strip=True): each["href"] for each in page.tree.select(".ks-tabs a")}
    there = {getattr(route, "name", "") for route in app.routes}
    assert list(tabs) == [entry.text for entry in WIZARD_TABS if f"page:{entry.page}" in there]
    assert tabs["Versions"] == "/wizards/intake/versions"
    assert page.text(".ks-tabs [aria-current=page]") == "Versions"
    assert (page.text("h1"), page.text("#chips")) == ("Intake", "Not published yet Draft · 5 changes")
    assert (page.text("#here"), page.text("title")) == ("Intake", "Intake – Keepstep")


@pytest.mark.usefixtures("planted")
async def test_a_wizard_that_is_not_there_is_a_page_with_its_reason(admin_browser: Browser) -> None:
    page = await admin_browser.open("/wizards/none/versions")
    assert (page.answer.status_code, page.text("h1")) == (404, "No such wizard")


@pytest.mark.usefixtures("planted")
async def test_a_dialog_is_a_page_without_a_script(admin_browser: Browser) -> None:
    page = await admin_browser.open("/planted-dialog")
    assert page.text("#dialog-title") == "Delete “Email”?"
    assert page.text(".ks-pill .visually-hidden") == "214 answers in 3 versions"
    assert page.link("Cancel") == "/"


def test_a_pill_is_never_shown_for_zero_and_never_shortened() -> None:
    ui: Any = environment_of("en", "UTC").globals["ui"]
    assert ui.pill(0, 3).strip() == ""
    assert "<b>12,345</b> answers · 1 version" in ui.pill(12_345, 1)
    assert "in 1 version<" in ui.pill(1, 1).replace("\n", "")
