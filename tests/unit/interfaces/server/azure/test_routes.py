"""The three calls over HTTP: paths, key, answers, and every error code in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="the extra 'serve' is not installed")
pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from tocsin.core.seed import generator  # noqa: E402
from tocsin.interfaces.server.azure.errors import refusal  # noqa: E402

KEY = "0123456789abcdef"
START = datetime(2024, 1, 31, tzinfo=UTC)
STEP = {"weekly": timedelta(weeks=1), "daily": timedelta(days=1), "hourly": timedelta(hours=1), "minutely": timedelta(minutes=1),
        "secondly": timedelta(seconds=1), "microsecond": timedelta(microseconds=1)}


def stamp(i: int, granularity: str = "hourly", interval: int = 1) -> str:
    if granularity in ("monthly", "yearly"):
        months = i * interval * (12 if granularity == "yearly" else 1)
        last = np.datetime64("2024-01", "M") + months + 1
        return f"{last.astype('M8[D]') - 1}T00:00:00Z"  # the last day of each month
    return (START + i * interval * STEP[granularity]).isoformat().replace("+00:00", "Z")


def points(n: int = 200, granularity: str = "hourly", interval: int = 1) -> list[dict[str, Any]]:
    values = 50 + 10 * np.sin(np.arange(n) * 2 * np.pi / 24) + generator(0, "points").normal(0, 0.5, n)
    return [{"timestamp": stamp(i, granularity, interval), "value": float(values[i])} for i in range(n)]


def request(n: int = 200, **fields: Any) -> dict[str, Any]:
    return {"series": points(n), "granularity": "hourly", **fields}


@pytest.fixture(scope="module")
def client(endpoint: str) -> Iterator[Any]:
    with httpx.Client(base_url=f"{endpoint}/anomalydetector", headers={"Ocp-Apim-Subscription-Key": KEY}, timeout=30) as client:
        yield client


def detect(client: Any, body: Any, kind: str = "entire", version: str = "v1.1") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/{version}/timeseries/{kind}/detect", content=content, headers={"Content-Type": "application/json"})


def code(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    said = answer.json()
    assert set(said) == {"code", "message"} and len(said["message"]) > 20 and answer.headers["x-ms-error-code"] == said["code"]
    return str(said["code"])


def test_entire_answers_every_field_for_every_point(client: Any) -> None:
    body = request(sensitivity=95, maxAnomalyRatio=0.25)
    body["series"][77]["value"] += 9
    body["series"][120]["value"] -= 9
    answer = detect(client, body)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found.pop("period") == 24
    assert set(found) == {"expectedValues", "upperMargins", "lowerMargins", "isAnomaly", "isNegativeAnomaly", "isPositiveAnomaly",
                          "severity"}
    assert {len(column) for column in found.values()} == {200}
    assert np.flatnonzero(found["isPositiveAnomaly"]).tolist() == [77] and np.flatnonzero(found["isNegativeAnomaly"]).tolist() == [120]
    values = np.array([point["value"] for point in body["series"]])
    expected, upper, lower = (np.array(found[name]) for name in ("expectedValues", "upperMargins", "lowerMargins"))
    outside = (values > expected + (100 - 95) * upper) | (values < expected - (100 - 95) * lower)
    assert outside.tolist() == found["isAnomaly"]
    assert all((severity > 0) == flagged for severity, flagged in zip(found["severity"], found["isAnomaly"]))


def test_last_answers_scalars(client: Any) -> None:
    body = request()
    calm = detect(client, body, "last").json()
    assert set(calm) == {"period", "suggestedWindow", "expectedValue", "upperMargin", "lowerMargin", "isAnomaly", "isNegativeAnomaly",
                         "isPositiveAnomaly", "severity"}
    assert calm["period"] == 24 and calm["suggestedWindow"] == 97 and calm["isAnomaly"] is False and calm["severity"] == 0
    body["series"][-1]["value"] = 5.0
    odd = detect(client, body, "last").json()
    assert odd["isAnomaly"] is odd["isNegativeAnomaly"] is True and odd["isPositiveAnomaly"] is False and odd["severity"] > 0.3
    assert odd["expectedValue"] == calm["expectedValue"] and odd["upperMargin"] == calm["upperMargin"]


def test_changepoint_answers_lists(client: Any) -> None:
    body = request()
    for point in body["series"][100:]:
        point["value"] += 40
    found = detect(client, {**body, "stableTrendWindow": 24, "threshold": 0.9}, "changepoint").json()
    assert set(found) == {"period", "isChangePoint", "confidenceScores"} and len(found["confidenceScores"]) == 200
    assert [i for i, flag in enumerate(found["isChangePoint"]) if flag] == [100] and found["confidenceScores"][100] > 0.5


@pytest.mark.parametrize("kind", ["entire", "last", "changepoint"])
@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v1.1-preview", "v1.1-preview.1"])
def test_every_version_of_the_path_is_known(client: Any, kind: str, version: str) -> None:
    assert detect(client, request(30), kind, version).status_code == 200


@pytest.mark.parametrize("path", ["/v2.0/timeseries/entire/detect", "/v1.1/timeseries/first/detect", "/v1.1/multivariate/models"])
def test_other_paths_are_not(client: Any, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "404"


@pytest.mark.parametrize("key, status", [(None, 401), ("wrong", 401), ("", 401), ("reader", 403)])
def test_a_wrong_key_is_refused_as_azure_does_before_the_body_is_looked_at(endpoint: str, key: str | None, status: int) -> None:
    headers = {} if key is None else {"Ocp-Apim-Subscription-Key": key}
    answer = httpx.post(f"{endpoint}/anomalydetector/v1.1/timeseries/entire/detect", content=b"{", headers=headers)
    assert answer.status_code == status and answer.json()["error"]["code"] == str(status) and "denied" in answer.json()["error"]["message"]


@pytest.mark.parametrize("granularity", ["yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly", "microsecond", "none"])
@pytest.mark.parametrize("interval", [None, 1, 5])
def test_each_granularity(client: Any, granularity: str, interval: int | None) -> None:
    series = points(48, granularity if granularity != "none" else "hourly", interval or 1)
    body = {"series": series, "granularity": granularity, "customInterval": interval, "period": 12}
    for kind in ("entire", "last", "changepoint"):
        assert detect(client, body, kind).json()["period"] == 12
    if granularity != "none":
        series[20]["timestamp"] = series[20]["timestamp"].replace("Z", "+00:01")
        assert code(detect(client, body)) == "InvalidSeries"


@pytest.mark.parametrize("mode", ["auto", "previous", "linear", "fixed", "zero", "notFill", None])
def test_each_impute_mode(client: Any, mode: str | None) -> None:
    body = request(imputeMode=mode, imputeFixedValue=50.0)
    body["series"][150]["value"] += 10
    del body["series"][60:63]
    found = detect(client, body).json()
    assert len(found["isAnomaly"]) == 197 and found["isPositiveAnomaly"][147]
    assert detect(client, body, "last").json()["isAnomaly"] is False


def test_without_granularity_stamps_are_not_looked_at(client: Any) -> None:
    bare = [{"value": point["value"]} for point in points()]
    assert detect(client, {"series": bare}).json() == detect(client, {"series": points()[::-1], "granularity": None} | {"series": [
        {"timestamp": "never", "value": point["value"]} for point in points()]}).json()


_LATE = points(13)
_WRONG: list[tuple[str, dict[str, Any]]] = [
    ("RequiredSeries", {"granularity": "daily"}), ("RequiredSeries", {"series": None}),
    ("BadArgument", {"series": "12"}), ("BadArgument", {"series": [1.0] * 20}),
    ("BadArgument", {"series": [{"timestamp": stamp(i), "value": "9"} for i in range(12)]}),
    ("BadArgument", {"series": [{"timestamp": stamp(i), "value": None} for i in range(12)]}),
    ("BadArgument", {"series": [{"timestamp": stamp(i), "value": True} for i in range(12)]}),
    ("BadArgument", {"series": [{"timestamp": stamp(i)} for i in range(12)]}),
    ("BadArgument", {"series": [{"timestamp": "yesterday", "value": 1.0}] * 12}),
    ("BadArgument", {"series": [{"timestamp": 1700000000, "value": 1.0}] * 12}),
    ("BadArgument", {"series": [{"value": 1.0}] * 12}),
    ("InvalidSeries", {"series": points(11)}), ("InvalidSeries", {"series": []}), ("InvalidSeries", {"series": _LATE[::-1]}),
    ("InvalidSeries", {"series": [*_LATE, _LATE[-1]]}), ("InvalidSeries", {"series": [*_LATE, {"timestamp": stamp(900_000), "value": 1.0}],
                                                                             "imputeMode": "linear"}),
    ("InvalidSeries", {"granularity": "daily"}),
    ("InvalidGranularity", {"granularity": "fortnightly"}), ("InvalidGranularity", {"granularity": 3}),
    ("InvalidGranularity", {"granularity": ["daily"]}),
    ("InvalidCustomInterval", {"customInterval": 0}), ("InvalidCustomInterval", {"customInterval": 1.5}),
    ("InvalidCustomInterval", {"customInterval": "5"}), ("InvalidCustomInterval", {"customInterval": True}),
    ("InvalidPeriod", {"period": -1}), ("InvalidPeriod", {"period": "7"}), ("InvalidPeriod", {"period": 2.5}),
    ("InvalidModelArgument", {"period": 100}),
    ("InvalidModelArgument", {"maxAnomalyRatio": 0}), ("InvalidModelArgument", {"maxAnomalyRatio": 0.5}),
    ("InvalidModelArgument", {"maxAnomalyRatio": "0.1"}), ("InvalidModelArgument", {"sensitivity": 100}),
    ("InvalidModelArgument", {"sensitivity": -1}), ("InvalidModelArgument", {"sensitivity": 9.5}),
    ("InvalidImputeMode", {"imputeMode": "spline"}), ("InvalidImputeMode", {"imputeMode": {}}),
    ("InvalidImputeFixedValue", {"imputeMode": "fixed"}), ("InvalidImputeFixedValue", {"imputeFixedValue": "0"}),
]


@pytest.mark.parametrize("expected, fields", _WRONG)
def test_each_error_code(client: Any, expected: str, fields: dict[str, Any]) -> None:
    body = {"series": points(100), "granularity": "hourly", **fields}
    if fields == {"granularity": "daily"} and expected == "RequiredSeries":
        del body["series"]
    for kind in ("entire", "last"):
        assert code(detect(client, body, kind)) == expected


@pytest.mark.parametrize("expected, fields", [
    ("RequiredGranularity", {"granularity": None}), ("InvalidGranularity", {"granularity": ""}), ("InvalidPeriod", {"period": -3}),
    ("InvalidModelArgument", {"stableTrendWindow": 2}), ("InvalidModelArgument", {"stableTrendWindow": 50}),
    ("InvalidModelArgument", {"stableTrendWindow": "9"}), ("InvalidModelArgument", {"threshold": 1.1}),
    ("InvalidModelArgument", {"threshold": -0.1}), ("InvalidModelArgument", {"threshold": "0.5"}),
    ("InvalidSeries", {"series": points(11)})])
def test_each_error_code_of_change_points(client: Any, expected: str, fields: dict[str, Any]) -> None:
    assert code(detect(client, request(100, **fields), "changepoint")) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"series": NaN}', b"[" * 100_000,
                                  b'{"period": ' + b"9" * 5000 + b"}",
                                  json.dumps({"series": [{"value": float("nan")}] * 12}).encode(), b'{"series": [{"value": -Infinity}]}'])
def test_what_is_no_json_object(client: Any, text: bytes) -> None:
    assert code(detect(client, text)) == "InvalidJsonFormat"


@pytest.mark.parametrize("value", ["1e999", "-1e999", "1" + "0" * 400])
def test_numbers_beyond_a_double_are_refused(client: Any, value: str) -> None:
    said = ", ".join(['{"value": 1.5}'] * 12 + ['{"value": ' + value + "}"])
    assert code(detect(client, f'{{"series": [{said}]}}'.encode())) == "InvalidSeries"


def test_stamps_with_offsets_and_long_fractions_are_read(client: Any) -> None:
    series = points(24, "hourly")
    for i, point in enumerate(series):
        utc = datetime.fromisoformat(point["timestamp"])
        point["timestamp"] = [utc.astimezone().isoformat(), utc.isoformat(), utc.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
                              utc.strftime("%Y-%m-%dT%H:%M:%S")][i % 4]
    assert detect(client, {"series": series, "granularity": "hourly"}).status_code == 200


def test_the_ratio_holds_and_sensitivity_adds_flags(client: Any) -> None:
    body = request()
    for i in range(5, 200, 9):
        body["series"][i]["value"] += 5 + i / 10
    counts = [sum(detect(client, {**body, "sensitivity": s, "maxAnomalyRatio": 0.49}).json()["isAnomaly"]) for s in (0, 60, 90, 99)]
    assert counts == sorted(counts) and counts[0] < counts[-1] and counts[-1] >= 15
    assert sum(detect(client, {**body, "maxAnomalyRatio": 0.03}).json()["isAnomaly"]) == 6


def test_the_longest_series_is_answered_and_a_longer_one_is_not(client: Any) -> None:
    body = {"series": points(8640, "minutely"), "granularity": "minutely"}
    for kind in ("entire", "last", "changepoint"):
        assert detect(client, body, kind).status_code == 200
    assert code(detect(client, {"series": points(8641, "minutely"), "granularity": "minutely"})) == "InvalidSeries"


def test_messages_hold_no_values(client: Any) -> None:
    body = request(40)
    body["series"][7]["value"] = 31415.926
    body["series"][9]["value"] = "27182.818"
    assert "31415" not in detect(client, body).text and "27182" not in detect(client, body).text


def test_errors_without_a_shape_are_left_to_the_application() -> None:
    from tocsin.core.errors import ServiceError

    assert refusal(ServiceError("TOC-611", "the store does not answer")) is None
