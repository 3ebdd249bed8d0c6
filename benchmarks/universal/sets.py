"""Environments that the universal model has never seen: labelled pictures to learn and to judge by.

* ``desk``: objects cut out of photographs of a desk and heaped on it, pixels real, piles composed.
  Whatever is to be tuned in `januscl` is to be tuned on this set alone.
* ``ore``: photographs of heaps of lump ore, in quarters.
* ``late``: simulated piles of kinds that pretraining leaves out, on a bright belt.

No photograph, and no copy of one, is both learned from and judged by.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from januscl.annotate import CocoSet, read_set
from januscl.core import Instances, LabelledFrame, Taxonomy, decode_mask, encode_mask
from januscl.sim import LATE_KINDS, LEAST_PIXELS, LEAST_SHARE, Look, make_labelled

Split = tuple[Taxonomy, list[LabelledFrame], list[LabelledFrame]]
BRIGHT = Look(belt=(0.85, 0.82, 0.70), bin=(0.75, 0.45, 0.15), floor=(0.88, 0.87, 0.84),
              lamp=0.6, ambient=0.42, lamp_at=(-0.4, -0.2, 1.1), camera_height=1.1)  # fmt: skip


def _cut(frame: LabelledFrame, top: int, left: int, side: int) -> LabelledFrame:
    """Return a square part of a picture with what is still seen well of its instances."""
    rows, columns = slice(top, top + side), slice(left, left + side)
    masks, labels = [], []
    for rle, label in zip(frame.truth.masks, frame.truth.labels.tolist(), strict=True):
        whole = decode_mask(rle)
        part = whole[rows, columns]
        if part.sum() >= max(LEAST_PIXELS, LEAST_SHARE * whole.sum()):
            masks.append(encode_mask(np.ascontiguousarray(part)))
            labels.append(label)
    image = np.ascontiguousarray(frame.image[rows, columns])
    return LabelledFrame(f"{frame.id}@{top},{left}", image, Instances.of_masks(masks, labels))


def _quarters(found: CocoSet, known: set[str]) -> Iterator[LabelledFrame]:
    """Yield the quarters of each photograph that has labels, all first quarters before others."""
    firsts, groups = [], set(known)
    for picture in found.pictures:
        if picture.group not in groups and picture.labels:
            groups.add(picture.group)
            firsts.append(picture.frame())
    for down, right in ((0, 0), (1, 1), (0, 1), (1, 0)):
        for frame in firsts:
            height, width = frame.image.shape[:2]
            side = min(height, width) // 2
            yield _cut(frame, down * (height - side), right * (width - side), side)


def _ore(data: Path, learned: int, judged: int, size: int) -> Split:
    train = read_set(data / "ore_clutter/train/_annotations.coco.json")
    valid = read_set(data / "ore_clutter/valid/_annotations.coco.json", train.taxonomy)
    kept = {picture.group for picture in valid.pictures}
    return (
        train.taxonomy,
        list(islice(_quarters(train, kept), learned)),
        list(islice(_quarters(valid, set()), judged)),
    )


def _heap(cuts: list[LabelledFrame], number: int, seed: int, size: int) -> LabelledFrame:
    """Return 4 to 12 objects of as many photographs, heaped on the desk of another."""
    rng = np.random.default_rng((seed, number))
    ground = cuts[rng.integers(len(cuts))]
    image = cv2.resize(ground.image, (size, size), interpolation=cv2.INTER_AREA)
    hole = cv2.dilate(_mask(ground, size).astype(np.uint8), np.ones((9, 9), np.uint8))
    image = cv2.inpaint(image, hole, 3, cv2.INPAINT_TELEA)
    ids, alone, labels = np.zeros((size, size), np.int32), [], []
    for _ in range(int(rng.integers(4, 13))):
        thing = cuts[rng.integers(len(cuts))]
        x, y, w, h = cv2.boundingRect(_mask(thing, size).astype(np.uint8))
        middle, spot = (x + w / 2, y + h / 2), size / 2 + rng.normal(0, 0.17, 2) * size
        scale = size * rng.uniform(0.22, 0.34) / max(w, h)
        turn = cv2.getRotationMatrix2D(middle, rng.uniform(0, 360), scale)
        turn[:, 2] += spot - middle
        moved = cv2.warpAffine(cv2.resize(thing.image, (size, size)), turn, (size, size))
        cover = cv2.warpAffine(_mask(thing, size).astype(np.float32), turn, (size, size))
        cover = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None]
        shade = 1 - 0.5 * np.roll(cv2.GaussianBlur(cover, (0, 0), 3), (2, 2), (0, 1))[..., None]
        image = (image * shade * (1 - cover) + moved * cover).astype(np.uint8)
        ids[cover[..., 0] > 0.5] = len(alone) + 1
        alone.append(int((cover > 0.5).sum()))
        labels.append(int(thing.truth.labels[0]))
    shown = [
        k for k, whole in enumerate(alone)
        if (ids == k + 1).sum() >= max(LEAST_PIXELS, LEAST_SHARE * whole)
    ]  # fmt: skip
    masks = [encode_mask(ids == k + 1) for k in shown]
    return LabelledFrame(
        f"heap {number}", image, Instances.of_masks(masks, [labels[k] for k in shown])
    )


def _mask(frame: LabelledFrame, size: int) -> np.ndarray:
    whole = decode_mask(frame.truth.masks[0]).astype(np.uint8)
    return cv2.resize(whole, (size, size), interpolation=cv2.INTER_NEAREST) > 0


def _desk(data: Path, learned: int, judged: int, size: int) -> Split:
    found = read_set(data / "desk_camera/annotations.coco.json")
    cuts = [picture.frame() for picture in found.pictures if len(picture.masks) == 1]
    half = len(cuts) // 2
    cuts = [cuts[i] for i in np.random.default_rng(0).permutation(len(cuts))]
    return (
        found.taxonomy,
        [_heap(cuts[:half], n, 1, size) for n in range(learned)],
        [_heap(cuts[half:], n, 2, size) for n in range(judged)],
    )


def _late(data: Path, learned: int, judged: int, size: int) -> Split:
    known = Taxonomy()
    for name, shape in LATE_KINDS.items():
        known = known.with_kind(name, shape)
    mix = dict.fromkeys(LATE_KINDS, 1.0)
    piles = [
        list(make_labelled(count, seed, mix, known, size, BRIGHT))
        for count, seed in ((learned, 9001), (judged, 9002))
    ]
    return known, piles[0], piles[1]


SETS: dict[str, Callable[[Path, int, int, int], Split]] = {
    "desk": _desk, "ore": _ore, "late": _late,
}  # fmt: skip
"""By name: from the folder of photographs, how many to learn and judge by, and their side in px."""
