"""The folders that the demo and the replay write to, and replace."""

import shutil
from pathlib import Path

from januscl.core import Conflict

_MARK = "replaceable.txt"


def fresh_folder(folder: Path) -> None:
    """Make a run's folder, in place of an earlier run's.

    Raises:
        Conflict: The folder holds something that no demo or replay made.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise Conflict(
                f"{folder} holds something that no demo or replay made. Name another folder with "
                "--out."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def mark_folder(folder: Path, command: str) -> None:
    """Say in the folder who made it, so that the next run may replace it."""
    (folder / _MARK).write_text(f"made by `{command}`; the next one replaces it\n")
