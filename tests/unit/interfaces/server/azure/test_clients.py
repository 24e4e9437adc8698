"""The real, unchanged clients, of which only the endpoint and the key are set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.core.seed import generator

KEY = "0123456789abcdef"
_ROOT = Path(__file__).resolve().parents[5]


def series(n: int = 120) -> np.ndarray:
    values = 20 + 5 * np.sin(np.arange(n) * 2 * np.pi / 7) + generator(0, "clients").normal(0, 0.2, n)
    values[50 % n] += 7
    return values


@pytest.fixture
def azure() -> Any:
    pytest.importorskip("azure.ai.anomalydetector", reason="azure-ai-anomalydetector==3.0.0b6 is not installed")
    from azure.ai import anomalydetector
    from azure.core import exceptions

    return anomalydetector, exceptions


def _client(azure: Any, endpoint: str, key: str = KEY, **options: Any) -> Any:
    from azure.core.credentials import AzureKeyCredential

    return azure[0].AnomalyDetectorClient(endpoint, AzureKeyCredential(key), retry_total=0, **options)


def _asked(azure: Any, values: np.ndarray, **fields: Any) -> Any:
    models = azure[0].models
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return models.UnivariateDetectionOptions(
        series=[models.TimeSeriesPoint(timestamp=start + timedelta(days=i), value=float(value)) for i, value in enumerate(values)],
        granularity=models.TimeGranularity.DAILY, **fields)


def test_python_entire_series(azure: Any, endpoint: str) -> None:
    with _client(azure, endpoint) as client:
        found = client.detect_univariate_entire_series(_asked(azure, series(), sensitivity=95, max_anomaly_ratio=0.1))
    assert found.period == 7 and len(found.expected_values) == len(found.upper_margins) == len(found.lower_margins) == 120
    assert [i for i, flag in enumerate(found.is_anomaly) if flag] == [50] == [i for i, flag in enumerate(found.is_positive_anomaly) if flag]
    assert not any(found.is_negative_anomaly) and found.severity[50] > 0


def test_python_last_point(azure: Any, endpoint: str) -> None:
    values = series()
    values[-1] -= 9
    with _client(azure, endpoint, api_version="v1.1-preview") as client:
        found = client.detect_univariate_last_point(_asked(azure, values, impute_mode=azure[0].models.ImputeMode.FIXED,
                                                           impute_fixed_value=20.0))
    assert found.is_anomaly and found.is_negative_anomaly and not found.is_positive_anomaly and found.suggested_window == 29
    assert values[-1] < found.expected_value - found.lower_margin


def test_python_change_points(azure: Any, endpoint: str) -> None:
    models, values = azure[0].models, series() + 30 * (np.arange(120) >= 80)
    points = [models.TimeSeriesPoint(timestamp=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=i), value=float(value))
              for i, value in enumerate(values)]
    with _client(azure, endpoint) as client:
        found = client.detect_univariate_change_point(models.UnivariateChangePointDetectionOptions(
            series=points, granularity=models.TimeGranularity.DAILY, stable_trend_window=7, threshold=0.9))
    assert [i for i, flag in enumerate(found.is_change_point) if flag] == [80] and found.confidence_scores[80] > 0.5


def test_python_errors(azure: Any, endpoint: str) -> None:
    with _client(azure, endpoint) as client:
        with pytest.raises(azure[1].HttpResponseError) as few:
            client.detect_univariate_entire_series(_asked(azure, series(11)))
        with pytest.raises(azure[1].HttpResponseError) as wrong:
            client.detect_univariate_entire_series(_asked(azure, series(), sensitivity=100))
    assert few.value.status_code == 400 and few.value.model.code == "InvalidSeries" and "11 points" in few.value.model.message
    assert wrong.value.model.code == "InvalidModelArgument"
    with _client(azure, endpoint, key="wrong") as client, pytest.raises(azure[1].ClientAuthenticationError) as denied:
        client.detect_univariate_entire_series(_asked(azure, series()))
    assert denied.value.status_code == 401


_SCRIPT = """
const createClient = require("@azure-rest/ai-anomaly-detector").default;
const { isUnexpected } = require("@azure-rest/ai-anomaly-detector");
const { AzureKeyCredential } = require("@azure/core-auth");
const { endpoint, key, body } = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const client = createClient(endpoint, new AzureKeyCredential(key), { allowInsecureConnection: true });
const said = {};
(async () => {
  for (const kind of ["entire", "last", "changepoint"]) {
    const answer = await client.path(`/timeseries/${kind}/detect`).post({ body, headers: { "Content-Type": "application/json" } });
    said[kind] = { status: answer.status, unexpected: isUnexpected(answer), body: answer.body };
  }
  console.log(JSON.stringify(said));
})();
"""


@pytest.fixture
def node() -> Any:
    modules = Path(os.environ.get("TOCSIN_NODE_MODULES", _ROOT / "node_modules"))
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (modules / "@azure-rest" / "ai-anomaly-detector").is_dir():
        pytest.skip(f"@azure-rest/ai-anomaly-detector is not in {modules} (TOCSIN_NODE_MODULES names another folder)")

    def run(given: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(["node", "-e", _SCRIPT], input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "NODE_PATH": str(modules)})
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return run


def test_javascript(node: Any, endpoint: str) -> None:
    values = series()
    body = {"granularity": "daily", "series": [{"timestamp": (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=i)).isoformat(),
                                                "value": float(value)} for i, value in enumerate(values)]}
    said = node({"endpoint": endpoint, "key": KEY, "body": body})
    assert {answer["status"] for answer in said.values()} == {"200"} and not any(answer["unexpected"] for answer in said.values())
    assert said["entire"]["body"]["isAnomaly"][50] and said["entire"]["body"]["period"] == 7 and not said["last"]["body"]["isAnomaly"]
    assert len(said["changepoint"]["body"]["confidenceScores"]) == 120
    refused = node({"endpoint": endpoint, "key": KEY, "body": {**body, "granularity": "sometimes"}})["entire"]
    assert refused["status"] == "400" and refused["unexpected"] and refused["body"]["code"] == "InvalidGranularity"
    assert node({"endpoint": endpoint, "key": "wrong", "body": body})["last"]["body"]["error"]["code"] == "401"
