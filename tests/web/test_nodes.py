import asyncio

import httpx
from tests.actions_kit import new_id
from tests.web_kit import web_survey


async def test_a_step_with_questions_is_added_and_answered_by_its_id(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    body = {"wizard_id": survey.wizard, "name": "Contact", "option_sets": [{"name": "Phone", "selection_type": "phone"}]}
    made = await survey.send("POST", "/api/v1/steps", json=body)
    assert (made.status_code, made.json()["key"], made.json()["draft_revision"]) == (201, "contact", 2)
    assert made.json()["option_sets"][0]["key"] == "phone"
    assert made.headers["ETag"] == '"2"'


async def test_the_same_addition_is_made_once_whatever_state_was_seen(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    body = {"id": new_id(), "step_id": survey.steps[0], "name": "Age", "selection_type": "integer", "constraints": {"min": 0}}
    first = await survey.send("POST", "/api/v1/option-sets", json=body)
    second = await editor.post("/api/v1/option-sets", json=body)
    assert (first.status_code, second.status_code, second.json()["id"]) == (201, 200, body["id"])
    other = await survey.send("POST", "/api/v1/option-sets", json=body | {"name": "Years"})
    assert (other.status_code, other.json()["code"]) == (409, "id-conflict")


async def test_an_id_of_another_wizard_is_refused(editor: httpx.AsyncClient) -> None:
    survey, other = await web_survey(editor), await web_survey(editor)
    body = {"id": other.email, "step_id": survey.steps[0], "name": "Age", "selection_type": "integer"}
    refused = await survey.send("POST", "/api/v1/option-sets", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "id-taken")


async def test_scenario_a_deleting_an_answered_question_shows_counts_and_keeps_the_run(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    run = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    before = (await editor.get(f"/api/v1/runs/{run}")).json()
    url = f"/api/v1/option-sets/{survey.email}"
    refused = await survey.send("DELETE", url)
    assert (refused.status_code, refused.json()["code"]) == (409, "impact-unconfirmed")
    report = (await editor.delete(f"{url}?dry_run=true")).json()
    assert report["impact"]["runs"] == {"completed": 1, "in_progress": 0, "abandoned": 0}
    assert report["impact"]["answers"] == 1
    assert report["impact"]["distinct_values"] == [{"value": "john@example.com", "count": 1}]
    assert report["impact"]["by_version"] == [{"version_number": 1, "runs": 1}]
    deleted = await survey.send("DELETE", url, params={"confirm": report["confirm"]})
    assert (deleted.status_code, deleted.json()["deleted"], deleted.json()["impact"]["answers"]) == (200, True, 1)
    assert [item["id"] for item in (await survey.draft())["shelf"]] == [survey.email]
    assert (await survey.publish()).status_code == 201
    after = (await editor.get(f"/api/v1/runs/{run}")).json()
    assert after["responses"] == before["responses"]
    assert after["digest"] == before["digest"]


async def test_a_question_without_answers_is_deleted_at_once_and_restored_in_place(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await survey.send("DELETE", f"/api/v1/option-sets/{survey.full_name}")).status_code == 200
    restored = await survey.send("POST", f"/api/v1/option-sets/{survey.full_name}/restore")
    assert restored.json()["name"] == "Full Name"
    draft = await survey.draft()
    assert [item["id"] for item in draft["structure"]["steps"][0]["option_sets"]] == [survey.full_name, survey.email]
    assert draft["shelf"] == []


async def test_scenario_b_deleting_a_step_is_one_change_with_its_questions(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    report = (await editor.delete(f"/api/v1/steps/{survey.steps[0]}?dry_run=true")).json()
    assert [change["kind"] for change in report["changes"]] == ["step-removed"]
    assert (report["impact"]["runs"]["completed"], report["impact"]["answers"]) == (1, 2)


async def test_scenario_d_another_type_shows_what_becomes_of_each_stored_value_and_a_version_keeps_none(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    for email in ("12", "3.4", "abc"):
        await survey.answer(full_name="John Doe", email=email, favorite_color="blue")
    url, body = f"/api/v1/option-sets/{survey.email}", {"selection_type": "integer", "constraints": {}}
    report = (await editor.put(f"{url}?dry_run=true", json=body)).json()
    (change,) = report["changes"]
    found = {each["value"]: each.get("becomes", "conflict" in each) for each in change["impact"]["distinct_values"]}
    assert found == {"12": 12, "3.4": True, "abc": True}
    assert change["conversion"] == {"rule": "C6/1", "kind": "C", "needs": [], "tried": False, "converted": 1, "conflicts": 2}
    assert (await survey.send("PUT", url, json=body, params={"confirm": report["confirm"]})).status_code == 200
    (shown,) = (await editor.get(f"{survey.url}/changes")).json()["changes"]
    assert (shown["impact"]["distinct_values"], shown["conversion"]) == (change["impact"]["distinct_values"], change["conversion"])
    assert (await survey.publish()).status_code == 201
    kept = (await editor.get(f"{survey.url}/versions/2")).text
    assert '"conflicts":2' in kept.replace(" ", "")
    assert '"abc"' not in kept
    assert '"3.4"' not in kept


async def test_a_token_is_good_for_its_own_request_and_state_alone(editor: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    token = (await editor.delete(f"/api/v1/option-sets/{survey.email}?dry_run=true")).json()["confirm"]
    other = await survey.send("DELETE", f"/api/v1/option-sets/{survey.color}", params={"confirm": token})
    forged = await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}", params={"confirm": "A" + token[1:]})
    headers = {"If-Match": await survey.etag()}
    theirs = await admin.delete(f"/api/v1/option-sets/{survey.email}", params={"confirm": token}, headers=headers)
    assert {other.status_code, forged.status_code, theirs.status_code} == {409}
    await survey.send("POST", f"/api/v1/steps/{survey.steps[1]}/move", json={"position": 0})
    outdated = await survey.send("DELETE", f"/api/v1/option-sets/{survey.email}", params={"confirm": token})
    assert outdated.json()["code"] == "impact-unconfirmed"


async def test_more_of_the_same_is_covered_but_an_unseen_value_of_a_deleted_option_is_not(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="A", email="a@example.com", favorite_color="blue")
    url = f"/api/v1/option-sets/{survey.color}"
    token = (await editor.request("PUT", f"{url}?dry_run=true", json={"selection_type": "text_input"})).json()["confirm"]
    await survey.answer(full_name="B", email="b@example.com", favorite_color="red")
    refused = await survey.send("PUT", url, json={"selection_type": "text_input"}, params={"confirm": token})
    assert (refused.status_code, refused.json()["impact"]["answers"]) == (409, 2)
    await survey.answer(full_name="C", email="c@example.com", favorite_color="red")
    covered = await survey.send("PUT", url, json={"selection_type": "text_input"}, params={"confirm": refused.json()["confirm"]})
    assert (covered.status_code, covered.json()["impact"]["answers"]) == (200, 3)


async def test_relabelling_what_has_answers_asks_what_it_means(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    url = f"/api/v1/option-sets/{survey.color}"
    asked = await survey.send("PATCH", url, json={"name": "Least Favorite Color"})
    assert (asked.status_code, asked.json()["code"], asked.json()["answers"]) == (409, "meaning-unconfirmed", 1)
    same = await survey.send("PATCH", url, json={"name": "Favourite Colour", "meaning": "same"})
    assert (same.json()["id"], same.json()["name"]) == (survey.color, "Favourite Colour")
    other = await survey.send("PATCH", url, json={"name": "Least Favorite Color", "meaning": "different"})
    assert other.json()["replaces"] == survey.color
    assert other.json()["key"] == "least-favorite-color"
    sets = (await survey.draft())["structure"]["steps"][1]["option_sets"]
    assert [(item["name"], item.get("retired", False)) for item in sets] == [("Favourite Colour", True), ("Least Favorite Color", False)]


async def test_an_option_with_another_meaning_brings_its_own_value(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    url = f"/api/v1/option-sets/{survey.color}/options"
    unchosen = await survey.send("PATCH", f"{url}/red", json={"label": "Crimson"})
    assert unchosen.status_code == 200
    assert (await survey.send("PATCH", f"{url}/blue", json={"label": "Navy"})).json()["code"] == "meaning-unconfirmed"
    without = await survey.send("PATCH", f"{url}/blue", json={"label": "Green", "meaning": "different"})
    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (422, "/value")
    split = await survey.send("PATCH", f"{url}/blue", json={"label": "Green", "value": "green", "meaning": "different"})
    assert (split.json()["value"], split.json()["replaces"]) == ("green", "blue")


async def test_options_are_added_moved_retired_deleted_and_restored(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    url = f"/api/v1/option-sets/{survey.color}/options"
    added = await survey.send("POST", url, json={"label": "Dark / Red"})
    assert (added.status_code, added.json()["value"]) == (201, "dark-red")
    slashed = await survey.send("POST", url, json={"label": "Odd", "value": "a/b"})
    assert slashed.status_code == 201
    assert (await survey.send("POST", f"{url}/a/b/retire")).json()["retired"] is True
    assert (await survey.send("POST", f"{url}/a/b/restore")).json().get("retired", False) is False
    assert (await survey.send("DELETE", f"{url}/a/b")).json()["deleted"] is True
    assert (await survey.send("POST", url, json={"label": "New", "value": "a/b"})).json()["code"] == "option-value-reserved"
    assert (await survey.send("POST", f"{url}/a/b/restore")).json()["label"] == "Odd"
    moved = await survey.send("POST", f"{url}/red/move", json={"position": 0})
    assert moved.status_code == 200
    values = [option["value"] for option in (await survey.draft())["structure"]["steps"][1]["option_sets"][0]["options"]]
    assert values == ["red", "blue", "dark-red", "a/b"]


async def test_a_key_once_used_stays_reserved(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"key": "mail"})
    refused = await survey.send("PATCH", f"/api/v1/option-sets/{survey.full_name}", json={"key": "email"})
    assert (refused.status_code, refused.json()["code"]) == (409, "key-reserved")


async def test_of_two_editors_at_once_exactly_one_wins_and_the_other_learns_who(
    editor: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    survey = await web_survey(editor)
    headers = {"If-Match": await survey.etag()}
    url = f"/api/v1/option-sets/{survey.email}"
    answers = await asyncio.gather(
        editor.patch(url, json={"help": "Yours"}, headers=headers), admin.patch(url, json={"help": "Mine"}, headers=headers)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    stale = next(answer.json() for answer in answers if answer.status_code == 412)
    assert stale["etag"] == "2"
    assert stale["changed"]["edits"][0]["by"]["id"] in {editor.headers["X-User"], admin.headers["X-User"]}


async def test_a_write_without_the_seen_state_is_refused(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    for method, url in (("DELETE", f"option-sets/{survey.email}"), ("POST", f"steps/{survey.steps[0]}/retire")):
        assert (await editor.request(method, f"/api/v1/{url}")).status_code == 428


async def test_unknown_nodes_and_members_are_named(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    assert (await survey.send("DELETE", f"/api/v1/steps/{new_id()}")).json()["code"] == "node-not-found"
    assert (await survey.send("DELETE", f"/api/v1/steps/{survey.email}")).json()["code"] == "node-not-found"
    unknown = await survey.send("PATCH", f"/api/v1/option-sets/{survey.email}", json={"colour": "red"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/colour")


async def test_nobody_else_s_wizard_is_edited(editor: httpx.AsyncClient, analyst: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    headers = {"If-Match": "*"}
    assert (await analyst.delete(f"/api/v1/option-sets/{survey.email}", headers=headers)).status_code == 403


async def test_retiring_can_be_counted_first_and_never_asks(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.answer(email="john@example.com", favorite_color="blue")
    addresses = {f"steps/{survey.steps[0]}": 1, f"option-sets/{survey.email}": 1, f"option-sets/{survey.color}/options/red": 0}
    for address, answers in addresses.items():
        url = f"/api/v1/{address}/retire"
        report = (await editor.post(f"{url}?dry_run=true")).json()
        assert report["impact"]["answers"] == answers
        assert (await survey.send("POST", url)).json()["retired"] is True


async def test_a_question_comes_back_as_a_version_had_it_once_its_report_is_confirmed(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    first = (await survey.draft())["structure"]["steps"][1]
    await survey.answer(favorite_color="blue")
    url, back = f"/api/v1/option-sets/{survey.color}", f"{survey.url}/versions/1/option-sets/{survey.color}/restore"
    report = (await survey.send("PUT", url, json={"selection_type": "multiple_select"}, params={"dry_run": True})).json()
    await survey.send("PUT", url, json={"selection_type": "multiple_select"}, params={"confirm": report["confirm"]})
    told = (await survey.send("POST", back, params={"dry_run": True})).json()
    assert (told["changes"][0]["kind"], told["impact"]["answers"]) == ("type-changed", 1)
    refused = await survey.send("POST", back)
    assert (refused.status_code, refused.json()["code"]) == (409, "impact-unconfirmed")
    done = await survey.send("POST", back, params={"confirm": refused.json()["confirm"]})
    assert (done.status_code, done.json()["edit"]) == (200, "Restore question “Favorite Color” as in version 1")
    assert (await survey.draft())["structure"]["steps"][1] == first


async def test_a_question_whose_step_is_gone_needs_a_place_to_come_back_to(editor: httpx.AsyncClient) -> None:
    survey = await web_survey(editor)
    await survey.send("DELETE", f"/api/v1/steps/{survey.steps[0]}")
    back = f"{survey.url}/versions/1/option-sets/{survey.email}/restore"
    refused = await survey.send("POST", back)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/step_id")
    done = await survey.send("POST", back, json={"step_id": survey.steps[1]})
    assert (done.status_code, done.json()["step_id"]) == (200, survey.steps[1])
    missing = await survey.send("POST", f"{survey.url}/versions/2/option-sets/{survey.email}/restore")
    assert missing.json()["code"] == "version-not-found"
