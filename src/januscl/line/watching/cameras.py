"""Each camera's health, against what it looked like when it was learned."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from januscl.core import InvalidInput, Observation, Signal
from januscl.line.reference import keep_reference, recall_cameras
from januscl.line.watching.bins import Bins
from januscl.store import Workspace
from januscl.watch import CameraHealth, is_blank, main_cause

Barred = Callable[[str, datetime], bool]


class Cameras:
    """Learns each camera from its first healthy frames, and says of later ones what is wrong.

    Blank frames are no reference, nor are frames under a ticket, and a camera that changes its
    resolution meanwhile begins again. Of a camera that is under a ticket now, the reference of
    before is recalled; it is learned anew once it is well.

    Args:
        workspace: Keeps the references.
        watched: The cameras; of others nothing is said.
        frames: Healthy frames that a camera is learned from.
        barred: Says of a camera and a time whether its frame is kept out of all learning.
        under_ticket: Cameras with an open ticket.
        bins: Learns the empty bins from the same frames.
    """

    def __init__(
        self,
        workspace: Workspace,
        watched: Collection[str],
        frames: int,
        barred: Barred,
        under_ticket: Collection[str],
        bins: Bins,
    ) -> None:
        self._workspace, self._watched, self._frames = workspace, set(watched), frames
        self._barred, self._bins = barred, bins
        self._reference: dict[str, list[Observation]] = defaultdict(list)
        self._health = recall_cameras(workspace, self._watched & set(under_ticket))
        self._provisional = set(self._health)

    def signals(self, observation: Observation) -> list[Signal]:
        """Return the camera's readings; none while it is new, or where none are asked for.

        Raises:
            InvalidInput: It is new, and the frame is blank or of another size than those before.
        """
        camera = observation.frame.camera
        health = self._health.get(camera)
        signals = [] if health is None else health.score(observation)
        learns = camera in self._watched and (health is None or camera in self._provisional)
        if learns and not (main_cause(signals) or self._barred(camera, observation.frame.at)):
            self._learn(camera, observation)
        return signals

    def began(self, camera: str, cause: Signal) -> datetime | None:
        """Return when a camera's fault was there first; None where that is not known."""
        health = self._health.get(camera)
        return None if health is None else health.began(cause.watcher.split(".")[-1])

    def strangeness(self, camera: str, signals: Sequence[Signal]) -> float | None:
        """Return how far a frame of a camera is from its reference; None where nothing was read."""
        health = self._health.get(camera)
        return health.strangeness(signals) if health is not None and signals else None

    def _learn(self, camera: str, observation: Observation) -> None:
        image, reference = observation.frame.image, self._reference[camera]
        if is_blank(image):
            raise InvalidInput(
                f"first frames of camera {camera}",
                "pictures that show something",
                "a blank one",
                "Look at its lens, its light and its cable; it is learned once it sees.",
            )
        if reference and reference[0].frame.image.shape != image.shape:
            former = reference[0].frame
            self._reference[camera] = [observation]
            raise InvalidInput(
                f"first frames of camera {camera}",
                f"all of {former.height} x {former.width} px",
                f"{image.shape[0]} x {image.shape[1]} px",
                "Keep its resolution; it is learned anew from this frame on.",
            )
        reference.append(observation)
        if len(reference) < self._frames:
            return
        # A ticket may have said since that its fault began earlier than anyone could tell.
        reference[:] = [o for o in reference if not self._barred(camera, o.frame.at)]
        if len(reference) < self._frames:
            return
        del self._reference[camera]
        self._provisional.discard(camera)
        self._bins.learn(camera, reference)
        seen = [self._bins.outlined(o) for o in reference]
        self._health[camera] = CameraHealth().fit(seen)
        keep_reference(self._workspace, camera, reference)
