"""Triage: signals and outcomes become events, then tickets or novelties.

Owns: what an event is, when a fault gets its ticket and which frames that quarantines, which
novelty an instance belongs to and what it costs, which frames leave the model in doubt, which
frames a campaign takes; in `januscl.triage.diagnosis`, which loads OpenCV and two small files of
weights, what was wrong with the mask of a failed pick. May call: core, numpy, OpenCV, scikit-learn.
Keeps its state in memory and returns what changed; moves nothing.
"""

from januscl.triage.cost import Attempts, expected_cost
from januscl.triage.doubt import DoubtDesk, doubt_of, doubts_of, place_of
from januscl.triage.events import classify
from januscl.triage.faults import Evidence, FaultDesk
from januscl.triage.novelties import NoveltyDesk
from januscl.triage.sampling import Candidate, choose_frames
from januscl.triage.sightings import Kept, Sighting
from januscl.triage.states import MOVES, moved

__all__ = [
    "MOVES", "Attempts", "Candidate", "DoubtDesk", "Evidence", "FaultDesk", "Kept", "NoveltyDesk",
    "Sighting", "choose_frames", "classify", "doubt_of", "doubts_of", "expected_cost", "moved",
    "place_of",
]  # fmt: skip
