"""Pictures and settings that the tests of this folder, and the process they kill, share."""

from dataclasses import replace

import cv2
import numpy as np

from januscl.core import Instances, LabelledFrame, masks_of
from januscl.train import Settings

SHORT = Settings(steps=6, batch=2, threads=1, frozen_norm=False)


def draw(seed: int, height: int = 64, width: int = 64, count: int = 4) -> LabelledFrame:
    """Draw coloured boxes (kind 1) and discs (kind 2) that hide each other."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 90, np.uint8)
    ids = np.zeros((height, width), np.int32)
    labels = rng.integers(1, 3, count).tolist()
    for k, label in enumerate(labels):
        centre = int(rng.integers(8, width - 8)), int(rng.integers(8, height - 8))
        mask = np.zeros((height, width), np.uint8)
        if label == 1:
            box = cv2.boxPoints((centre, (18.0, 12.0), float(rng.uniform(0, 180))))
            cv2.fillPoly(mask, [box.astype(np.int32)], 1)
        else:
            cv2.circle(mask, centre, 8, 1, -1)
        image[mask > 0] = rng.integers(0, 256, 3)
        ids[mask > 0] = k + 1
    return LabelledFrame(f"drawn-{seed}", image, Instances.of_masks(masks_of(ids, count), labels))


def inverted(frames, index, rng):
    """An augmentation: half of the pictures as negatives."""
    if rng.random() < 0.5:
        return frames[index]
    return replace(frames[index], image=255 - frames[index].image)
