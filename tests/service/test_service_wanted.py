"""Pixels that stayed on a robot come when a novelty wants them: agent, server and worker run."""

import time
from datetime import UTC, datetime

import numpy as np
from served import served

from januscl.core import Cost, Frame, Instances, Novelty, NoveltyState, encode_mask
from januscl.edge import Agent, Limits
from januscl.line.wanting import RULE
from januscl.store import Workspace

ENOUGH_SECONDS = 60


def eventually(true):
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def see(number):
    image = np.full((24, 32, 3), 40 + 60 * number, np.uint8)
    mask = np.zeros((24, 32), bool)
    mask[2:9, 3:12] = True
    frame = Frame(image, "cam-1", "robot-1", datetime.now(UTC))
    return frame, Instances.of_masks([encode_mask(mask)], [1])


def test_a_robot_sends_the_pixels_that_a_novelty_and_the_image_detector_want(tmp_path):
    cost = Cost(9.0, 5.0, 12.0)
    with (
        served(tmp_path / "w", ["robot-1"]) as server,
        Workspace.open(tmp_path / "w") as workspace,
        Agent(
            "robot-1", "cam-1", server.address, tmp_path / "spool", server.tokens["robot-1"],
            Limits(random_share=0.0, ordinary_pixels=False, send_every_s=0.05, check_in_s=0.2),
        ) as robot,
    ):  # fmt: skip
        catalogue = workspace.catalogue
        member, pinned, other = (robot.observe(*see(number), "m-0") for number in range(3))
        eventually(lambda: catalogue.observations.counts()["observations"] == 3)
        assert catalogue.observations.counts()["pictures"] == 0, "they are in the robot's ring"
        now = datetime.now(UTC)
        novelty = Novelty("n", "bag", NoveltyState.COLLECTING, now, now, 1, ("robot-1",), cost)
        catalogue.novelties.put(novelty)
        catalogue.novelties.assign("n", [(member, 0)])
        catalogue.pins.add([pinned], RULE)
        eventually(lambda: catalogue.observations.counts()["pictures"] == 2)
        for number, id in enumerate((member, pinned)):
            sent = workspace.observation(id).frame.image
            assert abs(sent.mean() - 40 - 60 * number) < 3, "a JPEG of that very frame"
        assert catalogue.observations.get(other).image is None
