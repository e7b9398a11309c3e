import re
from typing import Any

import pytest
from tests.pages_kit import HTMX, Browser, Page

from keepstep.web.assets import assets_in

EXTERNAL = re.compile(r"""(?:src|href|action)=["'](?!/|#|\?)""")


async def test_every_page_has_the_policy_and_nothing_inline(admin_browser: Browser) -> None:
    answer = (await admin_browser.open("/")).answer
    policy = answer.headers["content-security-policy"]
    assert "'unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "same-origin")
    assert "HX-Request" in answer.headers["vary"]
    tree = Page(answer).tree
    assert [str(each) for each in tree.find_all("script") if not each.get("src")] == []
    assert tree.find_all("style") == []
    assert [each for each in tree.find_all(True) if any(name == "style" or name.startswith("on") for name in each.attrs)] == []
    assert EXTERNAL.findall(answer.text) == []


async def test_static_files_are_kept_for_ever_under_the_digest_of_their_content(admin_browser: Browser) -> None:
    page = await admin_browser.open("/")
    addresses = [str(each.get("href") or each.get("src")) for each in page.tree.select("link[rel=stylesheet], script[src]")]
    assert len(addresses) >= 4
    for address in addresses:
        answer = await admin_browser.client.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.headers["content-type"].split(";")[0] in {"text/css", "text/javascript"}
    changed = addresses[0].replace(addresses[0].split(".")[1], "0" * 16)
    assert (await admin_browser.client.get(changed)).status_code == 404


async def test_a_static_file_comes_as_it_is_without_gzip(admin_browser: Browser) -> None:
    asset = assets_in().by_name["vendor/htmx.js"]
    plain = await admin_browser.client.get(asset.address, headers={"Accept-Encoding": "identity"})
    assert (plain.content, "content-encoding" in plain.headers) == (asset.content, False)
    zipped = await admin_browser.client.get(asset.address, headers={"Accept-Encoding": "gzip"})
    assert (zipped.content, zipped.headers["content-encoding"]) == (asset.content, "gzip")


async def test_nothing_else_is_served_under_static(admin_browser: Browser) -> None:
    for path in ("/static/keepstep.css", "/static/../app.py", "/static/%2e%2e/app.py", "/static/vendor/.built"):
        assert (await admin_browser.client.get(path)).status_code == 404


async def test_the_scripts_of_every_page_stay_small() -> None:
    sizes = {name: len(assets_in().by_name[name].zipped) for name in ("vendor/htmx.js", "keepstep.js", "vendor/sortable.js")}
    assert sum(sizes.values()) <= 60 * 1024, sizes


@pytest.mark.parametrize(("theme", "attribute"), [("dark", "dark"), ("light", "light"), ("auto", None)])
async def test_the_appearance_is_remembered_without_a_script(stranger: Browser, theme: str, attribute: str | None) -> None:
    answer = await stranger.client.post("/appearance", data={"theme": theme, "next": "/login"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await stranger.open("/login")).one("html").get("data-bs-theme") == attribute


async def test_an_unknown_appearance_and_one_of_another_site_change_nothing(stranger: Browser) -> None:
    assert (await stranger.client.post("/appearance", data={"theme": "x"})).status_code == 422
    answer = await stranger.client.post("/appearance", data={"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, stranger.client.cookies.get("keepstep_theme")) == (403, None)


async def test_a_problem_is_a_page_for_a_browser_a_notice_for_its_script_and_json_for_a_program(admin_browser: Browser) -> None:
    page = await admin_browser.open("/nowhere")
    assert (page.answer.status_code, page.text("h1"), page.is_whole) == (404, "Nothing here", True)
    part = await admin_browser.open("/nowhere", htmx=True)
    assert (part.answer.status_code, part.is_whole, part.answer.headers["hx-retarget"]) == (404, False, "#notices")
    assert "Nothing here" in part.text("[role=alert]")
    program = await admin_browser.client.get("/nowhere", headers={"Accept": "application/json"})
    assert program.json()["code"] == "not-found"
    api = await admin_browser.client.get("/api/v1/nowhere")
    assert api.headers["content-type"] == "application/problem+json"


async def test_a_form_larger_than_the_limit_is_refused_as_a_page(stranger: Browser) -> None:
    answer = await stranger.client.post("/login", data={"email": "x" * 2_000_000})
    assert (answer.status_code, Page(answer).text("h1")) == (413, "Too large")


@pytest.mark.parametrize("theme", ["<script>", "\x00", "\u202e"])
async def test_what_a_browser_remembers_is_not_trusted(stranger: Browser, theme: str) -> None:
    page = Page(await stranger.client.get("/login", headers=[(b"Cookie", b"keepstep_theme=" + theme.encode()), (b"Accept", b"text/html")]))
    assert (page.answer.status_code, page.one("html").get("data-bs-theme")) == (200, None)


async def test_the_whole_page_is_sent_where_htmx_asks_for_it(admin_browser: Browser) -> None:
    headers: dict[str, Any] = {**HTMX, "HX-Request-Type": "full"}
    assert Page(await admin_browser.client.get("/", headers=headers)).is_whole
