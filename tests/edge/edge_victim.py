"""A robot's program that is killed: forks a victim for each line on its input.

A victim writes ``id ...`` after `observe` gave one, and ``pick ...`` after `report` said True.
"""

import os
import random
import sys
import time

import cv2  # noqa: F401 - imported once, before the forks
import httpx  # noqa: F401
from edge_double import frame, instances, pick, quick

from januscl.core import Outcome
from januscl.edge import Agent


def live(server, spool, round_, seed):
    rng = random.Random(seed)
    agent = Agent("arm", "eye", server, spool, "secret", quick(before_s=0.2, after_s=0.2))
    seen = [(n, frame(n), instances(1 + n % 3)) for n in range(8)]
    for n in range(100_000):
        _, shot, found = seen[n % 8]
        name = f"m-{round_}-{n}"
        reasons = ["event"] if rng.random() < 0.1 else []
        id = agent.observe(shot, found, name, reasons)
        os.write(1, f"id {id} {name}\n".encode())
        if rng.random() < 0.7:
            outcome = rng.choice(list(Outcome))
            if agent.report(id, pick(outcome)):
                os.write(1, f"pick {id} {outcome}\n".encode())
        if rng.random() < 0.3:
            time.sleep(rng.uniform(0, 0.01))


def main():
    server, spool = sys.argv[1:]
    for line in sys.stdin:
        round_, seed = map(int, line.split())
        child = os.fork()
        if child == 0:
            live(server, spool, round_, seed)
        os.write(1, f"pid {child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main()
