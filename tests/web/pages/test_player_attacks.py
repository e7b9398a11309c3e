"""What nobody's browser sends: never an unexpected error, never something stored that was not asked, never a page in the admin's layout."""

import re
from typing import Any

import httpx
import pytest
from tests.factories import option, option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, form_in, path_of, run_id_of, send_raw, sent, title
from tests.web.pages.test_player import answers_of, intake

from keepstep.config import Resources
from keepstep.core.structure import SELECTION_TYPES

BODIES: dict[str, dict[str, Any]] = {
    "nothing": {"content": b""},
    "no form": {"content": b"{}", "headers": {"Content-Type": "application/json"}},
    "half a form": {
        "content": b'--x\r\nContent-Disposition: form-data; name="go"',
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    },
    "no boundary": {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
    "another alphabet": {
        "content": b"go=next&shown=\xff\xfe",
        "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=undefined"},
    },
    "many fields": {
        "content": b"&".join(b"a%d=1" % number for number in range(30_000)),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "too long": {"content": b"a=" + b"x" * 4_000_000, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
}


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_is_no_form_of_ours_is_answered_in_the_player_s_layout(
    stranger: Browser, resources: Resources, body: str
) -> None:
    ref = await published(resources, intake())
    page = await begun(stranger, ref)
    paths = [f"/w/{ref}", *(path_of(page).replace("step/about", each) for each in ("step/about", "step/nowhere", "check", "later"))]
    for path in paths:
        answer = await stranger.client.post(path, **BODIES[body])
        assert answer.status_code < 500, (path, answer.text[:500])
        if answer.status_code != 303:
            assert 'class="pl pl-page"' in answer.text


async def test_a_text_too_long_for_its_question_is_told_and_kept(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, wizard(step("one", option_set("why", constraints={"max_length": 5})))))
    page = await sent(stranger, page, {"Why": "é" * 90_000})
    assert (page.answer.status_code, len(str(page.labelled("Why (optional)")["value"]))) == (422, 90_000)


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", "\u202e\u0000x", "9" * 400, "NaN", "-0", "🤷🏽‍♀️", "{{ 7*7 }}", "a\r\nb", "' OR 1=1"]
)
async def test_odd_values_in_every_kind_of_question_are_shown_as_text(stranger: Browser, resources: Resources, value: str) -> None:
    kinds = [each for each in SELECTION_TYPES if each not in ("file", "statement", "calculated")]
    sets = [option_set(each.replace("_", "-"), each, **_needed(each)) for each in kinds]
    page = await begun(stranger, await published(resources, wizard(step("one", *sets))))
    form = form_in(page) | {f"q-{each['id']}{part}": [value, value] for each in sets for part in ("", "-day", "-other", "-time")}
    answer = await stranger.client.post(path_of(page), data=form | {"go": ["next"]})
    assert answer.status_code in (303, 422), answer.text[:500]
    again = await stranger.open(path_of(page))
    assert again.answer.status_code == 200
    assert "<script>alert" not in answer.text + again.answer.text
    assert (await stranger.open(path_of(page).replace("step/one", "check"))).answer.status_code == 200


def _needed(kind: str) -> dict[str, Any]:
    if kind in ("single_select", "dropdown", "multiple_select"):
        return {"options": [option("a"), option("b")], "allow_other": True}
    return {"constraints": {"min": 0, "max": 20}} if kind in ("slider", "rating") else {}


async def test_nobody_reads_or_changes_a_run_with_what_another_one_gave_them(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, intake())
    mine, theirs = await begun(stranger, ref), await begun(stranger, ref)
    cookies = {each.path: each.value for each in stranger.client.cookies.jar if each.name == "keepstep_run"}
    assert set(cookies) == {path_of(each).split("/step/")[0] for each in (mine, theirs)}
    crossed = {"Cookie": f"keepstep_run={cookies[path_of(mine).split('/step/')[0]]}"}
    stranger.client.cookies.clear()
    for path in (
        path_of(theirs),
        *(path_of(theirs).replace("step/about", each) for each in ("check", "later", "end", "copy", "answers.txt", "")),
    ):
        assert (await stranger.client.get(path.rstrip("/"), headers=crossed)).status_code == 403
    answer = await stranger.client.post(path_of(theirs), data=form_in(theirs) | {"go": ["next"]}, headers=crossed)
    assert (answer.status_code, title(Page(answer))) == (403, "This browser has forgotten you")
    assert await answers_of(resources, run_id_of(theirs)) == {}


async def test_the_cookie_is_the_run_s_own_and_no_script_reads_it(stranger: Browser, open_browser: Any, resources: Resources) -> None:
    ref = await published(resources, intake())
    start = await stranger.open(f"/w/{ref}")
    answer = await stranger.press(start, "Start")
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("keepstep_run="))
    assert re.search(rf"; HttpOnly;.*; Path=/w/{ref}/[0-9a-f-]{{36}}; SameSite=lax$", cookie, re.IGNORECASE), cookie
    page = await stranger.open(answer.headers["location"])
    assert page.answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in page.answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.answer.headers["content-security-policy"]
    assert page.answer.headers["x-frame-options"] == "DENY"


async def test_in_a_frame_the_address_opens_the_run_and_no_cookie_is_needed(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, intake()), "?embed=1")
    assert not [each for each in stranger.client.cookies.jar if each.name.startswith("keepstep")]
    page = Page(await send_raw(stranger, page, {"Name": "Ann"}))
    assert page.answer.status_code == 303
    page = await stranger.open(page.answer.headers["location"])
    assert (title(page), page.one("body").has_attr("data-embedded")) == ("Visit", True)
    bare: httpx.Response = await stranger.client.get(path_of(page))
    assert bare.status_code == 403
