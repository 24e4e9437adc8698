"""The pages to read. Each asks the desk for one view and says it in words; the desk's view as JSON is the page's twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tocsin.core.errors import ServiceError
from tocsin.interfaces.dashboard import facts, found, glance, seen, words
from tocsin.interfaces.dashboard.view import View

_API = "/api/v1"
_OPEN_CARDS = 6
_CARDS = 60
_BATCHES = 20  # of an incident that are looked at
_MOST = 2000  # odd rows of one batch that are looked at for the oddest
_TABS = [("unresolved", "Waiting"), ("resolved", "Resolved"), ("all", "All")]


def router(desk: Any, guard: Any, view: View) -> APIRouter:
    """``GET`` of /, /new, /new/{upload}, /jobs/{id}, /detectors/{name}, its versions, /incidents and /incidents/{id}."""
    made = APIRouter(include_in_schema=False)
    for part in (_first, _jobs, _detectors, _incidents):
        part(made, desk, view, guard.needs("score"))
    return made


def _first(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/")
    def home(request: Request, caller: Any = Depends(known)) -> Response:  # noqa: B008
        now = desk.home()
        headline, lead = words.home(now["incidents"], now["models"])
        waiting = [incident for incident in now["incidents"] if incident["state"] != "resolved"]
        running = [job for job in now["jobs"] if job["state"] in ("waiting", "running")]
        ended = [job | {"words": words.ended(job)} for job in now["jobs"] if job not in running][:8]
        return view.page(
            request,
            "home.html",
            csrf=caller.csrf,
            title=headline,
            here="home",
            twin=f"{_API}/home",
            headline=headline,
            lead=lead,
            models=now["models"],
            waiting=waiting,
            running=running,
            ended=ended,
        )

    @made.get("/new")
    def new(request: Request, caller: Any = Depends(known)) -> Response:  # noqa: B008
        return view.page(request, "new.html", csrf=caller.csrf, title="New detector", here="new")

    @made.get("/new/{upload}")
    def dropped(request: Request, upload: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        what = desk.seen(upload)
        taken = {model["name"] for model in desk.home()["models"]}
        return view.page(
            request,
            "seen.html",
            csrf=caller.csrf,
            title=what["name"],
            here="new",
            twin=f"{_API}/uploads/{quote(upload)}",
            seen=what,
            question=seen.question(what["question"]),
            name=seen.free_name(what["name"], taken),
            findings=seen.findings(what["findings"]),
            roles=seen.ROLES,
            chosen=seen.roles(what),
        )


def _jobs(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/jobs/{id}")
    def job(request: Request, id: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        told = desk.job(id)
        trained = told["model"] in {model["name"] for model in desk.home()["models"]}
        batch = (told.get("result") or {}).get("batch")
        cards = found.cards(desk.detections(told["model"], limit=_MOST, batch=batch)) if trained and batch else []
        headline, more = words.job(told, cards)
        return view.page(
            request,
            "job.html",
            csrf=caller.csrf,
            title=headline,
            here="",
            twin=f"{_API}/jobs/{quote(id)}",
            job=told,
            live=told["state"] in ("waiting", "running"),
            known=trained,
            headline=headline,
            told_more=more,
            oddest=cards[:3],
        )


def _detectors(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/detectors/{name}")
    def detector(request: Request, name: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        what = desk.model(name)
        newest = desk.detections(name, limit=_MOST, batch=what["recent"][0]["batch"]) if what["recent"] else []
        rows = [*newest, *(row for row in what["recent"][1:] if row["batch"] != newest[0]["batch"])]
        cards = found.cards(rows, (what["threshold"] or {}).get("cut"))
        return view.page(
            request,
            "detector.html",
            csrf=caller.csrf,
            title=name,
            twin=f"{_API}/detectors/{quote(name)}",
            brief=what["brief"],
            lead=words.lead(what["brief"]),
            muted=what["muted"],
            cards=cards[:_CARDS],
            open_cards=_OPEN_CARDS,
            **glance.detector(what, rows, cards, desk.labels(name)),
            waiting=[one for one in what["incidents"] if one["state"] != "resolved"],
            facts=facts.of_version(what["live"]),
        )

    @made.get("/detectors/{name}/versions")
    def versions(request: Request, name: str, a: int | None = None, b: int | None = None, caller: Any = Depends(known)) -> Response:  # noqa: B008
        what = desk.versions(name)
        differences = facts.differences(desk.compare(name, a, b)) if a and b and a != b else None
        return view.page(
            request,
            "versions.html",
            csrf=caller.csrf,
            title=f"Versions of {name}",
            twin=f"{_API}/detectors/{quote(name)}/versions",
            brief=what["model"],
            differences=differences,
            **glance.versions(what, a, b),
        )


def _incidents(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/incidents")
    def incidents(request: Request, state: str = "unresolved", caller: Any = Depends(known)) -> Response:  # noqa: B008
        if state not in dict(_TABS):
            raise ServiceError(
                "TOC-608", "there is nothing at this address", came=f"state={state}"[:60], todo="choose one of the three lists"
            )
        shown = desk.incidents(state=None if state == "all" else state)
        return view.page(
            request,
            "incidents.html",
            csrf=caller.csrf,
            title="Incidents",
            here="incidents",
            twin=f"{_API}/incidents",
            incidents=shown,
            headline=words.incidents(shown, state),
            tabs=_TABS,
            state=state,
        )

    @made.get("/incidents/{id}")
    def incident(request: Request, id: int, caller: Any = Depends(known)) -> Response:  # noqa: B008
        what = desk.incident(id)
        previous = glance.previous(desk.versions(what["model"]))
        return view.page(
            request,
            "incident.html",
            csrf=caller.csrf,
            title=what["title"],
            here="incidents",
            twin=f"{_API}/incidents/{id}",
            incident=what,
            at=f"/incidents/{id}",
            timeline=what["timeline"][::-1],
            cards=found.cards(_rows(desk, what))[:_OPEN_CARDS],
            previous=previous,
            facts=facts.of_incident(what),
        )


def _rows(desk: Any, incident: dict[str, Any]) -> list[dict[str, Any]]:
    """The odd rows of an incident: of the batches that it names, else those that the desk thinks are meant."""
    batches = [str(batch) for batch in (incident["detail"] or {}).get("batches") or ()][-_BATCHES:]
    named = [row for batch in reversed(batches) for row in desk.detections(incident["model"], limit=_MOST, batch=batch)]
    return named or list(incident["detections"])
