"""Annotators that know the truth already: from the simulator, or from a COCO file."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from januscl.annotate.coco_set import CocoSet
from januscl.annotate.tasks import check_size
from januscl.core import Instances, Label, LabelTask


def _now() -> datetime:
    return datetime.now(UTC)


class TruthAnnotator:
    """Answers label tasks from known truth.

    Args:
        name: Who signs the labels.
        lookup: Observation's id to its truth; None where it is not known, which leaves the task
            unanswered.
        now: The clock that dates the labels.
    """

    def __init__(
        self,
        name: str,
        lookup: Callable[[str], Instances | None],
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._name, self._lookup, self._now = name, lookup, now

    @property
    def name(self) -> str:
        """Who signs the labels."""
        return self._name

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        """Return a label for each task whose truth is known, in the order of the tasks.

        Raises:
            InvalidInput: The truth is of another size than the task's picture.
        """
        labels = []
        for task in tasks:
            truth = self._lookup(task.observation)
            if truth is not None:
                label = Label(task.observation, truth, self._name, self._now())
                check_size(label, task.image.shape[:2])
                labels.append(label)
        return labels


class CocoAnnotator:
    """Answers label tasks from an imported set, and only those that are asked.

    Args:
        coco: The set.
        pictures: Observation's id to the id of its picture in the set.
        name: Who signs the labels.
        now: The clock that dates the labels.

    Raises:
        NotFound: A picture is not in the set.
    """

    def __init__(
        self,
        coco: CocoSet,
        pictures: Mapping[str, str],
        name: str = "coco",
        now: Callable[[], datetime] = _now,
    ) -> None:
        found = {observation: coco.picture(id) for observation, id in pictures.items()}
        self._truth = TruthAnnotator(name, lambda id: found[id].truth if id in found else None, now)

    @property
    def name(self) -> str:
        """Who signs the labels."""
        return self._truth.name

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        """Return a label for each task whose observation is in the set.

        Raises:
            InvalidInput: The task's picture is of another size than the set's.
        """
        return self._truth.annotate(tasks)
