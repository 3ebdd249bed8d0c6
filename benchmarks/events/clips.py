"""Clips of a simulated robot at work, made once and kept: frames, what the model saw, outcomes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from events.episodes import AFTER, BEFORE, DURING, ORDINARY, REFERENCE, SEVERITIES, Episode
from januscl.core import (
    Cell,
    Frame,
    Instances,
    Outcome,
    Pick,
    Rle,
    SegmentationModel,
    decode_mask,
)
from januscl.line.fleet import Tried, attempt
from januscl.sim import BASE_MIX, BASE_TAXONOMY, CellRobot, Look, Truth

START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_A_FRAME = 150
SHARE = 0.35  # of the packages that are of the novelty once it has arrived
OUTCOMES = tuple(Outcome)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame of a clip with what is true of it.

    Attributes:
        frame: As the robot took it.
        seen: What the model saw.
        pick: What came of it.
        faulty: Whether the camera had its fault; one that sticks, from its first stuck picture on.
        wrong: Whether this very picture shows the fault: a camera that sticks takes good ones too.
        novel: Whether a package of no known kind shows.
        rows: ``(N,) bool``: the instances at least half of whose mask lies on such a package.
    """

    frame: Frame
    seen: Instances
    pick: Pick
    faulty: bool
    wrong: bool
    novel: bool
    rows: NDArray[np.bool_]


def camera_of(episode: Episode) -> str:
    return f"camera-{episode.cell}"


def made(episode: Episode, model: SegmentationModel) -> Iterator[Moment]:
    """Yield the moments of an episode; every one is of a real attempt at a simulated pile."""
    look = Look().varied(np.random.default_rng((episode.seed, episode.cell, 5)))
    cell = Cell(f"robot-{episode.cell}", camera_of(episode), "line", "site")
    number, first = 0, 0 if episode.reference else REFERENCE
    seed = crc32(episode.name.encode())

    def clock() -> datetime:
        return START + timedelta(seconds=SECONDS_A_FRAME * (first + number))

    robot, tried = CellRobot(cell, look, seed, clock=clock), Tried()
    last, stuck = None, False
    mixed = {k: (1 - SHARE) * weight for k, weight in BASE_MIX.items()}
    for number in range(_length(episode)):
        during = BEFORE <= number < BEFORE + DURING
        if number == BEFORE and episode.kind:
            robot.mix = {**mixed, episode.kind: SHARE}
            robot.load(robot.mix, 8, seed)
        if episode.fault:
            robot.set_fault(
                episode.fault, SEVERITIES[episode.fault][episode.level] if during else 0.0
            )
        frame = robot.look()
        seen = model.predict([frame.image])[0]
        truth = robot.truth()
        pick = attempt(robot, frame, seen, frame.at, tried)
        again = last is not None and np.array_equal(frame.image, last)
        stuck |= again
        last = frame.image
        sticks = episode.fault == "frozen_frame"
        faulty = bool(robot.faults) and (stuck or not sticks)
        wrong = faulty and (again or not sticks)
        novel = any(not BASE_TAXONOMY.has(truth.kinds[k]) for k in truth.shown)
        yield Moment(frame, seen, pick, faulty, wrong, novel, _strange(seen, truth))


def _length(episode: Episode) -> int:
    if episode.reference:
        return REFERENCE
    if not episode.fault and not episode.kind:
        return ORDINARY
    return BEFORE + DURING + (AFTER if episode.fault else 0)


def _strange(seen: Instances, truth: Truth) -> NDArray[np.bool_]:
    odd = np.asarray([False, *(not BASE_TAXONOMY.has(kind) for kind in truth.kinds)])
    return np.asarray(
        [bool(odd[truth.ids[decode_mask(mask)]].mean() >= 0.5) for mask in seen.masks], np.bool_
    )


def keep(path: Path, moments: Sequence[Moment]) -> None:
    """Write a clip to an npz file, whole or not at all."""
    picks = [m.pick for m in moments]
    seen = [m.seen for m in moments]
    counts = [mask.counts for s in seen for mask in s.masks]
    arrays: Arrays = {
        "images": np.stack([m.frame.image for m in moments]),
        "depths": np.stack([m.frame.depth for m in moments if m.frame.depth is not None]),
        "seconds": np.asarray([(m.frame.at - START).total_seconds() for m in moments]),
        "faulty": np.asarray([m.faulty for m in moments]),
        "wrong": np.asarray([m.wrong for m in moments]),
        "novel": np.asarray([m.novel for m in moments]),
        "rows": np.concatenate([m.rows for m in moments]),
        "many": np.asarray([len(s) for s in seen]),
        "runs": np.asarray([len(c) for c in counts], np.int64),
        "counts": np.concatenate([*counts, np.zeros(0, np.int64)]),
        "boxes": np.concatenate([s.boxes for s in seen]),
        "scores": np.concatenate([s.scores for s in seen]),
        "labels": np.concatenate([s.labels for s in seen]),
        "embeddings": np.concatenate([s.embeddings for s in seen if s.embeddings is not None]),
        "whole": np.stack([s.frame_embedding for s in seen if s.frame_embedding is not None]),
        "picked": np.asarray([-1 if p.instance is None else p.instance for p in picks]),
        "points": np.asarray([p.point or (-1.0, -1.0) for p in picks]),
        "outcomes": np.asarray([OUTCOMES.index(p.outcome) for p in picks]),
    }
    part = path.with_suffix(".part.npz")
    np.savez(part, allow_pickle=False, **arrays)
    part.replace(path)


def kept(path: Path, episode: Episode) -> list[Moment]:
    """Return the clip that `keep` wrote."""
    with np.load(path, allow_pickle=False) as file:
        a: Arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(a["many"])
    runs = np.split(a["counts"], np.cumsum(a["runs"])[:-1])
    size = a["images"].shape[1:3]
    moments = []
    for k, (last, many) in enumerate(zip(ends, a["many"], strict=True)):
        part = slice(int(last - many), int(last))
        masks = tuple(Rle(size[0], size[1], counts) for counts in runs[part])
        seen = Instances(masks, a["boxes"][part], a["scores"][part], a["labels"][part],
                         a["embeddings"][part], a["whole"][k])  # fmt: skip
        at = START + timedelta(seconds=float(a["seconds"][k]))
        camera, robot = camera_of(episode), f"robot-{episode.cell}"
        frame = Frame(a["images"][k], camera, robot, at, a["depths"][k])
        row, x, y = int(a["picked"][k]), *a["points"][k].tolist()
        none = row < 0
        pick = Pick(None if none else row, None if none else (x, y), OUTCOMES[a["outcomes"][k]], at)
        faulty, wrong, novel = (bool(a[name][k]) for name in ("faulty", "wrong", "novel"))
        moments.append(Moment(frame, seen, pick, faulty, wrong, novel, a["rows"][part]))
    return moments
