import httpx
from tests.pages_kit import Browser
from tests.web_kit import WebSurvey, web_survey


def delete_path(survey: WebSurvey, node: str, **more: str) -> str:
    return str(httpx.URL(f"/wizards/{survey.wizard}/build/impact/delete", params={"node": node, **more}))


async def test_scenario_a(admin_browser: Browser, editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    page = await admin_browser.open(delete_path(survey, survey.email))
    print(page.answer.text)
    part = await admin_browser.open(delete_path(survey, survey.email), htmx=True)
    print(part.answer.text)
    assert 0
