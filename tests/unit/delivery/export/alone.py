"""Runs an exported model with numpy and onnxruntime alone: python -I alone.py MODEL.onnx FEEDS.json prints the outputs as JSON.

Feeds are those of run.cjs beside it.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main(model: str, feeds: str) -> None:
    sys.modules["tocsin"] = None  # type: ignore[assignment]  # importing it would fail now
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def array(told: dict[str, Any]) -> Any:
        if told["type"] == "string":
            return np.array(told["data"], dtype=object).reshape(told["dims"])
        return np.array([np.nan if cell is None else cell for cell in told["data"]], dtype=told["type"]).reshape(told["dims"])

    with open(feeds, encoding="utf-8") as file:
        given = {name: array(told) for name, told in json.load(file).items()}
    names = [output.name for output in session.get_outputs()]
    outputs = {name: {"dims": list(value.shape), "data": value.ravel().tolist()} for name, value in zip(names, session.run(None, given))}
    loaded = [name for name in sys.modules if name.split(".")[0] in ("tocsin", "torch", "sklearn", "pyarrow") and sys.modules[name]]
    print(json.dumps({"inputs": [value.name for value in session.get_inputs()], "outputs": outputs, "loaded": loaded}))


if __name__ == "__main__":
    main(*sys.argv[1:])
