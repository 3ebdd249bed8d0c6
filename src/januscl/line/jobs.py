"""The heavy steps as functions of names and numbers, so that any `Executor` can run them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from januscl.compute import on_every_worker, report_progress
from januscl.core.wire import digest_of, taxonomy_to_json
from januscl.decks import Augmenter, check_deck, recipe_from_json
from januscl.line.elsewhere import Place, checkpoint_of, workspace_at
from januscl.line.keeping import load_labelled
from januscl.line.shelf import Shelf
from januscl.train import Settings, fit, strategy_named, team


@on_every_worker
def train_challenger(
    workspace: Place, deck: str, strategy: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Train the deck's parent on the deck and keep the result as a model version.

    A run that was killed goes on from its last checkpoint. Where several workers train together,
    the first of them keeps the model, and the others return nothing.

    Args:
        workspace: What `januscl.line.elsewhere.place_of` returned.
        deck: Id of the deck; its parent is the model to start from.
        strategy: Name of the strategy against forgetting.
        settings: Fields of `januscl.train.Settings`.

    Returns:
        ``model`` (the version's id), ``seconds``, ``first_loss`` and ``last_loss``.
    """
    with workspace_at(workspace) as opened:
        shelf = Shelf(opened)
        built = opened.catalogue.decks.get(deck)
        check_deck(built)
        assert built.parent is not None, "a deck for a challenger names the champion"
        frames = {item: load_labelled(opened, [item])[0] for item in built.items}
        new = [frame for item, frame in frames.items() if item.source != "replay"]
        replayed = [frame for item, frame in frames.items() if item.source == "replay"]
        asked = Settings(**settings)
        # Of this very job: a run of another strategy or length on the deck has its own.
        parameters = {"deck": deck, "strategy": strategy, "settings": asdict(asked)}
        checkpoint = checkpoint_of(opened, workspace, digest_of(parameters))
        report = fit(
            shelf.load(built.parent).grown(built.taxonomy),
            new,
            replayed,
            strategy_named(strategy),
            asked,
            augment=Augmenter(recipe_from_json(built.recipe)),
            checkpoint=checkpoint,
            progress=lambda step, steps, loss: report_progress(step=step, steps=steps, loss=loss),
        )
        if not team().leads:
            return {}
        version = shelf.add(
            report.model,
            datetime.now(UTC),
            parent=built.parent,
            deck=deck,
            card={
                "strategy": strategy,
                "settings": asdict(asked),
                "new_frames": len(new),
                "replayed_frames": len(replayed),
                "kinds": taxonomy_to_json(built.taxonomy),
                "seconds": round(report.seconds, 1),
                "first_loss": round(report.losses[0], 4),
                "last_loss": round(report.losses[-1], 4),
            },
        )
        checkpoint.path.unlink(missing_ok=True)
    return {
        "model": version.id,
        "seconds": report.seconds,
        "first_loss": report.losses[0],
        "last_loss": report.losses[-1],
    }
