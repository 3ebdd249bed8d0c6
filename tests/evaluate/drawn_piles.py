"""Piles drawn with ellipses, and models that cut them more or less well."""

import numpy as np

from januscl.core import Instances, decode_mask, encode_mask


def ellipse(height, width, x, y, a, b, angle):
    rows, columns = np.mgrid[:height, :width]
    u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    v = -(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)
    return (u / a) ** 2 + (v / b) ** 2 <= 1


def pile(rng, count, kinds=(1, 2, 3), size=(72, 96)):
    """Draw a pile; the later ellipses lie on top, so masks never overlap."""
    id_map = np.zeros(size, dtype=np.int32)
    for k in range(count):
        x, y = rng.uniform(8, size[1] - 8), rng.uniform(8, size[0] - 8)
        a, b = rng.uniform(5, 14, 2)
        id_map[ellipse(*size, x, y, a, b, rng.uniform(0, 3))] = k + 1
    shown = np.unique(id_map[id_map > 0])
    masks = [encode_mask(id_map == k) for k in shown]
    return Instances.of_masks(masks, rng.choice(kinds, len(masks)))


def cut(rng, truth, skill, kinds=(1, 2, 3), size=(72, 96)):
    """Predict a pile: shifted masks, some missed, some invented, with ties among the scores."""
    masks, labels, scores = [], [], []
    for rle, label in zip(truth.masks, truth.labels, strict=True):
        for _ in range(1 + (rng.random() < 0.2)):
            if rng.random() < 0.1:
                continue
            shift = np.rint(rng.normal(0, 3 * (1 - skill), 2)).astype(int)
            masks.append(np.roll(decode_mask(rle), shift, (0, 1)))
            labels.append(label if rng.random() < 0.8 else rng.choice(kinds))
            scores.append(np.round(np.clip(rng.normal(0.5 + 0.4 * skill, 0.2), 0, 1), 2))
    for _ in range(rng.poisson(1)):
        x, y = rng.uniform(0, size[1]), rng.uniform(0, size[0])
        masks.append(ellipse(*size, x, y, 6, 6, 0))
        labels.append(rng.choice(kinds))
        scores.append(np.round(rng.uniform(0, 0.8), 2))
    return seen(masks, labels, scores)


def seen(masks, labels, scores):
    """Make a model's instances of masks, best score first."""
    order = np.argsort(-np.asarray(scores, dtype=np.float32), kind="stable")
    given = Instances.of_masks([encode_mask(masks[i]) for i in order], [labels[i] for i in order])
    scores = np.asarray([scores[i] for i in order], dtype=np.float32)
    return Instances(given.masks, given.boxes, scores, given.labels)


def piles(seed, frames, count=8):
    rng = np.random.default_rng(seed)
    return [pile(rng, count) for _ in range(frames)]


def cuts(seed, truths, skill):
    rng = np.random.default_rng(seed)
    return [cut(rng, truth, skill) for truth in truths]
