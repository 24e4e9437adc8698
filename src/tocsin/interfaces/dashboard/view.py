"""Templates to HTML: one environment, escaping always on, the words and forms that the templates may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

import tocsin
from tocsin.interfaces.dashboard import plain, static, words
from tocsin.interfaces.report.page import ticks
from tocsin.interfaces.report.words import number, percent

# What may be told after a form was taken. The address carries the name alone: a sentence in an address could be put there by anybody.
TOLD = {
    "labelled": "Noted. Your answer counts when it learns again.",
    "threshold": "Done: a new version with this setting is live.",
    "promoted": "Done: this version is live.",
    "back": "Done: rolled back.",
    "muted": "Muted.",
    "unmuted": "The mute has ended.",
    "webhook": "Saved.",
    "resolved": "Resolved.",
    "acknowledged": "Marked as seen.",
    "assigned": "It is yours.",
    "noted": "Note added.",
}


class View:
    """Draws pages. ``page(request, "home.html", csrf=…, …)`` → a response."""

    def __init__(self) -> None:
        self.environment = Environment(
            loader=PackageLoader("tocsin.interfaces.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals.update(asset=static.address, version=tocsin.__version__)
        self.environment.filters.update(
            ticks=ticks,
            number=number,
            percent=percent,
            clock=words.clock,
            kind=words.kind,
            state=words.state,
            rule=words.rule,
            cell=words.cell,
            who=words.who,
            noted=words.noted,
            has_it=words.has_it,
            plainly=plain.sentence,
            done=words.done,
            range_of=words.range_of,
            capitalise=capitalise,
        )

    def page(
        self, request: Request, template: str, *, csrf: str, title: str, here: str = "", twin: str = "", status: int = 200, **context: Any
    ) -> HTMLResponse:
        """One page. ``csrf`` is the session's word for forms, "" for a stranger; ``twin`` the address of the same facts as JSON."""
        told = TOLD.get(request.query_params.get("told", ""), "")
        html = self.environment.get_template(template).render(csrf=csrf, title=title, here=here, twin=twin, told=told, **context)
        return HTMLResponse(html, status)

    def trouble(self, request: Request, told: Mapping[str, Any]) -> HTMLResponse:
        """A stated error as a page; ``told`` is the problem document of the same error."""
        caller = getattr(request.state, "caller", None)
        told = {
            **told,
            **plain.error({"code": told["code"], "what": told["detail"] or told["title"], "came": told["came"], "todo": told["todo"]}),
        }
        back = request.url.path if request.method == "GET" else _back(request.url.path)
        return self.page(
            request,
            "trouble.html",
            csrf=caller.csrf if caller is not None else "",
            title="That did not work",
            status=told["status"],
            what=told["what"],
            came=told["came"],
            todo=told["todo"],
            code=told["code"],
            back=back,
        )


def capitalise(text: str) -> str:
    """The first letter large, the rest as it is.

    >>> capitalise("the name pump-A is taken")
    'The name pump-A is taken'
    """
    return text[:1].upper() + text[1:]


def _back(path: str) -> str:
    """The page that holds the form that was sent to ``path``.

    >>> _back("/detectors/pump/versions/2/promote"), _back("/incidents/3/mute"), _back("/new")
    ('/detectors/pump', '/incidents/3', '/new')
    """
    parts = path.strip("/").split("/")
    return "/" + "/".join(parts[:1] if parts[0] == "new" else parts[:2])
