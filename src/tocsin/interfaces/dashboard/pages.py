"""The pages to read. Each asks the desk for one view and says it in words; the desk's view as JSON is the page's twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tocsin.core.errors import ServiceError
from tocsin.interfaces.dashboard import charts, facts, found, glance, history, plain, words
from tocsin.interfaces.dashboard.view import View
from tocsin.interfaces.server.desk import chart

_API = "/api/v1"
_CARDS = 100
_BATCHES = 20  # of an incident that are looked at
_MOST = 5000  # odd rows of one batch that are looked at for the oddest
_TABS = [("unresolved", "Waiting"), ("resolved", "Resolved"), ("all", "All")]


def router(desk: Any, guard: Any, view: View) -> APIRouter:
    """``GET`` of /, /jobs/{id}, /detectors/{name}, its files and versions, /incidents and /incidents/{id}."""
    made = APIRouter(include_in_schema=False)
    for part in (_first, _jobs, _detectors, _files, _incidents):
        part(made, desk, view, guard.needs("score"))
    return made


def _first(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/")
    def home(request: Request, caller: Any = Depends(known)) -> Response:  # noqa: B008
        now = desk.home()
        headline, lead = words.home(now["incidents"], now["models"], now["jobs"])
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
            learned={job["model"]: job["result"] for job in now["jobs"] if job["kind"] == "fit" and (job["result"] or {}).get("rows")},
            candidates=history.waiting(desk, now["models"]),
            waiting=waiting,
            running=running,
            ended=ended,
        )


def _jobs(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/jobs/{id}")
    def job(request: Request, id: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        told = desk.job(id)
        trained = told["model"] in {model["name"] for model in desk.home()["models"]}
        batch = (told.get("result") or {}).get("batch")
        cards = found.cards(desk.detections(told["model"], limit=_MOST, batch=batch)) if trained and batch else []
        used = _used(desk, told) if trained and batch else None
        headline, more = words.job(told, cards, history.window(used))
        newest = history.drawn(history.batches(desk, told["model"])) if trained and batch else None
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
            alarms=int((told.get("result") or {}).get("alarms") or 0),
            all_at=_all_at(told["model"], batch, newest),
            error=plain.error(told["error"]) if told["error"] else None,
        )


def _detectors(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/detectors/{name}")
    def detector(request: Request, name: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        what = desk.model(name)
        batches = history.batches(desk, name)
        shown, sent = history.drawn(batches, history.window(what["live"])), history.sent(batches)
        if shown is not None and shown != history.drawn(batches):  # the newest is too short for a chart to tell anything
            whole = desk.place.journal.trace(name, shown["id"])
            what |= {"trace": chart.thinned(whole), "threshold": chart.slider(what["live"]["facts"], whole)}
        newest = desk.detections(name, limit=_MOST, batch=what["recent"][0]["batch"]) if what["recent"] else []
        rows = [*newest, *(row for row in what["recent"][1:] if row["batch"] != newest[0]["batch"])]
        cards = found.cards(rows, (what["threshold"] or {}).get("cut"), sent)
        drawn = (
            rows
            if shown is None or {row["batch"] for row in rows} == {shown["id"]}
            else desk.detections(name, limit=_MOST, batch=shown["id"])
        )
        waits = history.waiting(desk, [what["brief"]]).get(name)
        return view.page(
            request,
            "detector.html",
            csrf=caller.csrf,
            title=name,
            twin=f"{_API}/detectors/{quote(name)}",
            brief=what["brief"],
            lead=words.lead(what["brief"], what["jobs"]),
            muted=what["muted"],
            cards=cards[:_CARDS],
            more=max(0, len(cards) - _CARDS),
            judged=history.judged(desk, shown, what["brief"]["live"]),
            files=history.files(batches),
            candidate=waits,
            learned_from=str((what["settings"] or {}).get("filename") or "the file that it learned from"),
            **glance.detector(what, drawn, cards, desk.labels(name)),
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
            back=history.back(what),
            **glance.versions(what, a, b),
        )


def _files(made: APIRouter, desk: Any, view: View, known: Callable[..., Any]) -> None:
    @made.get("/detectors/{name}/files/{batch}")
    def judged_file(request: Request, name: str, batch: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        brief = desk.versions(name)["model"]
        what = next((one for one in history.batches(desk, name) if one["id"] == batch), None)
        if what is None:
            raise ServiceError("TOC-608", "there is nothing at this address", came=batch[:60], todo="choose a file on the detector's page")
        rows = desk.detections(name, limit=_MOST, batch=batch)
        cards = found.cards(rows, sent=history.sent([what]))
        trace = chart.thinned(desk.place.journal.trace(name, batch))
        drawn = charts.payload(trace, rows, (trace or {}).get("threshold") or {})
        return view.page(
            request,
            "file.html",
            csrf=caller.csrf,
            title=what["source"],
            twin=f"{_API}/detectors/{quote(name)}/detections?batch={quote(batch)}",
            brief=brief,
            what=what,
            cards=cards[:_CARDS],
            more=max(0, len(cards) - _CARDS),
            judged=history.judged(desk, what, brief["live"]),
            **glance.drawing(drawn),
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
        versions = desk.versions(what["model"])
        muted = desk.place.incidents.muted(what["model"], what["key"])
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
            cards=found.cards(_rows(desk, what), sent=history.sent(history.batches(desk, what["model"])))[:_CARDS],
            back=history.back(versions),
            live=versions["model"]["live"],
            muted=muted,
            muted_whole=muted is not None and desk.place.incidents.muted(what["model"]) is not None,
            owner=words.has_it(what["owner"]),
            drift=what["rule"] in ("input_drift", "score_drift", "alarm_rate"),
            facts=facts.of_incident(what),
        )


def _rows(desk: Any, incident: dict[str, Any]) -> list[dict[str, Any]]:
    """The odd rows of an incident: of the batches that it names, else those that the desk thinks are meant, else those of the last batch
    before it changed."""
    batches = [str(batch) for batch in (incident["detail"] or {}).get("batches") or ()][-_BATCHES:]
    named = [row for batch in reversed(batches) for row in desk.detections(incident["model"], limit=_MOST, batch=batch)]
    if named or incident["detections"]:
        return named or list(incident["detections"])
    earlier = [row for row in desk.detections(incident["model"], limit=_MOST) if row["at"] <= incident["changed"]]
    return [row for row in earlier if row["batch"] == earlier[0]["batch"]]


def _used(desk: Any, job: dict[str, Any]) -> dict[str, Any] | None:
    """The version that a job judged with, or made."""
    number = job["result"].get("number")
    return next((version for version in desk.versions(job["model"])["versions"] if version["number"] == number), None)


def _all_at(name: str, batch: str | None, newest: Any) -> str:
    """Where all odd rows of a job's file stand: the detector's page for its newest file, else the page of the file."""
    at = f"/detectors/{quote(name, safe='')}"
    return at if batch is None or newest is None or newest["id"] == batch else f"{at}/files/{quote(batch)}"
