"""Piles a second in one process, and what a pick is worth with true masks and with bad points.

Run: ``python benchmarks/bench_sim.py``. One process, pictures of 192 x 192 px.
"""

import time
from statistics import median

import cv2
import numpy as np

from januscl.core import BoolMask, Cell, Depth, Instances, Outcome, decode_mask, encode_mask
from januscl.picking import choose_pick
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, CellRobot, Look, make_labelled

SEEDS = (0, 1, 2)
PILES, ATTEMPTS = 60, 80
CHOSEN = "true masks, the pick that Janus chooses"
Point = tuple[float, float]


def _depths(mask: BoolMask) -> np.ndarray:
    return cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def _deepest(mask: BoolMask) -> Point:
    row, column = np.unravel_index(_depths(mask).argmax(), mask.shape)
    return float(column) + 0.5, float(row) + 0.5


def _any(where: BoolMask, rng: np.random.Generator) -> Point:
    rows, columns = np.nonzero(where)
    k = int(rng.integers(len(rows)))
    return float(columns[k]) + 0.5, float(rows[k]) + 0.5


def _open(masks: list[BoolMask], rng: np.random.Generator) -> int:
    """Return one of the three instances with the most room for the cup."""
    room = [-float(_depths(mask).max()) for mask in masks]
    return int(rng.choice(np.argsort(room)[:3]))


def _choose(how: str, truth: Instances, rng: np.random.Generator) -> tuple[Instances, int, Point]:
    masks = [decode_mask(rle) for rle in truth.masks]
    k = int(rng.integers(len(masks))) if how == "true masks, any instance" else _open(masks, rng)
    if how == "points on the edge":
        depth = _depths(masks[k])
        return truth, k, _any((depth > 0) & (depth <= 1.5), rng)
    if how == "points on the background":
        inner = np.zeros(masks[0].shape, np.bool_)
        inner[40:-40, 40:-40] = True
        return truth, k, _any(inner & ~np.any(masks, axis=0), rng)
    if how == "masks that merge two":
        grown = cv2.dilate(masks[k].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        shared = [int((grown & mask).sum()) if j != k else -1 for j, mask in enumerate(masks)]
        merged = masks[k] | masks[int(np.argmax(shared))]
        return Instances.of_masks([encode_mask(merged)], [1]), 0, _deepest(merged)
    return truth, k, _deepest(masks[k])


def _chosen(truth: Instances, depth: Depth | None) -> tuple[Instances, int | None, Point | None]:
    row, point = choose_pick(truth, depth) or (None, None)
    return truth, row, point


def _success(how: str, seed: int, mix: dict[str, float]) -> tuple[float, float]:
    """Return the share of picks that succeed, and the milliseconds of an attempt."""
    taxonomy = BASE_TAXONOMY
    for name, shape in LATE_KINDS.items():
        taxonomy = taxonomy.with_kind(name, shape)
    robot = CellRobot(Cell("r", "c", "l", "s"), Look(), seed)
    robot.mix = mix
    rng = np.random.default_rng(seed)
    picked, tried, spent = 0, 0, 0.0
    while tried < ATTEMPTS:
        depth = robot.look().depth
        truth = robot.truth().instances(taxonomy)
        if len(truth) < (2 if "merge" in how else 1):
            robot.attempt(truth, None, None)
            robot.load(mix, 8, seed * 1000 + tried)
            continue
        choice = _chosen(truth, depth) if how == CHOSEN else _choose(how, truth, rng)
        began = time.perf_counter()
        picked += robot.attempt(*choice) is Outcome.PICKED
        spent += time.perf_counter() - began
        tried += 1
    return picked / tried, 1000 * spent / tried


def _line(name: str, values: list[float], unit: str) -> None:
    print(f"{name:45} {median(values):7.2f} ({min(values):.2f} to {max(values):.2f}) {unit}")


def main() -> None:
    list(make_labelled(2, 99, BASE_MIX))
    rates = []
    for seed in SEEDS:
        began = time.perf_counter()
        made = sum(1 for _ in make_labelled(PILES, seed, BASE_MIX))
        rates.append(made / (time.perf_counter() - began))
    _line("labelled 192x192 piles", rates, "a second")
    base = dict(BASE_MIX)
    for how in (CHOSEN, "true masks", "true masks, any instance", "points on the edge",
                "points on the background", "masks that merge two"):  # fmt: skip
        results = [_success(how, seed, base) for seed in SEEDS]
        _line(f"picked, {how}", [share for share, _ in results], "of attempts")
        _line("  an attempt", [cost for _, cost in results], "ms")
    for kind in LATE_KINDS:
        mix = {name: 0.4 * weight for name, weight in base.items()} | {kind: 0.6}
        _line(f"picked as Janus chooses, with {kind}",
              [_success(CHOSEN, seed, mix)[0] for seed in SEEDS], "of attempts")  # fmt: skip


if __name__ == "__main__":
    main()
