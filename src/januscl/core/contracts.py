"""Executable contracts of the seams: run them on your own implementation.

Each ``check_*`` raises ``AssertionError`` with the broken promise, or returns None.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from januscl.core.errors import Conflict, JobFailed, NotFound
from januscl.core.learning import LabelledFrame, LabelTask
from januscl.core.masks import encode_mask
from januscl.core.observation import Instances, Observation, Outcome
from januscl.core.protocols import (
    Annotator,
    Blobs,
    Executor,
    Robot,
    SegmentationModel,
    Strategy,
    Watcher,
)


def check_model(model: SegmentationModel, size: tuple[int, int] = (96, 128), seed: int = 0) -> None:
    """Check a `SegmentationModel` on random and blank pictures of ``size`` (H, W)."""
    height, width = size
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    blank = np.zeros((height + 16, width, 3), dtype=np.uint8)
    kept = noise.copy()
    first, second = model.predict([noise, blank]), model.predict([noise])
    assert len(first) == 2, "predict gives one Instances for each image"
    assert np.array_equal(noise, kept), "predict does not change its input"
    assert model.predict([]) == [], "no images give no instances"
    known = {kind.id for kind in model.taxonomy}
    for image, seen in zip((noise, blank), first, strict=True):
        assert isinstance(seen, Instances), "predict returns core Instances"
        assert all((m.height, m.width) == image.shape[:2] for m in seen.masks), (
            "masks have the size of their image"
        )
        assert set(seen.labels.tolist()) <= known, "labels are class ids of the model's taxonomy"
        assert (np.diff(seen.scores) <= 1e-6).all(), "scores fall along the rows"
    assert len(first[0]) == len(second[0]), "the same image gives the same instances"
    assert np.allclose(first[0].scores, second[0].scores, atol=1e-4), "in any batch"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        assert path.stat().st_size > 8, "save writes the weights"


def check_watcher(watcher: Watcher, healthy: Sequence[Observation], strange: Observation) -> None:
    """Check a `Watcher` with a healthy reference and one observation it must find strange."""
    held_out, reference = healthy[-1], healthy[:-1]
    assert _raises(Conflict, watcher.score, held_out), (
        "a watcher that was not fitted raises Conflict"
    )
    fitted = watcher.fit(reference)
    signals = fitted.score(held_out)
    assert fitted.score(held_out) == signals, "the same observation gives the same signals"
    for signal in [*signals, *fitted.score(strange)]:
        assert signal.watcher.startswith(fitted.name), "signals carry the watcher's name"
        assert 0 < signal.p_value <= 1, "p-values lie in (0, 1]"
        assert np.isfinite(signal.score), "scores are finite"
    smallest = min((s.p_value for s in fitted.score(strange)), default=1.0)
    ordinary = min((s.p_value for s in signals), default=1.0)
    assert smallest < ordinary, "a strange observation has a smaller p-value than an ordinary one"


def check_strategy(
    strategy: Strategy,
    seed: int = 0,
    network: Any = None,
    batch_of: Callable[[Sequence[LabelledFrame]], Any] | None = None,
) -> None:
    """Check a `Strategy` on 5 new and 7 old random pictures of 64 x 64 px of the kinds 1 and 2.

    Args:
        strategy: As it is before a run.
        seed: Of pictures and drawing.
        network: A torch module that knows both kinds; needed where the strategy looks at it.
        batch_of: Makes pictures into what the network takes; goes with it.
    """
    frames = _pictures(12, seed)
    made = batch_of or (lambda frames: None)
    ready = strategy.begin(deepcopy(network), network, frames[:5], frames[5:], made)
    twice = strategy.begin(deepcopy(network), network, frames[:5], frames[5:], made)
    assert ready.name == strategy.name != "", "it keeps its name"
    drawn = ready.draw(5, 7, (9, 4), np.random.default_rng(seed))
    again = twice.draw(5, 7, (9, 4), np.random.default_rng(seed))
    assert drawn.shape == (9, 4), "draw gives (steps, batch)"
    assert np.array_equal(drawn, again), "the generator is the only source of chance"
    assert ((drawn >= 0) & (drawn < 12)).all(), "indices lie in new + history"
    assert (drawn < 5).any(), "something new is learned"
    first = strategy.begin(deepcopy(network), network, frames[:5], [], made)
    alone = first.draw(5, 0, (9, 4), np.random.default_rng(seed))
    assert (alone < 5).all(), "without history only what is new is drawn"
    if network is not None:
        _check_training(strategy, network, frames, made)


def _check_training(
    strategy: Strategy, network: Any, frames: list[LabelledFrame], batch_of: Callable[..., Any]
) -> None:
    before = {name: t.cpu().numpy().copy() for name, t in network.state_dict().items()}
    trained = deepcopy(network)
    ready = strategy.begin(trained, network, frames[:5], frames[5:], batch_of)
    penalty = ready.penalty(trained, batch_of(frames[3:7]))
    given = penalty.detach() if hasattr(penalty, "detach") else penalty
    assert np.isfinite(float(given)), "penalties are finite"
    ready.finish(trained, network)
    assert trained.state_dict().keys() == before.keys(), "the network ends as it was built"
    for name, tensor in network.state_dict().items():
        assert np.array_equal(tensor.cpu().numpy(), before[name]), "the champion is never changed"


def _pictures(count: int, seed: int) -> list[LabelledFrame]:
    """Return grey noise with two bright rectangles, one of each kind."""
    chance, frames = np.random.default_rng(seed), []
    for number in range(count):
        image = chance.integers(0, 100, (64, 64, 3), dtype=np.uint8)
        masks = np.zeros((2, 64, 64), dtype=np.bool_)
        for k, mask in enumerate(masks):
            y, x = chance.integers(2, 36, 2)
            mask[y : y + 24, x // 2 + 32 * k : x // 2 + 32 * k + 14] = True
            image[mask] += np.uint8(100 + 40 * k)
        truth = Instances.of_masks([encode_mask(mask) for mask in masks], [1, 2])
        frames.append(LabelledFrame(f"checked-{number}", image, truth))
    return frames


def check_annotator(annotator: Annotator, tasks: Sequence[LabelTask]) -> None:
    """Check an `Annotator` on tasks that it can answer."""
    labels = annotator.annotate(tasks)
    assert {label.observation for label in labels} <= {task.observation for task in tasks}
    assert labels, "it answers at least one of the tasks"
    sizes = {task.observation: task.image.shape[:2] for task in tasks}
    for label in labels:
        assert label.annotator == annotator.name, "labels are signed"
        assert all((m.height, m.width) == sizes[label.observation] for m in label.truth.masks), (
            "masks have the size of the task's image"
        )
        assert (label.truth.scores == 1).all(), "a label is certain"
    assert annotator.annotate([]) == [], "no tasks give no labels"


def check_robot(robot: Robot) -> None:
    """Check a `Robot`. **Moves hardware**: it makes one attempt with nothing to pick."""
    frame = robot.look()
    assert frame.robot == robot.name, "a frame names its robot"
    outcome = robot.attempt(Instances.empty(), None, None)
    assert outcome is Outcome.INFEASIBLE, "with no instance there is nothing to try"


def check_blobs(blobs: Blobs) -> None:
    """Check a `Blobs` store; leaves two small blobs behind."""
    for data in (b"", b"janus contract"):
        digest = blobs.put(data)
        assert digest == sha256(data).hexdigest(), "the digest is the content's SHA-256"
        assert blobs.put(data) == digest, "put is idempotent"
        assert blobs.has(digest), "what was put is there"
        assert blobs.get(digest) == data, "what was put comes back"
    absent = "0" * 64
    assert not blobs.has(absent), "what was not put is not there"
    assert _raises(NotFound, blobs.get, absent), "a missing digest raises NotFound"


def check_executor(executor: Executor) -> None:
    """Check an `Executor` with jobs of the standard library and one that tells its progress."""
    job = executor.submit("statistics:fmean", {"data": [2, 8]}, key="contract-mean")
    assert executor.submit("statistics:fmean", {"data": [2, 8]}, key="contract-mean") == job, (
        "a key never starts twice"
    )
    assert _raises(Conflict, executor.submit, "math:sqrt", {"x": 4}, "contract-mean"), (
        "a key never stands for other work"
    )
    assert executor.wait(job) == 5, "wait returns the result"
    assert executor.wait(job, timeout=60.0) == 5, "as often as asked, and within a time"
    executor.cancel(job)
    assert executor.wait(job) == 5, "cancelling a job that has ended changes nothing"
    told: list[dict[str, object]] = []
    telling = executor.submit("januscl.compute:report_progress", {"step": 3}, key="contract-told")
    assert executor.wait(telling, progress=told.append) is None, "no result is None"
    assert told == [{"step": 3}], "what a job tells of its progress arrives, each once"
    for _ in range(2):
        failing = executor.submit("statistics:fmean", {"data": []}, key="contract-failure")
        assert _raises(JobFailed, executor.wait, failing), (
            "an error in a job is told, and the job can be submitted again"
        )
    for act in (executor.wait, executor.cancel):
        assert _raises(NotFound, act, "no-such-job"), "an unknown job is NotFound"


def _raises(error: type[Exception], act: Callable[..., object], *given: object) -> bool:
    try:
        act(*given)
    except error:
        return True
    return False
