"""``POST /uploads``: a file comes in, what is seen in it goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, File, UploadFile

from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.guard import Caller

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard

_PART = 1 << 20
_FILE = File()


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The addresses under ``/uploads``."""
    routes = APIRouter(prefix="/api/v1", tags=["uploads"])
    read, manage = Depends(guard.needs("score")), Depends(guard.needs("manage"))

    @routes.post("/uploads", status_code=201, summary="Upload a file: csv, tsv, JSON lines or Parquet", response_model=shapes.Seen)
    def upload(file: UploadFile = _FILE, caller: Caller = manage) -> dict[str, Any]:
        return desk.upload(file.filename or "", iter(lambda: file.file.read(_PART), b""), caller.name)

    @routes.get("/uploads/{digest}", summary="What is seen in an upload", response_model=shapes.Seen)
    def seen(digest: str, caller: Caller = read) -> dict[str, Any]:
        return desk.seen(digest)

    return routes
