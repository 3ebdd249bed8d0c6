"""The account of what Janus did, read from the workspace alone: as a story, or as notices.

Owns: what is told of tickets, novelties, models and releases, and what they are called; `notify`
sends it to other systems. May call: `core`, `store`, `triage`, `evaluate`, `release`, and the
line's judge and report. Moves nothing. Names are loaded on first use, because the judge's libraries
take seconds to import and a notice needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from januscl.line.telling.card import model_card
    from januscl.line.telling.day import ticket_cards, timeline
    from januscl.line.telling.judged import verdict_story
    from januscl.line.telling.models import (
        ap_table,
        asked_of_old,
        comparisons,
        ending,
        release_cards,
        retention,
        verdict_card,
        verdict_cards,
    )
    from januscl.line.telling.names import model_names, novelty_names
    from januscl.line.telling.novelties import (
        closed_at,
        contact_sheet,
        cost_of,
        novelty_cards,
        quiet,
        risen,
    )

__all__ = [
    "ap_table", "asked_of_old", "closed_at", "comparisons", "contact_sheet", "cost_of", "ending",
    "model_card", "model_names", "novelty_cards", "novelty_names", "quiet", "release_cards",
    "retention", "risen", "ticket_cards", "timeline", "verdict_card", "verdict_cards",
    "verdict_story",
]  # fmt: skip

_HOME = {
    "ap_table": "models", "asked_of_old": "models", "closed_at": "novelties",
    "comparisons": "models",
    "contact_sheet": "novelties", "cost_of": "novelties", "ending": "models",
    "model_card": "card", "model_names": "names", "novelty_cards": "novelties",
    "novelty_names": "names",
    "quiet": "novelties", "release_cards": "models", "retention": "models", "risen": "novelties",
    "ticket_cards": "day", "timeline": "day", "verdict_card": "models",
    "verdict_cards": "models", "verdict_story": "judged",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
