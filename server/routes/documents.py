"""/docs: what routes there are, drawn from the OpenAPI document. A page without scripts: nothing is loaded from
elsewhere, and nothing has to be allowed."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def documents(request: Request) -> HTMLResponse:
    """Every route with its parameters, bodies and answers."""
    return HTMLResponse(page(request.app.openapi()))


def page(openapi: dict[str, Any]) -> str:
    """The OpenAPI document as HTML."""
    routes = [
        _route(method, path, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in openapi["components"]["schemas"].items()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Realify: routes</title>'
        f"<h1>Realify {_text(openapi['info']['version'])}: routes</h1>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>. '
        "Send <code>Authorization: Bearer TOKEN</code>. Every error is <code>{code, message, fix}</code>.</p>"
        f"{''.join(routes)}<h1>Bodies</h1>{''.join(schemas)}"
    )


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        f"<li><code>{_text(each['name'])}</code> ({_text(each['in'])}, {_type(each['schema'])})"
        f"{' required' if each.get('required') else ''} {_text(each.get('description', ''))}"
        for each in operation.get("parameters", [])
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append(f"<li>body: {_type(content.get('schema', {}))} ({_text(kind)})")
    for status, answer in operation["responses"].items():
        types = [_type(content.get("schema", {})) for content in answer.get("content", {}).values()]
        rows.append(f"<li>{status}: {' or '.join(types) or _text(answer.get('description', ''))}")
    return (
        f"<h2><code>{method.upper()} {_text(path)}</code></h2>"
        f"<p>{_text(operation.get('description', ''))}</p><ul>{''.join(rows)}</ul>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    fields = schema.get("properties", {})
    rows = [
        f"<li><code>{_text(field)}</code> ({_type(about)}) {_text(about.get('description', ''))}"
        for field, about in fields.items()
    ]
    about = _text(schema.get("description", ""))
    return f'<h2 id="{_text(name)}">{_text(name)}</h2><p>{about}</p><ul>{"".join(rows)}</ul>'


def _type(schema: dict[str, Any]) -> str:
    """A schema's type in few words; a named one as a link."""
    if "$ref" in schema:
        name = _text(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(_text(str(each)) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _text(str(schema.get("type", schema.get("const", "anything"))))


def _text(text: str) -> str:
    return html.escape(text)
