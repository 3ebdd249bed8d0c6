"""How a site begins with kinds of its own: its first champion, and what no later one may forget.

A part of the labelled pictures judges every later model, so the champion must not have learned from
it: the set is divided before anything is trained.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from januscl.annotate import CocoSet
from januscl.core import Conflict, Deck, Executor, ModelVersion, NotFound, Taxonomy
from januscl.core.wire import digest_of
from januscl.decks import Recipe, build_deck, check_disjoint
from januscl.line.checks import check_taxonomy
from januscl.line.elsewhere import place_of
from januscl.line.kinds import kinds_of
from januscl.line.remembering import Remembered, remember_set
from januscl.line.shelf import Shelf
from januscl.line.standing import UNTAUGHT
from januscl.store import Workspace
from januscl.train import Settings, TorchModel

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Begun:
    """What a site has begun with.

    Attributes:
        champion: What the fleet runs.
        untaught: The model that it was made from.
        remembered: Which pictures judge and which teach.
    """

    champion: ModelVersion
    untaught: ModelVersion
    remembered: Remembered


def kinds_to_begin(workspace: Workspace, base: TorchModel) -> Taxonomy:
    """Return the kinds of a model, and those that the workspace knows beside them.

    Raises:
        Conflict: The site has begun already.
        InvalidInput: An id or a name of the model's means another kind in the workspace.
    """
    catalogue = workspace.catalogue
    held = [part.name for part in catalogue.slices.list()]
    if held and not _begins(workspace):
        raise Conflict(
            f"this site has begun already: it remembers {', '.join(held[:3])}. Give it more "
            "pictures by `janus remember`; it learns new kinds by labels"
        )
    known = kinds_of(catalogue)
    check_taxonomy(known, base.taxonomy, "the model")
    fresh = (kind for kind in known if not base.taxonomy.has(kind.name))
    return Taxonomy((*base.taxonomy, *fresh))


def begin(
    workspace: Workspace,
    coco: CocoSet,
    base: TorchModel,
    executor: Executor,
    settings: Settings | None,
    at: datetime,
    held_back: float,
    progress: Progress = lambda what, done, of: None,
) -> Begun:
    """Divide a labelled set, train the first champion on one part, and let the other judge.

    Killed at any moment and called again, it goes on.

    Args:
        workspace: Of a site that remembers nothing yet.
        coco: Read with the kinds of `kinds_to_begin`.
        base: Model to start from.
        executor: Runs the training.
        settings: Of the training; without it, the model is taken as it is.
        at: When.
        held_back: Share of the pictures that judges.
        progress: Called with what is going on, how much of it is done, and how much there is.

    Raises:
        Conflict, InvalidInput: As `kinds_to_begin` and `remember_set` do.
        JobFailed: The training ended in an error.
    """
    kinds_to_begin(workspace, base)
    catalogue, shelf = workspace.catalogue, Shelf(workspace)
    card = {"name": "begun", UNTAUGHT: settings is not None}
    untaught = shelf.add(base.grown(coco.taxonomy), at, parent=None, deck=None, card=card)
    catalogue.aliases.set("champion", untaught.id)
    done = remember_set(
        workspace, coco, at, held_back=held_back, progress=partial(progress, "keeping pictures")
    )
    champion = untaught
    if settings is not None:
        deck = _deck(workspace, untaught, settings.seed)
        champion = _trained(workspace, deck, executor, settings, progress)
    with catalogue.transaction() as tx:
        tx.aliases.set("champion", champion.id)
        detail = {"name": "begun", "deck": champion.deck}
        tx.audit.record("line", "champion.changed", champion.id, detail, at)
    return Begun(champion, untaught, done)


def _begins(workspace: Workspace) -> bool:
    """Say whether the champion is one that is still to be taught."""
    try:
        champion = workspace.catalogue.aliases.get("champion")
    except NotFound:
        return False
    return bool(workspace.catalogue.models.get(champion).card.get(UNTAUGHT))


def _deck(workspace: Workspace, parent: ModelVersion, seed: int) -> Deck:
    """Return the deck of all that was kept to teach; it names the model to be taught."""
    catalogue = workspace.catalogue
    kept = {item.id: item for deck in catalogue.decks.list() for item in deck.items}
    deck = build_deck(
        list(kept.values()), taxonomy=parent.taxonomy, recipe=Recipe(), seed=seed, parent=parent.id
    )
    check_disjoint(deck, catalogue.slices.list())
    catalogue.decks.put(deck)
    return deck


def _trained(
    workspace: Workspace,
    deck: Deck,
    executor: Executor,
    settings: Settings,
    progress: Progress,
) -> ModelVersion:
    arguments = {
        "workspace": place_of(workspace),
        "deck": deck.id,
        # Nothing of the model that it starts from need be kept: the site has other kinds.
        "strategy": "naive",
        "settings": asdict(settings),
    }
    job = executor.submit(
        "januscl.line.jobs:train_challenger",
        arguments,
        key=f"begin-{deck.id[:16]}-{digest_of(arguments)[:16]}",
    )

    def told(fields: dict[str, Any]) -> None:
        progress("training", int(fields["step"]), int(fields["steps"]))

    return workspace.catalogue.models.get(executor.wait(job, progress=told)["model"])
