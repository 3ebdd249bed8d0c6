"""What was wrong with the masks that failed picks were based on."""

from collections import defaultdict
from collections.abc import Sequence

from januscl.core import Observation, Signal
from januscl.line.watching.bins import Bins
from januscl.line.watching.trying import Tried
from januscl.store import DiagnosisRow, Workspace
from januscl.triage.diagnosis import diagnose
from januscl.watch import is_blank

_Failed = tuple[Observation, Sequence[Signal]]


class Diagnoses:
    """Diagnoses each failed pick once its robot has looked again: a hint, which decides nothing.

    What cannot be diagnosed is told among the rejects. Nothing is said of a frame whose pixels are
    not known, nor of the last pick of a robot that looks no more.

    Args:
        workspace: Keeps the diagnoses.
        bins: Knows the empty bins.
        tried: Tells what could not be read.
    """

    def __init__(self, workspace: Workspace, bins: Bins, tried: Tried) -> None:
        self._workspace, self._bins, self._tried = workspace, bins, tried
        self._failed: dict[str, list[_Failed]] = defaultdict(list)

    def take(
        self, observation: Observation, signals: Sequence[Signal], after: Observation | None
    ) -> None:
        """Take an observation whose pick is known; one whose pick did not fail changes nothing.

        Args:
            observation: With its pick.
            signals: All watchers' readings of it.
            after: What the robot saw next, where it has looked again.
        """
        pick = observation.pick
        if pick is None or not pick.outcome.failed or is_blank(observation.frame.image):
            return
        if after is None:
            self._failed[observation.frame.robot].append((observation, signals))
        else:
            self._diagnose(observation, signals, after)

    def look(self, after: Observation) -> None:
        """Take a robot's next look: it shows what became of the picks before."""
        for observation, signals in self._failed.pop(after.frame.robot, ()):
            self._diagnose(observation, signals, after)

    def _diagnose(self, failed: Observation, signals: Sequence[Signal], after: Observation) -> None:
        camera, size = failed.frame.camera, failed.frame.image.shape
        comparable = after.frame.camera == camera and after.frame.image.shape == size

        def keep(seen: Observation) -> None:
            found = diagnose(seen, signals, after if comparable else None, self._bins.empty(camera))
            self._workspace.catalogue.diagnoses.put(
                DiagnosisRow(
                    found.observation, found.instance, str(found.diagnosis), found.evidence
                )
            )

        self._tried("diagnosis", keep, failed)
