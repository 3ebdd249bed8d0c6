"""Growing the trees that say what the readings of a failed pick mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

TREES, LEAST, SHARE, SEED = 300, 3, 0.4, 0  # least failures in a leaf, share of readings tried


def grown(records: Sequence[dict[str, Any]]) -> tuple[ExtraTreesClassifier, list[str]]:
    """Return trees for failed picks as `bench_watch_diagnosis` records them, and their readings."""
    read = [r for r in records if r["readings"] is not None]
    names = sorted(read[0]["readings"])
    values = np.asarray([[r["readings"][name] for name in names] for r in read], np.float32)
    trees = ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAST, max_features=SHARE, random_state=SEED
    )
    return trees.fit(values, [r["cause"] for r in read]), names


def held_out(records: Sequence[dict[str, Any]], groups: Sequence[str]) -> list[bool | None]:
    """Return whether trees that were grown without its group are right of each failed pick.

    Args:
        records: Of failed picks.
        groups: Of each, such as its seed; empty for those that are always grown on.

    Returns:
        None for what was always grown on, or has no readings.
    """
    right: list[bool | None] = [None] * len(records)
    for group in sorted(set(groups) - {""}):
        trees, names = grown([r for r, mine in zip(records, groups, strict=True) if mine != group])
        away = [place for place, mine in enumerate(groups)
                if mine == group and records[place]["readings"] is not None]  # fmt: skip
        if not away:
            continue
        values = [[records[place]["readings"][n] for n in names] for place in away]
        for place, said in zip(away, trees.predict(np.asarray(values, np.float32)), strict=True):
            right[place] = bool(said == records[place]["cause"])
    return right


def write(trees: ExtraTreesClassifier, names: Sequence[str], path: Path) -> None:
    """Write trees as the product reads them: one row for each node, those of all trees together."""
    grown = [tree.tree_ for tree in trees.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in grown)])[:-1]

    def joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
        return np.concatenate(parts).astype(kind)

    shares = joined([tree.value[:, 0] for tree in grown], np.float32)
    np.savez_compressed(
        path,
        allow_pickle=False,
        names=np.asarray(names),
        diagnoses=np.asarray(trees.classes_.tolist()),
        roots=starts.astype(np.int32),
        reading=joined([tree.feature for tree in grown], np.int16),
        threshold=joined([tree.threshold for tree in grown], np.float32),
        lower=joined([t.children_left + s for t, s in zip(grown, starts, strict=True)], np.int32),
        higher=joined([t.children_right + s for t, s in zip(grown, starts, strict=True)], np.int32),
        shares=(shares / shares.sum(axis=1, keepdims=True)).astype(np.float16),
    )
