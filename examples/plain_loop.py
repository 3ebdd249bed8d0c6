"""A robot's own loop with Janus beside it: any camera, any model, no framework.

Run: ``python examples/plain_loop.py --server http://127.0.0.1:8321 --token TOKEN``. Without a
service it works the same: what it saw stays in the spool until one answers.

The camera, the model and the arm here are stand-ins; put your own in their places. What Janus needs
of them is in `cycle`, and is ten lines.
"""

import argparse
import logging
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from januscl.core import Frame, Image, Instances, Outcome, Pick, box_of, encode_mask
from januscl.edge import Agent

HEIGHT, WIDTH = 480, 640


def take_picture(rng: random.Random) -> Image:
    """Return a picture (H, W, 3) uint8 RGB: bright boxes in a dark bin."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    for _ in range(4):
        y, x = rng.randrange(HEIGHT - 100), rng.randrange(WIDTH - 140)
        image[y : y + 90, x : x + 130] = [rng.randrange(120, 255) for _ in range(3)]
    return image


def segment(image: Image) -> Instances:
    """Return what is brighter than the bin, one instance for each colour."""
    flat = image.astype(np.int64) @ np.array([1, 256, 65536])
    dark = 40 * (1 + 256 + 65536)
    masks: list[NDArray[np.bool_]] = [flat == v for v in np.unique(flat) if v != dark]
    n = len(masks)
    return Instances(
        tuple(encode_mask(mask) for mask in masks),
        np.asarray([box_of(mask) for mask in masks], np.float32).reshape(-1, 4),
        np.linspace(0.95, 0.6, n, dtype=np.float32),
        np.ones(n, np.int64),
    )


def cycle(agent: Agent, robot: str, camera: str, rng: random.Random) -> None:
    """Look, think, pick; tell Janus what was seen and what came of it."""
    image = take_picture(rng)
    frame = Frame(image, camera, robot, datetime.now(UTC))
    seen = segment(image)
    observation = agent.observe(frame, seen, model="threshold-1")
    if len(seen) == 0:
        return
    x1, y1, x2, y2 = seen.boxes[0].tolist()
    point = ((x1 + x2) / 2, (y1 + y2) / 2)
    time.sleep(0.05)  # the arm moves
    outcome = Outcome.PICKED if rng.random() < 0.9 else Outcome.MISSED
    agent.report(observation, Pick(0, point, outcome, datetime.now(UTC)))


def main() -> None:
    """Run some cycles and say what became of them."""
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="http://127.0.0.1:8321")
    parser.add_argument("--token", default="none-yet")
    parser.add_argument("--robot", default="arm-1")
    parser.add_argument("--camera", default="wrist")
    parser.add_argument("--spool", type=Path, default=Path("spool"))
    parser.add_argument("--cycles", type=int, default=50)
    asked = parser.parse_args()
    rng = random.Random(0)
    with Agent(asked.robot, asked.camera, asked.server, asked.spool, asked.token) as agent:
        for _ in range(asked.cycles):
            cycle(agent, asked.robot, asked.camera, rng)
        agent.close(wait_s=10.0)
        for name, count in sorted(agent.counters().items()):
            print(f"{name}: {count}")


if __name__ == "__main__":
    main()
