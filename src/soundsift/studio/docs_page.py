"""The API's documentation as one page of plain HTML.

Swagger UI would add 1.5 MB of scripts to the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


def docs_page(schema: Mapping[str, Any]) -> str:
    """Render an OpenAPI schema as HTML.

    Args:
        schema: content of `/api/openapi.json`.
    """
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(schema['info']['title'])} API</title>",
        f"<h1>{escape(schema['info']['title'])} {escape(schema['info']['version'])}: HTTP API</h1>",
        '<p>For programs: <a href="/api/openapi.json">openapi.json</a>.</p>',
    ]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts += _operation(method, path, operation)
    parts.append("<h2>Objects</h2>")
    for name, model in schema.get("components", {}).get("schemas", {}).items():
        parts += _model(name, model)
    return "\n".join([*parts, "</html>"])


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    title = f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    parts = [title, f"<p>{escape(operation.get('description', ''))}</p>"]
    rows = [
        (f"{p['in']} {p['name']}", _kind(p["schema"]), p.get("description", ""))
        for p in operation.get("parameters", ())
    ]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        rows.append(("body", _kind(body["schema"]), kind))
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        kinds = ", ".join(_kind(c.get("schema", {})) or k for k, c in content.items())
        rows.append((status, kinds, answer.get("description", "")))
    return [*parts, _table(rows)]


def _model(name: str, model: Mapping[str, Any]) -> list[str]:
    needed = set(model.get("required", ()))
    rows = [
        (field, _kind(schema), schema.get("description", "" if field in needed else "optional"))
        for field, schema in model.get("properties", {}).items()
    ]
    heading = f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    return [heading, f"<p>{escape(model.get('description', ''))}</p>", _table(rows)]


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in words."""
    if reference := schema.get("$ref"):
        return str(reference).rpartition("/")[2]
    if choices := schema.get("anyOf"):
        return " or ".join(_kind(choice) for choice in choices)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {})) or 'numbers'}"
    return str(schema.get("format") or schema.get("type") or "")


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{''.join(cells)}</table>"
