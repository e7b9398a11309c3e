"""How a request's JSON is read and an answer's written: numbers exact, the body limited, what is not JSON refused.

Must not know what the values mean. Every route of the API is an `ExactRoute`; `api_router` makes routers of them.
"""

import re
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from keepstep.config import Resources, Settings
from keepstep.core import jsonvalue
from keepstep.errors import RequestInvalid, TooLarge, Unsupported
from keepstep.web.limits import within

# Documents the errors of every route, and keeps FastAPI from describing its own form of a 422, which is never sent.
PROBLEM_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem (RFC 9457): `code` says which one.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

MOST_MEMBERS: Final = 100
"""Of the object that is a body. The longest one that is known, an option set, has 22."""
MOST_VALUES: Final = 1_000_000
MOST_NESTED: Final = 300_000
"""Of one body: values, and arrays and objects among them. What a small number of bytes can spell takes a hundred times as many
in memory, and seconds to look at. The largest structure that is taken has 100,000 options."""

# The boundaries, headers and names around one file in a form. Browsers send some hundred bytes.
FORM_ALLOWANCE: Final = 64 * 1024


# RFC 9562: UUIDs come in either case, and some systems write capitals. Stored and answered is lower case.
LOWER_CASE: Final = BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given)


class ExactJson(Response):
    """An answer in JSON: Decimals as plain numbers, times as RFC 3339. Every route returns one, because FastAPI's own way
    of writing a dict goes through float.
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return jsonvalue.dump_bytes(content)


class RequestBody(BaseModel):
    """A body that refuses members it does not know, so that a misspelt one is reported instead of ignored.

    A member that holds answers or any other JSON value is declared `Any` and stays as exact as it was parsed.
    """

    # Strict, since a lax reading takes "yes" and 1 for true, and "3" for 3: a run was completed by `"complete": 1`.
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_members(cls, data: Any) -> Any:
        """Each unknown member is a finding of its own, and nobody reads a million of them."""
        if isinstance(data, dict) and len(data) > MOST_MEMBERS:
            raise ValueError(f"a body has at most {MOST_MEMBERS} members")
        return data


class ExactRequest(Request):
    """A request whose body is read up to a limit and whose JSON is parsed exactly."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limit: int) -> None:
        super().__init__(scope, receive, send)
        self._limit = limit

    async def stream(self) -> AsyncGenerator[bytes, None]:
        async for piece in within(self._limit, super().stream(), announced=self.headers.get("content-length")):
            yield piece

    async def json(self) -> Any:
        """Raises MalformedJson, TooLarge, or Unsupported for another media type."""
        if not hasattr(self, "_json"):
            body = await self.body()
            _require_json(self.headers.get("content-type"))
            _require_bearable(body)
            self._json = jsonvalue.loads(body)
        return self._json


class ExactRoute(APIRoute):
    """A route that reads its body exactly and up to `max_body`."""

    @classmethod
    def limit(cls, settings: Settings) -> int:
        """How many bytes of a body are read."""
        return settings.max_body

    @classmethod
    async def at_once(cls, _request: ExactRequest) -> Response | None:
        """The answer without FastAPI's reading of parameters and dependencies; None where that is needed, and nothing was done."""
        return None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        limit, at_once = type(self).limit, type(self).at_once
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)
        described = (parameter["name"] for parameter in (self.openapi_extra or {}).get("parameters", ()))
        known = frozenset((*_query_names(self.dependant), *described))

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                _require_known(request.query_params.keys(), known)
            resources: Resources = request.app.state.resources
            # The exit stacks of FastAPI live in the scope, so a second request over the same scope shares them.
            _require_plain(request.headers.get("content-encoding"))
            exact = ExactRequest(request.scope, request.receive, request._send, limit=limit(resources.settings))  # noqa: SLF001 - no public name
            # Here rather than inside FastAPI, which turns whatever parsing raises into a 400 without a reason.
            if takes_json and await exact.body():
                await exact.json()
            return await at_once(exact) or await answer(exact)

        return handle


class UploadRoute(ExactRoute):
    """A route that takes a file of up to `max_file`, which the file store itself holds to; the body has the form around it, too."""

    @classmethod
    def limit(cls, settings: Settings) -> int:
        return settings.max_file + FORM_ALLOWANCE


def api_router(tag: str, *, route_class: type[ExactRoute] = ExactRoute) -> APIRouter:
    """A router of exact routes, under one heading of the documentation."""
    tags: Sequence[str] = [tag]
    return APIRouter(tags=list(tags), route_class=route_class, responses=PROBLEM_ANSWER, redirect_slashes=False)


# `answer[<key>]=<value>` in the list of runs: a name for each question, so no route can declare them one by one.
ANSWERS: Final = "answer"
_BY_QUESTION: Final = re.compile(r"answer\[[^\]]+\]")


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of all that it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_names(each)


def _require_known(given: Iterable[str], known: Collection[str]) -> None:
    """Raises RequestInvalid for a parameter that the route does not have: `dryrun` instead of `dry_run` must not delete."""
    unknown = sorted(name for name in given if name not in known and not (ANSWERS in known and _BY_QUESTION.fullmatch(name)))
    if unknown:
        detail = f"There is no parameter {unknown[0][:60]!r} here; this address takes: {', '.join(sorted(known)) or 'none'}."
        raise RequestInvalid(detail, errors=[{"pointer": "", "parameter": unknown[0][:60], "code": "parameter-unknown", "detail": detail}])


def _require_plain(encoding: str | None) -> None:
    """Raises Unsupported: a compressed body would be read as if it were none, or refused without a word about the reason."""
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        detail = f"A body is read as it comes, not as {encoding.strip()[:40]!r}. Send it without Content-Encoding."
        raise Unsupported(detail, accepted=["identity"])


def _require_bearable(body: bytes) -> None:
    """Raises TooLarge for more values than can be looked at while others wait. Signs within texts count as well, as they are cheap to
    count and no text is made of them.
    """
    nested = body.count(b"[") + body.count(b"{")
    if nested > MOST_NESTED or nested + body.count(b",") > MOST_VALUES:
        detail = f"A body holds at most {MOST_VALUES:,} values, of which {MOST_NESTED:,} arrays and objects. Send it in parts."
        raise TooLarge(detail, limit=MOST_VALUES)


def _require_json(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or "").partition(";")
    media_type = media_type.strip().lower()
    charset = parameters.lower().replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
    if charset not in ("", "utf-8", "utf8"):
        raise Unsupported(f"JSON is read as UTF-8, not as {charset[:40]}.", accepted=["application/json"])
    if media_type != "application/json" and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise Unsupported("Send JSON, and say so: Content-Type: application/json.", accepted=["application/json"])


def with_headers(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> ExactJson:
    """An exact answer with this status and these headers."""
    return ExactJson(value, status_code=status, headers=dict(headers or {}))
