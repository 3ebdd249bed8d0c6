"""The labels of one novelty: which are asked for, which came, and which of them judge."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from januscl.annotate import make_task
from januscl.core import (
    Annotator,
    Conflict,
    DeckItem,
    Label,
    LabelledFrame,
    Novelty,
    NoveltyState,
    Observation,
    Taxonomy,
)
from januscl.line.answers import receive
from januscl.line.keeping import keep_labelled, kinds_in
from januscl.line.ledger import Ledger
from januscl.store import Workspace


class Labeller:
    """Has frames labelled, and divides what was labelled into what teaches and what judges.

    Args:
        workspace: Where tasks and labels are kept.
        ledger: The novelties and what was collected of them.
        annotator: Gives the labels.
        taxonomy: The kinds that the annotator may name.
        clock: The line's time, UTC.
    """

    def __init__(
        self,
        workspace: Workspace,
        ledger: Ledger,
        annotator: Annotator,
        taxonomy: Taxonomy,
        clock: Callable[[], datetime],
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._ledger, self._annotator = ledger, annotator
        self._taxonomy, self._clock = taxonomy, clock

    def gather(self, novelty: Novelty) -> tuple[list[Observation], list[Label]]:
        """Return the frames to ask labels of, and the labels that came since they were asked for.

        Nothing more is asked for while those that came suffice. What was asked for before and is
        still to come is asked for again, under the same task.
        """
        answers = self._ledger.answers
        came = answers.unused(novelty.id)
        if answers.suffice(novelty.id):
            return [], came
        again = [self._workspace.observation(id) for id in answers.open(novelty.id)]
        fresh = self._ledger.choose(novelty.id, self._ledger.left(novelty.id))
        return [*again, *fresh], came

    def frames(self, labels: Sequence[Label]) -> list[Observation]:
        """Return the frames of labels, pixels included."""
        return [self._workspace.observation(label.observation) for label in labels]

    def label(
        self, novelty: Novelty, frames: Sequence[Observation], came: Sequence[Label] = ()
    ) -> list[Label]:
        """Have the frames labelled; what comes back wrong is rejected with its reason.

        Returns:
            The labels that came before, and those that came now.
        """
        self._ledger.move(novelty.id, NoveltyState.LABELLING, self._clock())
        tasks = {frame.id: make_task(frame, novelty.id) for frame in frames}
        for asked in tasks.values():
            self._catalogue.label_tasks.add(asked, self._workspace.put_image(asked.image))
        given = self._annotator.annotate(list(tasks.values())) if tasks else []
        fits = receive(self._workspace, given, self._taxonomy, self._clock())
        # A second label of a frame supersedes the first.
        fresh = {label.observation: label for label in fits if label.observation in tasks}
        labels = [*came, *fresh.values()]
        if not labels:
            self._ledger.move(novelty.id, NoveltyState.COLLECTING, self._clock())
            raise Conflict(
                f"novelty {novelty.name}: none of {len(tasks)} frames was labelled; its tasks wait"
            )
        self._record("labelled", novelty.id, {"asked": len(tasks), "labels": len(labels)})
        return labels

    def answer(self, labels: Sequence[Label]) -> int:
        """Take labels that come after their cycle; return how many fit their tasks.

        The others become rejects with their reasons. See `Line.answer`.
        """
        return len(receive(self._workspace, labels, self._taxonomy, self._clock()))

    def split(
        self, novelty: Novelty, frames: Sequence[Observation], labels: Sequence[Label]
    ) -> tuple[tuple[DeckItem, ...], tuple[DeckItem, ...]]:
        """Keep the labelled frames, and hold back those that judge."""
        truth = {label.observation: label.truth for label in labels}
        # A ticket may have opened since the frames were chosen.
        barred = self._catalogue.observations.quarantined(truth)
        if barred:
            self._record("quarantined", novelty.id, {"frames": sorted(barred)})
        labelled = [frame for frame in frames if frame.id in truth.keys() - barred]
        # What judged once never teaches.
        judged = {item.id for part in self._catalogue.slices.list() for item in part.items}
        back = self._ledger.judging(labelled) | judged
        items = keep_labelled(
            self._workspace,
            (LabelledFrame(f.id, f.frame.image, truth[f.id]) for f in labelled),
            novelty.id,
        )
        return (
            tuple(item for item in items if item.id not in back),
            tuple(item for item in items if item.id in back),
        )

    def check(
        self, novelty: Novelty, learned: Sequence[DeckItem], kept_back: Sequence[DeckItem]
    ) -> None:
        """Raise `Conflict`, and collect on, where no label can teach, or no package judge."""
        if learned and any(kinds_in(self._workspace, item) for item in kept_back):
            return
        self._ledger.answers.too_few(novelty.id)
        self._ledger.move(novelty.id, NoveltyState.COLLECTING, self._clock())
        raise Conflict(
            f"novelty {novelty.name}: its labels leave nothing to learn from, or no package to "
            "judge by; it goes on collecting frames"
        )

    def _record(self, action: str, novelty: str, detail: Mapping[str, object]) -> None:
        self._catalogue.audit.record("line", action, novelty, detail, self._clock())
