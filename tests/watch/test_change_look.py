from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Cell, Conflict, InvalidInput
from januscl.watch import ChangeWatch, EmbeddingLean

CELL = Cell("robot", "camera", "line", "site")
START = datetime(2026, 1, 1, tzinfo=UTC)


def healthy(count: int, seed: int) -> np.ndarray:
    """Return embeddings of two kinds, (count, 6)."""
    rng = np.random.default_rng(seed)
    places = np.where(rng.random(count)[:, None] < 0.5, 1.0, -1.0) * np.arange(6)
    return places + rng.normal(size=(count, 6)) * np.linspace(0.2, 1.5, 6)


def noticed(rows, after: int, seed: int = 0):
    """Return the frames from the change to the first alarm, and the change that was told."""
    lean = EmbeddingLean(seed=seed).fit(healthy(500, 1))
    watch = ChangeWatch(lean.signals)
    for frame, row in enumerate(rows):
        for change in watch.update(CELL, START + timedelta(seconds=frame), lean.read(row)):
            return frame - after, change
    return None, None


def test_p_values_of_healthy_embeddings_are_near_uniform():
    lean = EmbeddingLean().fit(healthy(500, 1))
    found = [lean.read(row) for row in healthy(600, 2)]
    for name in lean.signals:
        values = np.sort([p[name][0] for p in found])
        assert np.abs(values - np.arange(600) / 600).max() < 0.11, name


def test_healthy_embeddings_raise_no_alarm():
    assert noticed(healthy(1500, 3), 0) == (None, None)


@pytest.mark.parametrize(
    ("change", "signal", "within"),
    [
        (lambda rows: rows + np.linspace(0.3, 0.8, 6), "embedding", 40),
        (lambda rows: rows + np.eye(6)[0] * 0.5, "embedding.axis.0", 40),
        (lambda rows: rows.mean(0) + 1.6 * (rows - rows.mean(0)), "embedding", 60),
    ],
    ids=["mean", "one dimension", "spread"],
)
def test_a_change_of_the_embeddings_is_noticed_soon_and_dated(change, signal, within):
    rows = healthy(400, 4)
    delay, told = noticed(np.vstack((rows[:200], change(rows[200:]))), 200)
    assert delay is not None
    assert 0 <= delay <= within
    assert abs((told.began - START).total_seconds() - 200) <= 25
    assert any(name.startswith(signal) for name in told.signals)


def test_the_same_seed_gives_the_same_p_values():
    left, right = (EmbeddingLean(seed=3).fit(healthy(200, 1)) for _ in range(2))
    for row in healthy(20, 2):
        assert left.read(row) == right.read(row)


def test_nothing_is_read_before_a_fit_and_no_other_length_after_it():
    with pytest.raises(Conflict, match="fit"):
        EmbeddingLean().read(np.zeros(6))
    lean = EmbeddingLean().fit(healthy(100, 1))
    with pytest.raises(InvalidInput, match=r"\(6,\)"):
        lean.read(np.zeros(5))
    with pytest.raises(InvalidInput, match="finite"):
        lean.read(np.full(6, np.nan))
    with pytest.raises(InvalidInput, match="healthy embeddings"):
        EmbeddingLean().fit(np.zeros((10, 6)))
    with pytest.raises(InvalidInput, match="memories"):
        EmbeddingLean(memories=(0.0,))
