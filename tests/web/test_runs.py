"""Runs over HTTP: semantics 1 to 6 as a client sees them."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.factories import JOHN, count_queries, customer_survey, new_id, option, option_set, published, step, wizard

from keepstep.config import Resources

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def survey(resources: Resources) -> str:
    return await published(resources, customer_survey())


@pytest.fixture
async def editor(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("editor")


async def start(client: httpx.AsyncClient, wizard_id: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v1/wizards/{wizard_id}/runs", json=body)


async def completed(client: httpx.AsyncClient, wizard_id: str, **answers: Any) -> str:
    answer = await start(client, wizard_id, answers=answers or JOHN, complete=True)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def responses(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    return {response["key"]: response for response in answer.json()["responses"]}


async def patch(client: httpx.AsyncClient, run_id: str, seen: str, **answers: Any) -> httpx.Response:
    return await client.patch(f"/api/v1/runs/{run_id}/answers", json={"answers": answers}, headers={"If-Match": f'"{seen}"'})


async def test_a_completed_run_reads_back_as_it_was_asked_and_answered(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    answer = (await editor.get(f"/api/v1/runs/{run_id}")).json()
    assert [(item["key"], item["state"], item["display"]) for item in answer["responses"]] == [
        ("full-name", "answered", "John Doe"),
        ("email", "answered", "john@example.com"),
        ("favorite-color", "answered", "Blue"),
    ]
    assert (answer["status"], answer["revision"], answer["version"]["is_current"]) == ("completed", 1, True)
    assert answer["responses"][1]["option_set_snapshot"]["selection_type"] == "text_input"


async def test_the_same_request_with_the_same_id_starts_one_run(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = new_id()
    first = await start(editor, survey, id=run_id, answers=JOHN, complete=True)
    again = await start(editor, survey, id=run_id, answers=JOHN, complete=True)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["digest"] == first.json()["digest"]
    other = await start(editor, survey, id=run_id, answers=JOHN | {"email": "x@example.com"}, complete=True)
    assert (other.status_code, other.json()["code"]) == (409, "id-conflict")


async def test_a_run_is_sent_again_whatever_became_of_its_wizard(sign_in: SignIn, survey: str) -> None:
    admin, run_id = await sign_in("admin"), new_id()
    assert (await start(admin, survey, id=run_id, answers=JOHN, complete=True)).status_code == 201
    draft = (await admin.get(f"/api/v1/wizards/{survey}/draft")).json()
    body = {"step_id": draft["structure"]["steps"][0]["id"], "name": "Phone", "selection_type": "phone", "is_required": True}
    await admin.post("/api/v1/option-sets", json=body, headers={"If-Match": "*"})
    report = await admin.post(f"/api/v1/wizards/{survey}/publish", json={}, headers={"If-Match": "*"})
    if report.status_code == 409:
        await admin.post(f"/api/v1/wizards/{survey}/publish", json={"confirm": report.json()["confirm"]}, headers={"If-Match": "*"})
    assert (await start(admin, survey, answers=JOHN, complete=True)).status_code == 422
    assert (await start(admin, survey, id=run_id, answers=JOHN, complete=True)).status_code == 200
    other = await start(admin, survey, id=run_id, answers={"full-name": 5}, complete=True)
    assert (other.status_code, other.json()["code"]) == (409, "id-conflict")
    token = (await admin.delete(f"/api/v1/wizards/{survey}", params={"dry_run": True})).json()["confirm"]
    assert (await admin.delete(f"/api/v1/wizards/{survey}", params={"confirm": token})).status_code == 200
    assert (await start(admin, survey, id=run_id, answers=JOHN, complete=True)).status_code == 200


async def test_an_id_of_a_trashed_run_is_gone(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = new_id()
    await start(editor, survey, id=run_id, answers=JOHN, complete=True)
    await editor.delete(f"/api/v1/runs/{run_id}")
    again = await start(editor, survey, id=run_id, answers=JOHN, complete=True)
    assert (again.status_code, again.json()["code"]) == (410, "run-trashed")


async def test_every_fault_of_a_run_is_named_and_nothing_is_stored(editor: httpx.AsyncClient, survey: str) -> None:
    answer = await start(editor, survey, answers={"favorite-color": "pink", "nickname": "J"}, complete=True)
    assert answer.status_code == 422
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == {
        ("/answers/nickname", "unknown-option-set"),
        ("/answers/full-name", "required"),
        ("/answers/favorite-color", "option-unknown"),
    }
    assert (await editor.get(f"/api/v1/wizards/{survey}/runs")).json()["items"] == []


async def test_a_run_is_started_saved_and_completed(editor: httpx.AsyncClient, survey: str) -> None:
    began = await start(editor, survey, answers={"email": "a@example.com"})
    run_id, tag = began.json()["id"], began.headers["ETag"]
    assert tag == '"0.0"'
    saved = await patch(editor, run_id, "0.0", **{"full-name": "Ann"})
    assert saved.headers["ETag"] == '"0.1"'
    early = await editor.post(f"/api/v1/runs/{run_id}/complete", headers={"If-Match": '"0.0"'})
    assert (early.status_code, early.json()["code"], early.headers["ETag"]) == (412, "stale", '"0.1"')
    done = await editor.post(f"/api/v1/runs/{run_id}/complete", headers={"If-Match": '"0.1"'})
    assert (done.status_code, done.headers["ETag"], done.json()["status"]) == (200, '"1.0"', "completed")
    twice = await editor.post(f"/api/v1/runs/{run_id}/complete", headers={"If-Match": '"1.0"'})
    assert twice.json()["code"] == "already-completed"


async def test_ids_are_read_in_either_case(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = new_id()
    made = await start(editor, survey.upper(), id=run_id.upper(), answers={"email": "a@example.com"})
    assert (made.status_code, made.json()["id"]) == (201, run_id)
    assert (await editor.get(f"/api/v1/runs/{run_id.upper()}")).json()["id"] == run_id


async def test_questions_not_reached_are_told_from_those_left_empty(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = (await start(editor, survey, answers={"full-name": "Ann", "email": None})).json()["id"]
    states = await responses(editor, run_id)
    assert states["email"]["state"] == "empty"
    assert states["favorite-color"]["reason"]["kind"] == "not_reached"


async def test_a_write_without_a_precondition_is_refused_with_the_tag_to_send(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    answer = await editor.patch(f"/api/v1/runs/{run_id}/answers", json={"answers": {"email": "b@example.com"}})
    assert (answer.status_code, answer.json()["code"], answer.headers["ETag"]) == (428, "precondition-required", '"1.0"')


async def test_editing_a_completed_run_appends_a_revision_and_keeps_the_old_one(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    before = (await editor.get(f"/api/v1/runs/{run_id}/revisions/1")).json()["responses"]
    assert (await patch(editor, run_id, "1.0", email="new@example.com")).status_code == 200
    history = (await editor.get(f"/api/v1/runs/{run_id}/revisions")).json()["items"]
    assert [(line["revision"], line["cause"]) for line in history] == [(1, "respondent"), (2, "editor")]
    assert (await editor.get(f"/api/v1/runs/{run_id}/revisions/1")).json()["responses"] == before
    assert (await responses(editor, run_id))["email"]["source"] == "editor"


async def test_restoring_a_revision_brings_its_answers_back_as_a_new_one(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    original = await responses(editor, run_id)
    await patch(editor, run_id, "1.0", email="new@example.com")
    restored = await editor.post(f"/api/v1/runs/{run_id}/revisions/1/restore", headers={"If-Match": '"2.0"'})
    assert (restored.status_code, restored.json()["revision"]) == (200, 3)
    assert await responses(editor, run_id) == original


async def test_an_edit_is_refused_only_for_what_it_sets(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    refused = await patch(editor, run_id, "1.0", **{"favorite-color": "pink"})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/answers/favorite-color"]
    cleared = await patch(editor, run_id, "1.0", **{"full-name": None})
    assert [error["code"] for error in cleared.json()["errors"]] == ["required"]


async def test_a_required_question_that_an_edit_makes_visible_is_flagged_not_refused(
    editor: httpx.AsyncClient, resources: Resources
) -> None:
    color = option_set("color", "single_select", options=[option("blue"), option("red")])
    why = option_set("why", is_required=True, visible_if={"==": [{"var": color["id"]}, "red"]})
    survey = await published(resources, wizard(step("only", color, why)))
    run_id = await completed(editor, survey, color="blue")
    assert (await responses(editor, run_id))["why"]["reason"] == {"kind": "condition", "by": [color["id"]]}
    edited = await patch(editor, run_id, "1.0", color="red")
    assert (edited.status_code, edited.json()["issues"][0]["code"]) == (200, "missing-required")
    assert (await responses(editor, run_id))["why"]["flags"][0]["code"] == "missing-required"


async def test_a_value_that_logic_did_not_ask_for_is_shown_and_marked(editor: httpx.AsyncClient, resources: Resources) -> None:
    color = option_set("color", "single_select", options=[option("blue"), option("red")])
    why = option_set("why", visible_if={"==": [{"var": color["id"]}, "red"]})
    survey = await published(resources, wizard(step("only", color, why)))
    run_id = await completed(editor, survey, color="red", why="warm")
    await patch(editor, run_id, "1.0", color="blue")
    hidden = (await responses(editor, run_id))["why"]
    assert (hidden["state"], hidden["asked"], hidden["display"]) == ("answered", False, "warm")


async def test_calculations_are_stored_and_follow_their_inputs(editor: httpx.AsyncClient, resources: Resources) -> None:
    price, count = option_set("price", "number"), option_set("count", "integer")
    total = option_set("total", "calculated", expression={"*": [{"var": price["id"]}, {"var": count["id"]}]})
    survey = await published(resources, wizard(step("only", price, count, total)))
    run_id = await completed(editor, survey, price=0.1, count=3)
    assert (await responses(editor, run_id))["total"]["response_value"] == {"value": 0.3}
    await patch(editor, run_id, "1.0", count=5)
    assert (await responses(editor, run_id))["total"]["display"] == "0.5"
    refused = await patch(editor, run_id, "2.0", total=99)
    assert refused.json()["errors"][0]["code"] == "not-answerable"


async def test_numbers_are_stored_exactly(editor: httpx.AsyncClient, resources: Resources) -> None:
    survey = await published(resources, wizard(step("only", option_set("amount", "number"))))
    body = b'{"answers": {"amount": 12345678901234567890.10}, "complete": true}'
    made = await editor.post(f"/api/v1/wizards/{survey}/runs", content=body, headers={"Content-Type": "application/json"})
    raw = (await editor.get(f"/api/v1/runs/{made.json()['id']}")).content
    assert b'"response_value":{"value":12345678901234567890.1}' in raw


async def test_lists_filter_by_answer_status_and_version_and_go_on_by_cursor(editor: httpx.AsyncClient, survey: str) -> None:
    made = [await completed(editor, survey) for _ in range(3)]
    red = await completed(editor, survey, **(JOHN | {"favorite-color": "red"}))
    await start(editor, survey, answers={"full-name": "Ann"})
    found = (await editor.get(f"/api/v1/wizards/{survey}/runs", params={"answer[favorite-color]": "red"})).json()["items"]
    assert [item["id"] for item in found] == [red]
    page = (await editor.get(f"/api/v1/wizards/{survey}/runs", params={"status": "completed", "version": 1, "limit": 3})).json()
    rest = (
        await editor.get(f"/api/v1/wizards/{survey}/runs", params={"status": "completed", "version": 1, "limit": 3, "cursor": page["next"]})
    ).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [red, *reversed(made)]
    assert rest["next"] is None
    other = await editor.get(f"/api/v1/wizards/{survey}/runs", params={"cursor": page["next"]})
    assert other.json()["code"] == "cursor-invalid"


async def test_runs_changed_since_come_oldest_change_first(editor: httpx.AsyncClient, survey: str) -> None:
    first, second = await completed(editor, survey), await completed(editor, survey)
    await patch(editor, first, "1.0", email="later@example.com")
    items = (await editor.get(f"/api/v1/wizards/{survey}/runs", params={"updated_after": "2020-01-01T00:00:00Z"})).json()["items"]
    assert [item["id"] for item in items] == [second, first]


async def test_runs_changed_since_go_on_by_cursor(editor: httpx.AsyncClient, survey: str) -> None:
    runs = [await completed(editor, survey) for _ in range(3)]
    params: dict[str, str | int] = {"updated_after": "2020-01-01T00:00:00Z", "limit": 2}
    page = (await editor.get(f"/api/v1/wizards/{survey}/runs", params=params)).json()
    rest = (await editor.get(f"/api/v1/wizards/{survey}/runs", params={**params, "cursor": page["next"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == runs


async def test_the_history_goes_on_by_cursor(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    for number in (1, 2):
        await patch(editor, run_id, f"{number}.0", email=f"{number}@example.com")
    page = (await editor.get(f"/api/v1/runs/{run_id}/revisions", params={"limit": 2})).json()
    rest = (await editor.get(f"/api/v1/runs/{run_id}/revisions", params={"limit": 2, "cursor": page["next"]})).json()
    assert [line["revision"] for line in page["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next"] is None


async def test_trash_hides_a_run_from_lists_and_restore_brings_it_back(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    before = await responses(editor, run_id)
    assert (await editor.delete(f"/api/v1/runs/{run_id}")).json()["trashed_at"] is not None
    assert (await editor.get(f"/api/v1/wizards/{survey}/runs")).json()["items"] == []
    assert (await editor.get(f"/api/v1/wizards/{survey}/runs", params={"trashed": True})).json()["items"][0]["id"] == run_id
    assert (await patch(editor, run_id, "1.0", email="b@example.com")).status_code == 410
    await editor.post(f"/api/v1/runs/{run_id}/restore")
    assert await responses(editor, run_id) == before


async def test_what_a_role_or_scope_does_not_allow_is_refused(sign_in: SignIn, editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    analyst, reader = await sign_in("analyst"), await sign_in("editor", scopes=frozenset({"submit"}))
    assert (await start(analyst, survey, answers=JOHN)).status_code == 403
    assert (await analyst.get(f"/api/v1/runs/{run_id}")).status_code == 200
    assert (await patch(analyst, run_id, "1.0", email="b@example.com")).status_code == 403
    assert (await reader.get(f"/api/v1/runs/{run_id}")).status_code == 403
    assert (await start(reader, survey, answers=JOHN, complete=True)).status_code == 201
    assert (await patch(reader, run_id, "1.0", email="b@example.com")).status_code == 403


async def test_unknown_runs_wizards_and_revisions_are_not_found(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    assert (await editor.get(f"/api/v1/runs/{new_id()}")).json()["code"] == "run-not-found"
    assert (await editor.get("/api/v1/runs/1")).status_code == 422
    assert (await editor.get(f"/api/v1/runs/{run_id}/revisions/2")).json()["code"] == "revision-not-found"
    assert (await start(editor, "no-such-wizard", answers={})).json()["code"] == "wizard-not-found"
    assert (await start(editor, survey, answers={}, version_number=7)).json()["code"] == "version-not-found"
    assert (await start(editor, survey, answers={}, language="fr")).json()["errors"][0]["pointer"] == "/language"


async def test_a_list_costs_the_same_queries_for_one_run_and_for_many(editor: httpx.AsyncClient, survey: str, resources: Resources) -> None:
    await completed(editor, survey)
    with count_queries(resources.engine) as one:
        await editor.get(f"/api/v1/wizards/{survey}/runs")
    for _ in range(20):
        await completed(editor, survey)
    with count_queries(resources.engine) as many:
        assert len((await editor.get(f"/api/v1/wizards/{survey}/runs")).json()["items"]) == 21
    assert len(many) == len(one) > 0


async def test_a_parameter_that_nobody_knows_is_refused_before_anything_is_done(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = await completed(editor, survey)
    refused = await editor.delete(f"/api/v1/runs/{run_id}", params={"dryrun": True})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "dryrun")
    assert (await editor.get(f"/api/v1/runs/{run_id}")).json()["trashed_at"] is None
    assert (await editor.get(f"/api/v1/wizards/{survey}/runs", params={"answer[email": "x"})).status_code == 422


@pytest.mark.parametrize("moment", ["2020", "0001-01-01T00:00:00+14:00", "2026-03-27", "soon"])
async def test_a_time_is_given_as_rfc_3339(editor: httpx.AsyncClient, survey: str, moment: str) -> None:
    refused = await editor.get(f"/api/v1/wizards/{survey}/runs", params={"updated_after": moment})
    assert (refused.status_code, refused.json()["code"]) == (422, "request-invalid")


async def test_a_stale_edit_is_told_what_changed_and_by_whom(editor: httpx.AsyncClient, sign_in: SignIn, survey: str) -> None:
    run_id = await completed(editor, survey)
    other = await sign_in("editor")
    assert (await patch(other, run_id, "1.0", email="new@example.com")).status_code == 200
    refused = (await patch(editor, run_id, "1.0", email="mine@example.com")).json()
    assert (refused["changed"]["revision"], refused["changed"]["keys"]) == (2, ["email"])
    assert refused["changed"]["by"]["id"] == other.headers["X-User"]
    assert refused["changed"]["by"]["name"]


async def test_a_stale_save_says_which_save_there_is(editor: httpx.AsyncClient, survey: str) -> None:
    run_id = (await start(editor, survey, answers={})).json()["id"]
    await patch(editor, run_id, "0.0", email="a@example.com")
    changed = (await patch(editor, run_id, "0.0", email="b@example.com")).json()["changed"]
    assert (changed["revision"], changed["save_number"], "keys" in changed) == (0, 1, False)


@pytest.fixture
async def piping(resources: Resources) -> str:
    """Who speaks, whether they smoke, and if so how many; the texts of the second step mention the name."""
    name, smokes = option_set("name"), option_set("smokes", "boolean")
    many = option_set("many", "integer", visible_if={"==": [{"var": smokes["id"]}, True]})
    said = option_set("said", is_required=True)
    said |= {"name": f"What did {{{{{name['id']}}}}} say about {{{{{many['id']}}}}}?"}
    return await published(resources, wizard(step("one", name, smokes, many), step("two", said), name="Piping"))


async def test_a_label_says_the_answers_that_it_mentions(editor: httpx.AsyncClient, piping: str) -> None:
    run_id = await completed(editor, piping, name="<Ann> {{x}}", smokes=True, many=3, said="No")
    assert (await responses(editor, run_id))["said"]["label"] == "What did <Ann> {{x}} say about 3?"
    assert "{{" in (await responses(editor, run_id))["said"]["option_set_snapshot"]["name"]
    missing = await start(editor, piping, answers={"name": "Ann"}, complete=True)
    assert "What did Ann say about …?" in missing.json()["errors"][0]["detail"]


async def test_a_kept_answer_that_logic_did_not_ask_for_says_why(editor: httpx.AsyncClient, piping: str) -> None:
    run_id = await completed(editor, piping, name="Ann", smokes=False, many=3, said="No")
    found = await responses(editor, run_id)
    assert (found["many"]["state"], found["many"]["asked"]) == ("answered", False)
    assert found["many"]["reason"] == {"kind": "condition", "by": [found["smokes"]["option_set_id"]]}
    assert found["said"]["label"] == "What did Ann say about …?"
    assert "reason" not in found["name"]
