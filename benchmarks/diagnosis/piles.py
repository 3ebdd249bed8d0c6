"""Pictures of piles of known kinds, and masks on them that are wrong in every way."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from januscl.core import BoolMask, Depth, IdMap, Image, decode_mask
from januscl.sim import BASE_MIX, Look, Pile, sensed
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.train import CompactModel
from januscl.triage.redraw import (
    SIDE,
    Channels,
    channels_of,
    cut_out,
    pixels_at,
    places_around,
)

_SIZE, _PILES_A_LOOK = 192, 6
BIN, PACKAGE, OTHERS, OUTSIDE = 0, 1, 2, -1
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Picture:
    """One pile as a robot sees it, with the truth.

    Attributes:
        image, depth, empty: As in `januscl.triage.redraw.channels_of`.
        ids: The renderer's id map.
        seen: Masks ``(N, H, W)`` of the shipped model.
    """

    image: Image
    depth: Depth
    empty: Depth
    ids: IdMap
    seen: BoolMask


def pictures(model: CompactModel, rng: Rng) -> Iterator[Picture]:
    """Yield piles of known kinds without end, in a cell of its own every few."""
    while True:
        look = Look().varied(rng)
        camera = Camera.of_look(look)
        empty = eye(_SIZE).shoot(Pile((), np.zeros((0, 7)), look), camera).depth
        for _ in range(_PILES_A_LOOK):
            pile = Pile.poured(BASE_MIX, int(rng.integers(2, 11)), rng, look)
            shot = eye(_SIZE).shoot(pile, camera)
            image = sensed(shot.image, {}, rng)
            found = model.predict([image])[0]
            masks = [decode_mask(found.masks[int(k)]) for k in np.flatnonzero(found.scores >= 0.3)]
            seen = np.stack([np.zeros(shot.ids.shape, np.bool_), *masks])[1:]
            yield Picture(image, shot.depth, empty, shot.ids, seen)


def lesson(picture: Picture, rng: Rng) -> tuple[Channels, np.ndarray] | None:
    """Return what the network sees of one mask, and the truth ``(SIDE, SIDE)``; None for no mask.

    The mask is the model's or a true one, as it is or spoilt; light, print and the noise of depth
    change.
    """
    ids = picture.ids
    pool = list(picture.seen) if rng.random() < 0.6 else [ids == k for k in np.unique(ids) if k]
    pool = [mask for mask in pool if mask.sum() >= 100]
    if not pool:
        return None
    others = list(pool)
    mask = _spoilt(others.pop(int(rng.integers(len(pool)))), others, rng)
    counts = np.bincount(ids[mask], minlength=2)
    if mask.sum() < 60 or not counts[1:].any():
        return None
    if others and rng.random() < 0.15:
        others.pop(int(rng.integers(len(others))))
    around = np.any([np.zeros_like(mask), *others], axis=0)
    channels = channels_of(picture.image, picture.depth, picture.empty, Look().field_of_view)
    if rng.random() < 0.35:
        channels[3] += rng.normal(0, rng.uniform(0, 0.0015), ids.shape)
        channels[:3] = (channels[:3] + 0.5) * rng.uniform(0.7, 1.3) - 0.5
        channels[7][rng.random(ids.shape) < rng.uniform(0, 0.03)] = 0
    rows, columns = places_around(mask)
    seen = cut_out(channels, mask, around, rows, columns)
    y, x, inside = pixels_at(rows, columns, ids.shape)
    near = ids[y, x]
    if rng.random() < 0.5:
        _print(seen, near, rng)
    own = int(counts[1:].argmax()) + 1
    truth = np.where(near == 0, BIN, np.where(near == own, PACKAGE, OTHERS))
    return _turned(seen, np.where(inside, truth, OUTSIDE), rng)


def _spoilt(mask: BoolMask, others: list[BoolMask], rng: Rng) -> BoolMask:
    """Return a mask merged with one of the others, cut, grown, shrunk, moved, or as it is."""
    chance = rng.random()
    if chance < 0.12:
        wide = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
        beside = [k for k, other in enumerate(others) if (other & wide).sum() >= 10]
        return mask | others.pop(int(rng.choice(beside))) if beside else mask
    if chance < 0.27:
        points, angle = np.argwhere(mask), rng.uniform(0, np.pi)
        along = points @ np.asarray((np.cos(angle), np.sin(angle)))
        first = points[along < np.quantile(along, rng.uniform(0.3, 0.7))]
        half = np.zeros_like(mask)
        half[first[:, 0], first[:, 1]] = True
        if rng.random() < 0.7:
            others.append(mask & ~half)
        return half
    if chance < 0.37:
        side = 2 * int(rng.integers(2, 8)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        changed = cv2.dilate if rng.random() < 0.5 else cv2.erode
        return np.asarray(changed(mask.astype(np.uint8), disc) > 0)
    if chance < 0.44:
        angle, by = rng.uniform(0, 2 * np.pi), rng.uniform(4, 14)
        shift = np.asarray(((1, 0, by * np.cos(angle)), (0, 1, by * np.sin(angle))))
        return np.asarray(cv2.warpAffine(mask.astype(np.uint8), shift, mask.shape[::-1]) > 0)
    return mask


def _print(seen: Channels, ids: IdMap, rng: Rng) -> None:
    """Paint stripes and patches on packages, so that colour alone is no edge."""
    down, across = np.mgrid[:SIDE, :SIDE]
    shade = seen[:3].mean(axis=0) + 0.5
    for number in np.unique(ids):
        on = ids == number
        if number == 0 or rng.random() < 0.45:
            continue
        light = shade / max(float(shade[on].mean()), 0.05)
        for _ in range(int(rng.integers(1, 4))):
            angle = rng.uniform(0, np.pi)
            along = down * np.sin(angle) + across * np.cos(angle)
            begins = rng.choice(along[on])
            wide = rng.choice((rng.uniform(2, 10), 100.0))
            patch = on & (along >= begins) & (along < begins + wide)
            if rng.random() < 0.4:
                along = down * np.cos(angle) - across * np.sin(angle)
                begins = rng.choice(along[on])
                patch &= (along >= begins) & (along < begins + rng.uniform(5, 25))
            grain = light[patch] * rng.uniform(0.85, 1.15, int(patch.sum()))
            colour = np.clip(rng.uniform(0.05, 1, 3)[:, None] * grain, 0, 1) - 0.5
            share = rng.uniform(0.4, 1)
            seen[:3, patch] = (1 - share) * seen[:3, patch] + share * colour


def _turned(seen: Channels, truth: np.ndarray, rng: Rng) -> tuple[Channels, np.ndarray]:
    """Mirror and turn what is seen, and the slopes in it."""
    if rng.random() < 0.5:
        seen, truth = seen[:, :, ::-1].copy(), truth[:, ::-1]
        seen[6] *= -1
    if rng.random() < 0.5:
        seen, truth = seen[:, ::-1].copy(), truth[::-1]
        seen[7] *= -1
    if rng.random() < 0.5:
        seen, truth = seen.transpose(0, 2, 1).copy(), truth.T
        seen[[6, 7]] = seen[[7, 6]]
    return np.ascontiguousarray(seen), np.ascontiguousarray(truth)
