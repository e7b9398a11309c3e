"""What nobody sends by accident: every attack is a clear problem that names its place, never a 500, and never stores a thing."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.factories import JOHN, new_id, option, option_set, step, wizard
from tests.web_kit import WebSurvey, web_survey

from keepstep.db.tables import metadata

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
JSON = {"Content-Type": "application/json"}
MEGABYTE = 1024 * 1024
DEEP = b"[" * 100_000 + b"]" * 100_000


@dataclass(frozen=True)
class Attack:
    """A request on the survey, and the problem that it must answer: its status, its code, and what its errors or detail name."""

    name: str
    method: str
    url: str
    status: int
    code: str
    place: str = ""
    body: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class World:
    """A survey with a completed run and one in progress; `stored` digests every row of every table."""

    survey: WebSurvey
    completed: str
    working: str
    engine: AsyncEngine
    foreign: WebSurvey

    def names(self) -> dict[str, str]:
        own = {"wizard": self.survey.wizard, "url": self.survey.url, "email": self.survey.email, "color": self.survey.color}
        runs = {"completed": self.completed, "working": self.working, "step": self.survey.steps[0]}
        return own | runs | {"foreign_email": self.foreign.email, "foreign_step": self.foreign.steps[0], "nobody": new_id()}

    async def stored(self) -> dict[str, str]:
        async with self.engine.connect() as connection:
            return {
                table: await connection.scalar(text(f"SELECT coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t"))
                for table in metadata.tables
            }


@pytest.fixture
async def world(editor: httpx.AsyncClient, superuser_engine: AsyncEngine) -> World:
    survey, foreign = await web_survey(editor), await web_survey(editor)
    completed = await survey.answer(**JOHN)
    working = await editor.post(f"{survey.url}/runs", json={"answers": {"email": "a@example.org"}})
    return World(survey, completed, working.json()["id"], superuser_engine, foreign)


async def survive(world: World, *attacks: Attack) -> None:
    """Every attack answers its problem, and afterwards everything stored is what it was. All failures are told at once."""
    before = await world.stored()
    failures = [failure for attack in attacks if (failure := await _failure(world, attack))]
    assert failures == []
    assert await world.stored() == before


async def _failure(world: World, attack: Attack) -> str:
    names = world.names()
    url = attack.url.format(**names)
    etag = await world.survey.etag() if "/runs" not in url else ('"1.0"' if world.completed in url else '"0.0"')
    content = attack.content if attack.content is not None else None if attack.body is None else _encoded(attack.body, names)
    answer = await world.survey.client.request(
        attack.method, url, content=content, headers=JSON | {"If-Match": etag} | dict(attack.headers)
    )
    found = (answer.status_code, answer.json().get("code"))
    named = json.dumps([answer.json().get("errors"), answer.json().get("detail")])
    if found != (attack.status, attack.code) or attack.place not in named:
        return f"{attack.name}: {found} {named[:300]}, not {attack.status} {attack.code} at {attack.place}"
    return "" if answer.headers["Content-Type"] == "application/problem+json" else f"{attack.name}: {answer.headers['Content-Type']}"


def _encoded(body: Any, names: Mapping[str, str]) -> bytes:
    text_ = json.dumps(body)
    for name, value in names.items():
        text_ = text_.replace(f"<{name}>", value)
    return text_.encode()


def answers(name: str, place: str, given: dict[str, Any]) -> Attack:
    """An attack on the answers of a new run."""
    return Attack(name, "POST", "{url}/runs", 422, "answers-invalid", place, {"answers": given})


async def test_ids_that_nobody_has(world: World) -> None:
    await survive(
        world,
        *(
            Attack(f"{method} {url}", method, url, 404, code, body=body)
            for method, url, code, body in (
                ("GET", "/api/v1/runs/{nobody}", "run-not-found", None),
                ("PATCH", "/api/v1/runs/{nobody}/answers", "run-not-found", {"answers": {}}),
                ("POST", "/api/v1/runs/{nobody}/complete", "run-not-found", None),
                ("DELETE", "/api/v1/runs/{nobody}", "run-not-found", None),
                ("GET", "/api/v1/runs/{nobody}/revisions", "run-not-found", None),
                ("GET", "/api/v1/runs/{completed}/revisions/9", "revision-not-found", None),
                ("POST", "/api/v1/runs/{completed}/revisions/9/restore", "revision-not-found", None),
                ("GET", "/api/v1/runs/{completed}/files/{nobody}", "file-not-found", None),
                ("GET", "/api/v1/wizards/{nobody}", "wizard-not-found", None),
                ("GET", "/api/v1/wizards/no%00body", "wizard-not-found", None),
                ("POST", "/api/v1/wizards/{nobody}/runs", "wizard-not-found", {}),
                ("POST", "/api/v1/wizards/{nobody}/publish", "wizard-not-found", None),
                ("GET", "{url}/versions/9", "version-not-found", None),
                ("GET", "{url}/versions/2147483647/schema", "version-not-found", None),
                ("POST", "{url}/rollback", "version-not-found", {"version_number": 9}),
                ("GET", "{url}/diff?from=1&to=9", "version-not-found", None),
                ("DELETE", "/api/v1/steps/{nobody}", "node-not-found", None),
                ("PUT", "/api/v1/option-sets/{nobody}", "node-not-found", {"name": "A"}),
                ("DELETE", "/api/v1/option-sets/{color}/options/nothing", "node-not-found", None),
                ("DELETE", "/api/v1/option-sets/{step}", "node-not-found", None),
                ("POST", "/api/v1/option-sets/{color}/options/%00/retire", "node-not-found", None),
            )
        ),
    )


async def test_ids_that_are_none(world: World) -> None:
    bad = ("1", "x" * 300, "%00", "..%2F..%2Fetc%2Fpasswd", "' OR 1=1 --", "{nobody}%0A", "%F0%9F%92%A5", "%ED%A0%80")
    invalid = [Attack(f"run {one}", "GET", f"/api/v1/runs/{one}/revisions", 422, "request-invalid", "run_id") for one in bad]
    odd = [one for one in invalid if "%2F" not in one.url]
    numbers = ("0", "-1", "2147483648", "1e3", "9" * 400, "%D9%A1")
    versions = [Attack(f"version {one}", "GET", f"{{url}}/versions/{one}", 422, "request-invalid", "number") for one in numbers]
    braced = Attack("in braces", "POST", "{url}/runs", 422, "request-invalid", "/id", {"id": f"{{{{{new_id()}}}}}"})
    await survive(world, *odd, *versions, braced)


async def test_what_belongs_to_another_wizard(world: World) -> None:
    foreign = wizard(step("a", option_set("b")))
    foreign["steps"][0]["option_sets"][0]["id"] = "<foreign_email>"
    moved = {"position": 0, "step_id": "<foreign_step>"}
    added = {"id": "<foreign_email>", "step_id": "<step>", "name": "A", "selection_type": "integer"}
    await survive(
        world,
        Attack("an answer", "POST", "{url}/runs", 422, "answers-invalid", "/", {"answers": {"<foreign_email>": "a"}}),
        Attack("a structure", "POST", "/api/v1/wizards", 422, "id-taken", body={"structure": foreign}),
        Attack("a draft", "PUT", "{url}/draft", 422, "id-taken", body={"structure": foreign}),
        Attack("a move", "POST", "/api/v1/option-sets/{email}/move", 404, "node-not-found", body=moved),
        Attack("an addition", "POST", "/api/v1/option-sets", 422, "id-taken", body=added),
    )


async def test_a_run_of_another_wizard_is_neither_shown_nor_taken(world: World, sign_in: SignIn, editor: httpx.AsyncClient) -> None:
    admin, stranger = await sign_in("admin"), await sign_in("editor")
    url = f"/api/v1/users/{stranger.headers['X-User']}/grants/{world.foreign.wizard}"
    granted = await admin.put(url, json={"role": "editor"})
    assert granted.status_code in (200, 201), granted.text
    before = await world.stored()
    refused = [
        await stranger.get(f"/api/v1/runs/{world.completed}"),
        await stranger.get(f"/api/v1/runs/{world.completed}/revisions/1"),
        await stranger.patch(f"/api/v1/runs/{world.completed}/answers", json={"answers": {}}, headers={"If-Match": "*"}),
        await stranger.delete(f"/api/v1/runs/{world.completed}"),
        await stranger.post(f"{world.foreign.url}/runs", json={"id": world.completed, "answers": {}}),
        await stranger.post("/api/v1/wizards", json={"id": world.survey.wizard, "name": "Mine"}),
        await stranger.get(f"{world.survey.url}/draft"),
        await stranger.get(f"{world.survey.url}/runs"),
        await stranger.put(f"/api/v1/option-sets/{world.survey.email}", json={"name": "A"}, headers={"If-Match": "*"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "forbidden")] * len(refused)
    assert await world.stored() == before


async def test_answers_that_do_not_fit(world: World) -> None:
    await survive(
        world,
        answers("a list where a text belongs", "/answers/email", {"email": ["a"]}),
        answers("a number where a text belongs", "/answers/email", {"email": 5}),
        answers("an envelope with unknown members", "/answers/email", {"email": {"value": "a", "source": "import"}}),
        answers("an envelope without a value", "/answers/email", {"email": {"flags": []}}),
        answers("an option that is none", "/answers/favorite-color", {"favorite-color": "pink"}),
        answers("a list for one choice", "/answers/favorite-color", {"favorite-color": ["blue"]}),
        answers("an unknown question", "/answers/nothing", {"nothing": 1}),
        answers("an empty key", '"pointer": "/answers/"', {"": 1}),
        answers("a key like a pointer", "/answers/~1~0~1..", {"/~/..": 1}),
        answers("the same question by key and by id", "", {"email": "a", "<email>": "b"}),
        Attack("no object", "POST", "{url}/runs", 422, "request-invalid", "/answers", {"answers": []}),
        Attack("an unknown member", "POST", "{url}/runs", 422, "request-invalid", "/answer", {"answer": {}}),
        Attack("an unknown language", "POST", "{url}/runs", 422, "request-invalid", "/language", {"language": "xx"}),
        Attack("no body", "PATCH", "/api/v1/runs/{completed}/answers", 422, "request-invalid"),
        Attack("null", "PATCH", "/api/v1/runs/{completed}/answers", 422, "request-invalid", content=b"null"),
    )


async def test_json_that_is_none(world: World) -> None:
    whole = b'{"answers": {"email": %s}}'
    raw = {
        "not a number": whole % b"NaN",
        "infinity": whole % b"-Infinity",
        "a huge exponent": whole % b"1e400000",
        "a huge number": whole % (b"9" * 5_000),
        "a tiny number": whole % b"1e-400000",
        "a NUL": whole % rb'"a\u0000b"',
        "a NUL in a key": rb'{"answers": {"a\u0000": 1}}',
        "a raw NUL": whole % b'"a\x00b"',
        "a lone surrogate": whole % rb'"\ud800"',
        "a surrogate in a key": rb'{"answers": {"\udfff": 1}}',
        "deep": DEEP,
        "deep in an answer": whole % (b"[" * 5_000 + b"]" * 5_000),
        "deep objects": whole % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        "UTF-16": '{"answers": {}}'.encode("utf-16"),
        "latin-1": whole % '"é"'.encode("latin-1"),
        "a byte order mark": b'\xef\xbb\xbf{"answers": ',
        "cut off": b'{"answers": {"email"',
        "two values": b"{} {}",
        "a comment": b"{} // nothing",
        "single quotes": b"{'answers': {}}",
        "a form": b"answers=1",
    }
    attacks = [Attack(name, "POST", "{url}/runs", 400, "malformed-json", content=content) for name, content in raw.items()]
    await survive(
        world,
        *attacks,
        Attack("XML", "POST", "{url}/runs", 415, "unsupported", content=b"<a/>", headers={"Content-Type": "text/xml"}),
        Attack("no type", "POST", "{url}/runs", 415, "unsupported", content=b"{}", headers={"Content-Type": ""}),
        Attack(
            "not compressed", "POST", "{url}/runs", 415, "unsupported", content=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}
        ),
    )


async def test_a_name_given_twice_in_an_object_is_refused_and_neither_is_stored(world: World) -> None:
    before = (await world.survey.client.get(f"{world.survey.url}/runs")).json()["items"]
    made = await world.survey.client.post(
        f"{world.survey.url}/runs", content=b'{"answers": {"email": "a@example.org", "email": "b@example.org"}}', headers=JSON
    )
    assert (made.status_code, made.json()["code"]) == (400, "malformed-json")
    assert "“email” stands twice" in made.json()["detail"]
    assert (await world.survey.client.get(f"{world.survey.url}/runs")).json()["items"] == before


async def test_too_much(world: World) -> None:
    ten = b'{"answers": {"email": "' + b"x" * 10 * MEGABYTE + b'"}}'
    many = {f"q{number}": 1 for number in range(20_000)}
    long = "x" * 1_000_000
    deep: Any = {"var": "<email>"}
    for _ in range(70):
        deep = {"!": [deep]}
    await survive(
        world,
        *(
            Attack(f"ten megabytes to {url}", method, url, 413, "too-large", content=ten)
            for method, url in (
                ("POST", "{url}/runs"),
                ("PATCH", "/api/v1/runs/{working}/answers"),
                ("PUT", "{url}/draft"),
                ("POST", "/api/v1/wizards"),
                ("POST", "{url}/publish"),
                ("PUT", "/api/v1/option-sets/{email}"),
            )
        ),
        Attack("twenty thousand answers", "POST", "{url}/runs", 422, "request-invalid", "/answers", {"answers": many}),
        answers("a long text", "/answers/email", {"email": long}),
        Attack("a long name", "PATCH", "{url}", 422, "structure-invalid", body={"name": long}),
        Attack("a long slug", "PATCH", "{url}", 422, "request-invalid", "/slug", {"slug": "a" * 201}),
        Attack("a long summary", "POST", "{url}/publish", 422, "request-invalid", "/change_summary", {"change_summary": long}),
        Attack("a long respondent", "POST", "{url}/runs", 422, "request-invalid", "/respondent", {"respondent": "a" * 321}),
        Attack("a long cursor", "GET", "{url}/runs?cursor=" + "a" * 3_000, 422, "request-invalid", "cursor"),
        Attack("a long token", "POST", "{url}/publish", 422, "request-invalid", "/confirm", {"confirm": "a" * 20_001}),
    )


def five_thousand(**members: Any) -> dict[str, Any]:
    return wizard(step("all", *({"name": f"Q{number}", "selection_type": "integer"} for number in range(5_001))), **members)


def with_(**members: Any) -> dict[str, Any]:
    """A structure of one option set with these members."""
    return {"structure": wizard(step("a", option_set("b") | members))}


async def test_structures_that_are_none(world: World) -> None:
    one = option_set("one", "integer")
    choices = [option("a"), option("a")]
    bodies: dict[str, tuple[Any, str]] = {
        "no steps but a text": ({"structure": {"name": "A", "steps": "x"}}, "/steps"),
        "a step that is a number": ({"structure": {"name": "A", "steps": [1]}}, "/steps/0"),
        "an unknown type": (with_(selection_type="mind_reading"), "/steps/0/option_sets/0"),
        "an unknown member": (with_(colour="red"), "/steps/0/option_sets/0/colour"),
        "an id that is none": (with_(id="1"), "/steps/0/option_sets/0/id"),
        "the same id twice": ({"structure": wizard(step("a", one, one))}, "/steps/0/option_sets/1/id"),
        "the same key twice": ({"structure": wizard(step("a", option_set("k"), option_set("k")))}, "/steps/0/option_sets/1/key"),
        "the same value twice": (with_(selection_type="single_select", options=choices), "/options/1/value"),
        "a key that is none": (with_(key="Not A Key"), "/key"),
        "a pattern that does not compile": (with_(constraints={"pattern": "(("}), "/constraints/pattern"),
        "an empty range": (with_(selection_type="integer", constraints={"min": 2, "max": 1}), "/constraints/min"),
        "a language that is none": ({"structure": wizard(name="A", languages=["zz zz"])}, "/languages/0"),
        "a text in an unknown language": ({"structure": wizard(languages=["en"]) | {"name": {"fr": "A"}}}, "/name"),
        "too many questions": ({"structure": five_thousand()}, "/steps"),
        "options that are numbers": (with_(selection_type="single_select", options=[1]), "/options/0"),
        "an option set as a list": ({"structure": wizard(step("a") | {"option_sets": [[]]})}, "/steps/0/option_sets/0"),
    }
    await survive(
        world,
        *(Attack(name, "POST", "/api/v1/wizards", 422, "structure-invalid", place, body) for name, (body, place) in bodies.items()),
        *(Attack(f"draft: {name}", "PUT", "{url}/draft", 422, "structure-invalid", place, body) for name, (body, place) in bodies.items()),
        Attack("no structure", "PUT", "{url}/draft", 422, "request-invalid", "/structure", {}),
        Attack("a structure that is a list", "PUT", "{url}/draft", 422, "request-invalid", "/structure", {"structure": []}),
    )


async def test_two_thousand_questions_are_stored_and_answered(editor: httpx.AsyncClient) -> None:
    questions = [{"key": f"q{number}", "name": f"Q{number}", "selection_type": "integer"} for number in range(2_000)]
    made = await editor.post("/api/v1/wizards", json={"structure": wizard(step("all", *questions))})
    assert made.status_code == 201, made.text[:500]
    url = f"/api/v1/wizards/{made.json()['id']}"
    assert (await editor.post(f"{url}/publish", headers={"If-Match": "*"})).status_code == 201
    run = await editor.post(f"{url}/runs", json={"answers": {f"q{number}": number for number in range(2_000)}, "complete": True})
    assert run.status_code == 201
    shown = (await editor.get(f"/api/v1/runs/{run.json()['id']}")).json()["responses"]
    assert [item["response_value"]["value"] for item in shown] == list(range(2_000))


@pytest.mark.parametrize("condition", [{"explode": [1]}, [{"var": 5}], {"var": "nobody"}, {"==": [1]}, {"matches": ["a", "(("]}, {}])
async def test_a_condition_that_is_none_waits_in_the_draft_and_stops_publishing(world: World, condition: Any) -> None:
    made = await world.survey.client.post("/api/v1/wizards", json=with_(visible_if=condition))
    assert made.status_code == 201, made.text
    refused = await world.survey.client.post(f"/api/v1/wizards/{made.json()['id']}/publish", headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (422, "structure-invalid")
    assert refused.json()["errors"][0]["pointer"].startswith("/steps/0/option_sets/0/visible_if")


@pytest.mark.parametrize("member", ["visible_if", "expression"])
async def test_cycles_stop_publishing_and_are_named(world: World, member: str) -> None:
    ids = [new_id(), new_id(), new_id()]
    kind = {"visible_if": "integer", "expression": "calculated"}[member]
    circle = [option_set(f"q{place}", kind, **{member: {">": [{"var": ids[place - 1]}, 1]}}) | {"id": ids[place]} for place in range(3)]
    made = await world.survey.client.post("/api/v1/wizards", json={"structure": wizard(step("a", *circle))})
    assert made.status_code == 201, made.text
    before = await world.stored()
    refused = await world.survey.client.post(f"/api/v1/wizards/{made.json()['id']}/publish", headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (422, "structure-invalid")
    assert {error["pointer"].split("/")[4] for error in refused.json()["errors"]} >= {"0"}
    assert all("cycl" in error["code"] or "circle" in error["detail"] or "cycl" in error["detail"] for error in refused.json()["errors"])
    assert await world.stored() == before


async def test_queries_and_headers_that_are_none(world: World) -> None:
    queries = {
        "limit=0": "limit",
        "limit=1e9": "limit",
        "limit=201": "limit",
        "version=0": "version",
        "status=gone": "status",
        "updated_after=yesterday": "updated_after",
        "updated_after=2026-01-01T00:00:00": "updated_after",
        "trashed=perhaps": "trashed",
        "answer[nothing]=1": "nothing",
    }
    await survive(
        world,
        *(Attack(query, "GET", "{url}/runs?" + query, 422, "request-invalid", place) for query, place in queries.items()),
        Attack("a NUL", "GET", "{url}/runs?answer[email]=%00", 422, "request-invalid"),
        Attack("no cursor", "GET", "{url}/runs?cursor=AAAA", 422, "cursor-invalid"),
        Attack("no version", "GET", "{url}/diff?from=1", 422, "request-invalid", "to"),
        Attack("a weak tag", "PUT", "{url}/draft", 422, "request-invalid", body={"structure": {}}, headers={"If-Match": 'W/"1"'}),
        Attack("no tag", "PUT", "{url}/draft", 422, "request-invalid", body={"structure": {}}, headers={"If-Match": "1"}),
        Attack("an old tag", "PUT", "{url}/draft", 412, "stale", body={"structure": {}}, headers={"If-Match": '"-99999999999999999999"'}),
        Attack("a token", "DELETE", "/api/v1/option-sets/{email}?confirm=%00", 409, "impact-unconfirmed"),
    )


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23:59", "0001-01-01T00:00:00Z"])
async def test_the_first_and_the_last_moment_are_times_like_others(world: World, moment: str) -> None:
    answer = await world.survey.client.get(f"{world.survey.url}/runs?updated_after={moment}")
    assert answer.status_code in (200, 422), answer.text


async def test_no_attack_on_a_run_in_progress_saves_half_of_it(world: World) -> None:
    half = {"full-name": "John", "favorite-color": "pink", "nothing": 1}
    await survive(
        world,
        Attack("half", "PATCH", "/api/v1/runs/{working}/answers", 422, "answers-invalid", "/answers/favorite-color", {"answers": half}),
        Attack(
            "half of an edit", "PATCH", "/api/v1/runs/{completed}/answers", 422, "answers-invalid", "/answers/nothing", {"answers": half}
        ),
        Attack(
            "a stale save", "PATCH", "/api/v1/runs/{working}/answers", 412, "stale", body={"answers": {}}, headers={"If-Match": '"0.9"'}
        ),
    )


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [(b"", "empty.txt", 422), (b"x" * 3 * MEGABYTE, "large.bin", 413)],
)
async def test_files_that_are_none(world: World, content: bytes, name: str, status: int) -> None:
    before = await world.stored()
    answer = await world.survey.client.post(f"{world.survey.url}/files", files={"file": (name, content)})
    assert answer.status_code == status
    assert await world.stored() == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b.txt", "\u202egnp.exe", "", "x" * 5_000, "con:a|b?.txt"])
async def test_a_name_of_a_file_is_never_a_path(world: World, name: str) -> None:
    made = await world.survey.client.post(f"{world.survey.url}/files", files={"file": (name, b"hello")})
    assert made.status_code in (201, 422), made.text
    if made.status_code == 201:
        stored = made.json()["name"]
        assert stored
        assert len(stored) <= 200
        assert not set("/\\\x00:|?\u202e") & set(stored)
