import asyncio

from tests.pages_kit import PASSWORD, Browser, Page

from keepstep.actions.sessions import setup_token
from keepstep.config import Resources

ADA = {"name": "Ada", "email": "Ada@Example.org", "password": PASSWORD}


def address(resources: Resources) -> str:
    return f"/setup?token={setup_token(resources.secret)}"


async def test_the_first_user_is_made_and_signed_in_once(stranger: Browser, resources: Resources, open_browser: object) -> None:
    page = await stranger.open(address(resources))
    answer = await stranger.press(page, "Make the account", ADA)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    home = await stranger.open("/")
    assert home.text("h1").startswith("Wizards")
    assert "ada@example.org" in home.text(".ks-menu-head")
    again = await stranger.client.post("/setup", data={**ADA, "email": "eve@example.org", "token": setup_token(resources.secret)})
    assert (again.status_code, Page(again).text("h1")) == (409, "This Keepstep is set up already")
    assert (await stranger.client.get(address(resources))).headers["location"] == "/login"


async def test_of_two_at_once_one_is_the_first(stranger: Browser, resources: Resources) -> None:
    token = setup_token(resources.secret)
    both = [stranger.client.post("/setup", data={**ADA, "email": f"{name}@example.org", "token": token}) for name in ("a", "b")]
    assert sorted([answer.status_code for answer in await asyncio.gather(*both)]) == [303, 409]


async def test_without_the_token_nothing_is_made(stranger: Browser) -> None:
    for token in ("", "x" * 32):
        assert (await stranger.client.get("/setup", params={"token": token})).status_code == 403
        assert (await stranger.client.post("/setup", data={**ADA, "token": token})).status_code == 403
    assert (await stranger.open("/login")).text("h1") == "Nobody has an account here yet"


async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(stranger: Browser, resources: Resources) -> None:
    page = await stranger.open(address(resources))
    answer = await stranger.press(page, "Make the account", {**ADA, "password": "short"})
    page = Page(answer)
    assert (answer.status_code, page.labelled("Your name")["value"]) == (422, "Ada")
    field = page.labelled("Password")
    assert field["aria-invalid"] == "true"
    assert "12 to 1024" in page.text(f"#{str(field['aria-describedby']).split()[-1]}")
    assert page.text("title").startswith("Error:")
