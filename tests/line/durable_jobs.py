"""Stand-ins for what a test of workflows does not want to compute, and a count of job starts."""

from datetime import UTC, datetime

from januscl.compute import LocalExecutor
from januscl.core import ModelVersion
from januscl.store import Workspace

TRAIN = "januscl.line.jobs:train_challenger"
JUDGE = "januscl.line.durable.jobs:judge_challenger"


class Counting(LocalExecutor):
    """Runs jobs in processes; those in ``swapped`` by the name of another function.

    A line in the file ``starts`` says each start of a job's process.
    """

    def __init__(self, folder, swapped):
        super().__init__(folder, threads=1)
        self._swapped = swapped

    def submit(self, function, arguments, key):
        return super().submit(self._swapped.get(function, function), arguments, key)

    def _start(self, folder, work, lock):
        with (self.folder / "starts").open("a") as file:
            file.write(folder.name + "\n")
        super()._start(folder, work, lock)


def passes(workspace, challenger, champion, target, seed, confidence, asked):
    score = {"slice": target, "frames": 1, "champion": 0.1, "challenger": 0.5}
    score |= {"delta": 0.4, "low": 0.3, "high": 0.5, "margin": 0.02}
    return {"answer": "pass", "reasons": ["It is better."], "slices": [score]}


def refuses(workspace, challenger, champion, target, seed, confidence, asked):
    return passes(workspace, challenger, champion, target, seed, confidence, asked) | {
        "answer": "fail",
        "reasons": ["It is no better."],
        "slices": [],
    }


def trains(workspace, deck, strategy, settings):
    """Keep a challenger whose weights are the deck's id."""
    with Workspace.open(workspace) as opened:
        built = opened.catalogue.decks.get(deck)
        weights = opened.blobs.put(deck.encode())
        now = datetime.now(UTC)
        version = ModelVersion(
            f"m-{weights[:12]}", weights, built.taxonomy, built.parent, deck, now, {}
        )
        opened.catalogue.models.put(version)
    return {"model": version.id}
