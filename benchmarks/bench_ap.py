"""Mask AP of 12,000 truths and 24,000 detections: Janus against its peers, the same figure.

Also the paired bootstrap of the gate: a slice of 60 frames, 500 resamples of two models.

Run: ``python benchmarks/bench_ap.py [--frames 1000]``. Peers that are not installed are named
and left out. Each side starts from its own words: Janus from `Instances`, the peers from COCO's
JSON with compressed run lengths. Times are the best of three, in seconds
on the clock.
"""

import argparse
import contextlib
import importlib
import io
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from januscl.core import Instances, decode_mask, encode_mask, masks_of
from januscl.core.wire import rle_to_json
from januscl.evaluate import average_precision, bootstrap_deltas, match

SIZE = 192


def ellipse(rng: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = rng.uniform(0, SIZE, 2)
    a, b = rng.uniform(12, 36, 2)
    angle = rng.uniform(0, np.pi)
    u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    v = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    return (u / a) ** 2 + (v / b) ** 2 <= 1


def pile(rng: np.random.Generator, count: int) -> Instances:
    """Draw packages that hide parts of each other."""
    id_map = np.zeros((SIZE, SIZE), dtype=np.int32)
    for k in range(count):
        id_map[ellipse(rng)] = k + 1
    shown = [m for m in masks_of(id_map, count) if m.area]
    return Instances.of_masks(shown, [1] * len(shown))


def seen(rng: np.random.Generator, truth: Instances, count: int, noise: float) -> Instances:
    """Cut the pile, each package a little off, up to ``count`` detections."""
    masks = []
    for k in range(count):
        mask = decode_mask(truth.masks[k % len(truth)])
        shift = np.rint(rng.normal(0, noise * (1 + k // len(truth)), 2)).astype(int)
        masks.append(encode_mask(np.roll(mask, shift, (0, 1))))
    scores = np.sort(rng.random(count).astype(np.float32))[::-1]
    given = Instances.of_masks(masks, [1] * count)
    return Instances(given.masks, given.boxes, scores, given.labels)


def coco_json(
    truths: Sequence[Instances], predictions: Sequence[Instances]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write both as COCO has them."""
    images = [{"id": i + 1, "height": SIZE, "width": SIZE} for i in range(len(truths))]
    annotations = [
        {
            "image_id": frame + 1,
            "category_id": 1,
            "segmentation": rle_to_json(mask),
            "area": mask.area,
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "iscrowd": 0,
        }
        for frame, truth in enumerate(truths)
        for mask, (x1, y1, x2, y2) in zip(truth.masks, truth.boxes, strict=True)
    ]
    for i, annotation in enumerate(annotations):
        annotation["id"] = i + 1
    results = [
        {
            "image_id": frame + 1,
            "category_id": 1,
            "segmentation": rle_to_json(mask),
            "score": float(score),
        }
        for frame, given in enumerate(predictions)
        for mask, score in zip(given.masks, given.scores, strict=True)
    ]
    categories = [{"id": 1, "name": "package"}]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}, (
        results
    )


def peer(
    module: str, coco: str, evaluation: str, truth: str, results: str
) -> Callable[[], float] | None:
    """Return a call that scores with a library of pycocotools' shape; None without it."""
    try:
        sets = getattr(importlib.import_module(module), coco)
        evaluate = getattr(
            importlib.import_module("pycocotools.cocoeval" if "pycoco" in module else module),
            evaluation,
        )
    except ImportError:
        return None

    def score() -> float:
        truth_set = sets()
        truth_set.dataset = json.loads(truth)
        truth_set.createIndex()
        run = evaluate(truth_set, truth_set.loadRes(json.loads(results)), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
        return float(run.stats[0])

    return score


def best_of(call: Callable[[], float], times: int = 3) -> tuple[float, float]:
    """Return the least seconds and the value."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            value = call()
        taken.append(time.perf_counter() - start)
    return min(taken), value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    frames = parser.parse_args().frames
    rng = np.random.default_rng(0)
    truths = [pile(rng, 13) for _ in range(frames)]
    predictions = [seen(rng, truth, 24, 1.5) for truth in truths]
    others = [seen(rng, truth, 24, 1.2) for truth in truths[:60]]
    print(f"{sum(map(len, truths))} truths, {sum(map(len, predictions))} detections")
    truth, results = (json.dumps(part) for part in coco_json(truths, predictions))
    calls: dict[str, Callable[[], float] | None] = {
        "janus": lambda: average_precision(truths, predictions).ap,
        "pycocotools": peer("pycocotools.coco", "COCO", "COCOeval", truth, results),
        "faster-coco-eval": peer("faster_coco_eval", "COCO", "COCOeval_faster", truth, results),
        "hotcoco": peer("hotcoco", "COCO", "COCOeval", truth, results),
    }
    for name, call in calls.items():
        if call is None:
            print(f"{name:18} not installed")
            continue
        seconds, ap = best_of(call)
        print(f"{name:18} {seconds:7.2f} s   AP {ap:.9f}")
    champion, challenger = match(truths[:60], predictions[:60]), match(truths[:60], others)
    seconds, _ = best_of(lambda: float(bootstrap_deltas(champion, challenger).mean()))
    print(f"bootstrap, 60 frames, 500 resamples of two models: {seconds:.2f} s")


if __name__ == "__main__":
    main()
