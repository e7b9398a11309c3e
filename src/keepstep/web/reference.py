"""The documents of the API as pages: its routes and its problems. One style sheet inside, no script, nothing from elsewhere."""

import base64
import hashlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import msgspec

from keepstep.core import jsonvalue
from keepstep.errors import Kind, Problem

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; }
summary { cursor: pointer; padding: .25rem 0; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
"""
# A policy that names the digest of this one style lets no other in.
STYLE_SOURCE: Final = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def operations_page(openapi: Mapping[str, Any]) -> str:
    """Every route of an OpenAPI description, by its tag."""
    info = openapi["info"]
    intro = f"<p>{escape(info['description'])}</p><p>As data: <a href='/api/openapi.json'>openapi.json</a>. "
    intro += "What can go wrong: <a href='/api/problems'>problems</a>.</p>"
    operations = sorted(_operations(openapi), key=lambda each: each[0])
    parts = []
    for tag in dict.fromkeys(tag for tag, *_ in operations):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [_operation(method, path, operation) for found, path, method, operation in operations if found == tag]
    return _page(f"{info['title']} {info['version']}", intro + "".join(parts) + _schemas(openapi))


def problems_page(problems: Sequence[type[Problem]], status: Mapping[Kind, int]) -> str:
    """Every problem in a table."""
    rows = "".join(
        f"<tr><td><a href='/api/problems/{escape(each.code)}'><code>{escape(each.code)}</code></a></td>"
        f"<td>{status[each.kind]}</td><td>{escape(_text(each))}</td></tr>"
        for each in problems
    )
    return _page("Problems", f"<table><tr><th>code</th><th>status</th><th>what it means</th></tr>{rows}</table>")


def problem_page(problem: type[Problem], status: Mapping[Kind, int]) -> str:
    """One problem: its title, code, status and text."""
    return _page(
        problem.title,
        f"<p><code>{escape(problem.code)}</code>, status {status[problem.kind]}</p><p>{escape(_text(problem))}</p>"
        "<p><a href='/api/problems'>All problems</a></p>",
    )


def _operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield methods[method].get("tags", ["other"])[0], path, method, methods[method]


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    description = operation.get("description") or operation.get("summary", "")
    first, _, rest = description.partition("\n\n")
    body = f"<p>{escape(rest)}</p>" if rest else ""
    return (
        f"<details id='{escape(operation['operationId'])}'><summary><code>{method.upper()} {escape(path)}</code> {escape(first)}</summary>"
        f"{body}{_parameters(operation)}{_body(operation)}{_answers(operation)}</details>"
    )


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}{', required' if each.get('required') else ''}</td>"
        f"<td>{escape(each.get('description', ''))}</td><td>{_schema(each.get('schema', {}))}</td></tr>"
        for each in operation.get("parameters", ())
    )
    return f"<table><tr><th>parameter</th><th>in</th><th></th><th>form</th></tr>{rows}</table>" if rows else ""


def _body(operation: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return "".join(f"<p>Body, {escape(kind)}: {_schema(each.get('schema', {}))}</p>" for kind, each in content.items())


def _answers(operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{', '.join(_schema(each.get('schema', {})) for each in answer.get('content', {}).values())}</td></tr>"
        for status, answer in operation.get("responses", {}).items()
    )
    return f"<table><tr><th>answer</th><th></th><th>form</th></tr>{rows}</table>"


def _schema(schema: Mapping[str, Any]) -> str:
    reference = schema.get("$ref")
    if reference:
        name = escape(reference.rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    shown = {name: value for name, value in schema.items() if name not in {"title", "description"}}
    return f"<code>{escape(jsonvalue.dumps(shown))}</code>" if shown else "any"


def _schemas(openapi: Mapping[str, Any]) -> str:
    found = openapi.get("components", {}).get("schemas", {})
    shown = "".join(
        f"<details id='schema-{escape(name)}'><summary>{escape(name)}</summary><pre>{escape(_indented(schema))}</pre></details>"
        for name, schema in sorted(found.items())
    )
    return f"<h2>Forms</h2>{shown}"


def _indented(schema: Any) -> str:
    return msgspec.json.format(jsonvalue.dump_bytes(schema), indent=2).decode()


def _text(problem: type[Problem]) -> str:
    return " ".join((inspect.getdoc(problem) or problem.title).split())


def _page(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
