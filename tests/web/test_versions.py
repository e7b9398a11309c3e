import asyncio

import httpx
import jsonpatch
import jsonschema
from tests.web_kit import web_survey


async def test_a_version_is_listed_read_and_says_who_published_it(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="A", email="a@example.com", favorite_color="red")
    line = (await editor.get(f"{survey.url}/versions")).json()["items"][0]
    assert (line["version_number"], line["is_active"], line["runs"]["completed"]) == (1, True, 1)
    assert line["created_by"]["id"] == editor.headers["X-User"]
    assert "structure" not in line
    whole = (await editor.get(f"{survey.url}/versions/1")).json()
    assert [step["id"] for step in whole["structure"]["steps"]] == survey.steps
    assert (await editor.get(f"{survey.url}/versions/9")).json()["code"] == "version-not-found"


async def test_changes_show_what_publishing_would_bring_and_what_stops_it(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await editor.get(f"{survey.url}/changes")).json()["changes"] == []
    missing = {"==": [{"var": survey.wizard}, "x"]}
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"visible_if": missing})
    shown = (await editor.get(f"{survey.url}/changes")).json()
    assert [change["kind"] for change in shown["changes"]] == ["condition-changed"]
    assert [problem["severity"] for problem in shown["problems"]] == ["stops"]
    refused = await survey.publish()
    assert (refused.status_code, refused.json()["code"]) == (422, "structure-invalid")


async def test_scenario_d_another_type_leaves_the_run_as_it_was_asked(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    run = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    before = (await editor.get(f"/api/v1/runs/{run}")).json()
    url = f"/api/v1/option-sets/{survey.color}"
    token = (await editor.request("PUT", f"{url}?dry_run=true", json={"selection_type": "multiple_select"})).json()["confirm"]
    assert (await survey.send("PUT", url, json={"selection_type": "multiple_select"}, params={"confirm": token})).status_code == 200
    assert (await survey.publish()).json()["version_number"] == 2
    after = (await editor.get(f"/api/v1/runs/{run}")).json()
    assert after["responses"] == before["responses"]


async def test_rollback_reports_publishes_the_old_structure_and_says_what_became_of_the_draft(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"is_required": True})
    assert (await survey.publish()).status_code == 201
    body = {"version_number": 1}
    report = await editor.post(f"{survey.url}/rollback?dry_run=true", json=body)
    assert [change["kind"] for change in report.json()["changes"]] == ["required-changed"]
    back = await survey.send("POST", f"{survey.url}/rollback", json=body | {"confirm": report.json()["confirm"]})
    assert (back.status_code, back.json()["version_number"], back.json()["rolled_back_to"]) == (201, 3, 1)
    assert back.json()["draft_kept"] is False
    assert back.headers["ETag"] == await survey.etag()
    again = await survey.send("POST", f"{survey.url}/rollback", json=body)
    assert again.json()["code"] == "nothing-to-publish"


async def test_two_versions_are_compared_as_changes_or_as_a_json_patch(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"name": "E-mail", "constraints": {"max_length": 100}})
    await survey.publish()
    url = f"{survey.url}/diff?from=1&to=2"
    assert {change["kind"] for change in (await editor.get(url)).json()["changes"]} == {"option-set-reworded", "validation-changed"}
    patch = await editor.get(url, headers={"Accept": "application/json-patch+json"})
    assert patch.headers["Content-Type"] == "application/json-patch+json"
    old, new = [(await editor.get(f"{survey.url}/versions/{number}")).json()["structure"] for number in (1, 2)]
    assert jsonpatch.apply_patch(old, patch.json()) == new


async def test_the_schema_of_a_version_takes_the_answers_that_it_takes(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    schema = (await editor.get(f"{survey.url}/versions/1/schema")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"email": "a@example.com", "favorite-color": {"value": "red"}, "full-name": None})
    assert not validator.is_valid({"favorite-color": "green"})
    assert not validator.is_valid({"unknown": 1})


async def test_publish_during_a_submission_leaves_the_run_on_the_version_that_it_started_on(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("PATCH", f"/api/v1/steps/{survey.steps[0]}", json={"name": "About you"})
    runs, published = await asyncio.gather(
        asyncio.gather(*(survey.answer(full_name=f"N{number}") for number in range(5))), survey.publish()
    )
    assert published.status_code == 201
    numbers = {(await editor.get(f"/api/v1/runs/{run}")).json()["version"]["version_number"] for run in runs}
    assert numbers <= {1, 2}


async def test_publishing_needs_the_state_that_was_seen_and_a_known_policy(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await editor.post(f"{survey.url}/publish")).status_code == 428
    assert (await survey.send("POST", f"{survey.url}/publish", etag='"77"')).status_code == 412
    refused = await survey.send("POST", f"{survey.url}/publish", json={"in_progress": "ignore"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/in_progress")
