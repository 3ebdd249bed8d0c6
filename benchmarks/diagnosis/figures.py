"""Shares with their intervals."""

from collections.abc import Sequence

import numpy as np


def interval(right: Sequence[bool]) -> str:
    """Return the share with its 95% interval (Wilson 1927)."""
    n, z = len(right), 1.96
    if not n:
        return "none"
    share = float(np.mean(right))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return f"{100 * share:.1f}% ({100 * (middle - half):.1f} to {100 * (middle + half):.1f}) of {n}"
