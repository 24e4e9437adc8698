"""``/anomalydetector/{version}/timeseries/.../detect``: the paths, the key's header, and the bodies of the answers.

Stateless: a request is read, judged in a worker thread and forgotten. Nothing of a series is logged or kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from tocsin.core.errors import TocsinError
from tocsin.flows.univariate.changepoint import changes
from tocsin.flows.univariate.judge import Judgement, entire, last
from tocsin.interfaces.server.azure.errors import gateway, refusal
from tocsin.interfaces.server.azure.forms import read

KEY = "Ocp-Apim-Subscription-Key"
_VERSION = re.compile(r"v1\.[01](-preview(\.\d+)?)?")
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {
    "type": "object", "required": ["series"], "properties": {
        "series": {"type": "array", "minItems": 12, "maxItems": 8640, "items": {"type": "object", "required": ["value"], "properties": {
            "timestamp": {"type": "string", "format": "date-time"}, "value": {"type": "number"}}}},
        "granularity": {"type": "string"}, "customInterval": {"type": "integer", "minimum": 1}, "period": {"type": "integer", "minimum": 0},
    }}}}}}


def router(verify: Callable[[str | None], None]) -> APIRouter:
    """Routes to mount on a FastAPI application. ``verify`` gets the key of the header, or None, and raises ServiceError TOC-601 or TOC-602.

    Wrong requests are answered with Azure's shapes and codes; other errors pass to the application. The size of a body is its affair, too.
    """
    routes = APIRouter(prefix="/anomalydetector", tags=["anomalydetector"])

    def add(kind: str, answer: Callable[[bytes], dict[str, Any]]) -> None:
        async def detect(version: str, request: Request) -> Response:
            if not _VERSION.fullmatch(version):
                return _unknown()
            key = request.headers.get(KEY)
            try:
                await run_in_threadpool(verify, key)
                body = await request.body()
                return Response(await run_in_threadpool(_text, answer, body), media_type="application/json")
            except TocsinError as error:
                refused = refusal(error)
                if refused is None:
                    raise
                return refused

        detect.__doc__ = answer.__doc__
        routes.add_api_route(f"/{{version}}/timeseries/{kind}/detect", detect, methods=["POST"], name=f"detect_{kind}", openapi_extra=_BODY)

    add("entire", answer_entire)
    add("last", answer_last)
    add("changepoint", answer_changepoint)
    routes.add_api_route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    return routes


def answer_entire(body: bytes) -> dict[str, Any]:
    """Every point of a posted series, judged by all others."""
    asked = read(body)
    found = entire(asked.values, asked.stamps, asked.terms)
    return {"period": found.period, **{many: column for _, many, column in _columns(found)}}


def answer_last(body: bytes) -> dict[str, Any]:
    """The newest point of a posted series, judged by those before it."""
    asked = read(body)
    found = last(asked.values, asked.stamps, asked.terms)
    return {"period": found.period, "suggestedWindow": found.suggested_window, **{one: column[0] for one, _, column in _columns(found)}}


def answer_changepoint(body: bytes) -> dict[str, Any]:
    """Where the trend of a posted series changes."""
    asked = read(body, changepoint=True)
    found = changes(asked.values, asked.stamps, asked.terms, window=asked.window, threshold=asked.threshold)
    return {"period": found.period, "isChangePoint": found.changed.tolist(), "confidenceScores": found.confidence.tolist()}


def _columns(found: Judgement) -> list[tuple[str, str, list[Any]]]:
    """Name for one point, name for many, and what was found."""
    return [("expectedValue", "expectedValues", found.expected.tolist()), ("upperMargin", "upperMargins", found.upper.tolist()),
            ("lowerMargin", "lowerMargins", found.lower.tolist()), ("isAnomaly", "isAnomaly", found.flagged.tolist()),
            ("isNegativeAnomaly", "isNegativeAnomaly", found.negative.tolist()),
            ("isPositiveAnomaly", "isPositiveAnomaly", found.positive.tolist()), ("severity", "severity", found.severity.tolist())]


def _text(answer: Callable[[bytes], dict[str, Any]], body: bytes) -> bytes:
    return json.dumps(answer(body), allow_nan=False, separators=(",", ":")).encode()


def _unknown() -> Response:
    return gateway(404, "Resource not found. Offered are POST /anomalydetector/v1.1/timeseries/{entire,last,changepoint}/detect; "
                        "multivariate detection is not.")
