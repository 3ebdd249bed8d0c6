"""What learning something new did to what was known before, from a matrix of APs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from januscl.core import InvalidInput


def forgetting(ap: ArrayLike, learned: Sequence[int] | None = None) -> float:
    """Return the mean over the old slices of the best earlier AP less the last AP.

    ``f_j = max over l < k of a[l, j], less a[k, j]`` with k the last phase, averaged over the
    slices learned before it (Chaudhry et al., 2018, "Riemannian Walk for Incremental Learning",
    section 3). Negative when old slices are better than they ever were.

    Args:
        ap: ``(P, S)``: the AP after phase p on slice s. NaN where a slice was not measured.
        learned: The phase, counted from 0, in which each slice was learned; one learned in the
            last phase is not old. When omitted, slice s was learned in phase s, so S is P or less.

    Raises:
        InvalidInput: The matrix has fewer than two phases, `learned` does not fit it, no slice is
            old, or an old slice was not measured when it was learned and after the last phase.
    """
    old, _ = _old(ap, learned)
    best = np.nanmax(old[:-1], axis=0)
    return float(np.mean(best - old[-1]))


def backward_transfer(ap: ArrayLike, learned: Sequence[int] | None = None) -> float:
    """Return the mean over the old slices of the last AP less the AP when they were learned.

    ``BWT = mean of R[T, i] - R[i, i]`` (Lopez-Paz and Ranzato, 2017, "Gradient Episodic Memory
    for Continual Learning", section 2). Negative when old slices were forgotten.

    Args:
        ap: As for `forgetting`.
        learned: As for `forgetting`.

    Raises:
        InvalidInput: As for `forgetting`.
    """
    old, begun = _old(ap, learned)
    return float(np.mean(old[-1] - begun))


def _old(
    ap: ArrayLike, learned: Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the columns of the old slices ``(P, O)`` and their AP when they were learned."""
    matrix = np.asarray(ap, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2:
        raise _refused("shape (P, S) with two phases or more", f"shape {matrix.shape}")
    phases, slices = matrix.shape
    when = np.arange(slices) if learned is None else np.asarray(learned, dtype=np.int64)
    if when.shape != (slices,) or ((when < 0) | (when >= phases)).any():
        raise _refused(
            "one to P slices, each learned in one of the P phases",
            f"{phases} phases and {slices} slices learned in phases {when.tolist()}",
        )
    old = when < phases - 1
    if not old.any():
        raise _refused("a slice learned before the last phase", "none")
    columns = matrix[:, old]
    begun = columns[when[old], np.arange(columns.shape[1])]
    if np.isnan(columns[-1]).any() or np.isnan(begun).any():
        raise _refused(
            "each old slice measured when it was learned and after the last phase", "NaN there"
        )
    return columns, begun


def _refused(expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "AP matrix",
        expected,
        found,
        "Give a row for each phase and a column for each slice of history, and evaluate every "
        "slice after every phase.",
    )
