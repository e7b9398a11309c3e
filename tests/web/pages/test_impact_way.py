"""A page that plans its edit itself shows the same dialogs, and is answered itself: planted here as the builder does it."""

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from tests.pages_kit import HTMX, Browser, Page
from tests.web.pages.impact_kit import JOHN, option_set, rows_of
from tests.web_kit import WebSurvey, web_survey

from keepstep.actions.confirm import Consent
from keepstep.actions.nodes import changing_option_set, edit_node
from keepstep.errors import ImpactUnconfirmed, MeaningUnconfirmed
from keepstep.queries.wizards import get_wizard
from keepstep.web.pages.impact import Asked, Way
from keepstep.web.pages.impact_change import Pending, unconfirmed
from keepstep.web.pages.route import fields_of, page_router, see_other
from keepstep.web.visitor import CurrentVisitor, PageWrite


@pytest.fixture
def planted(app: FastAPI) -> None:
    router = page_router()

    @router.post("/planted/{wizard_ref}", name="page:planted")
    async def edit(request: Request, visitor: CurrentVisitor, tx: PageWrite, wizard_ref: str) -> Response:
        given = await fields_of(request)
        fields = {"name": given["name"], "selection_type": given["type"]}
        plan = changing_option_set(given["node"], fields, "same" if given.get("meaning") == "same" else None)
        wizard = await get_wizard(tx, visitor.actor, wizard_ref, "edit")
        try:
            await edit_node(visitor.ctx, tx, wizard.id, plan, Consent(seen="*", confirm=given.get("confirm")))
        except (ImpactUnconfirmed, MeaningUnconfirmed) as problem:
            held = [(name, value) for name, value in given.items() if name not in {"csrf_token", "confirm", "base"}]
            way = Way(request.url.path, held, marks=("data-edit", "data-answer"))
            asked = Asked(wizard_ref=wizard_ref, node=given["node"], back="/there")
            return await unconfirmed(request, visitor, tx, Pending(asked=asked, fields=fields, planned=plan, way=way), problem)
        return see_other(request, "/there")

    app.router.routes.extend(router.routes)


@pytest.mark.usefixtures("planted")
async def test_the_dialogs_go_on_to_the_page_whose_edit_it_is(editor_browser: Browser, editor: object) -> None:
    survey: WebSurvey = await web_survey(editor)  # type: ignore[arg-type]  # the client of the API
    await survey.answer(**JOHN)
    token = str((await editor_browser.open("/")).one("meta[name=csrf-token]")["content"])
    data = {"csrf_token": token, "node": survey.color, "name": "Colors", "type": "multiple_select"}
    meaning = Page(await editor_browser.client.post(f"/planted/{survey.wizard}", data=data, headers=HTMX))
    assert (meaning.answer.status_code, meaning.answer.headers["hx-retarget"]) == (409, "#dialog")
    assert [form["action"] for form in meaning.tree.select("form[data-edit][data-answer]")] == [f"/planted/{survey.wizard}"] * 2
    assert meaning.link("Cancel") == "/there"
    report = Page(await editor_browser.press(meaning, "The same meaning"))
    assert rows_of(report, ".ks-conversion") == [["Blue blue", "1", "Blue"]]
    done = await editor_browser.press(report, "Change “Favorite Color”")
    assert (done.status_code, done.headers["location"]) == (303, "/there")
    color = await option_set(survey, survey.color)
    assert (color["name"], color["selection_type"]) == ("Colors", "multiple_select")
