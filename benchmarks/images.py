"""Detectors of images on folders of the MVTec layout: AUROC of pictures and pixels, AU-PRO, delivered false alarms, seconds, megabytes.

    python benchmarks/images.py --data DIR --set magnetic_tile --train 500 --ours fusion,patch_gaussian,image_gaussian
    python benchmarks/images.py --data DIR --set brain_mri --ours fusion,mirror

``--half a`` judges every second test picture of each class, the half that settings may be chosen on; ``--half b`` the other; all by
default. ``--param name=value`` (JSON) is given to every detector. Set OMP_NUM_THREADS=1 for seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from tocsin.core import catalog
from tocsin.core.picture import Picture, Pixels
from tocsin.evaluation.pixels import localisation


class Stored(Picture):
    """A picture file, decoded when asked."""

    def __init__(self, path: Path, masks: Path) -> None:
        self.path, self.name, self.product = path, f"{path.parent.name}/{path.name}", ""
        self.marked = masks / path.parent.name / f"{path.stem}_mask.png"

    def pixels(self) -> np.ndarray:
        return Pixels(np.asarray(Image.open(self.path).convert("RGB"))).pixels()

    def mask(self) -> np.ndarray | None:
        return np.asarray(Image.open(self.marked).convert("L")) > 0 if self.marked.is_file() else None


def split(root: Path, count: int | None, half: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training pictures, test pictures and the class of each of these."""
    good = sorted((root / "train" / "good").iterdir())
    order = np.sort(np.random.default_rng(seed).permutation(len(good))[:count])
    test = []
    for folder in sorted((root / "test").iterdir()):
        paths = sorted(folder.iterdir())
        test += paths if half == "all" else paths[half == "b"::2]
    items = [[Stored(path, root / "ground_truth") for path in paths] for paths in ([good[i] for i in order], test)]
    made = [np.empty(len(part), dtype=object) for part in items]
    for array, part in zip(made, items):
        array[:] = part
    return made[0], made[1], np.array([path.parent.name for path in test])


def run(name: str, args: argparse.Namespace) -> dict:
    train, test, kinds = split(Path(args.data) / "images" / args.set, args.train, args.half, args.seed)
    y = (kinds != "good").astype(int)
    known = catalog.load(f"images.{name}").parameters()
    settings = {key: json.loads(value) for key, value in (each.split("=", 1) for each in args.param)}
    model = catalog.make(f"images.{name}", **{key: value for key, value in settings.items() if key in known})
    start = time.process_time()
    held = model.fit_held_out(train)
    fit = time.process_time() - start
    scores, spent = np.empty(len(test)), np.empty(len(test))
    for i in range(len(test)):
        item = Pixels(np.asarray(Image.open(test[i].path).convert("RGB")))
        start = time.process_time()
        scores[i] = model.anomaly_score([item])[0]
        spent[i] = time.process_time() - start
    p = ((held[None, :] >= scores[y == 0][:, None]).sum(1) + 1) / (len(held) + 1)
    made = {"detector": name, "set": args.set, "train": len(train), "half": args.half, "image_auroc": round(roc_auc_score(y, scores), 4)}
    if args.half == "all":  # the halves that settings were chosen on, and were not
        odd = np.concatenate([np.arange((kinds == kind).sum()) % 2 for kind in dict.fromkeys(kinds)]).astype(bool)
        made |= {f"half_{half}": round(roc_auc_score(y[of], scores[of]), 4) for half, of in (("a", ~odd), ("b", odd))}
    if model.tags.gives_map and not args.no_pixels and any(item.mask() is not None for item in test):
        maps = [model.anomaly_map([item])[0].astype(np.float32) for item in test]
        found = localisation(maps, [item.mask() for item in test], y)
        made |= {"pixel_auroc": round(found.pixel_auroc or 0, 4), "au_pro": round(found.au_pro or 0, 4)}
        some = [i for kind in dict.fromkeys(kinds) for i in np.flatnonzero(kinds == kind)[:100 if kind == "good" else 40]]
        found = localisation([maps[i] for i in some], [test[i].mask() for i in some], y[some])
        made |= {"pixel_auroc_40_a_class": round(found.pixel_auroc or 0, 4), "au_pro_40_a_class": round(found.au_pro or 0, 4)}
    return made | {"false_alarms_at_1": round(float((p <= 0.01).mean()), 4), "false_alarms_at_5": round(float((p <= 0.05).mean()), 4),
                   "by_kind": {kind: round(roc_auc_score(y[(kinds == kind) | (y == 0)], scores[(kinds == kind) | (y == 0)]), 3)
                               for kind in sorted(set(kinds)) if kind != "good"},
                   "views": [list(each) for each in getattr(model, "learned_", [])],
                   "fit_cpu_s": round(fit, 1), "median_ms": round(1000 * float(np.median(spent)), 1),
                   "model_mb": round(size(model.state()) / 1e6, 1)}


def size(state: object) -> int:
    """Bytes of all arrays in a state."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list) else []
    return sum(size(part) for part in parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="magnetic_tile")
    parser.add_argument("--ours", default="fusion")
    parser.add_argument("--train", type=int, default=None)
    parser.add_argument("--half", choices=("a", "b", "all"), default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--param", action="append", default=[], help="name=value, the value in JSON")
    parser.add_argument("--no-pixels", action="store_true")
    given = parser.parse_args()
    for name in given.ours.split(","):
        print(json.dumps(run(name, given)), flush=True)
