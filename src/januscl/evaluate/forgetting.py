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


def forward_transfer(
    ap: ArrayLike, untrained: ArrayLike, learned: Sequence[int] | None = None
) -> float:
    """Return what earlier phases gave to slices before these were learned.

    ``FWT = mean over i > 1 of R[i - 1, i] - b[i]``: the AP just before the phase in which a slice
    is learned, less the AP of a model that was never trained (Lopez-Paz and Ranzato, 2017,
    section 2). Slices of the first phase have no phase before them and are left out.

    Args:
        ap: As for `forgetting`.
        untrained: ``(S,)``: the AP on each slice of the model before its first phase. With random
            weights that is 0 as a rule; for a line that began from a pretrained model, give that
            model's AP.
        learned: As for `forgetting`.

    Raises:
        InvalidInput: The matrix has fewer than two phases, `learned` or `untrained` does not fit
            it, every slice was learned in the first phase, or a later one was not measured just
            before it was learned.
    """
    matrix, when = _checked(ap, learned)
    start = np.asarray(untrained, dtype=np.float64)
    if start.shape != when.shape:
        raise _refused(f"an untrained AP for each of {when.size} slices", f"shape {start.shape}")
    late = np.flatnonzero(when > 0)
    if late.size == 0:
        raise _refused("a slice learned after the first phase", "none")
    gains = matrix[when[late] - 1, late] - start[late]
    if np.isnan(gains).any():
        raise _refused(
            "each slice measured after the phase before it was learned, and untrained", "NaN there"
        )
    return float(gains.mean())


def _old(
    ap: ArrayLike, learned: Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the columns of the old slices ``(P, O)`` and their AP when they were learned."""
    matrix, when = _checked(ap, learned)
    old = when < len(matrix) - 1
    if not old.any():
        raise _refused("a slice learned before the last phase", "none")
    columns = matrix[:, old]
    begun = columns[when[old], np.arange(columns.shape[1])]
    if np.isnan(columns[-1]).any() or np.isnan(begun).any():
        raise _refused(
            "each old slice measured when it was learned and after the last phase", "NaN there"
        )
    return columns, begun


def _checked(
    ap: ArrayLike, learned: Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the matrix and the phase ``(S,)`` in which each slice was learned."""
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
    return matrix, when


def _refused(expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "AP matrix",
        expected,
        found,
        "Give a row for each phase and a column for each slice of history, and evaluate every "
        "slice after every phase.",
    )
