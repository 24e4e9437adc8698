"""Log lines: BGL-2k in time order and at random, planted faults in other logs, delivered false alarms, and lines a second on one core.

    python benchmarks/logs.py --data DIR              # DIR/logs/BGL_2k.log and its kin
"""

from __future__ import annotations

import argparse
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from drain3.drain import Drain
from sklearn.metrics import average_precision_score, roc_auc_score

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.data.logs import read
from tocsin.data.templates import Templates, parsed

SEEDS = range(5)
OURS = {"fusion": ("logs.fusion", {}), "fusion, severity off": ("logs.fusion", {"severity": False}), "lines": ("logs.lines", {}),
        "rarity": ("logs.rarity", {}), "parameters": ("logs.parameters", {})}
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def ours(key: str) -> Score:
    name, params = OURS[key]
    return lambda train, test: catalog.make(name, **params).fit(train).anomaly_score(test)


def drain_rarity(stream: bool) -> Score:
    """The peer: minus the logarithm of the share of a Drain3 template, on messages without head and level."""
    def scores(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        drain, counts = Drain(), Counter()
        for line in messages(train):
            counts[drain.add_log_message(line)[0].cluster_id] += 1
        made, total = [], len(train)
        for line in messages(test):
            if stream:
                cluster = drain.add_log_message(line)[0].cluster_id
            else:
                found = drain.match(line)
                cluster = -1 if found is None else found.cluster_id
            made.append(-np.log((counts[cluster] + 0.5) / (total + 1)))
            if stream:
                counts[cluster] += 1
                total += 1
        return np.array(made)
    return scores


def messages(lines: np.ndarray) -> list[str]:
    found = parsed(list(lines))
    words = [line.split() for line in found.lines]
    return [" ".join(each[j] for j in found.forms[k].places) for each, k in zip(words, found.form)]


def splits(y: np.ndarray, seed: int | None = None, share: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Training rows (normal ones only) and test rows, both in time order."""
    n = len(y)
    if seed is None:
        first = np.arange(n) < share * n
        return np.flatnonzero(first & (y == 0)), np.flatnonzero(~first)
    normal = np.flatnonzero(y == 0)
    train = np.sort(np.random.default_rng(seed).choice(normal, len(normal) // 2, replace=False))
    return train, np.setdiff1d(np.arange(n), train)


def bgl(folder: Path) -> None:
    data = read(folder / "BGL_2k.log", label="bgl")
    X, y = np.array(data.X, dtype=object), data.y
    print("## BGL-2k, AUROC / average precision, one class\n")
    print("| score | time 50/50 | time 80/20 | random 50/50, mean of 5 (least) |\n|---|---|---|---|")
    methods = {**{f"tocsin {key}": ours(key) for key in OURS}, "Drain3 rarity, frozen": drain_rarity(False),
               "Drain3 rarity, streaming": drain_rarity(True)}
    for name, method in methods.items():
        cells = []
        for share in (0.5, 0.8):
            train, test = splits(y, share=share)
            cells.append(judged(y[test], method(X[train], X[test])))
        found = [(roc_auc_score(y[test], scores), average_precision_score(y[test], scores))
                 for train, test in (splits(y, seed) for seed in SEEDS) for scores in [method(X[train], X[test])]]
        cells.append(f"{np.mean(found, axis=0)[0]:.3f} / {np.mean(found, axis=0)[1]:.3f} ({min(found)[0]:.3f})")
        print(f"| {name} | {' | '.join(cells)} |")
    print("\nUnlabelled: first half with its alerts learned, second half judged; all 2,000 lines judged by themselves\n")
    print("| score | halves | itself |\n|---|---|---|")
    half = len(y) // 2
    for key, (name, params) in OURS.items():
        scores = ours(key)(X[:half], X[half:])
        print(f"| tocsin {key} | {judged(y[half:], scores)} | {judged(y, catalog.make(name, **params).fit_score(X))} |")


def judged(y: np.ndarray, scores: np.ndarray) -> str:
    return f"{roc_auc_score(y, scores):.3f} / {average_precision_score(y, scores):.3f}"


def alarms(folder: Path) -> None:
    """Half of the normal lines learned, drawn at random; the rest judged by the held-out scores' quantiles."""
    print("\n## Delivered false alarms on random halves of normal lines, mean of 5 draws\n")
    print("| log, score | at 1 % | at 5 % |\n|---|---|---|")
    for log in ("BGL", "HDFS", "Linux", "OpenSSH"):
        data = read(folder / f"{log}_2k.log", label="bgl" if log == "BGL" else None)
        X = np.array(data.X, dtype=object)[np.zeros(len(data)) == (0 if data.y is None else data.y)]
        for key, (name, params) in OURS.items():
            found = []
            for seed in SEEDS:
                inside = np.random.default_rng(seed).permutation(len(X)) < len(X) // 2
                model = catalog.make(name, **params)
                held, new = np.sort(model.fit_held_out(X[inside])), model.anomaly_score(X[~inside])
                p = (1 + len(held) - np.searchsorted(held, new, "left")) / (1 + len(held))
                found.append([(p <= 0.01).mean(), (p <= 0.05).mean()])
            print(f"| {log}, {key} | {np.mean(found, axis=0)[0]:.2%} | {np.mean(found, axis=0)[1]:.2%} |")


def faults(folder: Path) -> None:
    print("\n## Planted faults, AUROC, mean of 5 draws (random halves; training without the fault)\n")
    print(f"| log | fault | {' | '.join(OURS)} | Drain3 frozen |\n{'|---' * (len(OURS) + 3)}|")
    for log in ("HDFS", "Linux", "OpenSSH"):
        lines = read(folder / f"{log}_2k.log").X
        for fault, plant in (("templates held out", held_out_templates), ("number × 1,000", numbers), ("word exchanged", exchanged)):
            rows = {name: [] for name in [*OURS, "drain"]}
            for seed in SEEDS:
                train, test, y = plant(np.array(lines, dtype=object), np.random.default_rng(seed))
                if not y.any():
                    continue
                for key in OURS:
                    rows[key].append(roc_auc_score(y, ours(key)(train, test)))
                rows["drain"].append(roc_auc_score(y, drain_rarity(False)(train, test)))
            print(f"| {log} | {fault} | " + " | ".join(f"{np.mean(row):.3f}" if row else "-" for row in rows.values()) + " |")


def held_out_templates(X: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test: half of the lines; a third of the rare templates never occurs in training."""
    form = Templates().parse(list(X), learn=True)[0]
    counts = np.bincount(form)
    rare = np.flatnonzero((counts > 1) & (counts < 0.05 * len(X)))
    out = np.isin(form, rng.choice(rare, max(1, len(rare) // 3), replace=False))
    learned = rng.random(len(X)) < 0.5
    return X[learned & ~out], X[~learned], out[~learned].astype(int)


def numbers(X: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A number that stands alone or behind "=", a thousand times as large, in 5 % of the test lines that hold one of 3 digits or more."""
    number = re.compile(r"(?<=[\s=])\d{3,9}(?=\s|$|,)")
    head = 40  # the time stamp is left alone
    def changed(line: str) -> str:
        places = [match for match in number.finditer(line) if match.start() > head]
        if not places:
            return line
        at = places[rng.integers(len(places))]
        return line[:at.start()] + str(1000 * int(at[0])) + line[at.end():]
    return planted(X, rng, changed)


def exchanged(X: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A word of letters in the message becomes one of another line."""
    words = sorted({word for line in X for word in line.split()[6:] if word.isalpha()})
    def changed(line: str) -> str:
        parts = line.split()
        places = [i for i, word in enumerate(parts) if i >= 6 and word.isalpha()]
        if not places:
            return line
        parts[places[rng.integers(len(places))]] = words[rng.integers(len(words))]
        return " ".join(parts)
    return planted(X, rng, changed)


def planted(X: np.ndarray, rng: np.random.Generator, changed: Callable[[str], str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    learned = rng.random(len(X)) < 0.5
    test = X[~learned].copy()
    y = np.zeros(len(test), dtype=int)
    for i in np.flatnonzero(rng.random(len(test)) < 0.05):
        new = changed(test[i])
        y[i], test[i] = int(new != " ".join(test[i].split()) and new != test[i]), new
    return X[learned], test, y


def speed(folder: Path) -> None:
    """Lines of BGL with digits drawn anew, so that none comes twice; CPU seconds."""
    base, draw = (folder / "BGL_2k.log").read_text().splitlines(), random.Random(0)
    def anew(line: str) -> str:
        return re.sub(r"\d{4,}", lambda at: str(draw.randrange(10 ** (len(at[0]) - 1), 10 ** len(at[0]))), line)
    lines = np.array([anew(line) for _ in range(50) for line in base], dtype=object)
    plain = messages(lines)
    print(f"\n## {len(lines)} lines, one core\n\n| | lines a second |\n|---|---|")
    for key in OURS:
        model = ours_fitted(key, np.array(base, dtype=object))
        print(f"| tocsin {key}, parse and score | {per_second(lambda model=model: model.anomaly_score(lines), len(lines)):,.0f} |")
    print(f"| tocsin parse alone | {per_second(lambda: parsed(list(lines)), len(lines)):,.0f} |")
    print(f"| Drain3 parse alone, messages without head | {per_second(lambda: drained(plain), len(lines)):,.0f} |")
    print(f"| Drain3 parse alone, whole lines | {per_second(lambda: drained(list(lines)), len(lines)):,.0f} |")
    same = np.array([base[0]] * len(lines), dtype=object)
    model = ours_fitted("fusion", same[:10_000])
    print(f"| tocsin fusion, one line {len(lines)} times | {per_second(lambda: model.anomaly_score(same), len(lines)):,.0f} |")


def ours_fitted(key: str, X: np.ndarray) -> Detector:
    name, params = OURS[key]
    return catalog.make(name, **params).fit(X)


def drained(lines: list[str]) -> None:
    drain = Drain()
    for line in lines:
        drain.add_log_message(line)


def per_second(call: Callable[[], object], n: int) -> float:
    best = min(seconds(call) for _ in range(3))
    return n / best


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=("bgl", "alarms", "faults", "speed"))
    asked = parser.parse_args()
    parts: dict[str, Callable[[Path], None]] = {"bgl": bgl, "alarms": alarms, "faults": faults, "speed": speed}
    for name, part in parts.items():
        if asked.only in (None, name):
            part(asked.data / "logs")


if __name__ == "__main__":
    main()
