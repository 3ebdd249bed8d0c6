"""Fitting what says what the readings of a failed pick mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from januscl.triage.judge import FARTHEST

_STRENGTH, _STEPS = 0.1, 1000  # of the penalty, inverse; at most
Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Judge:
    """Multinomial logistic regression over N readings.

    Attributes:
        names: Of the readings.
        mean: ``(N,)``.
        spread: ``(N,)``.
        fitted: Over how far each reading is from its mean, in spreads.
    """

    names: list[str]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    fitted: LogisticRegression

    def said(self, records: Sequence[Record]) -> list[str]:
        """Return the diagnosis of failed picks."""
        values = np.asarray([[r["readings"][name] for name in self.names] for r in records])
        return list(self.fitted.predict(self.unusual(values)))

    def unusual(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far readings ``(M, N)`` are from their means, in spreads."""
        return np.clip((values - self.mean) / self.spread, -FARTHEST, FARTHEST)


def fitted(records: Sequence[Record]) -> Judge:
    """Return the judge of failed picks as `bench_watch_diagnosis` records them.

    Each failed pick counts twice: as it was read, and as it was read in a changed world.
    """
    read = [r for r in records if r["readings"] is not None]
    names = sorted(read[0]["readings"])
    both = [r[which] for which in ("readings", "changed_readings") for r in read]
    values = np.asarray([[one[name] for name in names] for one in both])
    judge = Judge(
        names, values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6),
        LogisticRegression(C=_STRENGTH, max_iter=_STEPS),
    )  # fmt: skip
    judge.fitted.fit(judge.unusual(values), 2 * [r["cause"] for r in read])
    return judge


def held_out(records: Sequence[Record], groups: Sequence[str]) -> list[bool | None]:
    """Return whether a judge that was fitted without its group is right of each failed pick.

    Args:
        records: Of failed picks.
        groups: Of each, such as its seed; empty for those that are always fitted on.

    Returns:
        None for what was always fitted on, or has no readings.
    """
    right: list[bool | None] = [None] * len(records)
    for group in sorted(set(groups) - {""}):
        judge = fitted([r for r, mine in zip(records, groups, strict=True) if mine != group])
        away = [place for place, mine in enumerate(groups)
                if mine == group and records[place]["readings"] is not None]  # fmt: skip
        said = judge.said([records[place] for place in away]) if away else []
        for place, diagnosis in zip(away, said, strict=True):
            right[place] = bool(diagnosis == records[place]["cause"])
    return right


def write(judge: Judge, path: Path) -> None:
    """Write a judge as the product reads it."""
    np.savez_compressed(
        path,
        allow_pickle=False,
        names=np.asarray(judge.names),
        diagnoses=np.asarray(judge.fitted.classes_.tolist()),
        mean=judge.mean,
        spread=judge.spread,
        weights=judge.fitted.coef_,
        bias=judge.fitted.intercept_,
    )
