"""What instances look like: the early features under each mask.

The deep features of a detector tell its kinds apart and little else: on simulated piles they put
holiday boxes among plain ones (AUROC 0.4 against known instances), where the first layers keep
colour and texture (0.93). Early layers for novelty: Roth et al., Towards total recall in
industrial anomaly detection, CVPR 2022, section 3.1.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Rle, decode_mask


def appearance(
    features: NDArray[np.float32], inner: tuple[int, int], masks: Sequence[Rle]
) -> NDArray[np.float32]:
    """Return the mean and spread of each channel under each mask, ``(N, 2 C) float32``.

    Args:
        features: ``(C, h, w) float32`` of a picture that fills the upper left of a square.
        inner: Rows and columns of ``features`` that the picture itself fills.
        masks: N masks of the picture at its own size, none of them empty.
    """
    rows, columns = inner
    part = features[:, :rows, :columns].reshape(features.shape[0], -1)
    weights = np.zeros((len(masks), rows * columns), dtype=np.float32)
    for weight, rle in zip(weights, masks, strict=True):
        mask = decode_mask(rle).astype(np.float32)
        cover = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA).ravel()
        # Cells that lie wholly inside speak best; a thin mask has none.
        inside = (cover > 0.5).astype(np.float32)
        weight[:] = inside if inside.any() else cover
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    mean = weights @ part.T
    spread = np.sqrt(np.maximum(weights @ (part**2).T - mean**2, 0))
    return np.concatenate((mean, spread), axis=1)
