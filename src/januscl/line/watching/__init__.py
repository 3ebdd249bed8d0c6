"""The parts of the observer: cameras, bins, models, tickets, changes, picks, diagnoses.

Each keeps what it must remember of the fleet in memory, and what others must know in the workspace.
May call: core, watch, triage, store. Moves nothing; `januscl.line.observer` joins them.
"""

from januscl.line.watching.bins import Bins
from januscl.line.watching.cameras import Cameras
from januscl.line.watching.changes import Changes
from januscl.line.watching.diagnosing import Diagnoses
from januscl.line.watching.models import Embeddings, Models
from januscl.line.watching.picks import Picks, Waiting
from januscl.line.watching.tickets import Tickets
from januscl.line.watching.trying import Tried

__all__ = [
    "Bins", "Cameras", "Changes", "Diagnoses", "Embeddings", "Models", "Picks", "Tickets", "Tried",
    "Waiting",
]  # fmt: skip
