"""What a start form brings is believed only as far as it is signed, and for its own wizard."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from tests.actions_kit import new_id

from keepstep.config import Resources
from keepstep.core.access import Access
from keepstep.core.admission import Visit
from keepstep.core.tokens import sign
from keepstep.web.app import create_app
from keepstep.web.gate import INVITATION_COOKIE, frame_ancestors, gate_of, visit_of

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(replace(resources, now=lambda: NOW))


def _request(app: FastAPI, query: str = "", cookie: str = "") -> Request:
    headers = [(b"cookie", f"{INVITATION_COOKIE}={cookie}".encode())] if cookie else []
    scope = {"type": "http", "method": "POST", "path": "/w/x", "query_string": query.encode(), "headers": headers, "app": app}
    return Request(scope | {"client": ("192.0.2.7", 1)})


async def _visit(app: FastAPI, wizard: str, fields: Mapping[str, str], **sent: str) -> Visit:
    return await visit_of(_request(app, **sent), wizard, fields)


async def test_a_form_of_ours_brings_its_run_and_its_time(app: FastAPI) -> None:
    wizard = new_id()
    start = gate_of(_request(app), wizard, Access()).start
    first = await _visit(app, wizard, {"start": start, "trap": "", "proof": "5"})
    again = await _visit(app, wizard, {"start": start})
    assert (first.run_id, first.shown_at, first.challenge) == (again.run_id, NOW, start)
    assert (first.address, first.proof, again.proof, first.honeypot) == ("192.0.2.7", "5", None, "")


async def test_a_field_that_is_not_signed_for_this_wizard_brings_nothing(app: FastAPI, resources: Resources) -> None:
    wizard = new_id()
    foreign = gate_of(_request(app), new_id(), Access()).start
    good = gate_of(_request(app), wizard, Access()).start
    odd = [sign(resources.secret, f"start:{wizard}", value) for value in ("x", [1, 2], ["no-id", "2026-03-03T09:00:00Z"], [new_id()])]
    for start in (foreign, good[:-1] + ("A" if good[-1] != "A" else "B"), "", "x" * 5000, "\u00e4", *odd):
        visit = await _visit(app, wizard, {"start": start})
        assert (visit.shown_at, visit.challenge) == (None, None)
        assert visit.run_id


async def test_the_token_of_the_form_goes_before_the_address_and_that_before_the_cookie(app: FastAPI) -> None:
    wizard = new_id()
    sent = {"query": "t=of-the-address", "cookie": "of-the-cookie"}
    assert (await _visit(app, wizard, {"t": "of-the-form"}, **sent)).token == "of-the-form"
    assert (await _visit(app, wizard, {}, **sent)).token == "of-the-address"
    assert (await _visit(app, wizard, {}, cookie="of-the-cookie")).token == "of-the-cookie"
    assert (await _visit(app, wizard, {})).token is None
    assert len((await _visit(app, wizard, {"t": "x" * 9999})).token or "") == 200


def test_only_the_sites_that_were_named_may_frame_it() -> None:
    assert frame_ancestors(Access()) == "frame-ancestors 'none'"
    assert (
        frame_ancestors(Access(embed_on=("https://a.example", "https://*.b.example")))
        == "frame-ancestors https://a.example https://*.b.example"
    )
