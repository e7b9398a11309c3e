"""Answers held to the forms that the description of the API declares: strictly, so that a member nobody declared is found, too."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator, FormatChecker
from starlette.routing import Match

from keepstep.web.app import ROUTERS


def strict(schema: Any) -> Any:
    """The schema without room for members that it does not name, except where it says that there may be some."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and "additionalProperties" not in schema else {}
    return {name: strict(item) for name, item in schema.items()} | closed


class Shapes:
    """What was answered, by operation and status, and what of it is not as declared."""

    def __init__(self, app: FastAPI) -> None:
        self._schema = app.openapi()
        self.seen: set[tuple[str, str, str]] = set()
        self.faults: list[str] = []

    @cached_property
    def declared(self) -> Mapping[tuple[str, str, str], Any]:
        """The schemas of answers in JSON by method, path and status; those that anything fits are left out."""
        return {
            (method.upper(), path, status): found
            for path, methods in self._schema["paths"].items()
            for method, operation in methods.items()
            for status, answer in operation["responses"].items()
            if (found := answer.get("content", {}).get("application/json", {}).get("schema"))
        }

    async def check(self, answer: httpx.Response) -> None:
        """An event hook of httpx."""
        await answer.aread()
        place = (answer.request.method, _path_of(answer.request), str(answer.status_code))
        if answer.headers.get("content-type") != "application/json" or place not in self.declared:
            return
        self.seen.add(place)
        schema = strict({"components": self._schema["components"], **self.declared[place]})
        found = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer.json())
        self.faults += [f"{' '.join(place)} {fault.json_path}: {fault.message[:300]}" for fault in found]


def _path_of(request: httpx.Request) -> str:
    scope = {"type": "http", "method": request.method, "path": request.url.path, "root_path": "", "headers": []}
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return next((route.path_format for route in routes if route.matches(scope)[0] == Match.FULL), "")
