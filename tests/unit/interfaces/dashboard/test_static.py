"""The page's files: ours, the report's style and the chart library; nothing else, and kept by the browser."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.interfaces.dashboard import static


@pytest.mark.parametrize("name", sorted(static.names()))
def test_every_file_is_served_with_its_type(page: Any, name: str) -> None:
    answer = page.get(static.address(name))
    assert answer.status_code == 200 and len(answer.content) > 50 and "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith(
        {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    )


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fpyproject.toml", "routes.py", "plotly.js"])
def test_nothing_else_is_served(page: Any, name: str) -> None:
    assert page.get(f"/static/{name}").status_code == 404


def test_a_file_that_did_not_change_is_not_sent_again(page: Any) -> None:
    first = page.get("/static/page.css")
    again = page.get("/static/page.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, first.headers["cache-control"]) == (304, b"", "no-cache")


def test_our_files_load_nothing_from_elsewhere() -> None:
    for name in static.names() - {"plotly.min.js"}:
        text = static.content(name).decode()
        assert "https://" not in text and "@import" not in text, name
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), name
