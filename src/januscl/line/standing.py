"""Which model each robot runs, known without asking the catalogue for every frame."""

import time
from collections.abc import Sequence

from januscl.core import Cell
from januscl.release import who_runs
from januscl.store import Catalogue

_RECHECK = 1.0
"""Seconds after which another process's releases are looked for."""


class Standing:
    """Remembers which model each robot runs, until a release or an alias changes.

    A change through the same catalogue counts at once, one by another process within a second.

    Args:
        catalogue: Holds releases and the champion's alias.
        cells: The fleet.
    """

    def __init__(self, catalogue: Catalogue, cells: Sequence[Cell]) -> None:
        self._catalogue, self._cells = catalogue, cells
        self._runs: dict[str, str] = {}
        self._changes, self._until = -1, 0.0

    def runs(self) -> dict[str, str]:
        """Return the id of the model of each robot, or raise `NotFound` with no champion."""
        changes, now = self._catalogue.changes, time.monotonic()
        if changes != self._changes or now >= self._until:
            self._runs = self._read()
            self._changes, self._until = changes, now + _RECHECK
        return dict(self._runs)

    def _read(self) -> dict[str, str]:
        for release in self._catalogue.releases.list(open_only=True):
            return who_runs(release, self._cells)
        champion = self._catalogue.aliases.get("champion")
        return {cell.robot: champion for cell in self._cells}
