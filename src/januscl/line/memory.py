"""The labelled past of a site: what is replayed in training, and what every model is held to."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from januscl.annotate import group_of, validate_label
from januscl.core import (
    DeckItem,
    Frame,
    Instances,
    InvalidInput,
    Label,
    LabelledFrame,
    NoveltyState,
    Observation,
    Slice,
    Taxonomy,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled, load_labelled
from januscl.store import Workspace

SOURCE = "history"
_ORDINARY, _HISTORY, _ENOUGH = 60, 200, 400
_JUDGING = 5
"""Of so many pictures one judges."""


def has_history(workspace: Workspace) -> bool:
    """Say whether there is a slice that is no novelty's, to tell what a model forgot."""
    return any(part.novelty is None for part in workspace.catalogue.slices.list())


def remember(
    workspace: Workspace, frames: Sequence[LabelledFrame], taxonomy: Taxonomy, at: datetime
) -> Slice:
    """Keep labelled frames as history: a deck to replay from, and a slice; see `Line.remember`."""
    catalogue = workspace.catalogue
    slices = catalogue.slices.list()
    known = {item.id for part in slices for item in part.items}
    known |= {item.id for deck in catalogue.decks.list() for item in deck.items}
    fresh = {frame.id: frame for frame in frames if frame.id not in known}
    mine = [part for part in slices if part.name.split()[0] == SOURCE and part.novelty is None]
    if frames and not fresh and mine:
        return mine[-1]
    for frame in fresh.values():
        label = Label(frame.id, frame.truth, SOURCE, at)
        validate_label(label, frame.image.shape[:2], taxonomy)
    back = set(list(dict.fromkeys(group_of(id) for id in fresh))[::_JUDGING])
    _check_enough([f for f in fresh.values() if group_of(f.id) in back], "judge")
    _check_enough([f for f in fresh.values() if group_of(f.id) not in back], "teach")
    items = keep_labelled(workspace, fresh.values(), SOURCE)
    name = SOURCE if not mine else f"{SOURCE} {len(mine) + 1}"
    part = freeze_slice(name, [item for item in items if group_of(item.id) in back])
    deck = build_deck(
        [item for item in items if group_of(item.id) not in back],
        taxonomy=taxonomy,
        recipe=Recipe(),
        seed=0,
    )
    with catalogue.transaction() as tx:
        tx.slices.put(part)
        tx.decks.put(deck)
        detail = {"slice": part.name, "judging": len(part.items), "teaching": len(deck.items)}
        tx.audit.record("line", "history.remembered", deck.id, detail, at)
    return part


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


def _check_enough(frames: Sequence[LabelledFrame], purpose: str) -> None:
    if not any(len(frame.truth) for frame in frames):
        raise InvalidInput(
            "labelled history",
            f"a picture with a package that can {purpose}",
            f"{len(frames)} pictures without any",
            "Give labelled frames of ordinary work; 200 are a good start.",
        )
