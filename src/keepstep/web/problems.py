"""Which status a problem has and how it is written: RFC 9457, one shape for everything that goes wrong.

The only place with status numbers. FastAPI's and Starlette's own errors become problems here, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from keepstep.core import jsonvalue
from keepstep.core.findings import place_of, sentence_of
from keepstep.core.issue import pointer
from keepstep.errors import Kind, MethodNotAllowed, Problem, RequestInvalid, RouteNotFound, TooLarge, Unauthenticated, Unsupported
from keepstep.web.etags import quoted
from keepstep.web.kept import SIGN_IN_TO_SEND, keep_fields, owner_in, page_of_form, whose_form
from keepstep.web.rendering import is_htmx, page

STATUS: Final[Mapping[Kind, int]] = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "gone": 410,
    "stale": 412,
    "too_large": 413,
    "unsupported": 415,
    "invalid": 422,
    "precondition_required": 428,
    "limited": 429,
    "internal": 500,
    "unavailable": 503,
}
# Long enough for a deadlock or a restart of the database to pass, short enough that nobody waits for nothing.
RETRY_AFTER: Final = "2"
MEDIA_TYPE: Final = "application/problem+json"
_IN_PATHS: Final = "/:@!$&'()*+,;="
MAX_ERRORS: Final = 200
"""Findings of one answer; `more_errors` says how many there are besides."""
# Findings that the one sentence of `detail` goes through.
_TOLD: Final = 5
_OWN: Final = frozenset({"type", "title", "status", "detail", "code", "instance", "errors", "more_errors"})


def status_of(problem: Problem) -> int:
    """405 is the one status that a kind does not give: HTTP has a number of its own for a method."""
    return 405 if isinstance(problem, MethodNotAllowed) else STATUS[problem.kind]


def problem_body(problem: Problem, *, instance: str) -> dict[str, Any]:
    """The members of RFC 9457, then `code`, `errors` where there are any, and the problem's own ones beside them."""
    body: dict[str, Any] = {
        "type": f"/api/problems/{problem.code}",
        "title": problem.title,
        "status": status_of(problem),
        "detail": problem.detail,
        "code": problem.code,
        # The path as it was decoded may hold any character; a URI reference may not (RFC 3986).
        "instance": quote(instance, safe=_IN_PATHS),
    }
    if problem.errors:
        body["errors"] = problem.errors[:MAX_ERRORS]
    if len(problem.errors) > MAX_ERRORS:
        body["more_errors"] = len(problem.errors) - MAX_ERRORS
    return body | {name: value for name, value in problem.extra.items() if name not in _OWN}


def problem_response(problem: Problem, *, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that a problem stopped. `instance` is the path of the request, without its query."""
    return Response(
        jsonvalue.dump_bytes(problem_body(problem, instance=instance)),
        status_code=status_of(problem),
        headers={**_headers_of(problem), **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def answer_problems(app: FastAPI) -> None:
    """Every error of this application answers as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def answer_to(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as whoever asks can read it: a page for a browser, a fragment for the script of a page, JSON for a program."""
    if wants_page(request):
        return problem_page(request, problem, headers=headers)
    return problem_response(problem, instance=request.url.path, headers=headers)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, outside of the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def problem_page(request: Request, problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    """The problem's page; its fragment goes where a page shows notices, whatever the request meant to replace."""
    where = {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"} if is_htmx(request) else {}
    all_headers = {**_headers_of(problem), **where, **(headers or {})}
    # A browser would ask for a password in a window of its own.
    all_headers.pop("WWW-Authenticate", None)
    template = "problem_notice.html" if is_htmx(request) else "problem.html"
    return page(request, template, block="notice", status=status_of(problem), headers=all_headers, problem=problem)


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    if isinstance(problem, Unauthenticated) and wants_page(request):
        return await _sign_in_first(request, problem)
    return answer_to(request, problem)


async def _sign_in_first(request: Request, problem: Unauthenticated) -> Response:
    """A page is shown after signing in. A form that came too late is kept, and a part of a page asks for the dialog."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    values: dict[str, Any] = {"email": "", "error": "", "wait": 0, "is_new": False, "over": True}
    if is_htmx(request):
        return page(request, "login.html", block="form", status=status_of(problem), next="/", kept=None, owner="", **values)
    if request.method in {"GET", "HEAD"}:
        return RedirectResponse(f"/login?{urlencode({'next': path})}", status_code=303)
    kept, typed_by = await keep_fields(request), await whose_form(request)
    return page(
        request,
        "login.html",
        status=SIGN_IN_TO_SEND,
        next=path,
        kept=kept,
        typed_by=typed_by,
        owner=owner_in(typed_by)[1],
        came=page_of_form(request),
        **values,
    )


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer_to(request, _invalid(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer_to(request, _of_http(error), error.headers)


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    # Nobody is there to read it; the log of requests shows what happened.
    return problem_response(RequestInvalid("The connection ended before the whole body had come."), instance=request.url.path)


def _headers_of(problem: Problem) -> dict[str, str]:
    match problem.kind:
        case "unauthenticated":
            return {"WWW-Authenticate": 'Bearer realm="keepstep"'}
        case "unavailable" | "limited":
            return {"Retry-After": RETRY_AFTER}
        case "stale" | "precondition_required" if "etag" in problem.extra:
            return {"ETag": quoted(problem.extra["etag"])}
        case _:
            return {}


def _of_http(error: HTTPException) -> Problem:
    """What Starlette and FastAPI refuse on their own, before or around a route."""
    if isinstance(error.__cause__, Problem):
        # FastAPI wraps whatever came up while it read a form: the limit of a body, for one.
        return error.__cause__
    match error.status_code:
        case 404:
            return RouteNotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            return TooLarge()
        case 415:
            return Unsupported()
        case _:
            return RequestInvalid(str(error.detail))


def _invalid(errors: Sequence[Mapping[str, Any]]) -> RequestInvalid:
    found = [_error(each) for each in errors]
    told = " ".join(f"{each['pointer'] or each.get('parameter', 'body')}: {each['detail']}" for each in found[:_TOLD])
    more = f" And {len(found) - _TOLD} more." if len(found) > _TOLD else ""
    return RequestInvalid(told + more, errors=found)


def _error(error: Mapping[str, Any]) -> dict[str, str]:
    """A finding of pydantic as `{pointer, code, detail}`; one about the query, the path or a header names its `parameter`.

    The value itself is left out: it may be an answer, and answers do not go into logs.
    """
    place, *path = place_of(error) or ("body",)
    found = {"pointer": "", "code": str(error["type"]).replace("_", "-"), "detail": sentence_of(error)}
    if place == "body":
        return found | {"pointer": pointer(*path)}
    return found | {"in": str(place), "parameter": ".".join(map(str, path))}
