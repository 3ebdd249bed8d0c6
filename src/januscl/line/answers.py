"""Labels as they come in, at once or days later, and which of them no model has used yet."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from januscl.annotate import validate_label
from januscl.core import Label, Taxonomy
from januscl.core.wire import instances_to_json
from januscl.store import Workspace


def receive(
    workspace: Workspace, labels: Iterable[Label], taxonomy: Taxonomy, at: datetime
) -> list[Label]:
    """Keep the labels that fit their tasks, which are done by it; return them.

    What does not fit, or nobody asked for, becomes a reject with its reason. A second label of a
    frame supersedes the first.

    Args:
        workspace: Holds the tasks.
        labels: Of frames that were asked for.
        taxonomy: The kinds that they may name.
        at: When they came.
    """
    catalogue, kept = workspace.catalogue, []
    for label in labels:
        thing = f"label of {label.observation}"
        tasks = catalogue.label_tasks.asked(observation=label.observation)
        if not tasks:
            catalogue.rejects.add(thing, "nobody asked for it", at=at)
            continue
        seen = catalogue.observations.get(label.observation)
        try:
            validate_label(label, (seen.height, seen.width), taxonomy)
        except ValueError as error:
            catalogue.rejects.add(thing, str(error), at=at)
            continue
        digest = workspace.put_json(instances_to_json(label.truth))
        with catalogue.transaction() as tx:
            tx.labels.add(label, digest)
            for task in tasks:
                tx.label_tasks.done(task.id)
        kept.append(label)
    return kept


class Answers:
    """Says of each novelty which labels are still to come, and which came but were not used.

    Args:
        workspace: Holds tasks and labels.
        least: Labels that are enough to begin with while others are still to come.
    """

    def __init__(self, workspace: Workspace, least: int) -> None:
        self._catalogue = workspace.catalogue
        self._least = least
        self._in_vain: dict[str, set[str]] = {}

    def open(self, novelty: str) -> list[str]:
        """Return the ids of the frames whose label is still to come, oldest task first."""
        asked = self._catalogue.label_tasks.asked(novelty=novelty)
        return [task.observation for task in asked if not task.done]

    def unused(self, novelty: str) -> list[Label]:
        """Return the labels that came and that no judged challenger used, oldest task first.

        None of a frame that a ticket covers.
        """
        return [self._catalogue.labels.get(id).label for id in self._unused(novelty)]

    def outstanding(self, novelty: str) -> bool:
        """Say whether labels that were asked for are still to come, or to be used."""
        return bool(self.open(novelty) or self._unused(novelty))

    def suffice(self, novelty: str) -> bool:
        """Say whether a cycle can do with the labels that came.

        They are enough, or all that were asked for; and not those alone that were too few before.
        """
        unused = self._unused(novelty)
        if not unused or self._in_vain.get(novelty, set()) >= set(unused):
            return False
        return len(unused) >= self._least or not self.open(novelty)

    def too_few(self, novelty: str) -> None:
        """Say that the labels which came are too few for a cycle, until more come."""
        self._in_vain[novelty] = set(self._unused(novelty))

    def _unused(self, novelty: str) -> Sequence[str]:
        asked = self._catalogue.label_tasks.asked(novelty=novelty)
        came = [task.observation for task in asked if task.done and not task.used]
        barred = self._catalogue.observations.quarantined(came) if came else set()
        return [id for id in came if id not in barred]
