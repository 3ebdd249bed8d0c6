"""The one door for encoded pictures: whatever comes out is ``(H, W, 3) uint8`` RGB, upright.

Sixteen-bit pictures are scaled to eight, grey becomes three equal channels, transparency is laid
over black, and an EXIF rotation is carried out. What cannot be read is refused with its reason,
before any large memory is taken.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from januscl.core.errors import InvalidInput, NotFound
from januscl.core.observation import Image

MAX_PIXELS = 64_000_000
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
                raise InvalidInput(
                    thing,
                    f"at most {max_pixels} pixels",
                    f"{picture.width}x{picture.height}",
                    "Resize the picture, or raise max_pixels if you trust its source.",
                )
            picture.load()
            return _eight_bit_rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        raise InvalidInput(
            thing,
            f"one of {', '.join(_FORMATS)}",
            f"{data[:8]!r}...",
            "It is no picture, or of a format that is not read.",
        ) from error
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(
            thing, "a whole picture", str(error), "The file is damaged or cut short; send it again."
        ) from error


def _eight_bit_rgb(picture: Pillow.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode.startswith("I") else max(float(values.max(initial=0)), 1.0)
        grey = np.clip(np.nan_to_num(values) / top * 255.0, 0, 255).round().astype(np.uint8)
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
        InvalidInput: The file is not a picture that can be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"picture {path} does not exist; check the path") from error
    return decode_image(data, str(path), max_pixels)


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
