from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import UploadFile
from httpx import ASGITransport, AsyncClient, Response
from starlette.requests import Request

from keepstep.config import MEGABYTE, Resources
from keepstep.core import jsonvalue
from keepstep.errors import CursorInvalid, RequestInvalid, TooLarge
from keepstep.web.app import create_app
from keepstep.web.exactjson import FORM_ALLOWANCE, ExactJson, ExactRoute, RequestBody, UploadRoute, api_router
from keepstep.web.limits import within
from keepstep.web.lists import Listing

SECRET = b"s" * 32


class Body(RequestBody):
    value: str


async def posted(resources: Resources, path: str, **request: Any) -> Response:
    """The answer of an application with a route for JSON, one that streams, and one that takes a file."""
    router, uploads = api_router("test"), api_router("test", route_class=UploadRoute)

    @router.post("/json")
    async def as_json(body: Body) -> ExactJson:
        return ExactJson(len(body.value))

    @router.post("/stream")
    async def as_stream(request: Request) -> ExactJson:
        return ExactJson(sum([len(piece) async for piece in request.stream()]))

    @uploads.post("/file")
    async def as_file(file: UploadFile) -> ExactJson:
        return ExactJson(file.size)

    app = create_app(resources)
    app.include_router(router)
    app.include_router(uploads)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://keepstep.test") as client:
        return await client.post(path, **request)


async def pieces(count: int, *, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_up_to_the_limit_is_read(resources: Resources) -> None:
    text = "x" * (MEGABYTE - len('{"value":""}'))
    answer = await posted(resources, "/json", content=jsonvalue.dump_bytes({"value": text}), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, len(text))


async def test_a_body_over_the_limit_is_refused_with_the_limit(resources: Resources) -> None:
    answer = await posted(resources, "/json", json={"value": "x" * MEGABYTE})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too-large", MEGABYTE)
    assert "1 MB" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/json", "/stream"])
async def test_a_body_in_chunks_is_counted_as_it_comes(resources: Resources, path: str) -> None:
    answer = await posted(resources, path, content=pieces(17), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_reading_stops_at_the_limit() -> None:
    given = pieces(1000, size=1000)
    with pytest.raises(TooLarge):
        _ = [piece async for piece in within(2500, given, announced=None)]
    assert len([piece async for piece in given]) == 997


async def test_an_announced_length_is_refused_before_anything_is_read() -> None:
    given = pieces(3, size=10)
    with pytest.raises(TooLarge):
        _ = [piece async for piece in within(20, given, announced="30")]
    assert len([piece async for piece in given]) == 3


@pytest.mark.parametrize("announced", ["-1", "many", "1.5", "²"])
async def test_a_length_that_is_no_number_is_refused(announced: str) -> None:
    with pytest.raises(RequestInvalid):
        _ = [piece async for piece in within(20, pieces(1, size=1), announced=announced)]


async def test_a_file_may_be_larger_than_a_body(resources: Resources) -> None:
    fits = await posted(resources, "/file", files={"file": ("a.bin", b"x" * (MEGABYTE + 1))})
    assert (fits.status_code, fits.json()) == (200, MEGABYTE + 1)
    too_large = await posted(resources, "/file", files={"file": ("a.bin", b"x" * (2 * MEGABYTE + FORM_ALLOWANCE))})
    assert (too_large.status_code, too_large.json()["limit"]) == (413, 2 * MEGABYTE + FORM_ALLOWANCE)


async def test_a_broken_form_is_told_so(resources: Resources) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await posted(resources, "/file", content=b"--y\r\nnonsense", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


async def test_the_limits_are_the_ones_that_are_set(resources: Resources) -> None:
    assert (ExactRoute.limit(resources.settings), UploadRoute.limit(resources.settings)) == (MEGABYTE, 2 * MEGABYTE + FORM_ALLOWANCE)


def test_a_cursor_gives_back_its_position() -> None:
    listing = Listing("runs", {"status": "completed", "version": None}, SECRET)
    assert listing.after(listing.cursor(["2026-03-03T10:00:00Z", "é", 7])) == ["2026-03-03T10:00:00Z", "é", 7]
    assert listing.after(None) is None


@pytest.mark.parametrize(
    "other",
    [
        Listing("runs", {"status": None}, SECRET),
        Listing("audit", {"status": "completed"}, SECRET),
        Listing("runs", {}, SECRET),
        Listing("runs", {"status": "completed"}, b"t" * 32),
    ],
)
def test_a_cursor_belongs_to_its_list_its_filters_and_its_server(other: Listing) -> None:
    cursor = Listing("runs", {"status": "completed"}, SECRET).cursor(["x"])
    with pytest.raises(CursorInvalid):
        other.after(cursor)


@pytest.mark.parametrize("cursor", ["", "x", "a" * 5, "%%%", "é", "A" * 200])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        Listing("runs", {}, SECRET).after(cursor)


@pytest.mark.parametrize("position", range(0, 40, 3))
def test_no_byte_of_a_cursor_can_be_changed(position: int) -> None:
    listing = Listing("runs", {}, SECRET)
    cursor = listing.cursor(["2026-03-03", "0190"])
    changed = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
    with pytest.raises(CursorInvalid):
        listing.after(changed)


def test_a_page_has_a_next_one_only_when_there_is_more() -> None:
    listing = Listing("runs", {}, SECRET)
    assert listing.page([1, 2], 2, position=lambda item: [item]) == ([1, 2], None)
    shown, following = listing.page([1, 2, 3], 2, position=lambda item: [item])
    assert (shown, listing.after(following)) == ([1, 2], [2])
