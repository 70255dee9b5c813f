"""Kind 6: levels of more than 8 bits and alpha that has no meaning become what a person sees."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, decode_image
from tests.helpers.cases import copy_case
from tests.helpers.pictures import encode, noisy
from tests.helpers.web_pictures import chunk, framed

LEVELS = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def grey(data: bytes) -> np.ndarray:
    pixels = np.asarray(decode_image(data))
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def test_b12_deep_pixels_are_never_silently_black(tmp_path):
    folder = copy_case("B12-deep-pixels", tmp_path)
    float_mean, int_mean = (
        np.asarray(decode_image(folder / f"{n}.tif")).mean() for n in ("float_0_to_1", "int32_0_to_255")
    )
    assert 100 < float_mean == int_mean < 200
    assert (np.asarray(decode_image(folder / "grey16_all_transparent.png")) == 255).all()
    assert np.asarray(decode_image(folder / "sensor_12_bits.png")).max() < 32  # its upper 8 of 16 bits, as in browsers


@pytest.mark.parametrize(
    "pixels",
    [
        LEVELS.astype(np.float32) / 252,
        LEVELS.astype(np.float32) * 1e30 - 1e32,
        LEVELS.astype(np.int32) * 1000 - 5000,
        (LEVELS.astype(np.int64) * 17_000_000 - 2**31).astype(np.int32),
    ],
    ids=["from 0 to 1", "of any size", "of 32 bits", "of the full range"],
)
def test_levels_without_a_white_are_scaled_by_their_range(pixels):
    expected = np.rint(LEVELS / 252 * 255)
    np.testing.assert_allclose(grey(encode(Image.fromarray(pixels), "TIFF")), expected, atol=1)
    np.testing.assert_allclose(np.asarray(decode_image(Image.fromarray(pixels)))[..., 0], expected, atol=1)


def test_unsigned_levels_of_32_bits_are_counted_from_0():
    stored = encode(Image.fromarray((LEVELS.astype(np.uint32) << 24).view(np.int32)), "TIFF")
    unsigned = stored.replace(struct.pack("<HHIHH", 339, 3, 1, 2, 0), struct.pack("<HHIHH", 339, 3, 1, 1, 0))
    assert unsigned != stored
    np.testing.assert_array_equal(grey(unsigned), np.rint(LEVELS / 252 * 255))


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "not finite"), (np.inf, "not finite"), (-np.inf, "not finite"), (7, "all equal 7")]
)
def test_levels_without_a_range_are_refused_by_name(value, reason):
    pixels = np.full((600, 8), 7, np.float32)
    pixels[599, 7] = value
    with pytest.raises(BadImageError, match=reason):
        decode_image(encode(Image.fromarray(pixels), "TIFF"))


def test_grey_of_16_bits_keeps_the_upper_8_and_its_transparent_level_is_white():
    levels = np.array([[0x0000, 0x12FF], [0x1200, 0xFFFF]])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    assert grey(framed(2, 2, 16, 0, zlib.compress(rows))).tolist() == [[0, 0x12], [0x12, 255]]
    transparent = chunk(b"tRNS", b"\x12\x00")
    assert grey(framed(2, 2, 16, 0, zlib.compress(rows), transparent)).tolist() == [[0, 0x12], [255, 255]]


@pytest.mark.parametrize(("colours", "channels"), [(4, 2), (6, 4)])
def test_transparent_pixels_of_16_bits_are_white(colours, channels):
    pixels = np.zeros((1, 2, channels), ">u2")
    pixels[0, 1, -1] = 0xFFFF
    data = framed(2, 1, 16, colours, zlib.compress(b"\0" + pixels.tobytes()))
    assert np.asarray(decode_image(data)).tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize(("depth", "rows"), [(1, b"\0\x40"), (2, b"\0\x10"), (4, b"\0\x01"), (8, b"\0\0\1")])
def test_a_transparent_level_of_few_bits_is_white(depth, rows):
    data = framed(2, 1, depth, 0, zlib.compress(rows), chunk(b"tRNS", b"\0\1"))
    assert grey(data).tolist() == [[0, 255]]


def test_a_tiff_of_12_bits_uses_its_12_bits():
    levels = np.array([0x000, 0x800, 0xFFF, 0x100])
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF1, 0x00])
    tags = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags
    )
    data = b"II*\0" + struct.pack("<I", 14) + packed + directory + bytes(4)
    assert grey(data).tolist() == [(levels >> 4).tolist()]


def bmp(alpha: int) -> bytes:
    """A BMP of 32 bits with a mask of alpha."""
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0) + masks + bytes(68)
    pixels = bytes([40, 40, 200, alpha] * 2)
    return b"BM" + struct.pack("<III", 14 + 124 + 8, 0, 14 + 124) + header + pixels


def tga(alpha: int, attribute_bits: int) -> bytes:
    header = bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + struct.pack("<HH", 2, 1) + bytes([32, attribute_bits])
    return header + bytes([40, 40, 200, alpha] * 2)


def ico(alpha: int) -> bytes:
    picture = (
        struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 32, 0, 8, 0, 0, 0, 0) + bytes([40, 40, 200, alpha] * 2) + bytes(4)
    )
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 2, 1, 0, 0, 1, 32, len(picture), 22) + picture


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (bmp(0), (200, 40, 40)),
        (bmp(255), (200, 40, 40)),
        (bmp(128), (227, 147, 147)),
        (tga(0, 0), (200, 40, 40)),
        (tga(128, 0), (200, 40, 40)),
        (tga(0, 8), (200, 40, 40)),
        (tga(128, 8), (227, 147, 147)),
        (ico(0), (200, 40, 40)),
        (ico(128), (227, 147, 147)),
    ],
)
def test_formats_whose_alpha_is_unset_are_opaque(data, colour):
    np.testing.assert_allclose(np.asarray(decode_image(data)).astype(int), [[colour] * 2], atol=1)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_an_image_of_any_mode_of_pillow_becomes_what_it_shows(mode):
    image = noisy((220, 90, 60), 0, (30, 20)).quantize(8, dither=Image.Dither.NONE)
    if mode not in ("P", "PA"):
        image = image.convert("RGB")
    made = {"PA": lambda: image.convert("PA"), "La": lambda: image.convert("LA").convert("La")}
    made["RGBa"] = lambda: image.convert("RGBA").convert("RGBa")
    converted = made.get(mode, lambda: image.convert(mode))()
    reference = image.convert("1" if mode == "1" else "L" if mode[0] == "L" else "RGB").convert("RGB")
    got = np.asarray(decode_image(converted)).astype(int)
    assert np.abs(got - np.asarray(reference)).max() <= 4


def test_lab_is_refused_by_name():
    with pytest.raises(BadImageError, match="Lab colours"):
        decode_image(encode(Image.new("LAB", (8, 8)), "TIFF"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P5 2 1 4095\n\x0f\xff\x08\x00", [255, 128]),
        (b"P5\n# a comment\n2 1\n15\n\x0f\x05", [255, 85]),
        (b"P5 2 1 65535\n\xff\xff\x80\xf0", [255, 128]),
        (b"P4 2 1\n\x40", [255, 0]),
        (b"Pf 2 1 -1.0\n" + np.array([1.5, -0.5], "<f4").tobytes(), [255, 0]),
        (b"Pf 2 1 1\n" + np.array([1.5, -0.5], ">f4").tobytes(), [255, 0]),
    ],
)
def test_portable_pictures_of_any_depth_are_decoded(data, expected):
    assert grey(data).tolist() == [expected]


@pytest.mark.parametrize(
    "data", [b"P5 2 1 0\n\1\2", b"P5 2 1 65536\n\1\2\3\4", b"P6 9 9 255\n\1", b"P5 2 # 1 255\n\1\2", b"P5 2"]
)
def test_damaged_portable_pictures_are_refused(data):
    with pytest.raises(BadImageError, match="corrupt"):
        decode_image(data)


def patched(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another short number in a tag."""
    at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


@pytest.mark.parametrize(
    ("pixels", "bits", "sample_format", "reason"),
    [
        (LEVELS.astype(np.float32), 64, 3, "a TIFF of floats of 64 bits, which is not read"),
        (LEVELS.astype(np.float32), 16, 3, "a TIFF of floats of 16 bits, which is not read"),
        (LEVELS.astype(np.int32), 64, 1, "a TIFF of unsigned numbers of 64 bits, which is not read"),
        (LEVELS.astype(np.int32), 8, 2, "a TIFF of signed numbers of 8 bits, which is not read"),
        (LEVELS.astype(np.float32), 64, 6, "a TIFF of complex numbers of 64 bits, which is not read"),
    ],
)
def test_levels_that_are_not_read_are_named(pixels, bits, sample_format, reason):
    data = patched(patched(encode(Image.fromarray(pixels), "TIFF"), 258, bits), 339, sample_format)
    with pytest.raises(BadImageError, match=f"^{reason}"):
        decode_image(data)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_the_least_level_of_a_negative_is_white(kind):
    data = encode(Image.fromarray(LEVELS.astype(kind) << 8 if kind == np.uint16 else LEVELS.astype(kind)), "TIFF")
    np.testing.assert_array_equal(grey(patched(data, 262, 0)), 255 - grey(data))


def test_a_palette_that_is_missing_is_named():
    data = encode(Image.fromarray(LEVELS).convert("P"), "PNG")
    at = data.index(b"PLTE") - 4
    without = data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]
    with pytest.raises(BadImageError, match="palette is missing"):
        decode_image(without)
