"""Why something is kept, and what goes first where there is no room."""

from enum import IntEnum

CAMPAIGN = "campaign:"
"""Begins the reason of a frame that a campaign gets; the campaign's id follows."""


class Keep(IntEnum):
    """How much an observation matters; the higher reason wins."""

    ORDINARY = 0
    RANDOM = 1
    AROUND = 2
    """Shortly before or after an event."""
    EVENT = 3
    WANTED = 4
    """A campaign or the service asked for it."""
    FAILED = 5
    """Its pick failed."""


DROP_ORDER = (
    ("pixels", Keep.ORDINARY),
    ("pixels", Keep.RANDOM),
    ("records", Keep.ORDINARY),
    ("records", Keep.RANDOM),
    ("outcomes", Keep.ORDINARY),
    ("rejects", Keep.ORDINARY),
    ("pixels", Keep.AROUND),
    ("records", Keep.AROUND),
    ("pixels", Keep.EVENT),
    ("records", Keep.EVENT),
    ("pixels", Keep.WANTED),
    ("records", Keep.WANTED),
    ("pixels", Keep.FAILED),
    ("records", Keep.FAILED),
    ("outcomes", Keep.FAILED),
)
"""Table and reason, first to go first; within one, the oldest. Outcomes are only ordinary (it
worked) or failed."""


def keep_of(reasons: tuple[str, ...]) -> Keep:
    """Return how much an observation matters that was made for these reasons."""
    if any(reason.startswith(CAMPAIGN) for reason in reasons):
        return Keep.WANTED
    if set(reasons) - {"random"}:
        return Keep.EVENT
    return Keep.RANDOM if reasons else Keep.ORDINARY
