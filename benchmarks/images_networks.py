"""Networks trained on normal pictures, on folders of the MVTec layout: AUROC of pictures and pixels, delivered false alarms, seconds.

    python benchmarks/images_networks.py --data DIR --set magnetic_tile --train 100 --detector images.student_teacher [--param width=16]
    python benchmarks/images_networks.py --data DIR --set magnetic_tile --time          # one picture through a backbone, eager and exported

``--half a`` judges every second test picture, the half that settings may be chosen on; ``--half b`` the other, to report.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import rankdata

from tocsin.core import catalog
from tocsin.core.picture import Pixels

_EVERY = 3  # pixel along and across of those that count for the AUROC of pixels


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    ranks, odd = rankdata(scores), truth.astype(bool)
    return float((ranks[odd].sum() - odd.sum() * (odd.sum() + 1) / 2) / (odd.sum() * (~odd).sum()))


def picture(path: Path, masks: Path) -> Pixels:
    array = np.asarray(Image.open(path).convert("RGB"))
    mask = masks / path.parent.name / f"{path.stem}_mask.png"
    marked = np.asarray(Image.open(mask).convert("L")) > 0 if mask.is_file() else None
    return Pixels(array, f"{path.parent.name}/{path.name}", mask=marked)


def objects(items: list[Pixels]) -> np.ndarray:
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def split(root: Path, count: int | None, half: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    masks = root / "ground_truth"
    good = sorted((root / "train" / "good").iterdir())
    order = np.random.default_rng(seed).permutation(len(good))[:count]
    test = [path for folder in sorted((root / "test").iterdir()) for path in sorted(folder.iterdir())]
    test = test if half == "all" else test[half == "b"::2]
    kinds = [path.parent.name for path in test]
    return (objects([picture(good[i], masks) for i in sorted(order)]), objects([picture(path, masks) for path in test]),
            np.array([kind != "good" for kind in kinds], dtype=int), kinds)


def pixels(model, X: np.ndarray, y: np.ndarray) -> float | None:
    truth, scores = [], []
    for item, odd in zip(X, y):
        mask = item.mask()
        if odd and mask is None:
            return None
        made = model.anomaly_map(objects([item]))[0]
        mask = np.zeros(made.shape, dtype=bool) if mask is None else mask
        truth.append(mask[::_EVERY, ::_EVERY].ravel())
        scores.append(made[::_EVERY, ::_EVERY].ravel().astype(np.float32))
    return auroc(np.concatenate(scores), np.concatenate(truth))


def run(args: argparse.Namespace) -> dict:
    train, test, y, kinds = split(Path(args.data) / "images" / args.set, args.train, args.half, args.seed)
    settings = dict(each.split("=", 1) for each in args.param)
    model = catalog.make(args.detector, **{name: json.loads(value) for name, value in settings.items()})
    start = time.process_time()
    held = model.fit_held_out(train)
    fit = time.process_time() - start
    start = time.process_time()
    scores = model.anomaly_score(test)
    each = (time.process_time() - start) / len(test)
    good = scores[y == 0]
    p = ((held[None, :] >= good[:, None]).sum(1) + 1) / (len(held) + 1)
    kinds_ = np.array(kinds)
    return {"detector": args.detector, "param": args.param, "set": args.set, "train": len(train), "half": args.half,
            "image_auroc": round(auroc(scores, y), 4), "pixel_auroc": None if args.no_pixels else pixels(model, test, y),
            "by_kind": {kind: round(auroc(*_against(good, scores[kinds_ == kind])), 3)
                        for kind in sorted(set(kinds)) if kind != "good"},
            "false_alarms_at_5": round(float((p <= 0.05).mean()), 3), "false_alarms_at_1": round(float((p <= 0.01).mean()), 3),
            "fit_cpu_s": round(fit, 1), "score_cpu_ms": round(1000 * each, 1), "epochs": len(getattr(model, "history_", []))}


def _against(good: np.ndarray, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([good, odd]), np.repeat([0, 1], [len(good), len(odd)])


def timed(args: argparse.Namespace) -> dict:
    import onnxruntime

    from tocsin.deep.vision.features import Features, to_onnx

    train, *_ = split(Path(args.data) / "images" / args.set, 20, "a", 0)
    array = train[0].pixels()
    made = {}
    for name in ("mobilenet_v2", "efficientnet_lite0"):
        features = Features(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(to_onnx(features), options, providers=["CPUExecutionProvider"])
        x = np.ascontiguousarray(np.random.default_rng(0).random((1, 3, 256, 256)), dtype=np.float32)
        made[name] = {"eager_ms": _median(partial(features.maps, [array])),
                      "onnxruntime_ms": _median(partial(session.run, None, {"pixels": x}))}
    return made


def _median(call) -> float:
    times = []
    for _ in range(30):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return round(1000 * float(np.median(times)), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="magnetic_tile")
    parser.add_argument("--detector", default="images.student_teacher")
    parser.add_argument("--param", action="append", default=[], help="name=value, the value in JSON")
    parser.add_argument("--train", type=int, default=None)
    parser.add_argument("--half", choices=("a", "b", "all"), default="a")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pixels", action="store_true")
    parser.add_argument("--time", action="store_true")
    given = parser.parse_args()
    print(json.dumps(timed(given) if given.time else run(given)))
