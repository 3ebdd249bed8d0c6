"""The labelled past of a site: what is replayed in training, and what every model is held to."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from januscl.core import (
    DeckItem,
    Frame,
    Instances,
    LabelledFrame,
    NoveltyState,
    Observation,
    Slice,
)
from januscl.line.judging import Judge
from januscl.line.keeping import load_labelled
from januscl.store import Workspace

_ORDINARY, _HISTORY, _ENOUGH = 60, 200, 400


def has_history(workspace: Workspace) -> bool:
    """Say whether there is a slice that is no novelty's, to tell what a model forgot."""
    return any(part.novelty is None for part in workspace.catalogue.slices.list())


def known_slices(workspace: Workspace) -> list[Slice]:
    """Return the slices of what is known: the frozen ones, and that of what is being released.

    What a refused challenger did not learn is still a novelty.
    """
    catalogue = workspace.catalogue
    releasing = catalogue.novelties.list([NoveltyState.IN_RELEASE])
    learned = [catalogue.slices.open_of(novelty.id) for novelty in releasing]
    frozen = catalogue.slices.list(frozen_only=True)
    return [*frozen, *(part for part in learned if part is not None)]


def latest_ordinary(workspace: Workspace, passed_over: Collection[str]) -> list[Observation]:
    """Return the latest observations that were kept by chance, and are no event.

    Args:
        workspace: Holds them.
        passed_over: Ids of those that were kept for another reason.
    """
    observations = workspace.catalogue.observations
    latest = observations.ordinary(_ORDINARY + len(passed_over))
    kept = [id for id in latest if id not in passed_over][:_ORDINARY]
    barred = observations.quarantined(kept)
    return [workspace.observation(id) for id in kept if id not in barred]


def known_to(
    workspace: Workspace,
    judge: Judge,
    model: str,
    history: Callable[[], Sequence[DeckItem]],
    passed_over: Collection[str],
    at: datetime,
) -> list[Observation]:
    """Return what a model sees of known kinds.

    In the slices, and in ordinary frames that were kept at random: what is at work looks a little
    different from what was labelled. Where that is little, in some of what its kind learned from.

    Args:
        workspace: Holds all of them.
        judge: What models see in the slices.
        model: Its id.
        history: Returns the labelled frames of earlier decks.
        passed_over: Ids of ordinary frames that were kept for another reason than chance.
        at: What to take for the time of labelled frames, which have none.
    """
    predict = judge.shelf.load(model).predict

    def labelled(
        where: str, frames: Sequence[LabelledFrame], seen: Sequence[Instances]
    ) -> Iterator[Observation]:
        for frame, instances in zip(frames, seen, strict=True):
            yield Observation(frame.id, Frame(frame.image, where, where, at), instances, model)

    known = [
        seen
        for part in known_slices(workspace)
        for seen in labelled("slices", judge.frames(part), judge.seen(model, part))
    ]
    ordinary = latest_ordinary(workspace, passed_over)
    again = predict([kept.frame.image for kept in ordinary])
    known += [
        replace(kept, instances=instances, model=model, pick=None)
        for kept, instances in zip(ordinary, again, strict=True)
    ]
    if sum(len(seen.instances) for seen in known) < _ENOUGH:
        frames = load_labelled(workspace, history()[:_HISTORY])
        known += labelled("history", frames, predict([frame.image for frame in frames]))
    return known
