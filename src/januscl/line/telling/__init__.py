"""The account of what Janus did, read from the workspace alone, as the parts of a story.

Owns: what is told of tickets, novelties, models and releases, and what they are called. May call:
`core`, `store`, `evaluate`, `release`, and the line's judge and report. Moves nothing.
"""

from januscl.line.telling.day import ticket_cards, timeline
from januscl.line.telling.models import (
    ap_table,
    comparisons,
    ending,
    release_cards,
    retention,
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
    "ap_table", "closed_at", "comparisons", "contact_sheet", "cost_of", "ending", "model_names",
    "novelty_cards", "novelty_names", "quiet", "release_cards", "retention", "risen",
    "ticket_cards", "timeline", "verdict_cards",
]  # fmt: skip
