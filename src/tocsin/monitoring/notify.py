"""Webhooks: a notice is written in the incident's own transaction and sent afterwards, at least once, never faster than asked."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection, func, or_, select, update

from tocsin.core.errors import ConfigError
from tocsin.monitoring.once import insert_once
from tocsin.store import moment, tables
from tocsin.store.engine import Store

WEBHOOK = "webhook"  # the setting's name: {"url": text, "secret": text or None}
WAITS = (10.0, 60.0, 300.0, 1_800.0, 7_200.0)  # seconds before the second to the sixth try; then it has failed
RATE = 10  # requests to one address in a minute
_TIMEOUT = 5.0
_LONGEST = 10.0  # seconds for all of it: the timeout above is for each wait, and a server may answer drop by drop
_LEASE = 60.0  # seconds for which a taken notice is nobody else's
_AT_ONCE = 200
_TABLE = tables.notice


def set_webhook(store: Store, url: str | None, secret: str | None = None) -> None:
    """Where incidents are told to, from now on; None: nowhere. Raises ConfigError TOC-289 for what is not an http address."""
    if url is not None:
        _check(url)
    value = {"url": url, "secret": secret or None}
    with store.begin() as base:
        if not insert_once(base, tables.setting, {"name": WEBHOOK, "value": value, "at": moment.now()}):
            base.execute(update(tables.setting).where(tables.setting.c.name == WEBHOOK).values(value=value, at=moment.now()))


def write(base: Connection, incident: dict[str, Any]) -> None:
    """Put a notice of the incident's present state into the outbox, once per state and severity; nothing when no webhook is set."""
    hook = _hook(base)
    if hook.get("url"):
        insert_once(base, _TABLE, {
            "key": f"{incident['id']}:{incident['state']}:{incident['severity']}", "incident": incident["id"], "url": hook["url"],
            "body": incident, "state": "waiting", "tries": 0, "due": moment.now(), "error": ""})


class Courier:
    """Sends what is due. Run it from a timer, in a thread or process of its own: it waits for other people's servers, scoring never does.

    POST with JSON {"kind": "incident", "incident": {…}} and the headers

        Tocsin-Notice     the notice's key; a receiver that sees it twice may ignore the second
        Tocsin-Signature  "t=<unix seconds>,v1=<hex>" when a secret is set: HMAC-SHA256 of "<t>.<body>" under it

    Delivered means an answer 2xx within ten seconds, five for each part of it. Redirects are not followed (the address that was typed
    is the one that is told) and proxies of the environment are not used. Anything else is tried again after 10 s, 1 min, 5 min, 30 min
    and 2 h; then the notice has failed, and :meth:`notices` shows it. An address gets at most ten requests a minute: what is more goes
    as one request of kind "digest" with all the incidents, or waits. Two couriers may run: a notice is taken before it is sent. One that
    dies after sending and before writing so sends again: at least once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def send_due(self) -> dict[str, int]:
        """Send what is due now; returns how many notices were {"sent", "failed" for good, "again" later, "held" by the rate}."""
        done = {"sent": 0, "failed": 0, "again": 0, "held": 0}
        with self.store.read() as base:
            hook = _hook(base)
            due = base.execute(select(_TABLE).where(_TABLE.c.state == "waiting", _TABLE.c.due <= moment.now())
                               .order_by(_TABLE.c.id).limit(_AT_ONCE)).mappings().all()
        due = self._wanted(due, hook.get("url"))
        if not due:
            return done
        for url in dict.fromkeys(row["url"] for row in due):
            self._to(url, [dict(row) for row in due if row["url"] == url], hook.get("secret"), done)
        return done

    def notices(self, *, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The outbox, newest first; ``state`` "waiting", "sent", "failed" or "dropped" (the address was changed)."""
        wanted = select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
        with self.store.read() as base:
            return [dict(row) for row in base.execute(wanted if state is None else wanted.where(_TABLE.c.state == state)).mappings()]

    def _wanted(self, due: Sequence[Any], url: str | None) -> list[Any]:
        """Notices to the address that is set; those to an earlier one are dropped."""
        stale = [row["id"] for row in due if row["url"] != url]
        if stale:
            with self.store.begin() as base:
                base.execute(update(_TABLE).where(_TABLE.c.id.in_(stale), _TABLE.c.state == "waiting")
                             .values(state="dropped", error="another address was set"))
        return [row for row in due if row["url"] == url]

    def _to(self, url: str, due: list[dict[str, Any]], secret: str | None, done: dict[str, int]) -> None:
        left = RATE - self._lately(url)
        if left <= 0:
            done["held"] += len(due)
            return
        alone = due if len(due) <= left else due[:left - 1]
        for one in alone:
            self._send(url, [one], secret, done)
        if len(alone) < len(due):
            self._send(url, due[len(alone):], secret, done)

    def _lately(self, url: str) -> int:
        """Notices told to ``url`` in the last minute, and tries that failed. A digest counts as all that it held, which leaves a pause
        after a flood."""
        failed = [(_TABLE.c.tries == i + 1) & (_TABLE.c.due > moment.now(ahead=wait - 60.0)) for i, wait in enumerate(WAITS)]
        recent = (_TABLE.c.state == "sent") & (_TABLE.c.due > moment.now(ahead=-60.0)) | (_TABLE.c.state == "waiting") & or_(*failed)
        with self.store.read() as base:
            return int(base.execute(select(func.count()).where(_TABLE.c.url == url, recent)).scalar() or 0)

    def _send(self, url: str, notices: Sequence[dict[str, Any]], secret: str | None, done: dict[str, int]) -> None:
        taken = self._take(notices)
        if not taken:
            return
        error = _within(_LONGEST, lambda: _post(url, taken, secret))
        with self.store.begin() as base:
            for one in taken:
                tries = one["tries"] + 1
                final = "sent" if not error else "failed" if tries > len(WAITS) else "waiting"
                wait = WAITS[tries - 1] if final == "waiting" else 0.0
                base.execute(update(_TABLE).where(_TABLE.c.id == one["id"]).values(state=final, due=moment.now(ahead=wait), error=error))
                done["again" if final == "waiting" else final] += 1

    def _take(self, notices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of ``notices`` that nobody else has taken meanwhile. A try counts from here on: one that kills the courier, too."""
        taken, due = [], moment.now(ahead=_LEASE)
        with self.store.begin() as base:
            for one in notices:
                still = (_TABLE.c.id == one["id"]) & (_TABLE.c.state == "waiting") & (_TABLE.c.due == one["due"])
                mine = base.execute(update(_TABLE).where(still).values(due=due, tries=one["tries"] + 1))
                taken += [one] if mine.rowcount else []
        return taken


def _within(seconds: float, send: Callable[[], str]) -> str:
    """What ``send`` says, or that it took too long; it is then left behind, and ends with its connection."""
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(send()), name="tocsin-notice", daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else f"no answer within {seconds:.0f} s"


def _post(url: str, notices: Sequence[dict[str, Any]], secret: str | None) -> str:
    """"" when it was delivered, else why not."""
    digest = len(notices) > 1
    first = notices[0]["body"]
    told = {"kind": "digest", "incidents": [one["body"] for one in notices]} if digest else {"kind": "incident", "incident": first}
    body = json.dumps(told, allow_nan=False).encode("utf-8")
    headers = {"Content-Type": "application/json", "User-Agent": "tocsin",
               "Tocsin-Notice": notices[0]["key"] + (f"+{len(notices) - 1}" if digest else "")}
    if secret:
        headers["Tocsin-Signature"] = signature(secret, body, int(time.time()))
    try:
        _check(url)
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client, \
                client.stream("POST", url, content=body, headers=headers) as answer:
            return "" if answer.is_success else f"the server answered {answer.status_code}"
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"[:200]
    except (ConfigError, httpx.InvalidURL) as error:
        return str(error)[:200]


def signature(secret: str, body: bytes, at: int) -> str:
    """What the receiver computes and compares: ``t=<at>,v1=<HMAC-SHA256 of "at.body">``.

    >>> signature("s", b"{}", 0)[:12]
    't=0,v1=e79b1'
    """
    return f"t={at},v1={hmac.new(secret.encode('utf-8'), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def _hook(base: Connection) -> dict[str, Any]:
    return dict(base.execute(select(tables.setting.c.value).where(tables.setting.c.name == WEBHOOK)).scalar() or {})


def _check(url: str) -> None:
    """Raises ConfigError TOC-289 for an address that nothing can be sent to."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname is not None and parts.username is None \
            and parts.port != 0 and parts.hostname.isprintable()
    except ValueError:
        good = False
    if not good or any(letter <= " " for letter in url):
        raise ConfigError("TOC-289", "this is not an address that a webhook can be sent to", came=repr(url)[:120],
                          todo="use http:// or https:// and a host, without a user name in it")
