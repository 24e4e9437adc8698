"""The page's own small files, the report's style sheet, and the chart library from the installed plotly package. Nothing else is served."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response

from tocsin.core.errors import MissingExtra, ServiceError

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_OWN = "tocsin.interfaces.dashboard"
_YEAR = "public, max-age=31536000, immutable"  # an address holds the content's digest, so that a new file has a new address


def router() -> APIRouter:
    """``GET /static/{name}``: open to everyone who can reach the server, for the sign-in page needs its style, too."""
    made = APIRouter(include_in_schema=False)

    @made.get("/static/{name}")
    def asset(name: str, request: Request) -> Response:
        if name not in names():
            raise ServiceError("TOC-608", "there is nothing at this address", came=request.url.path, todo="start again from the first page")
        headers = {
            "Cache-Control": _YEAR if request.query_params.get("v") == digest(name) else "no-cache",
            "ETag": f'"{digest(name)}"',
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        body = _packed(name) if packed else content(name)
        return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers | ({"Content-Encoding": "gzip"} if packed else {}))

    return made


@cache
def names() -> frozenset[str]:
    """Every name that is served.

    >>> sorted(names())[-2:]
    ['theme.js', 'upload.js']
    """
    own = {entry.name for entry in files(_OWN).joinpath("static").iterdir() if Path(entry.name).suffix in _TYPES}
    return frozenset(own | {"report.css", "plotly.min.js"})


@cache
def content(name: str) -> bytes:
    """The bytes of one served file; ``name`` is one of ``names()``. Raises MissingExtra TOC-501."""
    if name == "plotly.min.js":
        found = find_spec("plotly")  # found, not imported: only its script is wanted
        if found is None or not found.submodule_search_locations:
            raise MissingExtra("TOC-501", "charts need the package plotly", todo="pip install plotly")
        return Path(next(iter(found.submodule_search_locations)), "package_data", "plotly.min.js").read_bytes()
    if name == "report.css":
        return files("tocsin.interfaces.report").joinpath("page.css").read_bytes()
    return files(_OWN).joinpath("static", name).read_bytes()


@cache
def digest(name: str) -> str:
    """A short digest of the content."""
    return hashlib.sha256(content(name)).hexdigest()[:16]


def address(name: str) -> str:
    """Where a page finds the file; changes when the file does.

    >>> address("page.css").startswith("/static/page.css?v=")
    True
    """
    return f"/static/{name}?v={digest(name)}"


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(content(name), compresslevel=6, mtime=0)
