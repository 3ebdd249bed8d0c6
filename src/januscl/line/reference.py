"""What a camera looked like when it was learned, kept for the day after a restart."""

from collections.abc import Iterable, Sequence

from januscl.core import Frame, JanusError, Observation
from januscl.store import Workspace
from januscl.watch import CameraHealth

_LEARNED = "camera.learned"


def keep_reference(workspace: Workspace, camera: str, reference: Sequence[Observation]) -> None:
    """Keep the pictures that a camera was learned from, with a row in the audit log."""
    pictures = {seen.id: workspace.put_image(seen.frame.image) for seen in reference}
    at = reference[-1].frame.at
    workspace.catalogue.audit.record("watch", _LEARNED, camera, {"pictures": pictures}, at)


def recall_cameras(workspace: Workspace, cameras: Iterable[str]) -> dict[str, CameraHealth]:
    """Return what tells whether cameras are well, by what they were last learned from.

    It is for cameras under a ticket: their own frames are no reference now, and without one nobody
    could say that they are mended. One that was never learned, or whose pictures are damaged,
    which the rejects tell, is left out.
    """
    healths = {}
    for camera in sorted(cameras):
        try:
            reference = _load(workspace, camera)
            if reference:
                healths[camera] = CameraHealth().fit(reference)
        except JanusError as error:
            workspace.catalogue.rejects.add(f"reference of camera {camera}", str(error))
    return healths


def _load(workspace: Workspace, camera: str) -> list[Observation]:
    learned = workspace.catalogue.audit.list(subject=camera, action=_LEARNED)
    found = []
    for id, digest in learned[-1].detail["pictures"].items() if learned else ():
        row = workspace.catalogue.observations.get(id)
        frame = Frame(workspace.get_image(digest), row.camera, row.robot, row.at)
        found.append(Observation(id, frame, row.instances, row.model))
    return found
