import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from januscl.core import InvalidInput, NotFound
from januscl.core.pictures import decode_image, encode_jpeg, encode_png, read_image

FORMATS = ["JPEG", "PNG", "BMP", "TIFF", "WEBP"]


def picture(seed=0, height=24, width=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image, format="PNG", **settings):
    if isinstance(image, np.ndarray):
        image = Pillow.fromarray(image)
    out = io.BytesIO()
    image.save(out, format=format, **settings)
    return out.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_a_lossless_picture_comes_out_as_it_went_in(format):
    assert np.array_equal(decode_image(encoded(picture(), format)), picture())


def test_what_we_encode_we_decode():
    assert np.array_equal(decode_image(encode_png(picture())), picture())
    smooth = np.full((24, 32, 3), (200, 90, 30), np.uint8)
    assert np.abs(decode_image(encode_jpeg(smooth)).astype(int) - smooth).max() <= 3


def test_sixteen_bits_are_scaled_to_eight():
    deep = np.asarray([[0, 257, 32896, 65535]], np.uint16)
    out = decode_image(encoded(deep))
    assert out.shape == (1, 4, 3)
    assert out[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (out == out[:, :, :1]).all()
    assert decode_image(encoded(deep, "TIFF"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_float_picture_is_scaled_to_its_brightest_value():
    values = np.asarray([[0.0, 2.0, 4.0, -1.0]], np.float32)
    assert decode_image(encoded(values, "TIFF"))[0, :, 2].tolist() == [0, 128, 255, 0]


def test_a_value_of_a_float_picture_that_is_no_number_becomes_black():
    values = np.asarray([[0.0, 2.0, 4.0, np.nan]], np.float32)
    assert decode_image(encoded(values, "TIFF"))[0, :, 2].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize(("mode", "value", "expected"), [
    ("L", 77, (77, 77, 77)),
    ("1", 1, (255, 255, 255)),
    ("LA", (200, 255), (200, 200, 200)),
    ("LA", (200, 0), (0, 0, 0)),
    ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
    ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
])  # fmt: skip
def test_grey_gets_three_channels_and_transparency_lies_on_black(mode, value, expected):
    out = decode_image(encoded(Pillow.new(mode, (5, 4), value)))
    assert out.shape == (4, 5, 3)
    assert (out == np.asarray(expected)).all()


def test_half_transparent_is_half_as_bright():
    out = decode_image(encoded(Pillow.new("RGBA", (2, 2), (200, 100, 50, 128))))
    assert out[0, 0].tolist() == [100, 50, 25]


def test_a_palette_with_a_transparent_entry_is_laid_on_black():
    image = Pillow.new("P", (2, 1))
    image.putpalette([250, 0, 0, 0, 250, 0])
    image.putpixel((1, 0), 1)
    assert decode_image(encoded(image, transparency=0))[0].tolist() == [[0, 0, 0], [0, 250, 0]]


def test_printers_colours_become_rgb():
    out = decode_image(encoded(Pillow.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert out[4, 4, 0] > 200
    assert out[4, 4, 1:].max() < 60


@pytest.mark.parametrize("turn", range(1, 9))
def test_an_exif_rotation_is_carried_out(turn):
    upright = picture()
    # EXIF 2.32, tag 0x0112: what a viewer must do to the stored rows to see them upright.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
    exif = Pillow.Exif()
    exif[0x0112] = turn
    out = decode_image(encoded(np.ascontiguousarray(stored), "PNG", exif=exif))
    assert np.array_equal(out, upright)


def test_a_rotated_picture_with_a_damaged_tag_beside_is_still_read():
    exif = Pillow.Exif()
    exif[0x010E], exif[0x0112] = "hi", 6
    data = encoded(Pillow.new("RGB", (8, 6)), "JPEG", exif=exif)
    title = data.index(b"\x01\x0e\x00\x02\x00\x00\x00\x03")
    damaged = data[:title] + b"\x01\x0e\x00\x0b\x00\x00\x00\x01" + data[title + 8 :]
    assert decode_image(damaged).shape == (8, 6, 3)


def test_an_empty_file_is_named():
    with pytest.raises(InvalidInput, match="camera 3: expected a picture, found 0 bytes"):
        decode_image(b"", "camera 3")


@pytest.mark.parametrize("data", [b"x", b"GIF89a" + bytes(40), b"\x00" * 300, b"<svg></svg>"])
def test_what_is_no_picture_is_refused_with_its_first_bytes(data):
    with pytest.raises(InvalidInput, match="expected one of JPEG, PNG, BMP, TIFF, WEBP, found b"):
        decode_image(data)


def test_a_format_that_is_not_read_is_refused():
    with pytest.raises(InvalidInput, match="of a format that is not read"):
        decode_image(encoded(picture(), "GIF"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_that_was_cut_short_is_refused(format, share):
    data = encoded(picture(height=90, width=90), format)
    with pytest.raises(InvalidInput, match="image: expected") as caught:
        decode_image(data[: int(len(data) * share)])
    assert "damaged or cut short" in str(caught.value) or "no picture" in str(caught.value)


def test_a_size_bomb_is_refused_from_its_header():
    with pytest.raises(InvalidInput, match="at most 64000000 pixels, found 8001x8000"):
        decode_image(bomb(8001, 8000))
    with pytest.raises(InvalidInput, match="pixels"):
        decode_image(bomb(100_000, 100_000))


def test_the_limit_on_pixels_is_the_callers():
    data = encoded(picture())
    assert decode_image(data, max_pixels=24 * 32).shape == (24, 32, 3)
    with pytest.raises(InvalidInput, match="at most 767 pixels, found 32x24"):
        decode_image(data, max_pixels=767)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_picture_is_read_or_refused_but_never_breaks_the_reader(format):
    rng = np.random.default_rng(7)
    data = encoded(picture(), format)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), int(rng.integers(1, 6))):
            damaged[at] = rng.integers(256)
        try:
            out = decode_image(bytes(damaged), max_pixels=100_000)
        except InvalidInput:
            refused += 1
        else:
            assert out.dtype == np.uint8
            assert out.ndim == 3
            assert out.shape[2] == 3
    assert refused > 0 or format in ("BMP", "TIFF")


def test_a_file_too_large_for_a_picture_is_refused_unread(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(10**12)  # takes no room on the disk
    with pytest.raises(InvalidInput, match=r"huge\.png: expected at most 513000000 bytes"):
        read_image(path)


def test_what_is_no_file_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("pipe.png", "."):
        with pytest.raises(InvalidInput, match="expected a file, found a folder, pipe or device"):
            read_image(tmp_path / name)


def test_a_file_is_read_and_a_missing_one_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(picture()))
    assert np.array_equal(read_image(path), picture())
    with pytest.raises(NotFound, match=r"picture .*b\.png does not exist; check the path"):
        read_image(tmp_path / "b.png")
    path.write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match=r"a\.png: expected one of"):
        read_image(path)
