"""What no watcher can read stops no robot."""

import logging
from collections.abc import Callable
from typing import TypeVar

from januscl.core import JanusError, Observation
from januscl.store import Workspace

T = TypeVar("T")

_log = logging.getLogger("januscl.watching")


class Tried:
    """Reads what may fail; a failure goes to the rejects, once for each run of frames.

    Where the catalogue cannot take it, being full or busy, it is logged, and the next frame that
    fails likewise is offered instead.

    Args:
        workspace: Whose rejects.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._failing: set[str] = set()

    def __call__(
        self, what: str, read: Callable[[Observation], T], observation: Observation
    ) -> T | None:
        """Return what is read of an observation; None where that fails.

        Args:
            what: Is read; names the reject together with the camera.
            read: Reads it, and may raise anything.
            observation: Of which.
        """
        subject = f"{what} of camera {observation.frame.camera}"
        try:
            value = read(observation)
        except Exception as error:  # whatever it is, the robot goes on
            if subject not in self._failing:
                self._reject(subject, observation, error)
            return None
        self._failing.discard(subject)
        return value

    def _reject(self, subject: str, observation: Observation, error: Exception) -> None:
        thing = f"{subject} from observation {observation.id} on"
        reason = f"{type(error).__name__}: {error}"
        try:
            self._workspace.catalogue.rejects.add(thing, reason, at=observation.frame.at)
        except JanusError as refusal:
            _log.warning("%s failed (%s), and no reject was kept: %s", thing, reason, refusal)
        else:
            self._failing.add(subject)
