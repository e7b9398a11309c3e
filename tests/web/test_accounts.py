import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from keepstep.config import Resources
from keepstep.db.tables import api_tokens, users, wizards
from keepstep.db.transaction import open_read, open_write
from keepstep.web.session import KEPT_SECONDS, SignedInCache

Client = httpx.AsyncClient


def me(client: Client) -> str:
    return client.headers["X-User"]


async def new_user(admin: Client, **given: Any) -> dict[str, Any]:
    answer = await admin.post("/api/v1/users", json={"email": "ada@example.org", "role": "editor"} | given)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def new_token(client: Client, user_id: str, *scopes: str, **given: Any) -> httpx.Response:
    return await client.post(f"/api/v1/users/{user_id}/tokens", json={"name": "integration", "scopes": scopes} | given)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def actions_of(admin: Client) -> list[str]:
    return [event["action"] for event in (await admin.get("/api/v1/audit")).json()["items"]]


async def a_wizard(resources: Resources) -> str:
    wizard_id = resources.make_id()
    row = {"id": wizard_id, "slug": wizard_id, "name": "Survey", "draft_revision": 1, "settings": {}}
    row |= {"draft": {"name": "Survey"}, "shelf": {}, "created_at": resources.now(), "updated_at": resources.now()}
    async with open_write(resources.engine) as tx:
        await tx.execute(insert(wizards).values(**row))
    return wizard_id


async def test_me_says_who_the_token_speaks_for(editor: Client) -> None:
    answer = await editor.get("/api/v1/me")
    assert answer.json() == {
        "id": me(editor),
        "name": answer.json()["name"],
        "role": "editor",
        "scopes": ["admin", "edit", "read", "submit"],
        "grants": {},
    }


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer ks_unknown", "Basic YTpi", "ks_unknown"])
async def test_without_a_valid_token_nothing_is_told(anonymous: Client, header: str | None) -> None:
    answer = await anonymous.get("/api/v1/me", headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_admin_makes_a_user_and_finds_them_again(admin: Client) -> None:
    user = await new_user(admin, email=" Ada@Example.org ", role="analyst")
    assert (user["email"], user["name"], user["role"], user["disabled_at"]) == ("ada@example.org", "ada", "analyst", None)
    assert (await admin.get(f"/api/v1/users/{user['id']}")).json() == user
    assert user in (await admin.get("/api/v1/users")).json()["items"]


async def test_the_same_request_with_an_id_makes_one_user(admin: Client, resources: Resources) -> None:
    body = {"id": resources.make_id(), "email": "ada@example.org", "role": "editor"}
    answers = [await admin.post("/api/v1/users", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    other = await admin.post("/api/v1/users", json=body | {"role": "analyst"})
    assert (other.status_code, other.json()["code"]) == (409, "id-conflict")


async def test_two_users_cannot_have_one_address(admin: Client) -> None:
    await new_user(admin)
    answer = await admin.post("/api/v1/users", json={"email": "ADA@example.org"})
    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@example.org", "role": "owner"}, "/role"),
        ({"email": "a@example.org", "password": "short"}, "/password"),
        ({"email": "a@example.org", "passwort": "long enough it is"}, "/passwort"),
        ({"role": "editor"}, "/email"),
    ],
)
async def test_what_is_wrong_with_a_new_user_is_named(admin: Client, body: dict[str, str], pointer: str) -> None:
    answer = await admin.post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_user_is_renamed_given_another_role_and_disabled(admin: Client) -> None:
    user = await new_user(admin)
    address = f"/api/v1/users/{user['id']}"
    changed = (await admin.patch(address, json={"name": "Ada L.", "role": "analyst"})).json()
    assert (changed["name"], changed["role"]) == ("Ada L.", "analyst")
    assert (await admin.patch(address, json={"disabled": True})).json()["disabled_at"] is not None
    assert (await admin.patch(address, json={"disabled": False})).json()["disabled_at"] is None


@pytest.mark.parametrize("change", [{"role": "editor"}, {"disabled": True}])
async def test_the_last_admin_stays_one(admin: Client, change: dict[str, Any]) -> None:
    answer = await admin.patch(f"/api/v1/users/{me(admin)}", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    assert (await admin.get("/api/v1/me")).json()["role"] == "admin"


async def test_two_admins_who_disable_each_other_at_once_leave_one(admin: Client, sign_in: Callable[..., Any]) -> None:
    other = await sign_in("admin")
    off = {"disabled": True}
    answers = await asyncio.gather(admin.patch(f"/api/v1/users/{me(other)}", json=off), other.patch(f"/api/v1/users/{me(admin)}", json=off))
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 401])


@pytest.mark.parametrize("role", ["editor", "analyst"])
async def test_only_admins_manage_users(sign_in: Callable[..., Any], role: str, admin: Client) -> None:
    client = await sign_in(role)
    answers = [
        await client.get("/api/v1/users"),
        await client.post("/api/v1/users", json={"email": "x@example.org"}),
        await client.patch(f"/api/v1/users/{me(client)}", json={"role": "admin"}),
        await client.get(f"/api/v1/users/{me(admin)}"),
        await client.get(f"/api/v1/users/{me(admin)}/tokens"),
        await client.get("/api/v1/audit"),
        await new_token(client, me(admin), "read"),
    ]
    assert {answer.status_code for answer in answers} == {403}


async def test_an_admin_with_a_token_of_fewer_scopes_is_no_admin(sign_in: Callable[..., Any]) -> None:
    client = await sign_in("admin", scopes=frozenset({"edit"}))
    assert (await client.get("/api/v1/users")).status_code == 403


async def test_a_token_is_shown_once_and_stored_as_a_digest(admin: Client, resources: Resources) -> None:
    made = (await new_token(admin, me(admin), "read")).json()
    assert made["token"].startswith("ks_")
    assert len(made["token"]) >= 40
    listed = (await admin.get(f"/api/v1/users/{me(admin)}/tokens")).json()["items"]
    assert {name: value for name, value in made.items() if name != "token"} == listed[0]
    async with open_read(resources.engine) as tx:
        stored = await tx.rows(select(api_tokens))
    assert made["token"] not in str(stored)


async def test_a_new_token_works_until_it_is_revoked(admin: Client) -> None:
    made = (await new_token(admin, me(admin), "read")).json()
    assert (await admin.get("/api/v1/me", headers=bearer(made["token"]))).json()["scopes"] == ["read"]
    assert (await admin.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
    assert (await admin.get("/api/v1/me", headers=bearer(made["token"]))).status_code == 401
    assert (await admin.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204


async def test_disabling_a_user_stops_their_tokens_at_once(admin: Client, editor: Client) -> None:
    assert (await editor.get("/api/v1/me")).status_code == 200
    await admin.patch(f"/api/v1/users/{me(editor)}", json={"disabled": True})
    assert (await editor.get("/api/v1/me")).status_code == 401
    await admin.patch(f"/api/v1/users/{me(editor)}", json={"disabled": False})
    assert (await editor.get("/api/v1/me")).status_code == 200


async def test_an_expired_token_does_not_work(admin: Client, resources: Resources) -> None:
    past = await new_token(admin, me(admin), "read", expires_at="2020-01-01T00:00:00Z")
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/expires_at")
    made = (await new_token(admin, me(admin), "read", expires_at="2999-01-01T00:00:00Z")).json()
    assert (await admin.get("/api/v1/me", headers=bearer(made["token"]))).status_code == 200
    async with open_write(resources.engine) as tx:
        # Made before now, as the passing of time would have it.
        made_at = datetime.fromisoformat(made["created_at"])
        await tx.execute(api_tokens.update().where(api_tokens.c.id == made["id"]).values(expires_at=made_at))
    await admin.patch(f"/api/v1/users/{me(admin)}", json={"name": "Somebody"})
    assert (await admin.get("/api/v1/me", headers=bearer(made["token"]))).status_code == 401


async def test_a_token_cannot_make_one_that_may_do_more(sign_in: Callable[..., Any]) -> None:
    reader = await sign_in("editor", scopes=frozenset({"read"}))
    assert (await new_token(reader, me(reader), "read")).status_code == 201
    answer = await new_token(reader, me(reader), "edit")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_token_cannot_revoke_one_that_may_do_more(sign_in: Callable[..., Any], admin: Client) -> None:
    reader = await sign_in("editor", scopes=frozenset({"read"}))
    stronger = (await new_token(admin, me(reader), "edit")).json()
    assert (await reader.delete(f"/api/v1/tokens/{stronger['id']}")).status_code == 403


async def test_the_token_of_somebody_else_is_not_even_there(editor: Client, admin: Client) -> None:
    made = (await new_token(admin, me(admin), "read")).json()
    answer = await editor.delete(f"/api/v1/tokens/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "token-not-found")


@pytest.mark.parametrize("path", ["users/{}", "users/{}/tokens", "users/{}/grants"])
async def test_an_unknown_user_is_not_found(admin: Client, resources: Resources, path: str) -> None:
    answer = await admin.get(f"/api/v1/{path.format(resources.make_id())}")
    assert (answer.status_code, answer.json()["code"]) == (404, "user-not-found")


async def test_an_admin_sets_a_password_and_it_is_kept_as_argon2(admin: Client, editor: Client, resources: Resources) -> None:
    answer = await admin.put(f"/api/v1/users/{me(editor)}/password", json={"password": "correct horse battery"})
    assert answer.status_code == 204
    async with open_read(resources.engine) as tx:
        stored = await tx.scalar(select(users.c.password_hash).where(users.c.id == me(editor)))
    assert stored.startswith("$argon2id$")


async def test_others_change_their_own_password_knowing_the_present_one(admin: Client, editor: Client) -> None:
    address = f"/api/v1/users/{me(editor)}/password"
    assert (await editor.put(address, json={"password": "another long one"})).status_code == 403
    await admin.put(address, json={"password": "correct horse battery"})
    assert (await editor.put(address, json={"password": "another long one", "current": "a wrong guess"})).status_code == 403
    assert (await editor.put(address, json={"password": "another long one", "current": "correct horse battery"})).status_code == 204
    assert (await editor.put(f"/api/v1/users/{me(admin)}/password", json={"password": "another long one"})).status_code == 403


async def test_a_grant_confines_a_user_to_a_wizard_until_it_is_withdrawn(admin: Client, editor: Client, resources: Resources) -> None:
    wizard_id = await a_wizard(resources)
    address = f"/api/v1/users/{me(editor)}/grants/{wizard_id}"
    given = (await admin.put(address, json={"role": "analyst"})).json()
    assert (given["role"], given["wizard_name"], given["granted_by"]) == ("analyst", "Survey", me(admin))
    assert (await editor.get("/api/v1/me")).json()["grants"] == {wizard_id: "analyst"}
    assert (await admin.put(address, json={"role": "editor"})).json()["role"] == "editor"
    assert [each["role"] for each in (await editor.get(f"/api/v1/users/{me(editor)}/grants")).json()["items"]] == ["editor"]
    assert [(await admin.delete(f"{address}?everywhere=true")).status_code for _ in range(2)] == [204, 204]
    assert (await editor.get("/api/v1/me")).json()["grants"] == {}


async def test_withdrawing_the_last_grant_never_widens_unasked(admin: Client, editor: Client, resources: Resources) -> None:
    grants = f"/api/v1/users/{me(editor)}/grants"
    first, second = await a_wizard(resources), await a_wizard(resources)
    for wizard_id in (first, second):
        await admin.put(f"{grants}/{wizard_id}", json={"role": "analyst"})
    assert (await admin.delete(f"{grants}/{first}")).status_code == 204
    refused = await admin.delete(f"{grants}/{second}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last-grant")
    assert (await editor.get(f"/api/v1/wizards/{first}")).status_code == 403
    assert (await editor.get("/api/v1/me")).json()["grants"] == {second: "analyst"}


async def test_a_grant_needs_a_wizard(admin: Client, editor: Client, resources: Resources) -> None:
    answer = await admin.put(f"/api/v1/users/{me(editor)}/grants/{resources.make_id()}", json={"role": "editor"})
    assert (answer.status_code, answer.json()["code"]) == (404, "wizard-not-found")


async def test_every_act_is_recorded_once_and_without_addresses_or_secrets(admin: Client, resources: Resources) -> None:
    user = await new_user(admin, password="correct horse battery")
    address = f"/api/v1/users/{user['id']}"
    token = (await new_token(admin, user["id"], "read")).json()
    await admin.patch(address, json={"name": "Countess"})
    await admin.patch(address, json={"name": "Countess"})
    await admin.put(f"{address}/password", json={"password": "another long one"})
    await admin.delete(f"/api/v1/tokens/{token['id']}")
    wizard_id = await a_wizard(resources)
    await admin.put(f"{address}/grants/{wizard_id}", json={"role": "editor"})
    await admin.delete(f"{address}/grants/{wizard_id}?everywhere=true")
    acts = ["grant.withdrawn", "grant.given", "token.revoked", "user.password_set", "user.changed", "token.created", "user.created"]
    assert (await actions_of(admin))[: len(acts)] == acts
    record = (await admin.get("/api/v1/audit")).text
    assert not [secret for secret in ("ada@", "Countess", "horse", token["token"]) if secret in record]


async def test_the_record_says_who_and_can_be_read_for_one_wizard(admin: Client, editor: Client, resources: Resources) -> None:
    wizard_id = await a_wizard(resources)
    await admin.put(f"/api/v1/users/{me(editor)}/grants/{wizard_id}", json={"role": "analyst"})
    (event,) = (await admin.get("/api/v1/audit", params={"wizard_id": wizard_id})).json()["items"]
    assert (event["actor"], event["channel"], event["subject_id"]) == (me(admin), "api", me(editor))
    assert (await admin.get("/api/v1/audit", params={"run_id": wizard_id})).json() == {"items": [], "next": None}


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/audit"])
async def test_pages_of_a_list_hold_everything_once_in_order(admin: Client, path: str) -> None:
    for number in range(5):
        await new_user(admin, email=f"user{number}@example.org")
    whole = (await admin.get(path)).json()["items"]
    paged, cursor = [], None
    while True:
        page = (await admin.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        paged += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert paged == whole
    assert len(whole) >= 6


async def test_a_cursor_of_another_list_is_refused(admin: Client) -> None:
    for number in range(3):
        await new_user(admin, email=f"user{number}@example.org")
    cursor = (await admin.get("/api/v1/users", params={"limit": 1})).json()["next"]
    for path, given in (("audit", cursor), ("users", cursor[:-4] + "AAAA")):
        answer = await admin.get(f"/api/v1/{path}", params={"cursor": given})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor-invalid")


@pytest.mark.parametrize("limit", [0, 201, "many"])
async def test_a_limit_outside_of_1_to_200_is_refused(admin: Client, limit: object) -> None:
    answer = await admin.get("/api/v1/users", params={"limit": str(limit)})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "limit")


async def test_what_was_read_before_a_revocation_is_not_kept_after_it(admin: Client, resources: Resources) -> None:
    cache = SignedInCache(clock=lambda: 0.0)
    age = cache.age
    cache.forget()
    cache.keep(b"digest", object(), age=age)  # type: ignore[arg-type]  # only whether it is kept matters
    assert cache.find(b"digest") is None


def test_a_token_is_looked_up_again_after_two_seconds() -> None:
    time = [0.0]
    cache = SignedInCache(clock=lambda: time[0])
    kept: Any = object()
    cache.keep(b"digest", kept, age=cache.age)
    time[0] = KEPT_SECONDS - 0.01
    assert cache.find(b"digest") is kept
    time[0] = KEPT_SECONDS
    assert cache.find(b"digest") is None
