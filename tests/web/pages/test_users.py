"""Users, their links and grants, as an admin keeps them, and what nobody else may."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from tests.factories import count_queries
from tests.pages_kit import PASSWORD, Browser, Page
from tests.web_kit import web_survey

from keepstep.config import Resources
from keepstep.db.tables import users
from keepstep.db.transaction import open_read, open_write

SignedIn = Callable[..., Awaitable[Browser]]
NEW = "a much longer sentence"


async def id_of(resources: Resources, email: str) -> str:
    async with open_read(resources.engine) as tx:
        return str(await tx.scalar(select(users.c.id).where(users.c.email == email)))


async def stored(resources: Resources, email: str) -> Any:
    async with open_read(resources.engine) as tx:
        return await tx.row(select(users).where(users.c.email == email))


async def actions_on(resources: Resources, user_id: str) -> list[str]:
    async with open_read(resources.engine) as tx:
        statement = text("SELECT action FROM audit_events WHERE subject_id = :id ORDER BY at, id")
        return [str(action) for action in await tx.scalars(statement, {"id": user_id})]


async def invite(admin: Browser, **fields: str) -> Page:
    page = await admin.open("/admin/users/new")
    given = {"email": "grace@example.org", "name": "Grace Hopper", "role": "analyst", **fields}
    return Page(await admin.press(page, "Add and make the link", given))


def path_in(page: Page) -> str:
    """The link of an invitation, as a path."""
    return page.text("#secret").removeprefix("http://127.0.0.1:8000")


PAGES = ["/admin", "/admin/users", "/admin/users/new", "/admin/users/00000000-0000-7000-8000-000000000001"]


@pytest.mark.parametrize("role", ["editor", "analyst"])
async def test_nobody_but_an_admin_sees_these_pages(signed_in: SignedIn, role: str) -> None:
    browser = await signed_in(role)
    assert [(await browser.client.get(path)).status_code for path in PAGES] == [403] * len(PAGES)
    assert "Users" not in (await browser.open("/")).text("nav[aria-label=Main]")


@pytest.mark.parametrize(
    "act", ["", "/disable", "/enable", "/link", "/link/withdraw", "/sessions/end", "/grants/00000000-0000-7000-8000-000000000001"]
)
async def test_nobody_but_an_admin_changes_a_user(admin_browser: Browser, editor_browser: Browser, resources: Resources, act: str) -> None:
    admin_id = await id_of(resources, "admin@example.org")
    token = str((await editor_browser.open("/account")).one("meta[name=csrf-token]")["content"])
    data = {"csrf_token": token, "role": "editor", "name": "x"}
    assert (await editor_browser.client.post(f"/admin/users/{admin_id}{act}", data=data)).status_code == 403
    assert (await editor_browser.client.post("/admin/users", data={**data, "email": "x@example.org"})).status_code == 403
    assert (await stored(resources, "admin@example.org")).role == "admin"


async def test_the_list_says_who_can_sign_in_and_is_searched(admin_browser: Browser, editor_browser: Browser) -> None:
    await invite(admin_browser)
    page = await admin_browser.open("/admin/users")
    rows = [" ".join(row.get_text(" ", strip=True).split()) for row in page.tree.select("tbody tr")]
    assert [("Active" in row, "Invited" in row) for row in rows] == [(True, False), (True, False), (False, True)]
    part = await admin_browser.open("/admin/users?q=HOPPER", htmx=True)
    assert (part.is_whole, [each.get_text() for each in part.tree.select("a.ks-name")]) == (False, ["Grace Hopper"])
    assert (await admin_browser.open("/admin/users?q=%25")).text(".ks-empty h2") == "Nobody is called that"


async def test_one_user_and_many_cost_the_same_number_of_queries(admin_browser: Browser, resources: Resources) -> None:
    with count_queries(resources.engine) as one:
        await admin_browser.open("/admin/users")
    async with open_write(resources.engine) as tx:
        await tx.execute(
            text(
                "INSERT INTO users (id, email, name, role, created_at) SELECT gen_random_uuid(), 'u' || n || '@example.org', "
                "'U', 'editor', '2026-03-03Z' FROM generate_series(1, 60) AS n"
            )
        )
    with count_queries(resources.engine) as many:
        page = await admin_browser.open("/admin/users")
    assert (len(many), len(page.tree.select("tbody tr"))) == (len(one), 50)
    assert len((await admin_browser.open(page.link("More users"))).tree.select("tbody tr")) == 11


# --- invitations and links ----------------------------------------------------------------------------------------------


async def test_an_invitation_sets_a_password_once_and_signs_in(admin_browser: Browser, stranger: Browser, resources: Resources) -> None:
    page = await invite(admin_browser)
    assert (page.answer.status_code, page.text("h1")) == (201, "Invite Grace Hopper")
    form = await stranger.open(path_in(page))
    assert "grace@example.org" in form.text("main p.ks-long")
    answer = await stranger.press(form, "Set the password", {"password": NEW})
    assert (answer.status_code, (await stranger.open("/account")).labelled("Name")["value"]) == (303, "Grace Hopper")
    assert (await stranger.press(form, "Set the password", {"password": NEW + "!"})).status_code == 410
    user_id = await id_of(resources, "grace@example.org")
    assert await actions_on(resources, user_id) == ["user.created", "user.invited", "user.password_set", "session.opened"]


async def test_a_password_that_is_too_short_uses_nothing_up(admin_browser: Browser, stranger: Browser) -> None:
    form = await stranger.open(path_in(await invite(admin_browser)))
    again = Page(await stranger.press(form, "Set the password", {"password": "short"}))
    assert (again.answer.status_code, again.labelled("New password")["aria-invalid"]) == (422, "true")
    assert (await stranger.press(again, "Set the password", {"password": NEW})).status_code == 303


async def test_a_form_that_is_sent_twice_adds_one_user_and_one_link(admin_browser: Browser, stranger: Browser) -> None:
    page = await admin_browser.open("/admin/users/new")
    fields = {"email": "grace@example.org", "name": "Grace Hopper", "role": "analyst"}
    first = Page(await admin_browser.press(page, "Add and make the link", fields))
    second = await admin_browser.press(page, "Add and make the link", fields)
    assert second.headers["location"].endswith("?done=user-again")
    assert (await stranger.open(path_in(first))).text("h1") == "Set your password"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"email": "admin@example.org"}, "email"),
        ({"email": "nothing"}, "email"),
        ({"role": "root"}, "role"),
        ({"name": "n" * 10_000}, "name"),
    ],
)
async def test_a_user_that_cannot_be_added_says_why(admin_browser: Browser, fields: dict[str, str], name: str) -> None:
    page = await invite(admin_browser, **fields)
    assert (page.answer.status_code, [each["name"] for each in page.tree.select("[aria-invalid]")]) == (422, [name])
    assert page.labelled("E-mail address")["value"] == fields.get("email", "grace@example.org")


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "\x00"])
async def test_a_link_that_nobody_made_opens_nothing(stranger: Browser, token: str) -> None:
    assert (await stranger.client.get("/password", params={"token": token})).status_code == 410
    assert (await stranger.client.post("/password", data={"token": token, "password": NEW})).status_code in {410, 422}


async def test_a_link_is_over_after_a_week(admin_browser: Browser, stranger: Browser, clock: Any) -> None:
    path = path_in(await invite(admin_browser))
    clock.advance(days=7)
    assert (await stranger.client.get(path)).status_code == 410


async def test_a_reset_link_replaces_the_one_before_and_ends_every_session(
    admin_browser: Browser, editor_browser: Browser, stranger: Browser, resources: Resources
) -> None:
    path = f"/admin/users/{await id_of(resources, 'editor@example.org')}"
    first, second = [Page(await admin_browser.press(await admin_browser.open(path), "Make a link for a new password")) for _ in range(2)]
    assert (await stranger.client.get(path_in(first))).status_code == 410
    assert (await editor_browser.client.get("/account")).status_code == 200
    assert (await stranger.press(await stranger.open(path_in(second)), "Set the password", {"password": NEW})).status_code == 303
    assert (await editor_browser.client.get("/account")).status_code == 303
    assert (await editor_browser.sign_in("editor@example.org", PASSWORD)).status_code == 401


async def test_an_open_link_is_withdrawn(admin_browser: Browser, stranger: Browser) -> None:
    made = await invite(admin_browser)
    user = await admin_browser.open(made.link("To the user"))
    assert "is open until 10 Mar 2026, 09:00" in user.text("section[aria-labelledby=sign-in]")
    await admin_browser.press(user, "Withdraw the open link")
    assert (await stranger.client.get(path_in(made))).status_code == 410


# --- roles, disabling -----------------------------------------------------------------------------------------------------


async def test_role_and_name_are_changed_and_hold_at_once(admin_browser: Browser, editor_browser: Browser, resources: Resources) -> None:
    path = f"/admin/users/{await id_of(resources, 'editor@example.org')}"
    answer = await admin_browser.press(await admin_browser.open(path), "Save", {"name": "<i>Ed</i>", "role": "admin"})
    assert answer.headers["location"] == f"{path}?done=user"
    assert (await admin_browser.open(path)).text("h1") == "<i>Ed</i>"
    assert (await editor_browser.client.get("/admin/users")).status_code == 200


async def test_a_disabled_user_is_signed_out_and_comes_back_only_when_enabled(
    admin_browser: Browser, editor_browser: Browser, resources: Resources
) -> None:
    path = f"/admin/users/{await id_of(resources, 'editor@example.org')}"
    question = await admin_browser.open((await admin_browser.open(path)).link("Disable Editor Okafor"))
    assert question.text("#dialog-title") == "Disable Editor Okafor?"
    await admin_browser.press(question, "Disable Editor Okafor")
    assert (await editor_browser.client.get("/account")).status_code == 303
    assert (await editor_browser.sign_in("editor@example.org")).status_code == 401
    await admin_browser.press(await admin_browser.open(path), "Enable Editor Okafor")
    assert (await editor_browser.client.get("/account")).status_code == 303
    assert (await editor_browser.sign_in("editor@example.org")).status_code == 303


async def test_the_last_admin_stays_one(admin_browser: Browser, resources: Resources) -> None:
    user_id = await id_of(resources, "admin@example.org")
    page = await admin_browser.open(f"/admin/users/{user_id}")
    refused = Page(await admin_browser.press(page, "Save", {"role": "editor"}))
    assert (refused.answer.status_code, "make another one first" in refused.text("[role=alert]")) == (409, True)
    question = await admin_browser.open(f"/admin/users/{user_id}/disable")
    assert "make another one first" in question.text(".ks-dialog-body")
    token = {"csrf_token": str(page.one("meta[name=csrf-token]")["content"])}
    assert (await admin_browser.client.post(f"/admin/users/{user_id}/disable", data=token)).status_code == 409
    assert ((await stored(resources, "admin@example.org")).role, (await stored(resources, "admin@example.org")).disabled_at) == (
        "admin",
        None,
    )


async def test_an_admin_signs_somebody_out_everywhere(admin_browser: Browser, editor_browser: Browser, resources: Resources) -> None:
    path = f"/admin/users/{await id_of(resources, 'editor@example.org')}"
    form = (await admin_browser.open(path)).one(f"form[action='{path}/sessions/end']")
    fields = {str(each["name"]): str(each["value"]) for each in form.select("input")}
    assert (await admin_browser.client.post(f"{path}/sessions/end", data=fields)).status_code == 303
    assert (await editor_browser.client.get("/account")).status_code == 303


# --- grants ---------------------------------------------------------------------------------------------------------------


async def test_a_wizard_is_found_granted_and_withdrawn(
    admin_browser: Browser, editor_browser: Browser, resources: Resources, admin: Any
) -> None:
    survey = await web_survey(admin)
    other = (await admin.post("/api/v1/wizards", json={"name": "Other"})).json()["id"]
    path = f"/admin/users/{await id_of(resources, 'editor@example.org')}"
    found = await admin_browser.open((await admin_browser.open(path)).link("Grant a wizard") + "?q=customer", htmx=True)
    assert ([each.get_text() for each in found.tree.select(".ks-strong")], found.is_whole) == (["Customer Survey"], False)
    await admin_browser.press(found, "Save", {"role": "analyst"})
    page = await admin_browser.open(path)
    assert page.text("section[aria-labelledby=grants] .ks-strong") == "Customer Survey"
    names = [each.get_text() for each in (await editor_browser.open("/")).tree.select(".ks-name")]
    assert (names, other != survey.wizard) == (["Customer Survey"], True)
    form = page.one("section[aria-labelledby=grants] form")
    token = {"csrf_token": str(page.one("meta[name=csrf-token]")["content"]), "role": "none"}
    question = Page(await admin_browser.client.post(str(form["action"]), data=token))
    assert (question.answer.status_code, "of every wizard" in question.text(".ks-dialog-body")) == (409, True)
    assert len((await editor_browser.open("/")).tree.select(".ks-name")) == 1
    await admin_browser.press(question, "Withdraw, and let them act on every wizard")
    assert len((await editor_browser.open("/")).tree.select(".ks-name")) == 2


async def test_many_grants_cost_no_more_queries_than_one(admin_browser: Browser, resources: Resources) -> None:
    path = f"/admin/users/{await id_of(resources, 'admin@example.org')}"
    counts = []
    for last in (1, 60):
        async with open_write(resources.engine) as tx:
            await tx.execute(
                text(
                    "INSERT INTO grants (user_id, wizard_id, role, granted_at) SELECT (SELECT id FROM users), gen_random_uuid(), 'editor', "
                    f"'2026-03-03Z' FROM generate_series(1, {last})"
                )
            )
        with count_queries(resources.engine) as statements:
            page = await admin_browser.open(path)
        counts.append(len(statements))
    assert (counts[0], len(page.tree.select("section[aria-labelledby=grants] tbody tr"))) == (counts[1], 50)
    assert "A wizard that was removed" in page.text("section[aria-labelledby=grants]")
    assert len((await admin_browser.open(page.link("More grants"))).tree.select("section[aria-labelledby=grants] tbody tr")) == 11


@pytest.mark.parametrize("role", ["root", "", "owner"])
async def test_a_role_that_is_none_is_not_granted(admin_browser: Browser, resources: Resources, admin: Any, role: str) -> None:
    survey = await web_survey(admin)
    path = f"/admin/users/{await id_of(resources, 'admin@example.org')}/grants"
    token = str((await admin_browser.open(path)).one("meta[name=csrf-token]")["content"])
    answer = await admin_browser.client.post(f"{path}/{survey.wizard}", data={"csrf_token": token, "role": role})
    assert answer.status_code == 422
