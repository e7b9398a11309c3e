"""What a browser calls itself, in a few words, so that somebody knows their own sessions apart. Never the whole header."""

from typing import Final

from starlette.requests import Request
from ua_parser import parse_os, parse_user_agent

# Anybody may send anything; no browser sends more.
_LONGEST: Final = 512


def device_of(request: Request) -> str:
    """`Firefox · Linux`; empty for a browser that does not say."""
    said = request.headers.get("user-agent", "")[:_LONGEST]
    browser, system = parse_user_agent(said), parse_os(said)
    return " · ".join(found.family for found in (browser, system) if found is not None)
