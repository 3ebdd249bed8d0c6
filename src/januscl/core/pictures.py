"""The one door for encoded pictures: whatever comes out is ``(H, W, 3) uint8`` RGB, upright.

Sixteen-bit pictures are scaled to eight, grey becomes three equal channels, transparency is laid
over black, and an EXIF rotation is carried out. What cannot be read is refused with its reason,
before any large memory is taken.
"""

import io
import stat
from pathlib import Path

import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from januscl.core.errors import InvalidInput, NotFound
from januscl.core.masks import MAX_PIXELS
from januscl.core.observation import Image

_MAX_BYTES_A_PIXEL = 8
_HEADER_BYTES = 1_000_000
_TRANSPOSE = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""How to turn a picture upright that has this EXIF orientation (CIPA DC-008, section 4.6.4)."""
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")


def decode_image(data: bytes, thing: str = "image", max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a JPEG, PNG, BMP, TIFF or WebP picture.

    Args:
        data: The file's bytes.
        thing: What to call it in an error.
        max_pixels: Larger pictures are refused from their header alone.

    Raises:
        InvalidInput: It is empty, truncated, of another format, or too large.
    """
    if not data:
        raise InvalidInput(thing, "a picture", "0 bytes", "The file is empty; send it again.")
    try:
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > max_pixels:
                raise _too_large(thing, max_pixels, f"{picture.width}x{picture.height}")
            picture.load()
            return _eight_bit_rgb(_upright(picture))
    except InvalidInput:
        raise
    except Pillow.DecompressionBombError as error:
        raise _too_large(thing, max_pixels, str(error)) from error
    except UnidentifiedImageError as error:
        raise InvalidInput(
            thing,
            f"one of {', '.join(_FORMATS)}",
            f"{data[:8]!r}...",
            "It is no picture, or of a format that is not read.",
        ) from error
    except Exception as error:
        # A decoder fed with damaged bytes raises whatever it trips over.
        raise InvalidInput(
            thing, "a whole picture", str(error), "The file is damaged or cut short; send it again."
        ) from error


def _too_large(thing: str, max_pixels: int, found: str) -> InvalidInput:
    return InvalidInput(
        thing,
        f"at most {max_pixels} pixels",
        found,
        "Resize the picture, or raise max_pixels if you trust its source.",
    )


def _upright(picture: Pillow.Image) -> Pillow.Image:
    """Carry out the EXIF rotation; damaged EXIF data is as good as none."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return picture
    method = _TRANSPOSE.get(orientation) if isinstance(orientation, int) else None
    return picture if method is None else picture.transpose(method)


def _eight_bit_rgb(picture: Pillow.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
        top = 65535.0 if picture.mode.startswith("I") else max(float(values.max(initial=0)), 1.0)
        grey = np.clip(values / top * 255.0, 0, 255).round().astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Pillow.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Pillow.alpha_composite(black, picture)
    return np.array(picture.convert("RGB"))


def read_image(path: Path, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture file; see `decode_image`.

    Raises:
        NotFound: There is no such file.
        InvalidInput: The file is not a picture that can be read, or is larger than a picture of
            ``max_pixels`` in 16 bits of four channels.
    """
    try:
        # Before anything of it is read: a pipe never ends, and a huge file takes all memory.
        _check_file(path, _MAX_BYTES_A_PIXEL * max_pixels + _HEADER_BYTES)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"picture {path} does not exist; check the path") from error
    except OSError as error:
        raise InvalidInput(
            str(path), "a file that can be read", f"{error.strerror}", "Check its permissions."
        ) from error
    return decode_image(data, str(path), max_pixels)


def _check_file(path: Path, max_bytes: int) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(
            str(path), "a file", "a folder, pipe or device", "Pass the picture itself."
        )
    if found.st_size > max_bytes:
        raise InvalidInput(
            str(path),
            f"at most {max_bytes} bytes",
            f"{found.st_size}",
            "No picture that is read is so large; check what the file is.",
        )


def encode_png(image: Image) -> bytes:
    """Return the picture ``(H, W, 3) uint8`` RGB as a PNG file, lossless."""
    out = io.BytesIO()
    Pillow.fromarray(image).save(out, format="PNG", compress_level=1)
    return out.getvalue()


def encode_jpeg(image: Image, quality: int = 88) -> bytes:
    """Return the picture ``(H, W, 3) uint8`` RGB as a JPEG file."""
    out = io.BytesIO()
    Pillow.fromarray(image).save(out, format="JPEG", quality=quality)
    return out.getvalue()
