"""What learning something new did to what was known before, from a matrix of APs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from januscl.core import InvalidInput


def forgetting(ap: ArrayLike) -> float:
    """Return the mean over the old slices of the best earlier AP less the last AP.

    ``f_j = max over l < k of a[l, j], less a[k, j]`` with k the last phase, averaged over the
    slices learned before it (Chaudhry et al., 2018, "Riemannian Walk for Incremental Learning",
    section 3). Negative when old slices are better than they ever were.

    Args:
        ap: ``(P, S)``: the AP after phase p on slice s; slice s is learned in phase s, so S is P
            or less. NaN where a slice was not measured.

    Raises:
        InvalidInput: The matrix has fewer than two phases, fewer phases than slices, or an old
            slice that was not measured before and after.
    """
    matrix, old = _checked(ap)
    best = np.nanmax(np.where(np.isnan(matrix[:-1, :old]), -np.inf, matrix[:-1, :old]), axis=0)
    return float(np.mean(best - matrix[-1, :old]))


def backward_transfer(ap: ArrayLike) -> float:
    """Return the mean over the old slices of the last AP less the AP when they were learned.

    ``BWT = mean of R[T, i] - R[i, i]`` (Lopez-Paz and Ranzato, 2017, "Gradient Episodic Memory
    for Continual Learning", section 2). Negative when old slices were forgotten.

    Args:
        ap: As for `forgetting`.

    Raises:
        InvalidInput: As for `forgetting`.
    """
    matrix, old = _checked(ap)
    return float(np.mean(matrix[-1, :old] - np.diagonal(matrix)[:old]))


def _checked(ap: ArrayLike) -> tuple[NDArray[np.float64], int]:
    """Return the matrix and how many slices were learned before the last phase."""
    matrix = np.asarray(ap, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2 or not 1 <= matrix.shape[1] <= matrix.shape[0]:
        raise InvalidInput(
            "AP matrix",
            "shape (P, S) with two phases or more and one to P slices",
            f"shape {matrix.shape}",
            "Give one row for each phase and one column for the slice learned in each.",
        )
    old = min(matrix.shape[1], matrix.shape[0] - 1)
    if np.isnan(matrix[-1, :old]).any() or np.isnan(np.diagonal(matrix)[:old]).any():
        raise InvalidInput(
            "AP matrix",
            "each old slice measured when it was learned and after the last phase",
            "NaN there",
            "Evaluate every slice of history after every phase.",
        )
    return matrix, old
