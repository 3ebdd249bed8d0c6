"""The folders that the demo and the replay write to, and replace."""

import re
import shutil
from pathlib import Path

from januscl.core import Conflict, InvalidInput
from januscl.core.files import write_atomically

_MARK = "replaceable.txt"
_MADE = re.compile(r"made by `janus (demo|replay)`; the next one replaces it\n")
_WORKSPACE, _WORKSPACE_MARK = "workspace", "janus-workspace.json"
_STAGED = re.compile(r"\.(report\.html|replaceable\.txt)\.[0-9a-f]+")


def fresh_folder(folder: Path) -> None:
    """Make a run's folder, in place of an earlier run's.

    Of an earlier run, what it made goes: its workspace and its report. The mark stays, so that a
    run which is stopped meanwhile can be replaced as well.

    Raises:
        InvalidInput: ``folder`` is a file.
        Conflict: The folder holds something that no demo or replay made; nothing was removed.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInput("--out", "a folder", f"the file {folder}", "Name a folder.")
    if folder.exists() and any(folder.iterdir()):
        foreign = sorted(entry.name for entry in folder.iterdir() if not _is_ours(entry))
        if foreign or not _is_marked(folder):
            what = foreign[0] if foreign else "no mark of a run"
            raise Conflict(
                f"{folder} holds something that no demo or replay made ({what}). Name another "
                "folder with --out."
            )
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)


def mark_folder(folder: Path, command: str) -> None:
    """Say in the folder who made it, so that the next run may replace it."""
    text = f"made by `{command}`; the next one replaces it\n"
    assert _MADE.fullmatch(text), "only a demo or a replay marks its folder"
    write_atomically(folder / _MARK, text.encode())


def _is_marked(folder: Path) -> bool:
    mark = folder / _MARK
    if mark.is_symlink() or not mark.is_file() or mark.stat().st_size > 200:
        return False
    return _MADE.fullmatch(mark.read_text(errors="replace")) is not None


def _is_ours(entry: Path) -> bool:
    """Say whether a run makes an entry of this name and kind."""
    if entry.is_symlink():
        return False
    if entry.name == _WORKSPACE:
        # One whose making was stopped has no mark yet, and nothing but that mark's first bytes.
        own = (entry / _WORKSPACE_MARK).is_file()
        return entry.is_dir() and (own or all(_WORKSPACE_MARK in e.name for e in entry.iterdir()))
    named = entry.name in (_MARK, "report.html") or _STAGED.fullmatch(entry.name) is not None
    return named and entry.is_file()


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == _WORKSPACE:
            # Its mark goes last: half removed, it is still known for what it was.
            for part in entry.iterdir():
                if part.is_dir() and not part.is_symlink():
                    shutil.rmtree(part)
                elif part.name != _WORKSPACE_MARK:
                    part.unlink()
            shutil.rmtree(entry)
        elif entry.name != _MARK:
            entry.unlink()
