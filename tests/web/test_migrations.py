"""Moving runs over HTTP: a plan made, completed, previewed and applied; its job, its conflicts, its proof; and one run alone."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.actions_kit import new_id
from tests.factories import option, option_set, step, wizard

from keepstep.config import Resources
from keepstep.jobs.migrations import work_on

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
NAME = option_set("name")
AGE = option_set("age")
COLOR = option_set("color", "single_select", options=[option("blue"), option("red")])
PAGE = step("page", NAME, AGE, COLOR)


class Moving:
    """A wizard with two versions: in the second the age is a whole number, blue is gone, and several colours may be chosen."""

    def __init__(self, client: httpx.AsyncClient, resources: Resources) -> None:
        self.client, self.resources = client, resources
        self.url = ""

    async def made(self) -> "Moving":
        answer = await self.client.post("/api/v1/wizards", json={"name": "Survey", "structure": wizard(PAGE)})
        self.url = f"/api/v1/wizards/{answer.json()['id']}"
        await self.publish(PAGE)
        return self

    async def publish(self, page: dict[str, Any]) -> None:
        tag = {"If-Match": "*"}
        await self.client.put(f"{self.url}/draft", json={"structure": wizard(page)}, headers=tag)
        confirm = (await self.client.get(f"{self.url}/changes")).json()["confirm"]
        done = await self.client.post(f"{self.url}/publish", json={"confirm": confirm}, headers=tag)
        assert done.status_code == 201, done.text

    async def second(self) -> None:
        colors = {"selection_type": "multiple_select", "options": [option("red"), option("green")]}
        await self.publish({**PAGE, "option_sets": [NAME, {**AGE, "selection_type": "integer"}, {**COLOR, **colors}]})

    async def run(self, **answers: Any) -> str:
        made = await self.client.post(f"{self.url}/runs", json={"answers": answers, "complete": True})
        return str(made.json()["id"])

    async def post(self, url: str, expected: int = 200, **named: Any) -> dict[str, Any]:
        answer = await self.client.post(url if url.startswith("/") else f"{self.url}/{url}", **named)
        assert answer.status_code == expected, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def get(self, url: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.client.get(url)).json()
        return body

    async def applied(self, plan: str) -> dict[str, Any]:
        """The job of this plan, done."""
        confirm = (await self.post(f"/api/v1/plans/{plan}/preview"))["confirm"]
        job = await self.post(f"/api/v1/plans/{plan}/apply", 202, json={"confirm": confirm})
        await work_on(self.resources, job["id"])
        return await self.get(f"/api/v1/jobs/{job['id']}")


MAPPED = {"color": {"to": "color", "params": {"options": {"blue": "green"}}}}


@pytest.fixture
async def moving(admin: httpx.AsyncClient, resources: Resources) -> Moving:
    """With two runs that carry, and one whose age is no number."""
    made = await Moving(admin, resources).made()
    await made.run(name="Ann", age="30", color="red")
    await made.run(name="Bob", age="40", color="blue")
    await made.run(name="Eve", age="old", color="red")
    await made.second()
    return made


async def test_a_plan_lists_every_fault_until_it_is_completed(moving: Moving) -> None:
    plan = await moving.post("plans", 201, json={})
    assert ([each["version_number"] for each in plan["sources"]], plan["target"]["version_number"]) == ([1], 2)
    assert [fault["code"] for fault in plan["faults"]] == ["option-unmapped"]
    refused = await moving.post(f"/api/v1/plans/{plan['id']}/preview", 422)
    assert (refused["code"], refused["errors"][0]["code"]) == ("plan-invalid", "option-unmapped")
    body = {"mapping": MAPPED, "policy": {"on_conflict": "park"}}
    completed = (await moving.client.patch(f"/api/v1/plans/{plan['id']}", json=body, headers={"If-Match": '"1"'})).json()
    assert (completed["faults"], completed["revision"], completed["policy"]["on_conflict"]) == ([], 2, "park")
    stale = await moving.client.patch(f"/api/v1/plans/{plan['id']}", json=body, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    wrong = await moving.client.patch(f"/api/v1/plans/{plan['id']}", json={"mapping": {"color": {"to": 3}, "size": "archive"}})
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/mapping/color", "/mapping/size"}


async def test_a_question_that_goes_nowhere_said_is_not_put_away_in_silence(moving: Moving) -> None:
    answer = await moving.post("plans", 422, json={"mapping": {"age": {}}})
    assert (answer["errors"][0]["pointer"], answer["errors"][0]["detail"]) == ("/mapping/age", "carry.to: Field required")


async def test_the_same_request_makes_one_plan(moving: Moving) -> None:
    body = {"id": new_id(), "mapping": MAPPED}
    made = await moving.post("plans", 201, json=body)
    assert (await moving.post("plans", 200, json=body))["digest"] == made["digest"]
    assert (await moving.post("plans", 409, json={**body, "mapping": {}}))["code"] == "id-conflict"


async def test_a_plan_that_nobody_approved_can_be_discarded_and_no_other_one(moving: Moving) -> None:
    refused = await moving.post("plans", 422, json={"source": [1, 2], "target": 2})
    assert (refused["errors"][0]["pointer"], refused["errors"][0]["code"]) == ("/source/1", "version-is-target")
    made = await moving.post("plans", 201, json={"id": new_id(), "mapping": MAPPED})
    url = f"/api/v1/plans/{made['id']}"
    assert (await moving.client.delete(url)).status_code == 204
    gone = [await moving.client.request(method, url, json={} if method == "PATCH" else None) for method in ("GET", "PATCH", "DELETE")]
    assert {answer.json()["code"] for answer in gone} == {"plan-not-found"}
    assert (await moving.get(f"{moving.url}/plans"))["items"] == []
    assert (await moving.post("plans", 409, json={"id": made["id"], "mapping": MAPPED}))["code"] == "id-conflict"
    approved = await moving.post("plans", 201, json={"mapping": MAPPED})
    await moving.applied(approved["id"])
    assert (await moving.client.delete(f"/api/v1/plans/{approved['id']}")).json()["code"] == "plan-approved"


async def test_a_preview_shows_groups_samples_and_the_values_that_fail(moving: Moving) -> None:
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    told = await moving.post(f"/api/v1/plans/{plan['id']}/preview")
    assert {group["outcome"]: group["runs"] for group in told["groups"] if group["runs"]} == {"carries": 2, "conflicts": 1}
    assert (told["runs"], told["moves"]) == (3, 2)
    (failing,) = told["failing_values"]
    assert (failing["key"], [(each["value"], each["count"]) for each in failing["values"]]) == ("age", [("old", 1)])
    bob = next(sample for sample in told["samples"] if sample["answers"][0]["before"]["display"] == "Bob")
    color = next(line for line in bob["answers"] if line["before"]["key"] == "color")
    assert (color["before"]["response_value"], color["after"]["response_value"], color["fate"]) == (
        {"value": "blue"},
        {"value": ["green"]},
        "mapped",
    )


async def test_nothing_is_applied_that_was_not_previewed_as_it_is_now(moving: Moving) -> None:
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    apply = f"/api/v1/plans/{plan['id']}/apply"
    assert (await moving.post(apply, 409, json={}))["code"] == "impact-unconfirmed"
    confirm = (await moving.post(f"/api/v1/plans/{plan['id']}/preview"))["confirm"]
    await moving.client.patch(f"/api/v1/plans/{plan['id']}", json={"policy": {"on_conflict": "archive"}})
    assert (await moving.post(apply, 409, json={"confirm": confirm}))["code"] == "impact-unconfirmed"
    confirm = (await moving.post(f"/api/v1/plans/{plan['id']}/preview"))["confirm"]
    await moving.publish({**PAGE, "option_sets": [NAME]})
    assert (await moving.post(apply, 409, json={"confirm": confirm}))["code"] == "impact-unconfirmed"
    confirm = (await moving.post(f"/api/v1/plans/{plan['id']}/preview"))["confirm"]
    job = await moving.post(apply, 202, json={"confirm": confirm})
    assert (await moving.post(apply, 202, json={"confirm": confirm}))["id"] == job["id"]
    approved = await moving.client.patch(f"/api/v1/plans/{plan['id']}", json={"policy": {}})
    assert approved.json()["code"] == "plan-approved"


async def test_a_job_says_how_far_it_is_and_leaves_its_conflicts_and_its_proof(moving: Moving) -> None:
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    job = await moving.applied(plan["id"])
    assert (job["state"], job["progress"]["runs"], job["progress"]["moved"], job["progress"]["open"]) == (
        "completed_with_conflicts",
        3,
        2,
        1,
    )
    (conflict,) = (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"]
    assert (conflict["key"], conflict["response_value"], conflict["code"]) == ("age", {"value": "old"}, "not-a-number")
    one = f"/api/v1/jobs/{job['id']}/conflicts/{conflict['id']}"
    assert (await moving.post(one, 422, json={"resolution": "value", "value": "x"}))["code"] == "resolution-invalid"
    done = await moving.post(one, json={"resolution": "value", "value": 50})
    assert (done["moved"], done["open_in_job"], done["version_number"]) == (True, 0, 2)
    manifest = await moving.get(f"/api/v1/jobs/{job['id']}/manifest")
    assert (manifest["counts"]["moved"], manifest["number"]) == (2, 1)
    undo = await moving.post(f"/api/v1/jobs/{job['id']}/undo", 202)
    await work_on(moving.resources, undo["id"])
    after = await moving.get(f"/api/v1/jobs/{job['id']}")
    assert (after["state"], after["undo"]["state"]) == ("reverted", "completed")
    assert (await moving.post(f"/api/v1/jobs/{job['id']}/undo", 409))["code"] == "job-state"


async def test_a_job_stands_still_goes_on_and_ends_when_told(moving: Moving) -> None:
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    confirm = (await moving.post(f"/api/v1/plans/{plan['id']}/preview"))["confirm"]
    job = (await moving.post(f"/api/v1/plans/{plan['id']}/apply", 202, json={"confirm": confirm}))["id"]
    assert (await moving.post(f"/api/v1/jobs/{job}/pause"))["state"] == "paused"
    await work_on(moving.resources, job)
    assert (await moving.post(f"/api/v1/jobs/{job}/resume"))["progress"]["runs"] == 0
    assert (await moving.post(f"/api/v1/jobs/{job}/cancel"))["state"] == "cancelled"
    await work_on(moving.resources, job)
    assert (await moving.get(f"/api/v1/jobs/{job}"))["progress"]["moved"] == 0
    assert (await moving.post(f"/api/v1/jobs/{job}/resume", 409))["state"] == "cancelled"


async def test_one_run_moves_with_what_was_shown_and_moves_back(moving: Moving) -> None:
    eve = (await moving.get(f"{moving.url}/runs?answer[name]=Eve"))["items"][0]["id"]
    url = f"/api/v1/runs/{eve}/migrate"
    report = await moving.post(url, json={"dry_run": True})
    assert (report["outcome"], report["moves"], report["confirm"], report["from_version"]) == ("conflicts", False, None, 1)
    tag = {"If-Match": '"1.0"'}
    assert (await moving.post(url, 428, json={}))["code"] == "precondition-required"
    assert (await moving.post(url, 409, json={}, headers=tag))["code"] == "run-stays"
    chosen = {"resolutions": {"age": {"resolution": "value", "value": 77}}}
    shown = await moving.post(url, json={**chosen, "dry_run": True})
    assert (await moving.post(url, 409, json=chosen, headers=tag))["code"] == "impact-unconfirmed"
    moved = await moving.post(url, json={**chosen, "confirm": shown["confirm"]}, headers=tag)
    assert (moved["version"]["version_number"], moved["revision"], moved["cause"]) == (2, 2, "migration")
    assert (await moving.post(url, 412, json=chosen, headers=tag))["code"] == "stale"
    back = await moving.post(f"/api/v1/runs/{eve}/undo-migration", headers={"If-Match": '"2.0"'})
    assert (back["version"]["version_number"], back["revision"], back["cause"]) == (1, 3, "undo")
    again = await moving.post(f"/api/v1/runs/{eve}/undo-migration", 409, headers={"If-Match": '"3.0"'})
    assert again["code"] == "nothing-to-move-back"


async def test_who_may_only_look_moves_nothing(moving: Moving, sign_in: SignIn) -> None:
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    job = await moving.applied(plan["id"])
    analyst = await sign_in("analyst")
    for url in (f"/api/v1/plans/{plan['id']}", f"/api/v1/jobs/{job['id']}", f"/api/v1/jobs/{job['id']}/conflicts", f"{moving.url}/jobs"):
        assert (await analyst.get(url)).status_code == 200
    run = (await moving.get(f"{moving.url}/runs"))["items"][0]["id"]
    acts = [f"{moving.url}/plans", f"/api/v1/plans/{plan['id']}/preview", f"/api/v1/plans/{plan['id']}/apply"]
    acts += [f"/api/v1/jobs/{job['id']}/{act}" for act in ("pause", "resume", "cancel", "undo")] + [f"/api/v1/runs/{run}/migrate"]
    for url in acts:
        assert (url, (await analyst.post(url, json={} if "jobs/" not in url else None)).status_code) == (url, 403)


# --- seen through another version ------------------------------------------------------------------------------------


async def seen(moving: Moving, run: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """By what way the run is seen through this version, and its responses by key."""
    body = await moving.get(f"/api/v1/runs/{run}?through={number}")
    return body["through"], {each["key"]: each for each in body["responses"]}


async def test_a_run_is_seen_by_the_approved_plan_that_leads_to_the_version(moving: Moving) -> None:
    run = (await moving.post("runs", 201, json={"version_number": 1, "answers": {"age": "50", "color": "blue"}}))["id"]
    by_ids, responses = await seen(moving, run, 2)
    assert (by_ids["via"], responses["color"]["state"], responses["age"]["response_value"]) == ("direct", "conflict", {"value": 50})
    plan = await moving.post("plans", 201, json={"mapping": MAPPED})
    assert (await seen(moving, run, 2))[0] == by_ids, "nobody has approved it yet"
    await moving.applied(plan["id"])
    way, responses = await seen(moving, run, 2)
    assert way == {"version_number": 2, "via": "plan", "plans": [plan["id"]], "direct_differs": True}
    assert responses["color"]["response_value"] == {"value": ["green"]}
    assert responses["color"]["original"] == {"response_value": {"value": "blue"}, "display": "Blue"}


async def test_a_run_is_seen_by_several_plans_one_behind_the_other_and_the_newest_of_a_pair_counts(moving: Moving) -> None:
    run = (await moving.post("runs", 201, json={"version_number": 1, "answers": {"age": "old", "color": "blue"}}))["id"]
    for options in ({"blue": "red"}, {"blue": "green"}):
        mapping = {"color": {"to": "color", "params": {"options": options}}}
        await moving.applied((await moving.post("plans", 201, json={"source": [1], "mapping": mapping}))["id"])
    await moving.publish({**PAGE, "option_sets": [NAME, AGE, {**COLOR, "options": [option("teal")]}]})
    onwards = {"color": {"to": "color", "params": {"pick": "first", "options": {"green": "teal", "red": "teal"}}}}
    plan = await moving.post("plans", 201, json={"source": [2], "target": 3, "mapping": onwards})
    await moving.applied(plan["id"])
    way, responses = await seen(moving, run, 3)
    assert (way["via"], len(way["plans"]), way["plans"][1], way["direct_differs"]) == ("plans", 2, plan["id"], True)
    assert (responses["color"]["response_value"], responses["color"]["original"]["display"]) == ({"value": "teal"}, "Blue")
    # No rule made a number of it on the first way, and nobody is asked on a view.
    assert (responses["age"]["state"], responses["age"]["original"]["response_value"]) == ("conflict", {"value": "old"})


async def test_the_plan_of_a_single_run_says_nothing_about_others(moving: Moving) -> None:
    one, other = [
        (await moving.post("runs", 201, json={"version_number": 1, "answers": {"color": "blue"}, "complete": True}))["id"] for _ in range(2)
    ]
    url, body = f"/api/v1/runs/{one}/migrate", {"target": 2, "mapping": MAPPED}
    shown = await moving.post(url, json={**body, "dry_run": True})
    await moving.post(url, json={**body, "confirm": shown["confirm"]}, headers={"If-Match": "*"})
    assert (await seen(moving, other, 2))[0]["via"] == "direct"


async def test_a_plan_whose_conflicts_were_decided_one_by_one_is_still_one_for_all(moving: Moving) -> None:
    job = await moving.applied((await moving.post("plans", 201, json={"mapping": MAPPED}))["id"])
    (conflict,) = (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"]
    await moving.post(f"/api/v1/jobs/{job['id']}/conflicts/{conflict['id']}", json={"resolution": "archive"})
    late = (await moving.post("runs", 201, json={"version_number": 1, "answers": {"color": "blue"}, "complete": True}))["id"]
    assert (await seen(moving, late, 2))[0]["via"] == "plan"
    told = (await moving.get(f"/api/v1/jobs/{job['id']}"))["progress"]
    assert (told["moved"], told["open"], told["decided"]) == (2, 0, {"moved": 1, "stayed": 0})


# --- what was decided, moved on or taken back meanwhile --------------------------------------------------------------


async def test_a_job_whose_runs_moved_on_is_taken_back_once_the_later_job_was(moving: Moving) -> None:
    first = await moving.applied((await moving.post("plans", 201, json={"mapping": MAPPED}))["id"])
    await moving.publish({**PAGE, "option_sets": [NAME]})
    later = await moving.applied((await moving.post("plans", 201, json={"source": [2], "target": 3}))["id"])
    undone = await undo(moving, first)
    assert (outcomes(undone), undone["progress"]["moved"]) == ({"moved_on": 2}, 0)
    assert (await moving.get(f"/api/v1/jobs/{first['id']}"))["state"] == "completed_with_conflicts"
    await undo(moving, later)
    assert (await undo(moving, first))["progress"]["moved"] == 2
    assert (await moving.get(f"/api/v1/jobs/{first['id']}"))["state"] == "reverted"
    runs = (await moving.get(f"{moving.url}/runs"))["items"]
    assert {(run["version"]["version_number"], run["answers"]["age"]["value"]) for run in runs} == {(1, "30"), (1, "40"), (1, "old")}


def outcomes(job: dict[str, Any]) -> dict[str, int]:
    return {group["outcome"]: group["runs"] for group in job["progress"]["groups"] if group["runs"]}


async def undo(moving: Moving, job: dict[str, Any]) -> dict[str, Any]:
    made = await moving.post(f"/api/v1/jobs/{job['id']}/undo", 202)
    await work_on(moving.resources, made["id"])
    return await moving.get(f"/api/v1/jobs/{made['id']}")


async def parked(moving: Moving) -> tuple[dict[str, Any], str, str]:
    """A job that parked Eve's age, the address of that conflict, and that of her run."""
    plan = await moving.post("plans", 201, json={"mapping": MAPPED, "policy": {"on_conflict": "park"}})
    job = await moving.applied(plan["id"])
    (conflict,) = (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"]
    return job, f"/api/v1/jobs/{job['id']}/conflicts/{conflict['id']}", f"/api/v1/runs/{conflict['run_id']}"


async def test_a_parked_answer_is_a_conflict_of_its_question_until_somebody_decides(moving: Moving) -> None:
    job, conflict, run = await parked(moving)
    assert (await moving.get(f"/api/v1/jobs/{job['id']}"))["progress"]["open"] == 1
    age = {each["key"]: each for each in (await moving.get(run))["responses"]}["age"]
    assert (age["state"], age["response_value"], age["original"]["response_value"]) == ("conflict", None, {"value": "old"})
    assert age["conflict"]["code"] == "not-a-number"
    exported = await moving.client.get(f"{moving.url}/export.csv")
    assert next(line for line in exported.text.splitlines() if "Eve" in line).split(",").count("conflict") == 1
    await moving.post(conflict, json={"resolution": "archive"})
    assert (await moving.get(f"/api/v1/jobs/{job['id']}"))["progress"]["open"] == 0
    after = await moving.get(run)
    assert {each["key"]: each["state"] for each in after["responses"]}["age"] == "empty"
    assert (after["archive"][0]["response_value"], "conflict" in after["archive"][0], after["revision"]) == ({"value": "old"}, False, 3)


async def test_nothing_of_a_job_waits_once_it_was_taken_back(moving: Moving) -> None:
    job, conflict, run = await parked(moving)
    await undo(moving, job)
    assert (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"] == []
    assert (await moving.post(conflict, 404, json={"resolution": "value", "value": 3}))["code"] == "conflict-not-found"
    body = await moving.get(run)
    assert (body["version"]["version_number"], body["archive"], body["revision"]) == (1, [], 3)


async def test_a_parked_answer_is_meant_for_where_its_own_version_leads(moving: Moving) -> None:
    texts = {**PAGE, "option_sets": [NAME, AGE, {**COLOR, "options": [option("red"), option("blue")]}, option_set("years", "integer")]}
    await moving.publish(texts)
    await moving.post("runs", 201, json={"answers": {"name": "Max", "age": "ancient"}, "complete": True})
    years = {**option_set("years", "integer"), "id": texts["option_sets"][3]["id"]}
    await moving.publish({**PAGE, "option_sets": [NAME, {**AGE, "selection_type": "integer"}, COLOR, years]})
    leads = {"1": {"age": {"to": "age"}}, "3": {"age": {"to": "years"}, "years": "archive"}}
    said = {"source": [1, 3], "target": 4, "policy": {"on_conflict": "park"}, "mapping": leads}
    job = await moving.applied((await moving.post("plans", 201, json=said))["id"])
    items = (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"]
    assert {item["response_value"]["value"]: item["target"]["key"] for item in items} == {"old": "age", "ancient": "years"}


async def test_what_was_waived_at_a_move_is_said_so_and_no_later_move_asks_for_it(moving: Moving) -> None:
    required = option_set("phone", is_required=True)
    await moving.publish({**PAGE, "option_sets": [NAME, AGE, COLOR, required]})
    job = await moving.applied((await moving.post("plans", 201, json={"source": [1], "target": 3, "policy": {"on_need": "waive"}}))["id"])
    assert (job["progress"]["moved"], job["state"]) == (3, "completed")
    run = (await moving.get(f"{moving.url}/runs?answer[name]=Ann"))["items"][0]["id"]
    phone = {each["key"]: each for each in (await moving.get(f"/api/v1/runs/{run}"))["responses"]}["phone"]
    assert (phone["state"], phone["asked"], phone["reason"]) == ("not_asked", False, {"kind": "waived", "by": []})
    await moving.publish({**PAGE, "option_sets": [{**NAME, "name": "What is your name?"}, AGE, COLOR, required]})
    again = await moving.applied((await moving.post("plans", 201, json={"source": [3], "target": 4}))["id"])
    assert (outcomes(again), again["progress"]["moved"]) == ({"carries": 3}, 3)


async def test_what_an_undo_took_back_and_its_own_undo_repeats_waits_again_as_it_did(moving: Moving) -> None:
    job, conflict, _ = await parked(moving)
    back = await undo(moving, job)
    again = await undo(moving, back)
    assert again["progress"]["moved"] == 3
    assert [(await moving.get(f"/api/v1/jobs/{each['id']}"))["state"] for each in (job, back)] == ["completed", "reverted"]
    assert len((await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"]) == 1
    await moving.post(conflict, json={"resolution": "value", "value": 3})
    once_more = await undo(moving, job)
    assert once_more["progress"]["moved"] == 3


async def test_a_parked_answer_waits_no_more_once_its_question_is_answered(moving: Moving) -> None:
    job, _, run = await parked(moving)
    edited = await moving.client.patch(f"{run}/answers", json={"answers": {"age": 44}}, headers={"If-Match": "*"})
    assert edited.status_code == 200, edited.text
    assert (await moving.get(f"/api/v1/jobs/{job['id']}/conflicts"))["items"] == []


async def test_what_was_waived_stays_so_when_another_answer_is_edited(moving: Moving) -> None:
    await moving.publish({**PAGE, "option_sets": [NAME, AGE, COLOR, option_set("phone", is_required=True)]})
    plan = await moving.post("plans", 201, json={"source": [1], "target": 3, "policy": {"on_need": "waive"}})
    await moving.applied(plan["id"])
    run = (await moving.get(f"{moving.url}/runs?answer[name]=Ann"))["items"][0]["id"]
    for answers, expected in (({"name": "Anna"}, ("not_asked", ["waived"])), ({"phone": "+41446681800"}, ("answered", []))):
        edited = await moving.client.patch(f"/api/v1/runs/{run}/answers", json={"answers": answers}, headers={"If-Match": "*"})
        assert edited.status_code == 200, edited.text
        phone = {each["key"]: each for each in (await moving.get(f"/api/v1/runs/{run}"))["responses"]}["phone"]
        assert (phone["state"], [flag["code"] for flag in phone["flags"]]) == expected


async def test_a_run_that_a_move_reopened_was_completed_when_it_was_once_the_move_is_taken_back(moving: Moving) -> None:
    before = {run["id"]: run["completed_at"] for run in (await moving.get(f"{moving.url}/runs"))["items"]}
    await moving.publish({**PAGE, "option_sets": [NAME, AGE, COLOR, option_set("phone", is_required=True)]})
    plan = await moving.post("plans", 201, json={"source": [1], "target": 3, "policy": {"on_need": "reopen"}})
    job = await moving.applied(plan["id"])
    assert {run["completed_at"] for run in (await moving.get(f"{moving.url}/runs"))["items"]} == {None}
    await undo(moving, job)
    assert {run["id"]: run["completed_at"] for run in (await moving.get(f"{moving.url}/runs"))["items"]} == before
    assert (await moving.get("/api/v1/verify"))["findings"] == []
