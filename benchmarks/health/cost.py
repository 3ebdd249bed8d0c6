"""What a frame of 640 x 480 px costs, beside whylogs' `log_image`."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from health.faults import Rng
from health.scenes import BURST, CLOCK, GRAIN, grainy, mounted
from januscl.core import Image, Instances, Observation, encode_mask
from januscl.watch import CameraHealth, InstanceNovelty, ScoreMargin

_PEER = """
import sys, time, numpy as np
from PIL import Image
from whylogs.extras.image_metric import log_image
pictures = [Image.fromarray(p) for p in np.load(sys.argv[1])]
times = []
for picture in [*pictures, *pictures]:
    began = time.process_time()
    log_image(picture)
    times.append(time.process_time() - began)
print(np.median(times))
"""


def eight_instances(rng: Rng) -> Instances:
    masks = []
    for k in range(8):
        mask = np.zeros((480, 640), np.uint8)
        at = (int(rng.integers(80, 560)), int(rng.integers(80, 400)))
        cv2.ellipse(mask, at, (60, 35), 25 * k, 0, 360, 1, -1)
        masks.append(encode_mask(mask.astype(bool)))
    seen = Instances.of_masks(masks, [1] * 8)
    return replace(seen, embeddings=rng.normal(size=(8, 96)).astype(np.float32))


def milliseconds(act: Callable[[Observation], object], given: Sequence[Observation]) -> float:
    times = []
    for seen in [*given, *given]:
        began = time.process_time()
        act(seen)
        times.append(1000 * (time.process_time() - began))
    return float(np.median(times))


def cost(video: Sequence[list[Image]], peer: Path | None) -> dict[str, float]:
    rng = np.random.default_rng(0)
    still = grainy(mounted(video, 0), GRAIN, rng)
    pictures = [cv2.resize(i, (640, 480)) for i in still]
    given = [CLOCK.observed(i, eight_instances(rng)) for i in pictures]
    health = CameraHealth().fit(given[:40])
    novelty, margin = InstanceNovelty().fit(given[:40]), ScoreMargin().fit(given[:40])
    found = {
        "camera health": milliseconds(health.score, given[40:]),
        "instance novelty": milliseconds(novelty.score, given[40:]),
        "score margin": milliseconds(margin.score, given[40:]),
    }
    found["all"] = sum(found.values())
    found["camera health, moved"] = milliseconds(*_moved(video, rng))
    if peer is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pictures.npy"
            np.save(path, np.stack(pictures[:20]))
            run = [str(peer), "-c", _PEER, str(path)]
            answer = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        found["whylogs log_image"] = 1000 * float(answer.split()[-1])
    return found


def _moved(
    video: Sequence[list[Image]], rng: Rng
) -> tuple[Callable[[Observation], object], list[Observation]]:
    """Return what reads the health of a camera that moves, and frames of it."""
    seen = []
    for clip in video:
        CLOCK.pause()
        pictures = [cv2.resize(image, (640, 480)) for image in clip[:BURST]]
        seen += [CLOCK.observed(image, eight_instances(rng)) for image in pictures]
    return CameraHealth().fit(seen[:-BURST]).score, seen[-BURST:]


def told(found: dict[str, float]) -> str:
    """Return the table."""
    lines = [f"  {name:20s} {ms:7.3f} ms a frame of 640 x 480" for name, ms in found.items()]
    if "whylogs log_image" in found:
        lines.append(f"  whylogs / all: {found['whylogs log_image'] / found['all']:.1f}")
    return "\n".join(lines)
