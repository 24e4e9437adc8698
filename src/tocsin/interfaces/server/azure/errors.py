"""Tocsin's errors in the shapes that clients of Azure AI Anomaly Detector expect."""

from __future__ import annotations

import json

from fastapi import Response

from tocsin.core.errors import TocsinError

_CODES = {
    "TOC-180": "InvalidSeries", "TOC-181": "InvalidSeries", "TOC-182": "InvalidModelArgument", "TOC-183": "InvalidSeries",
    "TOC-184": "InvalidModelArgument", "TOC-690": "InvalidJsonFormat", "TOC-691": "RequiredSeries", "TOC-692": "RequiredGranularity",
    "TOC-693": "InvalidGranularity", "TOC-694": "InvalidCustomInterval", "TOC-695": "InvalidPeriod", "TOC-696": "InvalidModelArgument",
    "TOC-697": "InvalidImputeMode", "TOC-698": "InvalidImputeFixedValue", "TOC-699": "BadArgument",
}
_KEYS = {"TOC-601": 401, "TOC-602": 403}


def refusal(error: TocsinError) -> Response | None:
    """The answer to ``error``: 400 ``{code, message}`` for a wrong request, 401 or 403 ``{error: {code, message}}`` for a wrong key.

    None for an error that has no shape there; it is the outer application's.

    >>> from tocsin.core.errors import ServiceError
    >>> refusal(ServiceError("TOC-691", "there is no series")).body
    b'{"code": "RequiredSeries", "message": "TOC-691: there is no series"}'
    """
    if error.code in _KEYS:
        status = _KEYS[error.code]
        words = "Access denied due to invalid subscription key." if status == 401 else "Access denied: the key does not allow this."
        return gateway(status, f"{words} {error}")
    if error.code not in _CODES:
        return None
    code = _CODES[error.code]
    return _json({"code": code, "message": str(error)}, 400, {"x-ms-error-code": code})


def gateway(status: int, message: str) -> Response:
    """The shape of Azure's gateway: what is refused before the detector is asked."""
    return _json({"error": {"code": str(status), "message": message}}, status)


def _json(body: dict[str, object], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status_code=status, media_type="application/json", headers=headers)
