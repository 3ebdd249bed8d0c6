"""Checks of a file of weights that come before anything reads it as a model."""

import hashlib
import json
from pathlib import Path

from januscl.core import IntegrityError, InvalidInput
from januscl.edge.desired import Desired

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # the format's own limit


def has_bytes_of(path: Path, version: Desired) -> bool:
    """Say whether the file has the version's size and SHA-256."""
    if not path.is_file() or path.stat().st_size != version.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == version.sha256


def check_bytes(path: Path, version: Desired) -> None:
    """Raise `IntegrityError` unless the file has the version's size and SHA-256."""
    if not has_bytes_of(path, version):
        raise IntegrityError(
            f"{path}: expected {version.bytes} bytes with SHA-256 {version.sha256}, found others "
            "or none. It was damaged or replaced; it is fetched again when it is wanted."
        )


def check_safetensors(path: Path) -> None:
    """Raise `InvalidInput` unless the file begins as a safetensors file does.

    Other formats of weights are pickles, which run code when they are read. The layout is that of
    the safetensors format: 8 bytes (little-endian) with the header's length, then a JSON object.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        fits = 2 <= length <= min(_LONGEST_HEADER, path.stat().st_size - _LENGTH_BYTES)
        header = file.read(length) if fits else b""
    try:
        valid = isinstance(json.loads(header), dict)
    except (ValueError, RecursionError):
        valid = False
    if not valid:
        raise InvalidInput(
            f"weights {path.name}",
            "a safetensors file",
            "another format",
            "Write weights with safetensors; nothing else is loaded.",
        )
