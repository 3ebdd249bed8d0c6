"""The heavy steps that only workflows take as jobs, for any `Executor`."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from januscl.line.elsewhere import Place, workspace_at
from januscl.line.judging import Judge
from januscl.line.policy import Judging
from januscl.line.shelf import Shelf


def judge_challenger(
    workspace: Place,
    challenger: str,
    champion: str,
    target: str,
    seed: int,
    confidence: float,
    asked: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask the gate about a challenger on every frozen slice, and on its novelty's own.

    Args:
        workspace: What `januscl.line.elsewhere.place_of` returned.
        challenger: Id of its model version.
        champion: Id of the one that it is compared with.
        target: Name of the slice that the challenger should be better on.
        seed: Of the bootstrap.
        confidence: Of this look of the gate.
        asked: The fields of `januscl.line.Judging`; its defaults where they are left out.

    Returns:
        ``answer``, ``reasons`` and ``slices``, the fields of `januscl.core.SliceScore` of each.
    """
    with workspace_at(workspace) as opened:
        frozen = {part.name for part in opened.catalogue.slices.list(frozen_only=True)}
        parts = [p for p in opened.catalogue.slices.list() if p.name in frozen or p.name == target]
        judge = Judge(opened, Shelf(opened), Judging(**(asked or {})))
        verdict = judge.verdict(challenger, champion, parts, target, seed, confidence)
    return {
        "answer": str(verdict.answer),
        "reasons": list(verdict.reasons),
        "slices": [asdict(score) for score in verdict.slices],
    }


def temper_challenger(
    workspace: Place, challenger: str, champion: str, share: float
) -> dict[str, Any]:
    """Make a challenger that gives up some of what is new to keep more of what is old.

    Args:
        workspace: What `januscl.line.elsewhere.place_of` returned.
        challenger: Id of its model version.
        champion: Id of the one that it gives up to.
        share: Of what was learned that it keeps, 0..1.

    Returns:
        ``model``, the id of the tempered version.
    """
    with workspace_at(workspace) as opened:
        shelf = Shelf(opened)
        version = opened.catalogue.models.get(challenger)
        tempered = shelf.add(
            shelf.load(challenger).towards(shelf.load(champion), share),
            datetime.now(UTC),
            parent=champion,
            deck=version.deck,
            card={**version.card, "tempered": share, "tempered_from": challenger},
        )
    return {"model": tempered.id}
