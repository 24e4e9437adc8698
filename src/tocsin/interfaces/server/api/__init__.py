"""The service for programs: JSON over HTTP under ``/api/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard


def routers(desk: Desk, guard: Guard) -> list[APIRouter]:
    """All addresses under ``/api/v1``. The desk is closed when the service ends."""
    from tocsin.interfaces.server.api import detectors, incidents, jobs, scoring, settings, uploads

    return [part.router(desk, guard) for part in (scoring, uploads, detectors, jobs, incidents, settings)]
