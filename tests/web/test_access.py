"""Access and invitations over HTTP: set, refused with reasons, and out of reach for whom they do not concern."""

import asyncio

import httpx
import pytest
from tests.actions_kit import new_id
from tests.web_kit import WebSurvey, web_survey

# Written out: the names of tests must be the same in every process that collects them.
SOME_ID = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
async def survey(editor: httpx.AsyncClient) -> WebSurvey:
    return await web_survey(editor)


async def test_everything_that_is_wrong_is_told_at_its_place_and_nothing_is_stored(survey: WebSurvey) -> None:
    answer = await survey.client.patch(f"{survey.url}/access", json={"mode": "all", "max_runs": 0, "opens_at": 3, "closes_at": None})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/mode", "/opens_at", "/max_runs"]
    assert (await survey.client.get(f"{survey.url}/access")).json()["mode"] == "open"
    assert (await survey.client.patch(f"{survey.url}/access", json={"link": "mine"})).status_code == 422


async def test_the_settings_of_the_wizard_show_it_and_do_not_take_it(survey: WebSurvey) -> None:
    await survey.client.patch(f"{survey.url}/access", json={"max_runs": 5})
    await survey.client.patch(survey.url, json={"settings": {"abandon_after": 9}})
    assert (await survey.client.get(survey.url)).json()["settings"] == {"abandon_after": 9, "access": {"max_runs": 5}}
    assert (await survey.client.patch(survey.url, json={"settings": {"access": {}}})).status_code == 422


async def test_a_token_starts_runs_whatever_holds_in_public_and_they_are_counted(survey: WebSurvey) -> None:
    await survey.client.patch(f"{survey.url}/access", json={"mode": "invitation", "max_runs": 1, "closes_at": "2000-01-01T00:00:00Z"})
    for n in range(2):
        await survey.answer(full_name=f"A{n}")
    access = (await survey.client.get(f"{survey.url}/access")).json()
    assert (access["state"], access["runs"]) == ("closed", 2)
    await survey.client.patch(f"{survey.url}/access", json={"closes_at": None})
    assert (await survey.client.get(f"{survey.url}/access")).json()["state"] == "full"


async def test_the_link_is_for_those_who_may_edit(survey: WebSurvey, analyst: httpx.AsyncClient) -> None:
    await survey.client.patch(f"{survey.url}/access", json={"mode": "link"})
    assert "?t=" in (await survey.client.get(f"{survey.url}/access")).json()["link"]
    assert (await analyst.get(f"{survey.url}/access")).json()["link"] is None
    assert (await analyst.patch(f"{survey.url}/access", json={"mode": "open"})).status_code == 403
    assert (await analyst.post(f"{survey.url}/invitations/links", json={"which": "new"})).status_code == 403


async def test_people_are_invited_and_the_others_named_by_their_place(survey: WebSurvey) -> None:
    people = [{"respondent": "ann"}, {"respondent": " "}, {"respondent": "ANN"}, {"respondent": "bob", "note": "x"}]
    answer = await survey.client.post(f"{survey.url}/invitations", json={"invitations": people})
    assert (answer.status_code, answer.json()["added"]) == (201, 2)
    assert [(each["line"], each["code"]) for each in answer.json()["bad"]] == [(2, "missing"), (3, "twice")]
    again = await survey.client.post(f"{survey.url}/invitations", json={"invitations": people[:1]})
    assert (again.status_code, again.json()["bad"][0]["code"]) == (200, "already-invited")


async def test_a_file_that_is_no_list_is_refused(survey: WebSurvey) -> None:
    headers = {"Content-Type": "text/csv"}
    for content, status in ((b"", 422), (b"PK\x03\x04", 422), (b"a\n" * 60_000, 413), (b'"' + b"x" * 1000, 422)):
        answer = await survey.client.post(f"{survey.url}/invitations/import", content=content, headers=headers)
        assert answer.status_code == status, content[:20]


async def test_links_are_given_once_and_lists_hold_none(survey: WebSurvey) -> None:
    await survey.client.post(f"{survey.url}/invitations", json={"invitations": [{"respondent": "ann"}]})
    made = (await survey.client.post(f"{survey.url}/invitations/links", json={"which": "new"})).json()["items"]
    assert made[0]["link"].startswith("http://127.0.0.1:8000/i/")
    listed = await survey.client.get(f"{survey.url}/invitations")
    assert made[0]["link"].rpartition("/")[2] not in listed.text
    assert (await survey.client.post(f"{survey.url}/invitations/links", json={"which": "new"})).json()["items"] == []


@pytest.mark.parametrize("body", [{}, {"which": "new", "ids": []}, {"which": "all"}, {"ids": ["x"]}, {"ids": "x"}])
async def test_which_invitations_has_to_be_said_one_way(survey: WebSurvey, body: dict[str, object]) -> None:
    assert (await survey.client.post(f"{survey.url}/invitations/links", json=body)).status_code == 422


async def test_an_invitation_that_is_not_there_is_told(survey: WebSurvey) -> None:
    for method, path in (("POST", "/renew"), ("POST", "/revoke"), ("DELETE", "")):
        answer = await survey.client.request(method, f"{survey.url}/invitations/{new_id()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "invitation-not-found")


async def test_two_who_change_different_things_at_once_both_have_their_way(survey: WebSurvey) -> None:
    changes: list[dict[str, object]] = [{"max_runs": 5}, {"mode": "link"}, {"trap": False}, {"finish_within": 1}]
    answers = await asyncio.gather(*(survey.client.patch(f"{survey.url}/access", json=each) for each in changes))
    assert [each.status_code for each in answers] == [200] * 4
    access = (await survey.client.get(f"{survey.url}/access")).json()
    assert {name: access[name] for each in changes for name in each} == {name: value for each in changes for name, value in each.items()}


PATHS = [
    ("GET", "/access"),
    ("PATCH", "/access"),
    ("POST", "/access/renew-link"),
    ("GET", "/invitations"),
    ("POST", "/invitations"),
    ("POST", "/invitations/links"),
    ("POST", "/invitations/revoke"),
    ("POST", f"/invitations/{SOME_ID}/renew"),
    ("POST", f"/invitations/{SOME_ID}/revoke"),
    ("DELETE", f"/invitations/{SOME_ID}"),
]
BODIES = {
    "/invitations": {"invitations": []},
    "/invitations/links": {"which": "new"},
    "/invitations/revoke": {"which": "new"},
    "/access": {},
}


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_a_wizard_of_others_is_out_of_reach(
    survey: WebSurvey, admin: httpx.AsyncClient, editor: httpx.AsyncClient, method: str, path: str
) -> None:
    other = (await admin.post("/api/v1/wizards", json={"name": "Other"})).json()["id"]
    me = (await editor.get("/api/v1/me")).json()
    await admin.put(f"/api/v1/users/{me['id']}/grants/{other}", json={"role": "editor"})
    answer = await editor.request(method, f"{survey.url}{path}", json=BODIES.get(path) if method != "GET" else None)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
