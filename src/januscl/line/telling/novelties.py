"""The novelties: those worth a campaign, each with pictures, and the rest in a line."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from januscl.core import Image, NotFound, Novelty, NoveltyState
from januscl.line import report
from januscl.line.report import Fact
from januscl.line.telling.names import novelty_names
from januscl.store import Workspace

_CROPS, _LOOKED_AT, _CROP = 10, 40, 200
_SLIGHT = 1.0
_QUIET = (NoveltyState.NEW, NoveltyState.DISMISSED)


def risen(workspace: Workspace) -> list[Novelty]:
    """Return the novelties worth telling, those that cost most now first.

    They were learned, or a campaign collects them now and they cost a pick a day or more.
    """
    learned = {part.novelty for part in workspace.catalogue.slices.list()}
    return [
        novelty
        for novelty in workspace.catalogue.novelties.list()
        if novelty.id in learned
        or (novelty.state not in _QUIET and novelty.cost.expected >= _SLIGHT)
    ]


def quiet(workspace: Workspace) -> tuple[str, ...]:
    """Return the other novelties, in words: those that cost next to nothing, or were dismissed."""
    names, shown = novelty_names(workspace), {novelty.id for novelty in risen(workspace)}
    return tuple(
        f"{names[novelty.id]} ({novelty.state}), {novelty.instances} instances, {cost_of(novelty)}"
        for novelty in workspace.catalogue.novelties.list()
        if novelty.id not in shown
    )


def cost_of(novelty: Novelty) -> str:
    """Return what a novelty costs now, with its interval."""
    cost = novelty.cost
    picks = "pick" if round(cost.expected) == 1 else "picks"
    return f"{cost.expected:.0f} lost {picks} a day ({cost.low:.0f} to {cost.high:.0f})"


def closed_at(workspace: Workspace, novelty: Novelty) -> datetime | None:
    """Return when a novelty was last closed; it may have come back since."""
    rows = workspace.catalogue.audit.list(subject=novelty.id)
    closed = [row.at for row in rows if row.action == f"novelty.{NoveltyState.CLOSED}"]
    return closed[-1] if closed else None


def novelty_cards(
    workspace: Workspace, facts: Callable[[Novelty], tuple[Fact, ...]]
) -> tuple[report.NoveltyCard, ...]:
    """Return the novelties worth a campaign in rank order, each with a sheet of its instances."""
    names = novelty_names(workspace)
    return tuple(
        report.NoveltyCard(
            names[novelty.id],
            novelty.state,
            rank,
            cost_of(novelty),
            novelty.first_seen,
            contact_sheet(workspace, novelty.id),
            (*facts(novelty), *_diagnosed(workspace, novelty.id)),
            closed_at(workspace, novelty),
        )
        for rank, novelty in enumerate(risen(workspace), start=1)
    )


def _diagnosed(workspace: Workspace, novelty: str) -> tuple[Fact, ...]:
    """Return what was wrong with the masks of failed picks on a novelty, the commonest first."""
    members = set(workspace.catalogue.novelties.members(novelty))
    found = workspace.catalogue.diagnoses.of(id for id, _ in members)
    told = Counter(
        row.diagnosis
        for row in found.values()
        if row.instance is None or (row.observation, row.instance) in members
    )
    listed = ", ".join(f"{number} {name}" for name, number in told.most_common())
    return (Fact("Its failed picks look", listed),) if listed else ()


def contact_sheet(workspace: Workspace, novelty: str) -> tuple[Image, ...]:
    """Return outlined crops of instances of a novelty, spread over time, no two alike."""
    instances = dict(workspace.catalogue.novelties.members(novelty))
    crops = []
    for observation in _spread(sorted(instances), _LOOKED_AT):
        try:
            seen = workspace.observation(observation)
        except NotFound:
            continue
        mask = seen.instances.masks[instances[observation]]
        crops.append(report.crop_of(seen.frame.image, mask, _CROP))
    return report.distinct(crops, _CROPS)


def _spread(ids: Sequence[str], count: int) -> list[str]:
    if len(ids) <= count:
        return list(ids)
    return [ids[round(k * (len(ids) - 1) / (count - 1))] for k in range(count)]
