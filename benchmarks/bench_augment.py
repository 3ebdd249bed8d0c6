"""Augmentation at 640x480 with 12 masks on one core, against albumentations 2.0.8.

Same operations, probabilities, ranges and output size on both sides: flips, zoom with rotation
and shift, brightness, hue and saturation, blur, noise. Mosaic and copy-paste are left out, as the
peer has no copy-paste and its mosaic takes no list of masks. Both get ``(image, masks)`` in
memory and give ``(image, masks)``; what is timed is that call alone, in the process's own time on
one core, the peers taking turns. Three ways to hand over:

* ``masks``: 12 masks (H, W) uint8 in, 12 masks (H, W) bool out, as the peer does it.
* ``frame``: a LabelledFrame with run-length masks in and out, as training here does it.
* ``id map``: one id map in and out.

Run: ``python benchmarks/bench_augment.py [--seeds 5] [--pictures 200]``; it prints JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from januscl.core import Instances, LabelledFrame, encode_mask
from januscl.decks import Augmenter, Chance, Recipe, Scene, scene_of

HEIGHT, WIDTH, MASKS = 480, 640, 12
RECIPE = replace(
    Recipe.nothing(),
    flip=0.5,
    flip_vertical=0.5,
    zoom=Chance(0.5, 0.6, 1.2),
    rotate=Chance(0.5, -20, 20),
    brightness=Chance(0.5, 0.6, 1.4),
    hue=Chance(0.3, -20, 20),
    saturation=Chance(0.3, 0.7, 1.3),
    blur=Chance(0.3, 0.5, 1.5),
    noise=Chance(0.3, 2, 10),
    min_pixels=20,
)


def pictures(seed: int, count: int) -> list[LabelledFrame]:
    """Return frames of 12 ellipses that lie on each other; a mask is what is visible of one."""
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        image = cv2.GaussianBlur(
            rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 2
        )
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        for k in range(MASKS):
            centre = (int(rng.integers(60, WIDTH - 60)), int(rng.integers(60, HEIGHT - 60)))
            axes = (int(rng.integers(30, 80)), int(rng.integers(25, 60)))
            tint = tuple(int(v) for v in rng.integers(0, 256, 3))
            turn = float(rng.integers(180))
            for canvas, value in ((image, tint), (ids, (k + 1,))):
                cv2.ellipse(canvas, centre, axes, turn, 0, 360, value, -1)
        kept = [k for k in range(MASKS) if (ids == k + 1).any()]
        truth = Instances.of_masks([encode_mask(ids == k + 1) for k in kept], [1] * len(kept))
        frames.append(LabelledFrame(f"{index}", image, truth))
    return frames


def peer() -> Callable[[np.ndarray, list[np.ndarray]], object]:
    import albumentations

    a, p = albumentations, RECIPE
    turn = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_NEAREST}
    share = 0.1
    pipeline = a.Compose(
        [
            a.HorizontalFlip(p=p.flip),
            a.VerticalFlip(p=p.flip_vertical),
            # Ours makes one warp when zoom or rotation came up: 1 - (1 - .5)^2 of the time.
            a.Affine(
                scale=(p.zoom.low, p.zoom.high),
                rotate=(p.rotate.low, p.rotate.high),
                translate_percent=(-share, share),
                fill=114,
                p=0.75,
                **turn,
            ),
            a.RandomBrightnessContrast(
                brightness_limit=0, contrast_limit=(-0.4, 0.4), p=p.brightness.probability
            ),
            a.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=30, val_shift_limit=0, p=0.51),
            a.GaussianBlur(
                blur_limit=0, sigma_limit=(p.blur.low, p.blur.high), p=p.blur.probability
            ),
            a.GaussNoise(std_range=(p.noise.low / 255, p.noise.high / 255), p=p.noise.probability),
        ]
    )
    return lambda image, masks: pipeline(image=image, masks=masks)


def rates(calls: dict[str, Callable[[int], object]], count: int) -> dict[str, float]:
    """Return the pictures per second of each call, taken in turns so that all meet the same load.

    The time is the process's own on its one core, so that other programs do not count.
    """
    spent = dict.fromkeys(calls, 0.0)
    for index in range(-5, count):
        for name, call in calls.items():
            start = time.process_time()
            call(index)
            if index >= 0:
                spent[name] += time.process_time() - start
    return {name: count / value for name, value in spent.items()}


def one_seed(seed: int, count: int) -> dict[str, float]:
    frames = pictures(seed, 24)
    scenes = [scene_of(frame) for frame in frames]
    masks = [[(s.ids == k + 1).astype(np.uint8) for k in range(len(s.labels))] for s in scenes]
    ours, theirs = Augmenter(RECIPE), peer()
    rng = np.random.default_rng(seed)

    def varied(scene: Scene) -> Scene:
        moved = ours.move(scene, rng)
        return Scene(ours.light(moved.image, rng), moved.ids, moved.labels)

    def with_masks(index: int) -> object:
        given = masks[index % 24]
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        for k, mask in enumerate(given):
            cv2.bitwise_or(ids, mask * np.uint8(k + 1), dst=ids)
        out = varied(Scene(frames[index % 24].image, ids, scenes[index % 24].labels))
        return out.image, [out.ids == k + 1 for k in range(len(given))]

    calls = {
        "albumentations": lambda i: theirs(frames[i % 24].image, masks[i % 24]),
        "masks": with_masks,
        "frame": lambda i: ours(frames, i % 24, rng),
        "id map": lambda i: varied(scenes[i % 24]),
    }
    return rates(calls, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    # One large block given back makes glibc keep what it frees, as in any process that trains;
    # without it fresh pages cost the peer more than us.
    np.empty(30 << 20, np.uint8).fill(0)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = [one_seed(seed, arguments.pictures) for seed in range(arguments.seeds)]
    report = {}
    for name in found[0]:
        ratios = [rate[name] / rate["albumentations"] for rate in found]
        report[name] = {
            "pictures_per_second": round(float(np.median([rate[name] for rate in found])), 1),
            "ratio_median": round(float(np.median(ratios)), 2),
            "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
