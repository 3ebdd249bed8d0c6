"""Goes on with the workflows of a workspace until all have ended: run by tests, in a process."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from durable_jobs import JUDGE, TRAIN, Counting

from januscl.core import NoveltyState
from januscl.line.durable import LastingLedger, Shop, Way, Workflows
from januscl.line.policy import Collecting, Learning, Policy, Watching
from januscl.store import Workspace

POLICY = Policy(
    Watching(cameras=False, seed=0),
    Collecting(frames=12, least=8),
    Learning(steps=2, batch=1, threads=1, replay=6),
)


def main(folder, executor, real):
    folder = Path(folder)
    workspace = Workspace.open(folder / "w")
    catalogue = workspace.catalogue
    champion = catalogue.models.get((folder / "champion").read_text())
    ledger = LastingLedger(workspace, POLICY.collecting, 1000.0)
    ledger.know(champion.id, np.load(folder / "ordinary.npy"))
    swapped = {JUDGE: "durable_jobs:passes"} | ({} if real else {TRAIN: "durable_jobs:trains"})
    jobs = Counting(folder / "jobs", swapped)
    shop = Shop(workspace, ledger, jobs, POLICY, lambda: datetime.now(UTC))
    with Workflows(folder / "workflows.db", executor, Way(shop, 0.05), pause=0.05) as workflows:
        for novelty in catalogue.novelties.list([NoveltyState.COLLECTING]):
            workflows.begin(novelty.id, catalogue.campaigns.list(novelty.id)[-1].id)
        print("begun", flush=True)
        while workflows.live():
            time.sleep(0.05)
        print(workflows.ended(), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["real"])
