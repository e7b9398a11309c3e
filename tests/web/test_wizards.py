import httpx
from tests.web_kit import web_survey


async def test_a_wizard_is_created_read_renamed_and_listed(editor: httpx.AsyncClient) -> None:
    made = await editor.post("/api/v1/wizards", json={"name": "Intake"})
    assert (made.status_code, made.json()["slug"], made.headers["ETag"]) == (201, "intake", '"1"')
    renamed = await editor.patch("/api/v1/wizards/intake", json={"name": "Intake 2", "settings": {"abandon_after": 5}})
    assert (renamed.json()["name"], renamed.json()["settings"]) == ("Intake 2", {"abandon_after": 5})
    listed = (await editor.get("/api/v1/wizards")).json()
    assert [item["name"] for item in listed["items"]] == ["Intake 2"]
    assert "structure" not in listed["items"][0]


async def test_a_list_goes_on_by_its_cursor_and_refuses_that_of_another_list(editor: httpx.AsyncClient) -> None:
    for number in range(3):
        await editor.post("/api/v1/wizards", json={"name": f"Wizard {number}"})
    first = (await editor.get("/api/v1/wizards?limit=2")).json()
    rest = (await editor.get("/api/v1/wizards", params={"limit": 2, "cursor": first["next"]})).json()
    assert [item["name"] for item in (*first["items"], *rest["items"])] == ["Wizard 2", "Wizard 1", "Wizard 0"]
    other = await editor.get("/api/v1/wizards", params={"q": "x", "cursor": first["next"]})
    assert other.json()["code"] == "cursor-invalid"


async def test_deleting_a_wizard_reports_its_runs_trashes_it_and_restores_it(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    run = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    refused = await editor.delete(survey.url)
    assert (refused.status_code, refused.json()["code"]) == (409, "impact-unconfirmed")
    assert (refused.json()["impact"]["runs"]["completed"], refused.json()["impact"]["answers"]) == (1, 3)
    report = (await editor.delete(f"{survey.url}?dry_run=true")).json()
    trashed = await editor.delete(survey.url, params={"confirm": report["confirm"]})
    assert trashed.json()["trashed_at"]
    assert (await editor.post(f"{survey.url}/runs", json={})).status_code == 410
    assert (await editor.get(f"/api/v1/runs/{run}")).status_code == 200
    assert (await editor.post(f"{survey.url}/restore")).json()["trashed_at"] is None


async def test_a_wizard_without_runs_is_trashed_at_once(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await editor.delete(survey.url)).status_code == 200
    assert (await editor.get("/api/v1/wizards")).json()["items"] == []
    assert len((await editor.get("/api/v1/wizards?trashed=true")).json()["items"]) == 1


async def test_only_an_admin_removes_for_good_and_runs_and_versions_stay(editor: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    run = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    assert (await editor.delete(f"{survey.url}?permanent=true")).status_code == 403
    report = (await admin.delete(f"{survey.url}?permanent=true&dry_run=true")).json()
    removed = await admin.delete(survey.url, params={"permanent": True, "confirm": report["confirm"]})
    assert (removed.status_code, removed.json()["slug"]) == (200, None)
    assert (await admin.get(survey.url)).json()["code"] == "wizard-removed"
    assert (await admin.get(f"{survey.url}/draft")).status_code == 410
    assert (await admin.get(f"{survey.url}/versions/1")).json()["structure"]["name"] == "Customer Survey"
    assert (await admin.get(f"/api/v1/runs/{run}")).json()["wizard"]["removed"] is True
    again = await editor.post("/api/v1/wizards", json={"name": "Customer Survey"})
    assert again.json()["slug"] == "customer-survey"


async def test_an_analyst_reads_and_changes_nothing(editor: httpx.AsyncClient, analyst: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await analyst.get(survey.url)).status_code == 200
    assert (await analyst.patch(survey.url, json={"name": "x"})).status_code == 403
    assert (await analyst.post("/api/v1/wizards", json={"name": "x"})).status_code == 403
    assert (await analyst.request("DELETE", survey.url, params={"dry_run": True})).status_code == 403
