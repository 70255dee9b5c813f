import io
import struct
import subprocess
import sys
import warnings
import zlib
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from imagetagger.preprocess import BadImageError, decode_image, preprocess
from tests.helpers.pictures import encode, noisy

UPRIGHT = np.asarray(noisy((120, 90, 60), 0, (20, 12)))
STORED = {  # how the upright picture is stored in the file, by the EXIF standard's "0th row, 0th column"
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.swapaxes(0, 1),
    6: UPRIGHT.swapaxes(0, 1)[::-1],
    7: UPRIGHT.swapaxes(0, 1)[::-1, ::-1],
    8: UPRIGHT.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_all_exif_orientations_give_the_same_upright_picture(orientation, form, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(STORED[orientation]), form, exif=exif, **options)
    np.testing.assert_array_equal(np.asarray(decode_image(data)), UPRIGHT)


def test_a_jpeg_on_its_side_is_turned_before_it_is_cropped():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.zeros((48, 96, 3), np.uint8)
    upright[:, :48] = 255
    got = preprocess(encode(Image.fromarray(upright.swapaxes(0, 1)[::-1].copy()), "JPEG", exif=exif), 48)
    assert got[:, :20].min() > 240
    assert got[:, 28:].max() < 15


def test_a_picture_with_a_damaged_exif_block_is_decoded():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    image = Image.fromarray(UPRIGHT)
    got = decode_image(encode(image, "JPEG", quality=95, exif=exif.tobytes()[:20]))
    np.testing.assert_array_equal(np.asarray(got), np.asarray(decode_image(encode(image, "JPEG", quality=95))))


def plain(mode: str, colour, palette=None) -> Image.Image:
    image = Image.new(mode, (8, 8), colour)
    if palette:
        image.putpalette(palette)
    return image


RED, HALF_RED = (200, 40, 40), (227, 147, 147)
PALETTE = [0, 0, 0, *RED]
COLOURS = {
    "rgb": (encode(plain("RGB", RED)), RED),
    "rgb with a transparent colour": (encode(plain("RGB", RED), transparency=RED), (255, 255, 255)),
    "rgba, half transparent": (encode(plain("RGBA", (*RED, 128))), HALF_RED),
    "rgba, transparent": (encode(plain("RGBA", (*RED, 0))), (255, 255, 255)),
    "rgba, opaque": (encode(plain("RGBA", (*RED, 255))), RED),
    "webp with alpha": (encode(plain("RGBA", (*RED, 128)), "WEBP", lossless=True, exact=True), HALF_RED),
    "grey": (encode(plain("L", 77)), (77, 77, 77)),
    "grey with a transparent level": (encode(plain("L", 77), transparency=77), (255, 255, 255)),
    "grey jpeg": (encode(plain("L", 77), "JPEG"), (77, 77, 77)),
    "grey with alpha": (encode(plain("LA", (100, 51))), (224, 224, 224)),
    "palette": (encode(plain("P", 1, PALETTE)), RED),
    "palette with a transparent colour": (encode(plain("P", 1, PALETTE), transparency=1), (255, 255, 255)),
    "palette with alpha": (encode(plain("P", 1, PALETTE), transparency=bytes([255, 128])), HALF_RED),
    "gif": (encode(plain("P", 1, PALETTE), "GIF"), RED),
    "gif with a transparent colour": (encode(plain("P", 1, PALETTE), "GIF", transparency=1), (255, 255, 255)),
    "grey of 16 bits": (encode(plain("I;16", 0x80F0)), (128, 128, 128)),
    "grey of 16 bits, big-endian tiff": (encode(plain("I;16B", 0x80F0), "TIFF"), (128, 128, 128)),
    "cmyk jpeg": (encode(plain("CMYK", (0, 255, 255, 0)), "JPEG", quality=100), (255, 0, 0)),
    "cmyk tiff": (encode(plain("CMYK", (255, 0, 255, 51)), "TIFF"), (0, 204, 0)),
    "one bit, white": (encode(plain("1", 1)), (255, 255, 255)),
    "one bit, black": (encode(plain("1", 0)), (0, 0, 0)),
    "one bit with transparent black": (encode(plain("1", 0), transparency=0), (255, 255, 255)),
    "bilevel fax": (encode(plain("1", 0), "TIFF", compression="group4"), (0, 0, 0)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_every_kind_of_picture_becomes_rgb_of_the_right_colour(name):
    data, colour = COLOURS[name]
    got = preprocess(data, 8)
    assert got.dtype == np.uint8
    assert got.shape == (8, 8, 3)
    np.testing.assert_allclose(got.astype(int), np.broadcast_to(colour, got.shape), atol=1)


def test_alpha_is_composited_on_white():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 4)).astype(np.uint8)
    alpha = pixels[..., 3:] / 255
    expected = pixels[..., :3] * alpha + 255 * (1 - alpha)
    np.testing.assert_allclose(np.asarray(decode_image(encode(Image.fromarray(pixels)))), expected, atol=1)


def test_the_icc_profile_is_ignored():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    image = Image.fromarray(UPRIGHT)
    honoured = ImageCms.profileToProfile(image, io.BytesIO(swapped), io.BytesIO(profile))
    assert np.abs(np.asarray(honoured).astype(int) - UPRIGHT).mean() > 20
    np.testing.assert_array_equal(np.asarray(decode_image(encode(image, icc_profile=swapped))), UPRIGHT)


@pytest.mark.parametrize(("form", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_an_animation_gives_its_first_frame(form, options):
    frames = [plain("RGB", colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    data = encode(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert preprocess(data, 1).tolist() == [[[255, 0, 0]]]


def test_bytes_a_path_and_an_opened_image_give_the_same_pixels(tmp_path):
    data = encode(Image.fromarray(UPRIGHT))
    (tmp_path / "a.png").write_bytes(data)
    for source in (tmp_path / "a.png", Image.open(io.BytesIO(data))):
        np.testing.assert_array_equal(preprocess(source, 7), preprocess(data, 7))


GOOD = {form: encode(Image.fromarray(UPRIGHT), form) for form in ("JPEG", "PNG", "WEBP", "GIF")}
BAD = {f"half a {form}": data[: len(data) // 2] for form, data in GOOD.items()} | {
    "nothing": b"",
    "text": b"Not a picture, but a long enough line of text.\n" * 20,
    "noise": np.random.default_rng(0).bytes(2000),
    "a signature alone": GOOD["PNG"][:8],
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
}


@pytest.mark.parametrize("name", BAD)
def test_anything_but_a_complete_picture_is_a_bad_image(name, tmp_path):
    with pytest.raises(BadImageError) as error:
        decode_image(BAD[name])
    assert len(str(error.value)) > 5
    (tmp_path / "bad").write_bytes(BAD[name])
    with pytest.raises(BadImageError):
        decode_image(tmp_path / "bad")


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.none() | st.integers(0, 2000),
)
def test_damaged_bytes_give_a_picture_or_a_bad_image_and_never_a_warning(form, flips, length):
    data = bytearray(GOOD[form])
    for position, value in flips:
        data[position % len(data)] ^= value
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            got = preprocess(bytes(data[:length]), 16, pixel_limit=1_000_000)
        except BadImageError:
            pass
        else:
            assert (got.shape, got.dtype) == ((16, 16, 3), np.uint8)
    assert not [str(warning.message) for warning in warned]


def declared(width: int, height: int) -> bytes:
    """A PNG of 60 bytes that claims such a size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "limit", "reason"),
    [
        (10_100, 100_000_000, "10100 x 10100 pixels, more than the limit of 100,000,000"),
        (101, 10_000, r"101 x 101 pixels, more than the limit of 10,000 \(pixel_limit\)"),
        (1_000_000_000, 10**20, "expected at most 300,000 a side"),
        (30_000, 400_000_000, "more than the limit of 400,000,000"),
    ],
)
def test_a_decompression_bomb_is_refused_before_memory_is_taken(side, limit, reason):
    with (
        mock.patch("PIL.ImageFile.ImageFile.load_prepare", side_effect=MemoryError("taken")),
        pytest.raises(BadImageError, match=reason),
    ):
        decode_image(declared(side, side), limit)


def test_a_picture_of_just_the_pixel_limit_is_decoded():
    assert decode_image(encode(plain("RGB", RED)), pixel_limit=64).size == (8, 8)
    with pytest.raises(BadImageError, match="8 x 8 pixels"):
        decode_image(encode(plain("RGB", RED)), pixel_limit=63)


@pytest.mark.parametrize(("mode", "pictures"), [("RGB", 1), ("RGBA", 2)])
def test_a_large_file_is_not_copied_while_it_is_decoded_and_squared(mode, pictures, tmp_path):
    image = Image.new(mode, (4000, 4000))
    image.save(tmp_path / "large.png", compress_level=1)
    script = (
        "import sys; from pathlib import Path; from imagetagger.preprocess import preprocess;"
        "from imagetagger.experiment.environment import peak_memory; before = peak_memory();"
        "preprocess(Path(sys.argv[1]), 224); print(peak_memory() - before)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "large.png")]
    grown = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert grown < (pictures + 0.6) * 4 * 4000 * 4000


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_composited_alike_in_every_band(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (600, 3, 4)).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGBA")
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    decoded = np.asarray(decode_image(image))
    for row in (0, 255, 256, 511, 512, 599):
        np.testing.assert_array_equal(decoded[row], np.asarray(decode_image(image.crop((0, row, 3, row + 1))))[0])


def test_an_opened_image_stays_as_it_was():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encode(Image.fromarray(UPRIGHT), exif=exif)))
    decode_image(image)
    assert image.size == (20, 12)
    np.testing.assert_array_equal(np.asarray(image), UPRIGHT)
