"""A novelty's moves, each kept in one transaction with all that it brings about."""

from datetime import datetime

from januscl.core import Campaign, Novelty, NoveltyState, Stage
from januscl.store import Transaction, Workspace

_IN_A_CYCLE = (NoveltyState.LABELLING, NoveltyState.IN_DECK, NoveltyState.IN_RELEASE)


def keep_move(
    workspace: Workspace,
    novelty: Novelty,
    at: datetime,
    champion: str | None = None,
    campaign: Campaign | None = None,
) -> None:
    """Keep a novelty in its new state, with a row in the audit log.

    One that is closed freezes its slice for ever, and the labels that came for it are used.

    Args:
        workspace: Where it is kept.
        novelty: As it stands now.
        at: When it was moved.
        champion: Id of the model that becomes champion by it.
        campaign: What opens for it.
    """
    with workspace.catalogue.transaction() as tx:
        if champion is not None:
            tx.aliases.set("champion", champion)
            tx.audit.record("line", "champion.changed", champion, {"novelty": novelty.id}, at)
        tx.novelties.put(novelty)
        tx.audit.record("line", f"novelty.{novelty.state}", novelty.id, {"name": novelty.name}, at)
        if campaign is not None:
            tx.campaigns.put(campaign)
            detail = {"novelty": novelty.id, "quota": campaign.quota}
            tx.audit.record("triage", "campaign.opened", campaign.id, detail, at)
        if novelty.state is NoveltyState.CLOSED:
            _close(tx, novelty.id, at)


def _close(tx: Transaction, novelty: str, at: datetime) -> None:
    asked = tx.label_tasks.asked(novelty=novelty)
    tx.label_tasks.use(novelty, [task.observation for task in asked if task.done])
    part = tx.slices.open_of(novelty)
    if part is not None:
        tx.slices.freeze(novelty)
        tx.audit.record("line", "slice.frozen", novelty, {"slice": part.name}, at)


def interrupted(workspace: Workspace, novelty: Novelty) -> NoveltyState | None:
    """Return where a novelty goes on whose cycle ended with its process; None if none did.

    It is closed if its model came to the whole fleet; else it collects again, and the labels that
    came for it are used by the next cycle.
    """
    if novelty.state not in _IN_A_CYCLE:
        return None
    releases = [r for r in workspace.catalogue.releases.list() if r.novelty == novelty.id]
    begun = workspace.catalogue.audit.list(
        subject=novelty.id, action=f"novelty.{NoveltyState.IN_RELEASE}"
    )
    # A novelty that came back has an earlier release, which says nothing of this cycle.
    runs = (
        bool(releases and begun)
        and releases[-1].stage is Stage.DONE
        and releases[-1].opened >= begun[-1].at
    )
    closes = runs and novelty.state is NoveltyState.IN_RELEASE
    return NoveltyState.CLOSED if closes else NoveltyState.COLLECTING
