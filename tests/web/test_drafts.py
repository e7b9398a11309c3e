import httpx
from tests.web_kit import web_survey


async def test_a_draft_has_its_revision_as_etag_and_shows_shelf_and_undo(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    answer = await editor.get(f"{survey.url}/draft")
    body = answer.json()
    assert (answer.headers["ETag"], body["revision"], body["undo"]["name"]) == ('"2"', 2, "Delete question “Email”")
    assert [(item["kind"], item["name"]) for item in body["shelf"]] == [("option_set", "Email")]


async def test_a_draft_is_replaced_as_a_whole_and_the_replacement_undone_and_redone(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    before = (await survey.draft())["structure"]
    replaced = await survey.send("PUT", f"{survey.url}/draft", json={"structure": before | {"steps": before["steps"][:1]}})
    assert (replaced.status_code, replaced.json()["edit"]) == (200, "Replace the whole draft")
    undone = await survey.send("POST", f"{survey.url}/draft/undo")
    assert undone.json()["structure"] == before
    redone = await survey.send("POST", f"{survey.url}/draft/redo", json={})
    assert len(redone.json()["structure"]["steps"]) == 1
    nothing = await survey.send("POST", f"{survey.url}/draft/redo")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing-to-undo")


async def test_a_replacement_that_nobody_saw_the_state_for_is_refused(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    body = {"structure": (await survey.draft())["structure"]}
    assert (await editor.put(f"{survey.url}/draft", json=body)).status_code == 428
    stale = await survey.send("PUT", f"{survey.url}/draft", etag='"9"', json=body)
    assert (stale.status_code, stale.json()["etag"]) == (412, "1")


async def test_a_structure_that_is_none_is_refused_with_every_place(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    structure = {"name": "x", "steps": [{"name": 1}, {"name": "ok", "option_sets": [{"name": "q", "selection_type": "nothing"}, 7]}]}
    refused = await survey.send("PUT", f"{survey.url}/draft", json={"structure": structure})
    assert (refused.status_code, refused.json()["code"]) == (422, "structure-invalid")
    assert {error["pointer"] for error in refused.json()["errors"]} >= {
        "/steps/0/name",
        "/steps/1/option_sets/0/selection_type",
        "/steps/1/option_sets/1",
    }


async def test_a_question_typed_in_anew_is_suggested_beside_the_changes_and_stays_another(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await editor.get(f"{survey.url}/changes")).json()["suggestions"] == []
    (email,) = [item for item in (await survey.draft())["structure"]["steps"][0]["option_sets"] if item["id"] == survey.email]
    await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}")
    anew = {"step_id": survey.steps[0], "name": "Email", "selection_type": email["selection_type"]}
    made = (await survey.send("POST", "/api/v1/option-sets", json=anew)).json()
    changes = (await editor.get(f"{survey.url}/changes")).json()
    expected = {"reason": "same-label-and-type", "option_set_id": survey.email, "old": survey.email, "new": made["id"]}
    assert changes["suggestions"] == [expected]
    assert {change["kind"] for change in changes["changes"]} == {"option-set-removed", "option-set-added"}
