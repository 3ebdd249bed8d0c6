"""A workspace as watchers and ledgers need it, of observations that robots sent.

All there is of these is kept already, with their pixels or without. What is not here of a frame
must not be kept in its place.
"""

from typing import Any

from januscl.core import NotFound, Observation
from januscl.store import Workspace
from januscl.store.records import ObservationRow


class Drained:
    """A `januscl.store.Workspace` in all but that it keeps no observation.

    Args:
        workspace: Holds everything.
        unseen: To whoever asks, no observation is known: to an observer each is new.
    """

    def __init__(self, workspace: Workspace, *, unseen: bool = False) -> None:
        self._workspace = workspace
        self.catalogue: Any = _Unseen(workspace.catalogue) if unseen else workspace.catalogue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workspace, name)

    def keep(self, observation: Observation, *, pixels: bool = True) -> bool:
        """Keep nothing: it is there."""
        return False


class _Unseen:
    """A catalogue that does not tell of observations, and takes none."""

    def __init__(self, catalogue: Any) -> None:
        self._catalogue = catalogue
        self.observations = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)

    def get(self, id: str) -> ObservationRow:
        """Raise `NotFound`: it was not watched yet."""
        raise NotFound(f"observation {id} was not watched yet")

    def add(self, *given: Any) -> bool:
        """Add nothing: it is there."""
        return False
