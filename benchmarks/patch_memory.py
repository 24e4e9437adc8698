"""The memory of patches: choosing 100,000 patches, learning 100 pictures, judging one, and how well it finds faults; on one core.

    python benchmarks/patch_memory.py --data DIR [--only coreset,fit,latency,accuracy,update,tiles] [--train 100,500] [--param place=0.3]

DIR holds ``images/magnetic_tile`` and ``images/brain_mri`` in the MVTec layout. Seconds are of the processor (wall seconds grow with what
else runs). ``--half a`` judges every second test picture, the half that settings may be chosen on; ``--half b`` the other, to report.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from scipy.stats import rankdata

import tocsin
from tocsin.core import catalog
from tocsin.core.picture import Picture, Pixels
from tocsin.deep.vision.features import Features, to_onnx
from tocsin.evaluation.pixels import localisation
from tocsin.memory import cells
from tocsin.memory.coreset import coreset, squared_reach

RUNS = 15


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    ranks, odd = rankdata(scores), truth.astype(bool)
    return float((ranks[odd].sum() - odd.sum() * (odd.sum() + 1) / 2) / (odd.sum() * (~odd).sum()))


def seconds(call: Any, runs: int = RUNS) -> float:
    """Median processor seconds of a call, after one that is not counted."""
    call()
    taken = []
    for _ in range(runs):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def objects(items: list[Picture]) -> np.ndarray:
    made: np.ndarray = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def some(items: np.ndarray, count: int | None) -> np.ndarray:
    order = np.random.default_rng(0).permutation(len(items))[:count]
    return items[np.sort(order)]


def loaded(root: Path, part: str, half: str = "all") -> tuple[np.ndarray, np.ndarray]:
    data = tocsin.read(root, kind="images", part=part)
    X, y = objects(list(data.X)), np.zeros(len(data), int) if data.y is None else np.asarray(data.y)
    take = slice(None) if half == "all" else slice(int(half == "b"), None, 2)
    return X[take], y[take]


def plain(rows: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """The greedy loop, one row at a time, in all columns: numbers and processor seconds."""
    start = time.process_time()
    lengths, near = np.einsum("ij,ij->i", rows, rows), np.full(len(rows), np.inf, np.float32)
    chosen = [0]
    for _ in range(size - 1):
        np.minimum(near, lengths - 2 * (rows @ rows[chosen[-1]]) + lengths[chosen[-1]], out=near)
        chosen.append(int(near.argmax()))
    return np.array(chosen), time.process_time() - start


def choosing(args: argparse.Namespace) -> None:
    """100,000 patches of 160 columns, 1,000 kept: made ones, and real ones where the data is there."""
    random = np.random.default_rng(0)
    centres, axes = random.normal(size=(50, 160)), 0.4 * random.normal(size=(50, 12, 160))
    kind = random.integers(50, size=100_000)
    rows = (centres[kind] + np.einsum("nd,nde->ne", random.normal(size=(100_000, 12)), axes[kind])).astype(np.float32)
    sets = {"made": rows + 0.05 * random.normal(size=rows.shape).astype(np.float32)}
    train, _ = loaded(args.data / "images" / "magnetic_tile", "train")
    seen = [cells.rows(maps) for _, maps in Features().stream(item.pixels() for item in some(train, 400))]
    sets["magnetic tile"] = np.concatenate(seen)[:100_000]
    for name, E in sets.items():
        E = E - E.mean(axis=0)
        whole, taken = plain(E, 1000)
        told = {"plain loop": {"seconds": taken, "radius": float(np.sqrt(squared_reach(E, E[whole]).max()))}}
        for columns in (None, 64, 16):
            start = time.process_time()
            kept = coreset(E, 1000, columns=columns)
            taken, near = time.process_time() - start, np.sqrt(squared_reach(E, E[kept]))
            told[f"columns={columns}"] = {"seconds": taken, "radius": float(near.max()), "mean distance": float(near.mean())}
        print(json.dumps({"coreset of 100,000": name, **told}), flush=True)


def model_of(args: argparse.Namespace, **changes: Any) -> Any:
    settings = {key: json.loads(value) for key, value in (each.split("=", 1) for each in args.param)}
    return catalog.make("images.patch_memory", **settings, **changes)


def fitting(args: argparse.Namespace) -> None:
    train = some(loaded(args.data / "images" / "magnetic_tile", "train")[0], 100)
    start = time.process_time()
    model = model_of(args)
    model.fit_held_out(train)
    print(json.dumps({"fit of 100 pictures and their held-out scores, seconds": time.process_time() - start, "patches": len(model.bank_)}),
          flush=True)


def latency(args: argparse.Namespace) -> None:
    """One picture of 256 x 256 through a fitted model: eager, and with the backbone exported."""
    train = some(loaded(args.data / "images" / "magnetic_tile", "train")[0], args.train[-1])
    model = model_of(args).fit(train)
    pixels = np.random.default_rng(0).random((256, 256, 3), dtype=np.float32)
    picture = objects([Pixels(pixels)])
    rows = model._columns(None, picture[0])[0]
    told = {"megabytes of the memory": sum(a.nbytes for a in model.bank_.state().values() if isinstance(a, np.ndarray)) / 1e6,
            "patches": len(model.bank_), "one picture, ms": 1e3 * seconds(lambda: model.anomaly_score(picture)),
            "of these the backbone": 1e3 * seconds(lambda: model.features_.maps([pixels])),
            "of these the search": 1e3 * seconds(lambda: model.bank_.nearest(rows))}
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not installed: no exported backbone in this run")
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(to_onnx(model.features_), options, providers=["CPUExecutionProvider"])

        def exported() -> np.ndarray:
            maps = session.run(None, {"pixels": np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]})
            return model.bank_.nearest(model.basis_.project(cells.rows([each[0] for each in maps])))[0]

        told["exported backbone and search, ms"] = 1e3 * seconds(exported)
        told["largest difference from eager"] = float(np.abs(exported() - model.bank_.nearest(rows)[0]).max()) if not model.place else None
    print(json.dumps(told), flush=True)


def accuracy(args: argparse.Namespace) -> None:
    for name, counts in (("magnetic_tile", args.train), ("brain_mri", [None])):
        root = args.data / "images" / name
        everything, _ = loaded(root, "train")
        test, y = loaded(root, "test", args.half)
        kinds = np.array([Path(item.name).parent.name for item in test])
        for count in counts:
            model = model_of(args)
            start = time.process_time()
            held = model.fit_held_out(some(everything, count))
            fit = time.process_time() - start
            start = time.process_time()
            scores = model.anomaly_score(test)
            each = (time.process_time() - start) / len(test)
            good = scores[y == 0]
            p = ((held[None] >= good[:, None]).sum(1) + 1) / (len(held) + 1)
            told = {"set": name, "train": len(held), "image": auroc(scores, y), "fit s": fit, "picture ms": 1e3 * each,
                    "patches": len(model.bank_), "false alarms": {str(a): float((p <= a).mean()) for a in (0.01, 0.05, 0.1)},
                    "kinds": {kind: auroc(np.append(scores[kinds == kind], good), np.arange(len(good) + (kinds == kind).sum())
                                          < (kinds == kind).sum()) for kind in sorted(set(kinds[y == 1]))}}
            if count == counts[-1] and any(item.mask() is not None and item.mask().any() for item in test):
                found = localisation(list(model.anomaly_map(test)), [item.mask() for item in test], y)
                told |= {"pixel": found.pixel_auroc, "au_pro": found.au_pro}
            print(json.dumps(rounded(told)), flush=True)


def updating(args: argparse.Namespace) -> None:
    """Fitted on 100 pictures, shown 400 more in ten parts, beside a fit of all 500; old normal pictures before and after."""
    root = args.data / "images" / "magnetic_tile"
    everything, _ = loaded(root, "train")
    test, y = loaded(root, "test", args.half)
    first = some(np.arange(len(everything)), 100)
    model = model_of(args).fit(everything[first])
    before, size = model.anomaly_score(test), len(model.bank_)
    start = time.process_time()
    for part in np.array_split(np.setdiff1d(np.arange(len(everything)), first), 10):
        model.update(everything[part])
    taken, after = time.process_time() - start, model.anomaly_score(test)
    change = after[y == 0] / before[y == 0]
    print(json.dumps(rounded({"image AUROC before, after": [auroc(before, y), auroc(after, y)], "patches": [size, len(model.bank_)],
                              "update of 400 pictures, s": taken,
                              "normal scores after / before, quantiles": np.quantile(change, [0, 0.1, 0.5, 0.9, 1]).tolist()})), flush=True)


def tiling(args: argparse.Namespace) -> None:
    """Large pictures, 500 x 1250: ten of forty normal tiles side by side in native resolution; odd ones have a dark spot of 12 pixels."""
    train, _ = loaded(args.data / "images" / "magnetic_tile", "train")
    random = np.random.default_rng(0)

    def scene(odd: bool) -> Pixels:
        made = np.zeros((500, 1250, 3), np.float32)
        for top in (0, 250):
            for left in range(0, 1250, 250):
                pixels = train[12 * random.integers(40)].pixels()
                down, across = (np.pad(np.arange(min(side, 250)), (0, max(0, 250 - side)), "symmetric") for side in pixels.shape[:2])
                made[top:top + 250, left:left + 250] = pixels[down[:, None], across]
        if odd:
            down, across = np.mgrid[:500, :1250]
            spot = np.hypot(down - random.integers(20, 480), across - random.integers(20, 1230)) <= 6
            made[spot] *= 0.6
        return Pixels(np.clip(made, 0, 1))

    learned, test = objects([scene(False) for _ in range(12)]), objects([scene(i % 2 == 1) for i in range(32)])
    y = np.arange(32) % 2
    for tile in (None, 256):
        start = time.process_time()
        scores = model_of(args, tile=tile).fit(learned).anomaly_score(test)
        print(json.dumps(rounded({"tile": tile, "image AUROC": auroc(scores, y), "seconds": time.process_time() - start})), flush=True)


def rounded(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: rounded(value) for key, value in told.items()}
    return [rounded(each) for each in told] if isinstance(told, list) else round(told, 4) if isinstance(told, float) else told


PARTS = {"coreset": choosing, "fit": fitting, "latency": latency, "accuracy": accuracy, "update": updating, "tiles": tiling}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--train", default=[100, 500], type=lambda text: [int(each) for each in text.split(",")])
    parser.add_argument("--half", choices=("all", "a", "b"), default="all")
    parser.add_argument("--param", action="append", default=[], help="a setting of the detector, such as place=0.3")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for part in args.only.split(","):
        PARTS[part](args)


if __name__ == "__main__":
    main()
