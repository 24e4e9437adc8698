"""Tables judged by themselves: `tocsin.detect` on ADBench sets with their anomalies left in, mean AUROC / AP.

    python benchmarks/judged_by_itself.py --data DIR [--rows 3000] [--widest 100]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import tocsin

TRIED: dict[str, dict[str, Any]] = {"auto": {}, "knn, k = 5": {"detector": "knn", "params": {"k": 5}},
                                    "knn, k = 20": {"detector": "knn", "params": {"k": 20}},
                                    "knn, k = 50": {"detector": "knn", "params": {"k": 50}}, "gaussian": {"detector": "gaussian"}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--widest", type=int, default=100)
    given = parser.parse_args()
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in TRIED}
    for path in sorted((Path(given.data) / "tabular" / "adbench").glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            X, y = arrays["X"].astype(float), arrays["y"].astype(int).ravel()
        rows = np.random.default_rng(0).permutation(len(X))[:given.rows] if len(X) > given.rows else np.arange(len(X))
        X, y = X[rows], y[rows]
        if X.shape[1] > given.widest or y.sum() < 5:
            continue
        for name, setup in TRIED.items():
            score = tocsin.detect(X, **setup).score
            seen[name].append((roc_auc_score(y, score), average_precision_score(y, score)))
    print(f"| `tocsin.detect`, {len(seen['auto'])} sets | AUROC | AP |\n|---|---|---|")
    for name, figures in seen.items():
        auroc, ap = np.mean(figures, axis=0)
        print(f"| {name} | {100 * auroc:.1f} | {100 * ap:.1f} |")


if __name__ == "__main__":
    main()
