"""What a diagnosis says."""

from dataclasses import dataclass
from enum import StrEnum


class Diagnosis(StrEnum):
    """What was wrong with the mask that a failed pick was based on."""

    MERGED = "merged"
    SPLIT = "split"
    BOUNDARY = "boundary"
    MISSED = "missed"
    UNKNOWN_KIND = "unknown kind"
    NOT_PERCEPTION = "not perception's fault"


@dataclass(frozen=True)
class Finding:
    """A failed pick and its diagnosis.

    Attributes:
        observation: Id of what the pick was made on.
        instance: Row that the robot tried; None where it found nothing to try.
        diagnosis: What was wrong.
        evidence: One sentence that a person can read.
        sure: Share of such failures that this is right of; None where it was told by rules.
    """

    observation: str
    instance: int | None
    diagnosis: Diagnosis
    evidence: str
    sure: float | None = None


def percent(share: float) -> str:
    """Return a share in words, ``42%`` or ``4.2%``."""
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1f}%"
