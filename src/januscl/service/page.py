"""The API's page: what its OpenAPI says, as plain HTML that loads nothing from anywhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse

from januscl.service.forms import PREFIX

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h3 { margin: 2rem 0 .2rem } code, pre { font: 13px/1.4 ui-monospace, monospace }
pre { overflow: auto; background: #f4f4f4; padding: .6rem } td { padding: .1rem .8rem .1rem 0 }
td { vertical-align: top }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_routes(app: FastAPI) -> APIRouter:
    """Return the route of the page of an app."""
    router = APIRouter()

    @router.get(f"{PREFIX}/docs", include_in_schema=False)
    def page() -> HTMLResponse:
        """Return the page."""
        html = "".join(_page(app.openapi()))
        return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})

    return router


def _page(api: Mapping[str, Any]) -> Iterator[str]:
    title = escape(f"{api['info']['title']} {api['info']['version']}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style><h1>{title}</h1>"
    yield f'<p>The description itself: <a href="{PREFIX}/openapi.json">openapi.json</a>.</p>'
    for path, acts in api["paths"].items():
        for method, act in acts.items():
            yield from _route(f"{method.upper()} {path}", act)
    yield "<h2>Forms</h2>"
    for name, form in api.get("components", {}).get("schemas", {}).items():
        yield _folded(name, form)


def _route(name: str, act: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h3><code>{escape(name)}</code></h3>"
    yield f"<p>{escape(act.get('description') or act.get('summary', ''))}</p>"
    for parameter in act.get("parameters", ()):
        what = parameter.get("description", "")
        yield f"<p><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}) "
        yield f"{escape(what)}</p>"
    for media, form in act.get("requestBody", {}).get("content", {}).items():
        yield _folded(f"body: {media}", form.get("schema", {}))
    yield "<table>"
    for status, answer in act.get("responses", {}).items():
        forms = ", ".join(answer.get("content", {}))
        yield f"<tr><td>{escape(status)}<td>{escape(answer.get('description', ''))}"
        yield f"<td><code>{escape(forms)}</code>"
    yield "</table>"


def _folded(name: str, form: Any) -> str:
    text = escape(json.dumps(form, indent=1))
    return f"<details><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>"
