"""What a cycle asks of those who keep the novelties, or the records of routine campaigns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from januscl.core import Label, Novelty, NoveltyState, Observation, Taxonomy
from januscl.line.answers import Answers


class Ledger(Protocol):
    """Keeps the novelties, and what was collected of them.

    Attributes:
        answers: Which labels came, and which are still to come.
    """

    answers: Answers

    def left(self, novelty: str) -> int:
        """Return how many more labels a novelty may cost."""

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames to be labelled, pixels included, ``quota`` at most."""

    def judging(self, frames: Sequence[Observation]) -> set[str]:
        """Return the ids of those of the labelled frames that judge; the others teach."""

    def christen(self, novelty: str, labels: Sequence[Label], taxonomy: Taxonomy) -> Novelty:
        """Give a novelty the name that its labels brought."""

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move a novelty on its way; a model may become champion by the same transaction."""
