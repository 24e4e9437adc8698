"""The fields of a sent form, read once and checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.core.errors import ConfigError

_LONGEST = 3900
_PIECE = 1 << 20


async def form(request: Request) -> AsyncIterator[FormData]:
    """A dependency: the sent form, whose files are closed afterwards."""
    sent = await request.form()
    try:
        yield sent
    finally:
        await sent.close()


def text(sent: FormData, name: str, default: str = "") -> str:
    """A field's text, without spaces around it.

    >>> text(FormData({"why": " leak "}), "why"), text(FormData({}), "why", "none given")
    ('leak', 'none given')
    """
    value = sent.get(name)
    return value.strip()[:_LONGEST] if isinstance(value, str) and value.strip() else default


def whole(sent: FormData, name: str) -> int:
    """A whole number. Raises ConfigError TOC-255."""
    value = text(sent, name)
    if not value.isdecimal() or len(value) > 15:
        raise ConfigError("TOC-255", f"the field {name} must hold a whole number", came=repr(value)[:40], todo="go back and choose again")
    return int(value)


def truth(sent: FormData, name: str) -> bool:
    """Yes or no. Raises ConfigError TOC-255.

    >>> truth(FormData({"is_anomaly": "false"}), "is_anomaly")
    False
    """
    value = text(sent, name)
    if value not in ("true", "false"):
        raise ConfigError("TOC-255", "this question needs an answer", came=f"{name}: {value!r}"[:60], todo="go back and choose one")
    return value == "true"


def file(sent: FormData, name: str = "file") -> UploadFile:
    """An uploaded file. Raises ConfigError TOC-255 when none was chosen."""
    value = sent.get(name)
    if not isinstance(value, UploadFile) or not value.filename:
        raise ConfigError("TOC-255", "no file was chosen", todo="choose a file, or drop one on the page")
    return value


def kept(desk: Any, sent: UploadFile, caller: Any) -> dict[str, Any]:
    """A sent file, kept by the desk; what is seen in it."""
    seen: dict[str, Any] = desk.upload(sent.filename or "", iter(lambda: sent.file.read(_PIECE), b""), by=caller.name)
    return seen


def onwards(address: str) -> Response:
    """On to a page, which is then asked for with GET: loading it again sends nothing twice."""
    return RedirectResponse(address, 303)


def local(address: str, default: str) -> str:
    """An address to go back to, if it is one of ours.

    >>> local("/incidents/3", "/"), local("//elsewhere.example", "/"), local("https://elsewhere.example", "/")
    ('/incidents/3', '/', '/')
    """
    ours = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if ours else default
