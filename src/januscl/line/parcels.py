"""Pictures and embeddings from outside: judged by their headers before memory is taken for them."""

import io
import math
import zipfile

import numpy as np
from numpy.lib import format as npy
from PIL import ExifTags
from PIL import Image as Pillow

from januscl.core import InvalidInput
from januscl.core.masks import MAX_PIXELS

_FORMATS = ("JPEG", "PNG")
_MOST_BYTES = 64 * 2**20
_MEMBERS = {"instances.npy": 2, "frame.npy": 1}
"""The arrays of embeddings, and how many dimensions each has."""
_NPY_HEADER = 4096
_TURNED = range(5, 9)
"""The EXIF orientations of pictures whose rows and columns are swapped when shown upright."""


def check_header(data: bytes, thing: str, size: tuple[int, int] | None = None) -> None:
    """Check a picture's kind and size by its header alone; no pixel is decoded.

    Args:
        data: A JPEG or PNG file.
        thing: What to call it in an error.
        size: Rows and columns of the frame, where they are known; a picture that EXIF turns has
            them swapped.

    Raises:
        InvalidInput: It is no such file, too large, or of another size.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
            found = (picture.height, picture.width)
    except Exception as error:
        # A parser fed with hostile bytes raises whatever it trips over.
        raise InvalidInput(
            thing, "a JPEG or PNG file", f"{data[:8]!r} and {len(data)} bytes", "Encode it again."
        ) from error
    if found[0] * found[1] > MAX_PIXELS:
        raise InvalidInput(
            thing, f"at most {MAX_PIXELS} pixels", f"{found[0]}x{found[1]}", "Send a smaller one."
        )
    if size is not None and found != size[::-1]:
        check_size(found, size, thing)


def whole_size(data: bytes, thing: str) -> tuple[int, int]:
    """Read a picture to its end to know that it is whole; return its rows and columns, upright.

    Of a JPEG every coefficient is read, but pixels are only made an eighth as large.

    Raises:
        InvalidInput: It is damaged, too large or of another format.
    """
    check_header(data, thing)
    try:
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
            size = _upright(picture)
            picture.draft("L", (1, 1))
            picture.load()
    except Exception as error:
        # A decoder fed with damaged bytes raises whatever it trips over.
        raise InvalidInput(
            thing, "a whole picture", str(error), "The file is damaged or cut short; send it again."
        ) from error
    return size


def check_size(found: tuple[int, int], size: tuple[int, int], thing: str) -> None:
    """Raise `InvalidInput` when a picture of ``found`` rows and columns is not the frame's."""
    if found != size:
        raise InvalidInput(
            thing,
            f"{size[0]}x{size[1]}, the frame's size",
            f"{found[0]}x{found[1]}",
            "Send the frame's own picture, neither resized nor turned.",
        )


def check_embeddings(data: bytes, thing: str, rows: int) -> None:
    """Check an ``.npz`` of embeddings, before and after it is unpacked; nothing is unpickled.

    Args:
        data: The file, with ``instances (rows, D)`` and ``frame (D,)``, or one of them.
        thing: What to call it in an error.
        rows: The number of instances.

    Raises:
        InvalidInput: It is another file, would unpack to more than 64 MiB, or holds other arrays.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            names = [member.filename for member in members]
            total = sum(member.file_size for member in members)
            if not names or len(set(names)) < len(names) or set(names) - set(_MEMBERS):
                raise _unsound(thing, f"the arrays {', '.join(names)[:60]!r}")
            if total > _MOST_BYTES:
                raise _unsound(thing, f"{total} bytes when unpacked")
            for member in members:
                with file.open(member) as stream:
                    packed = stream.read(member.file_size + 1)
                _check_array(packed, member.filename, rows, thing)
    except InvalidInput:
        raise
    except Exception as error:
        # As above: whatever zip and npy trip over in hostile bytes.
        raise _unsound(thing, f"{type(error).__name__}: {error}"[:120]) from error


def _upright(picture: Pillow.Image) -> tuple[int, int]:
    """Return rows and columns after the EXIF rotation; damaged EXIF data is as good as none."""
    size = (picture.height, picture.width)
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation) in _TURNED
    except Exception:
        return size
    return size[::-1] if turned else size


def _check_array(packed: bytes, name: str, rows: int, thing: str) -> None:
    head = io.BytesIO(packed[:_NPY_HEADER])
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    shape, _, kind = read[npy.read_magic(head)](head)
    fits = len(shape) == _MEMBERS[name] and (name == "frame.npy" or shape[0] == rows)
    # The memory that NumPy takes follows the header, so that is held to what is really there.
    if not fits or kind.kind != "f" or math.prod(shape) * kind.itemsize > len(packed):
        raise _unsound(thing, f"{name} of shape {shape} and type {kind}")
    if not np.isfinite(np.load(io.BytesIO(packed), allow_pickle=False)).all():
        raise _unsound(thing, f"{name} with NaN or infinity")


def _unsound(thing: str, found: str) -> InvalidInput:
    return InvalidInput(
        thing,
        "an .npz with finite floats, instances (N, D) and frame (D,), of 64 MiB at most",
        found,
        "Write it with numpy.savez.",
    )
