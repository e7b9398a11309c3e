import re
from typing import Any, get_type_hints

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import Response
from tests.actions_kit import new_id
from tests.answer_shapes import Shapes
from tests.interchange.xlsform_sheets import workbook
from tests.web_kit import WebSurvey, web_survey

from keepstep.actions import migration_jobs
from keepstep.config import Resources
from keepstep.jobs.migrations import work_on
from keepstep.web.app import ROUTERS
from keepstep.web.exactjson import ExactRoute
from keepstep.web.pages.route import PageRoute

OPEN = {"/healthz", "/readyz", "/metrics", "/api/docs", "/api/problems", "/api/problems/{code}"}
# Pages are no part of the API; tests/web/pages has what holds for them.
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and not isinstance(route, PageRoute)]


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, methods in schema["paths"].items() for method, each in methods.items()]


async def test_the_description_is_openapi_3_1_and_names_no_other_host(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert re.findall(r"https?://[^\"\s]+", answer.text) == []


def test_every_reference_in_the_description_leads_somewhere(app: FastAPI) -> None:
    schema = app.openapi()
    names = set(re.findall(r"#/components/schemas/([\w.-]+)", str(schema)))
    assert "Problem" in names
    assert names <= set(schema["components"]["schemas"])
    assert "HTTPValidationError" not in names


def test_every_operation_has_its_own_id_and_says_what_it_does(app: FastAPI) -> None:
    found = operations(app.openapi())
    ids = [each["operationId"] for _, _, each in found]
    assert len(ids) == len(set(ids))
    assert [path for path, _, each in found if not each.get("description")] == []


def test_every_operation_says_that_it_may_answer_a_problem(app: FastAPI) -> None:
    assert [path for path, _, each in operations(app.openapi()) if "application/problem+json" not in str(each["responses"])] == []


def test_signing_in_is_described_and_only_the_server_itself_is_open(app: FastAPI) -> None:
    schema = app.openapi()
    assert schema["security"] == [{"bearer": []}]
    assert {path for path, _, each in operations(schema) if each.get("security") == []} == OPEN


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES if route.path not in OPEN}))
async def test_every_other_route_wants_a_token(anonymous: httpx.AsyncClient, path: str) -> None:
    address = re.sub(r"\{\w+\}", "01905fa0-0000-7000-8000-000000000000", path)
    for method in sorted({method for route in ROUTES if route.path == path for method in route.methods or ()}):
        answer = await anonymous.request(method, address)
        assert (method, answer.status_code) == (method, 401)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_reads_and_writes_exactly(route: APIRoute) -> None:
    assert isinstance(route, ExactRoute)
    # A value returned as it is would be written by FastAPI, which turns a Decimal into a float.
    assert issubclass(get_type_hints(route.endpoint)["return"], Response)


@pytest.mark.parametrize("path", ["/api/docs", "/api/problems", "/api/problems/stale"])
async def test_the_pages_ask_for_nothing_from_elsewhere_and_run_nothing(anonymous: httpx.AsyncClient, path: str) -> None:
    page = await anonymous.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|https?://|src=|@import|url\(", page.text)
    assert "script-src" not in page.headers["content-security-policy"]


async def test_the_reference_lists_every_operation(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    page = (await anonymous.get("/api/docs")).text
    missing = [path for path, method, _ in operations(app.openapi()) if f"{method.upper()} {path}" not in page]
    assert missing == []


def test_every_included_route_is_one_of_the_routers(app: FastAPI) -> None:
    paths = {context.path for context in iter_route_contexts(app.routes)}
    assert {route.path for route in ROUTES} <= paths


# --- answers as they are declared ------------------------------------------------------------------------------------


# What has no form of its own: whether the server is there.
WITHOUT_FORM = {"/healthz", "/readyz"}


@pytest.fixture
def shapes(app: FastAPI, admin: httpx.AsyncClient) -> Shapes:
    found = Shapes(app)
    admin.event_hooks = {"response": [found.check]}
    return found


def test_every_answer_in_json_has_a_form(app: FastAPI) -> None:
    bare = {
        path
        for path, _, operation in operations(app.openapi())
        for answer in operation["responses"].values()
        if "application/json" in answer.get("content", {}) and not answer["content"]["application/json"].get("schema")
    }
    assert bare == WITHOUT_FORM


async def test_every_kind_of_answer_is_as_declared(
    shapes: Shapes, admin: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = await web_survey(admin)
    await _accounts(admin, survey)
    runs = await _runs(admin, survey)
    await _nodes(survey)
    await _versions(admin, survey, runs)
    await _imports(admin, survey)
    await _access(admin, survey)
    await _migrations(admin, survey, resources, monkeypatch)
    await _subjects(admin, survey)
    await admin.get("/api/v1/verify")
    assert "\n".join(shapes.faults) == ""
    assert shapes.declared.keys() - shapes.seen == set()


async def _accounts(admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    body = {"id": new_id(), "email": f"{new_id()}@example.org", "role": "editor"}
    for _ in range(2):
        await admin.post("/api/v1/users", json=body)
    user = f"/api/v1/users/{body['id']}"
    await admin.patch(user, json={"name": "Jane"})
    await admin.post(f"{user}/tokens", json={"name": "one", "scopes": ["read"]})
    await admin.put(f"{user}/grants/{survey.wizard}", json={"role": "analyst"})
    for url in (user, f"{user}/tokens", f"{user}/grants", "/api/v1/users", "/api/v1/me", "/api/v1/audit"):
        await admin.get(url)


async def _runs(admin: httpx.AsyncClient, survey: WebSurvey) -> tuple[str, str]:
    """Two completed runs, of which one was changed and erased."""
    kept = await survey.answer(full_name="John Doe", email="john@example.com", favorite_color="blue")
    gone = await survey.answer(full_name="Jane Doe", email="jane@example.com", favorite_color="red")
    body = {"id": new_id(), "answers": {"full-name": "Jo"}}
    for _ in range(2):
        await admin.post(f"{survey.url}/runs", json=body)
    working, run, any_state = f"/api/v1/runs/{body['id']}", f"/api/v1/runs/{gone}", {"If-Match": "*"}
    await admin.get(working)
    await admin.patch(f"{working}/answers", json={"answers": {"email": "jo@example.com", "favorite-color": "red"}}, headers=any_state)
    await admin.post(f"{working}/complete", headers=any_state)
    await admin.patch(f"{run}/answers", json={"answers": {"full-name": "Janet"}}, headers=any_state)
    await admin.post(f"{run}/revisions/1/restore", headers=any_state)
    await admin.delete(run)
    await admin.get(f"{survey.url}/runs", params={"trashed": True})
    await admin.post(f"{run}/restore")
    for dry_run in (True, False):
        await admin.post(f"{run}/erase", json={"reason": "asked for", "option_sets": ["email"]}, params={"dry_run": dry_run})
    for url in (run, f"{run}/revisions", f"{run}/revisions/1", f"{survey.url}/runs"):
        await admin.get(url)
    assert len((await admin.get(f"{survey.url}/runs", params={"answer[favorite-color]": "blue"})).json()["items"]) == 1
    await admin.post(f"{survey.url}/files", files={"file": ("a.txt", b"abc", "text/plain")})
    return kept, gone


async def _imports(admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    """A form with something of each kind, its next edition, and runs with something of each kind, twice."""
    choices = "\n# choices\nlist_name | name | label\nc | a | A"
    form = workbook("# survey\ntype | name | label | odd\ntext | q | Q | x\nselect_one_or_other c | d | D |" + choices)
    made = await admin.post("/api/v1/import", files={"file": ("form.xlsx", form)}, data={"publish": "true"})
    await admin.post("/api/v1/import", files={"file": ("form.xlsx", form)}, data={"into": made.json()["wizard"]["id"]})
    table = b"full-name,favorite-color,note,instanceID\nJo,purple,tall,1\n"
    for _ in range(2):
        await admin.post(f"{survey.url}/runs/import", content=table, headers={"Content-Type": "text/csv"})


async def _access(admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    """Everything that can be said about who may begin, and one invitation through each of its acts."""
    access, invitations = f"{survey.url}/access", f"{survey.url}/invitations"
    await admin.get(access)
    await admin.patch(access, json={"mode": "link", "closes_at": "2099-01-01T00:00:00Z", "finish_within": 5, "embed_on": ["https://a.b"]})
    await admin.post(f"{access}/renew-link")
    for _ in range(2):
        await admin.post(invitations, json={"invitations": [{"respondent": "ann@x.org"}, {"respondent": "", "note": "nobody"}]})
        await admin.post(f"{invitations}/import", content=b"email,ward\nbob@x.org,3\n", headers={"Content-Type": "text/csv"})
    await admin.post(f"{invitations}/links", json={"which": "new"})
    one = f"{invitations}/{(await admin.get(invitations)).json()['items'][0]['id']}"
    await admin.post(f"{one}/revoke")
    await admin.post(f"{one}/renew")
    await admin.post(f"{invitations}/revoke", json={"which": "unused"})
    await admin.delete(one)


async def _migrations(admin: httpx.AsyncClient, survey: WebSurvey, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan through all of its states, a job with a conflict through its own, and one run moved and moved back."""
    for name in ("Jo", "A name that is far too long for the next version"):
        await survey.answer(full_name=name, email="jo@example.com")
    await _confirmed(survey, "PATCH", f"/api/v1/option-sets/{survey.full_name}", json={"constraints": {"max_length": 10}})
    await survey.publish()
    body = {"id": new_id()}
    for _ in range(2):
        await admin.post(f"{survey.url}/plans", json=body)
    plan = f"/api/v1/plans/{body['id']}"
    await admin.patch(plan, json={"policy": {"on_conflict": "stay"}})
    with monkeypatch.context() as few:
        few.setattr(migration_jobs, "AT_ONCE", 0)
        waiting = (await admin.post(f"{plan}/preview")).json()["id"]
        await admin.get(f"{plan}/preview")
    await work_on(resources, waiting)
    shown = (await admin.get(f"{plan}/preview")).json()
    assert {group["outcome"] for group in shown["groups"] if group["runs"]} >= {"carries", "conflicts"}
    await admin.post(f"{plan}/preview")
    confirm = (await admin.get(f"{plan}/preview")).json()["confirm"]
    job = (await admin.post(f"{plan}/apply", json={"confirm": confirm})).json()["id"]
    for act in ("pause", "resume"):
        await admin.post(f"/api/v1/jobs/{job}/{act}")
    await work_on(resources, job)
    for url in (plan, f"{survey.url}/plans", f"{survey.url}/jobs", f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/manifest"):
        await admin.get(url)
    (conflict,) = (await admin.get(f"/api/v1/jobs/{job}/conflicts")).json()["items"]
    await admin.post(f"/api/v1/jobs/{job}/conflicts/{conflict['id']}", json={"resolution": "stay"})
    undo = (await admin.post(f"/api/v1/jobs/{job}/undo")).json()["id"]
    await admin.post(f"/api/v1/jobs/{undo}/cancel")
    run = f"/api/v1/runs/{conflict['run_id']}"
    chosen = {"resolutions": {"full-name": {"resolution": "park"}}}
    report = (await admin.post(f"{run}/migrate", json={**chosen, "dry_run": True})).json()
    moved = await admin.post(f"{run}/migrate", json={**chosen, "confirm": report["confirm"]}, headers={"If-Match": "*"})
    assert moved.status_code == 200, moved.text
    await admin.post(f"{run}/undo-migration", headers={"If-Match": "*"})


async def _subjects(admin: httpx.AsyncClient, survey: WebSurvey) -> None:
    """A respondent with a run, listed and erased."""
    await admin.post(f"{survey.url}/runs", json={"answers": {"full-name": "Eve"}, "respondent": "eve"})
    body = {"respondent": "eve", "reason": "asked for"}
    listed = (await admin.post("/api/v1/subjects/erase", json=body, params={"dry_run": True})).json()
    erased = await admin.post("/api/v1/subjects/erase", json=body, params={"confirm": listed["confirm"]})
    assert len(erased.json()["runs"]) == 1


async def _nodes(survey: WebSurvey) -> None:
    """Each edit of each kind of node; what they leave touches stored answers."""
    step, options = f"/api/v1/steps/{survey.steps[0]}", f"/api/v1/option-sets/{survey.color}/options"
    email, blue = f"/api/v1/option-sets/{survey.email}", f"{options}/blue"
    added: list[tuple[str, dict[str, Any]]] = [
        ("/api/v1/steps", {"id": new_id(), "wizard_id": survey.wizard, "name": "More"}),
        ("/api/v1/option-sets", {"id": new_id(), "step_id": survey.steps[0], "name": "Age", "selection_type": "integer"}),
        (options, {"value": "mauve", "label": "Mauve"}),
    ]
    for url, body in added * 2:
        await survey.send("POST", url, json=body)
    named = ((step, {"name": "Person"}), (email, {"name": "Mail", "meaning": "same"}), (blue, {"label": "Azure", "meaning": "same"}))
    for url, change in named:
        for method in ("PUT", "PATCH"):
            await _confirmed(survey, method, url, json=change)
        await survey.send("POST", f"{url}/move", json={"position": 0})
        await survey.send("POST", f"{url}/retire")
        await survey.send("POST", f"{url}/restore")
        await _confirmed(survey, "DELETE", url)
        await survey.send("POST", f"{url}/restore")
    for kind in ("undo", "redo"):
        await survey.send("POST", f"{survey.url}/draft/{kind}")
    await survey.send("PATCH", email, json={"selection_type": "url"}, params={"dry_run": True})
    await _confirmed(survey, "DELETE", email)
    await _confirmed(survey, "POST", f"{survey.url}/versions/1/option-sets/{survey.email}/restore")
    await _confirmed(survey, "DELETE", email)


async def _confirmed(survey: WebSurvey, method: str, url: str, **named: Any) -> None:
    report = (await survey.send(method, url, params={"dry_run": True}, **named)).json()
    done = await survey.send(method, url, params={"confirm": report["confirm"]}, **named)
    assert done.status_code == 200, done.text


async def _versions(admin: httpx.AsyncClient, survey: WebSurvey, runs: tuple[str, str]) -> None:
    """A second version without the e-mail, the first one again, and the wizard on its way to the trash and back."""
    await survey.send("POST", f"{survey.url}/publish", params={"dry_run": True})
    assert (await survey.publish()).status_code == 201
    for run in runs:
        await admin.get(f"/api/v1/runs/{run}", params={"through": 2})
    await admin.get(f"{survey.url}/codebook")
    report = (await survey.send("POST", f"{survey.url}/rollback", json={"version_number": 1}, params={"dry_run": True})).json()
    await survey.send("POST", f"{survey.url}/rollback", json={"version_number": 1, "confirm": report["confirm"]})
    await survey.send("PUT", f"{survey.url}/draft", json={"structure": (await survey.draft())["structure"]})
    for part in ("", "/versions", "/versions/2", "/diff?from=1&to=2", "/changes"):
        await admin.get(survey.url + part)
    body = {"id": new_id(), "name": "Another"}
    for _ in range(2):
        await admin.post("/api/v1/wizards", json=body)
    await admin.patch(survey.url, json={"name": "Survey"})
    await _confirmed(survey, "DELETE", survey.url)
    await admin.get("/api/v1/wizards", params={"trashed": True})
    await admin.post(f"{survey.url}/restore")
