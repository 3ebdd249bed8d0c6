"""A notice: what is told outside, under which names.

The types and fields are a promise to other people's programs: they may be added to, never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from januscl.core import new_id
from januscl.core.wire import canonical

TYPES: Mapping[str, str] = {
    "ticket.opened": "ticket: {cause} at {camera}; {evidence}",
    "ticket.closed": "ticket closed: {cause} at {camera}",
    "novelty.labelling": "{name}: frames go out to be labelled",
    "novelty.labelled": "{name}: {labels} labels are enough",
    "novelty.learned": "{name}: learned, and closed",
    "novelty.regressed": "{name}: it came back",
    "release.stopped": "the release of {model} ended at the station: {reasons}",
    "release.rolled_back": "the release of {model} was taken back: {reasons}",
    "release.done": "{model} runs in the whole fleet",
}
"""Every type of notice, with the line that a person reads."""
TEST = "test"


@dataclass(frozen=True)
class Notice:
    """One thing that happened, as it is told outside.

    Attributes:
        id: Follows from the row of the audit log, so that it is the same however often, and by
            whichever process, the notice is sent.
        type: One of `TYPES`, or ``test``.
        at: When it happened, UTC.
        text: For a person, one line.
        data: JSON values.
    """

    id: str
    type: str
    at: datetime
    text: str
    data: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        """What a webhook carries: ``{"type", "timestamp", "data"}``, as Standard Webhooks asks."""
        told = {**self.data, "text": self.text}
        return canonical({"type": self.type, "timestamp": self.at.isoformat(), "data": told})


def hello(target: str) -> Notice:
    """Return a notice that tells of nothing, to see whether a target hears."""
    text = f"Janus says hello to {target}: this is a test."
    return Notice(f"msg_{new_id().replace('-', '')}", TEST, datetime.now(UTC), text, {})
