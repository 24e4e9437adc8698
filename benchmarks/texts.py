"""Texts: AUROC, delivered false alarms and time of the detectors of texts, beside peers on TF-IDF and on the same sentence vectors.

    python benchmarks/texts.py --data DIR [--cache DIR] [--seeds 1 2 3] [--sets sms dirty polarity] [--few] [--network]

``DIR/text`` holds sms_spam.tsv (label, message) and rt-polarity.pos / .neg (a sentence a line, latin-1). SMS: half of the ham is learned
from, the other half and all spam (but 100 messages, see below) judged; "dirty": 2 % of the training messages are spam. Polarity: half of
the positive sentences is learned from, the other half and as many negative ones judged. The sentence vectors are made once, kept under
``--cache``, and used by all. Peers (PyOD, and scikit-learn's TF-IDF) run when they are installed. ``--few``: with 5, 20 and 50 of the 100
labelled. ``--network``: with the character network, which takes minutes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import tocsin
from tocsin.deep.language.sentences import Sentences, sentences
from tocsin.detectors.texts import embedding

RATES = (0.01, 0.05)


@dataclass(frozen=True)
class Task:
    """One split: training texts (their labels are for the few-label rows and to count false alarms only), test texts and their labels."""

    train: list[str]
    train_y: np.ndarray
    test: list[str]
    y: np.ndarray
    others: list[str]  # anomalies to label a few of


class Kept(Sentences):
    """Vectors made once for each text and kept in a file."""

    def __init__(self, made: Sentences, texts: Sequence[str], path: Path | None) -> None:
        super().__init__(made.encoder, made.digest)
        self.made = made
        unique = sorted(set(texts))
        if path is not None and path.exists():
            rows = np.load(path)
        else:
            start = time.process_time()
            rows = made.vectors(unique)
            print(f"{len(unique):,} texts encoded, {len(unique) / (time.process_time() - start):.0f} a second\n", flush=True)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, rows)
        self.known = dict(zip(unique, rows))

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return self.made._tokens(texts)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        if all(text in self.known for text in texts):
            return np.stack([self.known[text] for text in texts])
        return self.made.vectors(texts)


def load(data: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Normal texts and others of both sets."""
    rows = [line.split("\t", 1) for line in (data / "sms_spam.tsv").read_text(encoding="utf-8").split("\n") if "\t" in line]
    sides = [[line.strip() for line in (data / f"rt-polarity.{end}").read_text(encoding="latin-1").split("\n") if line.strip()]
             for end in ("pos", "neg")]
    return {"sms": ([text for label, text in rows if label == "ham"], [text for label, text in rows if label == "spam"]),
            "polarity": (sides[0], sides[1])}


def split(texts: dict[str, tuple[list[str], list[str]]], name: str, seed: int) -> Task:
    """Half of the normal texts to learn from; see the page."""
    normal, others = texts["polarity" if name == "polarity" else "sms"]
    random = np.random.default_rng(1000 + seed)
    a, b = random.permutation(len(normal)), random.permutation(len(others))
    half = len(a) // 2
    train, labels = [normal[i] for i in a[:half]], np.zeros(half, np.int64)
    spare: list[str] = []
    if name == "dirty":
        count = round(0.02 * half / 0.98)
        order = random.permutation(half + count)
        train, labels = [*train, *(others[i] for i in b[:count])], np.repeat([0, 1], [half, count])
        train, labels, b = [train[i] for i in order], labels[order], b[count:]
    else:
        spare, b = [others[i] for i in b[:100]], b[100:]
    if name == "polarity":
        b = b[:len(a) - half]
    test = [normal[i] for i in a[half:]] + [others[i] for i in b]
    return Task(train, labels, test, np.repeat([0, 1], [len(a) - half, len(b)]), spare)


def ours(task: Task, detector: str, **params: Any) -> tuple[float, list[float], float]:
    """AUROC, delivered false alarms at ``RATES``, seconds."""
    start = time.process_time()
    model = tocsin.make(detector, **params)
    own = model.fit_held_out(task.train)
    score = model.anomaly_score(task.test)
    seconds = time.process_time() - start
    return roc_auc_score(task.y, score), [float((score[task.y == 0] > np.quantile(own, 1 - rate)).mean()) for rate in RATES], seconds


def tfidf(task: Task) -> np.ndarray:
    """Distance to the fifth nearest training text by TF-IDF of words."""
    weigh = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(task.train)
    near = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(weigh.transform(task.train))
    return near.kneighbors(weigh.transform(task.test))[0][:, -1]


def peers(vectors: Callable[[Sequence[str]], np.ndarray]) -> Iterator[tuple[str, Callable[[Task], np.ndarray]]]:
    """Name and scores of the test texts."""
    yield "TF-IDF of words, 5-NN (scikit-learn)", tfidf
    try:
        from pyod.models.iforest import IForest
        from pyod.models.knn import KNN
        from pyod.models.lunar import LUNAR
    except ImportError:
        print("PyOD is not installed: no peers on the sentence vectors (pip install 'tocsin[bench]')")
        return
    for name, make in (("KNN", lambda: KNN(n_neighbors=5)), ("LUNAR", lambda: LUNAR()), ("IForest", lambda: IForest(random_state=0))):
        def score(task: Task, make: Callable[[], Any] = make) -> np.ndarray:
            torch.manual_seed(0)
            return make().fit(vectors(task.train)).decision_function(vectors(task.test))
        yield f"sentence vectors, PyOD {name}", score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=["sms", "dirty", "polarity"])
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--network", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    texts = load(asked.data / "text")
    kept = Kept(sentences(), [text for pair in texts.values() for side in pair for text in side],
                asked.cache / "sentences.npy" if asked.cache else None)
    embedding.sentences = lambda weights=None: kept  # the detectors' own code on vectors made once
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("texts.fusion (default)", "texts.fusion", {"embedding": True}),
        ("texts.fusion without embedding", "texts.fusion", {"embedding": False}),
        *((f"texts.{name}", f"texts.{name}", {}) for name in ("surface", "characters", "words", "embedding"))]
    if asked.network:
        rows.append(("texts.character_network", "texts.character_network", {}))
    for name in asked.sets:
        tasks = [split(texts, name, seed) for seed in asked.seeds]
        print(f"{name}: {len(tasks[0].train):,} to learn from, {len(tasks[0].test):,} to judge, seeds {asked.seeds}\n", flush=True)
        print("| detector | AUROC | by seed | false alarms at 1 % / 5 % | s |\n|---|---|---|---|---|", flush=True)
        for label, detector, params in rows:
            found = [ours(task, detector, **params) for task in tasks]
            alarms = " / ".join(f"{100 * value:.1f}" for value in np.mean([each[1] for each in found], axis=0))
            print(f"| {label} | {np.mean([each[0] for each in found]):.4f} | {', '.join(f'{each[0]:.4f}' for each in found)} | {alarms} "
                  f"| {np.mean([each[2] for each in found]):.1f} |", flush=True)
        for label, score in peers(kept.vectors):
            found_ = [roc_auc_score(task.y, score(task)) for task in tasks]
            print(f"| {label} | {np.mean(found_):.4f} | {', '.join(f'{each:.4f}' for each in found_)} | | |", flush=True)
        if asked.few and name != "dirty":
            few(tasks)
        print()


def few(tasks: Sequence[Task]) -> None:
    """``texts.guided`` with some labelled anomalies among the training texts; these are not judged."""
    for count in (5, 20, 50):
        found = []
        for task in tasks:
            labels = np.repeat([0, 1], [len(task.train), count])
            model = tocsin.make("texts.guided").fit([*task.train, *task.others[:count]], labels)
            found.append(roc_auc_score(task.y, model.anomaly_score(task.test)))
        print(f"| texts.guided, {count} labelled anomalies | {np.mean(found):.4f} | {', '.join(f'{each:.4f}' for each in found)} | | |",
              flush=True)


if __name__ == "__main__":
    main()
