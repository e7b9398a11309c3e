"""A run seen through another version (semantics 23): converted as it is read, nothing stored, nothing guessed."""

from copy import deepcopy
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.factories import option, option_set, step, wizard

from keepstep.db.transaction import open_read

NAME = option_set("full-name", is_required=True)
EMAIL = option_set("email")
COLOR = option_set("color", "single_select", options=[option("blue"), option("red")])
AGE = option_set("age", "text_input")
WHY = option_set("why", visible_if={"==": [{"var": COLOR["id"]}, "red"]})
TWICE = option_set("twice", "calculated", expression={"cat": [{"var": NAME["id"]}, "!"]})
PHONE = option_set("phone", "phone", is_required=True)
FIRST = [step("you", NAME, EMAIL, AGE), step("taste", COLOR, WHY, TWICE)]
ANSWERS = {"full-name": "John Doe", "email": "john@example.com", "color": "blue", "age": "42"}


def changed(question: dict[str, Any], **members: Any) -> dict[str, Any]:
    return deepcopy(question) | members


class Survey:
    """A wizard whose versions are whole structures, and the runs of it."""

    def __init__(self, client: httpx.AsyncClient, wizard_id: str) -> None:
        self.client = client
        self.url = f"/api/v1/wizards/{wizard_id}"

    async def publish(self, *steps: dict[str, Any]) -> None:
        """The next version, with these steps."""
        draft = await self.client.get(f"{self.url}/draft")
        body = {"structure": wizard(*steps, name="Survey")}
        put = await self.client.put(f"{self.url}/draft", json=body, headers={"If-Match": draft.headers["ETag"]})
        assert put.status_code == 200, put.text
        confirm = (await self.client.get(f"{self.url}/changes")).json()["confirm"]
        tag = {"If-Match": (await self.client.get(f"{self.url}/draft")).headers["ETag"]}
        done = await self.client.post(f"{self.url}/publish", json={"confirm": confirm}, headers=tag)
        assert done.status_code == 201, done.text

    async def run(self, **answers: Any) -> str:
        made = await self.client.post(f"{self.url}/runs", json={"answers": answers or ANSWERS, "complete": True})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def through(self, run_id: str, number: int) -> dict[str, Any]:
        """The run through this version, with its responses by key."""
        answer = await self.client.get(f"/api/v1/runs/{run_id}", params={"through": number})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body | {"responses": {response["key"]: response for response in body["responses"]}}


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> Survey:
    made = await editor.post("/api/v1/wizards", json={"name": "Survey", "structure": wizard(*FIRST, name="Survey")})
    assert made.status_code == 201, made.text
    survey = Survey(editor, made.json()["id"])
    published = await editor.post(f"{survey.url}/publish", headers={"If-Match": made.headers["ETag"]})
    assert published.status_code == 201, published.text
    return survey


async def test_through_its_own_version_a_run_is_what_it_is(survey: Survey) -> None:
    run_id = await survey.run()
    own = (await survey.client.get(f"/api/v1/runs/{run_id}")).json()
    seen = await survey.client.get(f"/api/v1/runs/{run_id}?through=1")
    assert seen.json() == own | {"through": {"version_number": 1, "via": "direct", "plans": [], "direct_differs": False}}
    assert seen.headers["ETag"] == '"1.0"'


async def test_a_single_choice_reads_as_a_list_of_one_with_its_original(survey: Survey) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME, EMAIL, AGE), step("taste", changed(COLOR, selection_type="multiple_select"), WHY, TWICE))
    seen = await survey.through(run_id, 2)
    color = seen["responses"]["color"]
    assert (color["state"], color["response_value"], color["display"]) == ("answered", {"value": ["blue"]}, "Blue")
    assert (color["original"], color["rule"]) == ({"response_value": {"value": "blue"}, "display": "Blue"}, "L13/1")
    assert color["option_set_snapshot"]["selection_type"] == "multiple_select"
    assert seen["version"]["version_number"] == 1
    assert "original" not in seen["responses"]["email"]


async def test_what_has_no_place_in_the_target_is_in_the_archive(survey: Survey) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME, AGE), step("taste", COLOR, WHY, TWICE))
    seen = await survey.through(run_id, 2)
    assert "email" not in seen["responses"]
    (archived,) = seen["archive"]
    assert (archived["name"], archived["state"], archived["response_value"]) == (EMAIL["id"], "archived", {"value": "john@example.com"})


async def test_a_question_that_the_run_never_had_was_not_asked_and_is_not_in_its_version(survey: Survey) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME, EMAIL, AGE, PHONE), step("taste", COLOR, WHY, TWICE))
    phone = (await survey.through(run_id, 2))["responses"]["phone"]
    assert (phone["state"], phone["asked"], phone["response_value"]) == ("not_in_version", False, None)
    assert "reason" not in phone


async def test_what_needs_a_person_is_a_conflict_that_shows_the_original(survey: Survey) -> None:
    run_id = await survey.run(**ANSWERS | {"age": "about 40"})
    scores = changed(COLOR, selection_type="number")
    del scores["options"]
    await survey.publish(step("you", NAME, EMAIL, changed(AGE, selection_type="integer")), step("taste", scores, TWICE))
    seen = (await survey.through(run_id, 2))["responses"]
    assert (seen["age"]["state"], seen["age"]["response_value"]) == ("conflict", None)
    assert seen["age"]["original"]["response_value"] == {"value": "about 40"}
    assert (seen["color"]["state"], seen["color"]["conflict"]["code"]) == ("conflict", "parameter-missing")
    assert seen["color"]["original"]["display"] == "Blue"


async def test_a_text_that_spells_a_number_becomes_one_exactly(survey: Survey) -> None:
    run_id = await survey.run(**ANSWERS | {"age": "42"})
    await survey.publish(step("you", NAME, EMAIL, changed(AGE, selection_type="integer")), step("taste", COLOR, WHY, TWICE))
    age = (await survey.through(run_id, 2))["responses"]["age"]
    assert (age["state"], age["response_value"], age["original"]["response_value"]) == ("answered", {"value": 42}, {"value": "42"})


async def test_an_option_that_is_gone_is_a_conflict_and_one_that_is_retired_stays(survey: Survey) -> None:
    run_id = await survey.run()
    await survey.publish(FIRST[0], step("taste", changed(COLOR, options=[option("blue", retired=True), option("red")]), WHY, TWICE))
    await survey.publish(FIRST[0], step("taste", changed(COLOR, options=[option("red")]), WHY, TWICE))
    assert (await survey.through(run_id, 2))["responses"]["color"]["state"] == "answered"
    color = (await survey.through(run_id, 3))["responses"]["color"]
    assert (color["state"], color["conflict"]["code"]) == ("conflict", "option-missing")


async def test_what_was_asked_stays_what_was_asked_whatever_the_target_would_ask(survey: Survey) -> None:
    run_id = await survey.run()
    unconditional = {name: member for name, member in WHY.items() if name != "visible_if"}
    await survey.publish(FIRST[0], step("taste", changed(COLOR, visible_if=False), unconditional, TWICE))
    seen = (await survey.through(run_id, 2))["responses"]
    assert (seen["why"]["state"], seen["why"]["reason"]) == ("not_asked", {"kind": "condition", "by": [COLOR["id"]]})
    assert (seen["color"]["state"], seen["color"]["asked"]) == ("answered", True)


async def test_a_calculation_shows_what_it_came_to_then(survey: Survey) -> None:
    run_id = await survey.run()
    await survey.publish(FIRST[0], step("taste", COLOR, WHY, changed(TWICE, expression={"cat": [{"var": NAME["id"]}, "?"]})))
    twice = (await survey.through(run_id, 2))["responses"]["twice"]
    assert (twice["state"], twice["response_value"]) == ("answered", {"value": "John Doe!"})


async def test_an_older_version_is_as_good_as_a_newer_one(survey: Survey) -> None:
    await survey.publish(step("you", NAME, EMAIL, AGE, PHONE), step("taste", changed(COLOR, selection_type="multiple_select"), WHY, TWICE))
    run_id = await survey.run(**ANSWERS | {"color": ["blue"], "phone": "+41446681800"})
    other = await survey.run(**ANSWERS | {"color": ["blue", "red"], "phone": "+41446681800"})
    seen = await survey.through(run_id, 1)
    assert seen["responses"]["color"]["response_value"] == {"value": "blue"}
    assert [entry["name"] for entry in seen["archive"]] == [PHONE["id"]]
    assert (await survey.through(other, 1))["responses"]["color"]["state"] == "conflict"


async def test_an_erased_answer_stays_erased_through_any_version(survey: Survey, admin: httpx.AsyncClient) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME, AGE), step("taste", changed(COLOR, selection_type="multiple_select"), WHY, TWICE))
    await admin.post(f"/api/v1/runs/{run_id}/erase", json={"reason": "asked for", "option_sets": ["email", "color"]})
    seen = await survey.through(run_id, 2)
    assert (seen["responses"]["color"]["state"], seen["responses"]["color"]["response_value"]) == ("erased", None)
    assert [(entry["name"], entry["state"]) for entry in seen["archive"]] == [(EMAIL["id"], "erased")]


async def test_a_run_in_progress_is_seen_through_as_well(survey: Survey) -> None:
    began = await survey.client.post(f"{survey.url}/runs", json={"answers": {"color": "blue"}})
    await survey.publish(FIRST[0], step("taste", changed(COLOR, selection_type="multiple_select"), WHY, TWICE))
    seen = (await survey.through(began.json()["id"], 2))["responses"]
    assert (seen["color"]["response_value"], seen["full-name"]["reason"]["kind"]) == ({"value": ["blue"]}, "not_reached")


async def test_seeing_through_stores_nothing(survey: Survey, engine: AsyncEngine) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME), step("taste", changed(COLOR, selection_type="multiple_select"), TWICE))
    before = (await survey.client.get(f"/api/v1/runs/{run_id}")).json()
    for number in (1, 2, 1):
        await survey.through(run_id, number)
    assert (await survey.client.get(f"/api/v1/runs/{run_id}")).json() == before
    async with open_read(engine) as tx:
        assert await tx.scalar(text("SELECT count(*) FROM run_revisions")) == 1


@pytest.mark.parametrize(("number", "status"), [("2", 404), ("0", 422), ("-1", 422), ("x", 422), (str(2**31), 422), (str(2**31 - 1), 404)])
async def test_a_version_that_is_not_there_is_said_so(survey: Survey, number: str, status: int) -> None:
    run_id = await survey.run()
    assert (await survey.client.get(f"/api/v1/runs/{run_id}", params={"through": number})).status_code == status


async def test_a_removed_wizard_still_has_its_versions_to_see_through(survey: Survey, admin: httpx.AsyncClient) -> None:
    run_id = await survey.run()
    await survey.publish(step("you", NAME, AGE), FIRST[1])
    report = (await admin.delete(f"{survey.url}?permanent=true&dry_run=true")).json()
    assert (await admin.delete(survey.url, params={"permanent": True, "confirm": report["confirm"]})).status_code == 200
    seen = (await admin.get(f"/api/v1/runs/{run_id}?through=2")).json()
    assert (seen["wizard"]["removed"], len(seen["archive"])) == (True, 1)
