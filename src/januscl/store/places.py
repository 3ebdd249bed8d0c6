"""Where the parts of a workspace are: its folder's mark, which remembers them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from januscl.core import Conflict, IntegrityError
from januscl.core.files import sync, write_atomically
from januscl.core.wire import Json, canonical
from januscl.store.engines import address_of
from januscl.store.s3 import check_place

_MARK = "janus-workspace.json"
_STAGED_MARK = re.compile(rf"\.{re.escape(_MARK)}\.[0-9a-f]+")
"""What `write_atomically` leaves behind of the mark when it is killed."""
_EMBEDDED, _ELSEWHERE = 1, 2
"""Formats of a mark. Programs that know of one folder alone refuse the second."""


@dataclass(frozen=True)
class Places:
    """Where a workspace keeps its catalogue (a path or a URL), its blobs and its log."""

    catalogue: str
    blobs: str
    log: str


def claim(folder: Path, catalogue: Path | str | None, blobs: Path | str | None) -> Places:
    """Make a folder a workspace, or find out where the parts of the one that is there are.

    Args:
        folder: Absolute.
        catalogue: Where it is; what the mark says, or in the folder, when omitted.
        blobs: Likewise.

    Raises:
        Conflict: It holds something else, or a workspace whose parts are elsewhere.
        IntegrityError: Its mark is damaged.
    """
    mark = folder / _MARK
    said = {
        "catalogue": None if catalogue is None else address_of(catalogue),
        "blobs": None if blobs is None else _blob_address(blobs),
    }
    _make(folder, said)
    known = _read(mark) if mark.is_file() else said
    for part, place in said.items():
        if place is not None and place != known[part]:
            raise Conflict(
                f"{folder} is a workspace with its {part} in {known[part] or 'that folder'}, not "
                f"in {place}. Name another folder; if it was moved by hand, correct {mark}."
            )
    at_home = {"catalogue": folder / "catalogue.sqlite", "blobs": folder / "blobs"}
    # All who share the blobs share the log.
    log = f"{known['blobs']}/log" if known["blobs"] else str(folder / "log")
    # What the caller gave may hold the password; the mark never does.
    return Places(
        str(catalogue or known["catalogue"] or at_home["catalogue"]),
        known["blobs"] or str(at_home["blobs"]),
        log,
    )


def marked(folder: Path) -> bool:
    """Say whether a folder is a workspace."""
    return (folder / _MARK).is_file()


def _blob_address(place: Path | str) -> str:
    return check_place(str(place)) if "://" in str(place) else str(Path(place).resolve())


def _make(folder: Path, said: dict[str, str | None]) -> None:
    mark = folder / _MARK
    if mark.is_file():
        return
    if folder.exists() and _holds_other(folder):
        # Another process may be making the same workspace at this moment: its mark comes first.
        if not mark.is_file():
            raise Conflict(
                f"{folder} holds something that is not a Janus workspace. Name an empty or new "
                "folder, or one that Janus made."
            )
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync(folder.parent)
    elsewhere = {part: place for part, place in said.items() if place is not None}
    found: Json = {"format": _ELSEWHERE if elsewhere else _EMBEDDED, "what": "a Janus workspace"}
    write_atomically(mark, canonical({**found, **elsewhere}))


def _holds_other(folder: Path) -> bool:
    """Say whether it is no folder, or one with more in it than a mark that was never finished."""
    if not folder.is_dir():
        return True
    return any(not _STAGED_MARK.fullmatch(entry.name) for entry in folder.iterdir())


def _read(mark: Path) -> dict[str, str | None]:
    try:
        found = json.loads(mark.read_bytes())
        number, places = found["format"], {part: found.get(part) for part in ("catalogue", "blobs")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{mark} is damaged: {error!r}. Restore it from a backup.") from error
    if number not in (_EMBEDDED, _ELSEWHERE):
        raise Conflict(
            f"{mark.parent} is a workspace of format {number}; this program knows formats up to "
            f"{_ELSEWHERE}. Install a newer januscl."
        )
    return places
