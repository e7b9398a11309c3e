"""How a respondent's page is answered: its own layout in the wizard's language, also for what goes wrong, and who may frame it."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepstep.config import Resources
from keepstep.errors import NotAdmitted, Problem, RequestInvalid, RouteNotFound
from keepstep.web.pages.route import PageRoute, UploadPageRoute
from keepstep.web.problems import status_of
from keepstep.web.questions.situation import Situation
from keepstep.web.rendering import PAGE_HEADERS, POLICY, player_environment
from keepstep.web.texts import respondent_language

NOBODY: Final = "frame-ancestors 'none'"
ANYBODY: Final = "frame-ancestors *"
"""For what only tells: which wizard it was about is not known, and there is nothing on it to be made to click."""
# By its reason where a refusal has a number of its own; forbidden otherwise.
_STATUS: Final[Mapping[str, int]] = {
    "closed": 410,
    "full": 410,
    "invitation_used": 410,
    "invitation_unknown": 404,
    "not_yet_open": 403,
    "needs_link": 403,
    "needs_sign_in": 401,
    "throttled": 429,
}


def player_page(
    request: Request,
    template: str,
    *,
    language: str,
    status: int = 200,
    frames: str = NOBODY,
    **values: Any,
) -> HTMLResponse:
    """The page. `language` is that of the wizard's texts; ours follow it where there is a catalogue. `frames`: who may frame it."""
    resources: Resources = request.app.state.resources
    environment = player_environment(language, resources.settings.zone)
    body = environment.get_template(f"player/{template}").render({"request": request, "lang": language, "scripts": (), **values})
    headers = {**PAGE_HEADERS, "Content-Security-Policy": POLICY.replace(NOBODY, frames), "Vary": "Cookie, Accept-Language"}
    return HTMLResponse(body, status_code=status, headers=headers)


def asked_language(request: Request) -> str:
    """The best of the languages that a browser asks for, where no wizard has one."""
    return respondent_language(*request.headers.get("accept-language", "").split(","))


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """A problem in a respondent's words: what happened, and what they can do."""
    refusal = str(problem.extra.get("refusal", "")) if isinstance(problem, NotAdmitted) else ""
    status = _STATUS.get(refusal, 403) if refusal else status_of(problem)
    language = asked_language(request)
    embedded = "embed" in request.query_params
    answer = player_page(
        request,
        "problem.html",
        language=language,
        status=status,
        direction=Situation(language).direction,
        name="",
        code=refusal or problem.code,
        problem=problem,
        embedded=embedded,
        frames=ANYBODY if embedded else NOBODY,
        again=request.url.path if request.method == "GET" else "",
    )
    if status == 429:
        answer.headers["Retry-After"] = str(problem.extra.get("wait", 60))
    return answer


class PlayerRoute(PageRoute):
    """A route of the player. What stops a request is told in its layout, never in that of the admin's pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _telling(super().get_route_handler())


class PlayerUploadRoute(UploadPageRoute):
    """As `PlayerRoute`, for forms that bring files."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _telling(super().get_route_handler())


def _telling(answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def handle(request: Request) -> Response:
        try:
            return await answer(request)
        except Problem as problem:
            return problem_page(request, problem)
        except HTTPException as error:
            # FastAPI wraps what came up while it read a form: the limit of a body, for one.
            if isinstance(error.__cause__, Problem):
                return problem_page(request, error.__cause__)
            return problem_page(request, RequestInvalid(str(error.detail)))
        except RequestValidationError:
            return problem_page(request, RouteNotFound())

    return handle
