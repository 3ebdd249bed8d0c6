"""A worker on the small drawn site, until it is killed: run by tests, in a process."""

import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import torch
from durable_jobs import JUDGE, TRAIN, Counting
from line_scenes import known

from januscl.line.durable.floor import Floor
from januscl.line.durable.worker import Worker
from januscl.line.policy import Collecting, Learning, Policy, Releasing, Watching
from januscl.store import Workspace

ROUTINE = 40
"""Frames that a routine campaign looks through, where a test asks for one."""
POLICY = Policy(
    Watching(cameras=False, seed=0),
    Collecting(frames=12, least=8, patience=0.0),
    Learning(steps=2, batch=1, threads=1, replay=6),
    Releasing(station_picks=10, stage_picks=20, max_looks=20, fleet_looks=2, margin=0.3),
)


def main(folder, name, once=False, routine=False):
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    # What known kinds look like is drawn, as is all that the robots of these tests see.
    Floor._examples = lambda self, model: known(model)
    Floor._again = lambda self, seen: seen
    folder, stop = Path(folder), Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    workspace = Workspace.open(folder / "w")
    jobs = Counting(folder / "jobs", {JUDGE: "durable_jobs:passes", TRAIN: "durable_jobs:trains"})
    collecting = replace(POLICY.collecting, routine_every=ROUTINE, routine_frames=12)
    policy = replace(POLICY, collecting=collecting) if routine else POLICY
    worker = Worker(
        workspace, folder / "workflows.db", name, policy, jobs, 1000.0, pause=0.05, lasts=2.0
    )
    worker.run(stop, once)
    print("stopped", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], **dict.fromkeys(sys.argv[3:], True))
