"""Replays a recording of a camera through a model into Janus.

Run in a checkout: ``pip install '.[ros]'``, then ``python examples/mcap_recording.py
RECORDING.mcap --topic /camera/image_raw --server http://127.0.0.1:8321 --token TOKEN``.

Frames keep the times at which they were taken. The model is the stand-in of ``plain_loop.py``.
"""

import argparse
from pathlib import Path

from plain_loop import segment

from januscl.edge import Agent
from januscl.edge.recording import read_recording


def main() -> None:
    """Send every frame of the recording's topic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--topic", default="/camera/image_raw")
    parser.add_argument("--server", default="http://127.0.0.1:8321")
    parser.add_argument("--token", default="none-yet")
    parser.add_argument("--robot", default="arm-1")
    parser.add_argument("--camera", default="wrist")
    parser.add_argument("--spool", type=Path, default=Path("spool"))
    asked = parser.parse_args()
    frames = 0
    with Agent(asked.robot, asked.camera, asked.server, asked.spool, asked.token) as agent:
        for frame in read_recording(asked.recording, asked.topic, asked.robot, asked.camera):
            agent.observe(frame, segment(frame.image), model="threshold-1")
            frames += 1
        agent.close(wait_s=10.0)
    print(f"{frames} frames")


if __name__ == "__main__":
    main()
