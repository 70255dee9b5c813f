"""Kind 6: what the pixels do not depend on neither refuses a picture nor warns, and its orientation is read."""

import io
import os
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, decode_image
from tests.helpers.cases import copy_case
from tests.helpers.pictures import encode, noisy
from tests.helpers.web_pictures import chunk

UPRIGHT = noisy((120, 90, 60), 0, (20, 12))
PIXELS = np.asarray(UPRIGHT)
JPEG, PROGRESSIVE = (
    encode(noisy((120, 90, 60), 0, (90, 70)), "JPEG", progressive=p, quality=95) for p in (False, True)
)


def same(data: bytes, expected: bytes | np.ndarray) -> None:
    pixels = expected if isinstance(expected, np.ndarray) else np.asarray(decode_image(expected))
    np.testing.assert_array_equal(np.asarray(decode_image(data)), pixels)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("B06-exif-orientation", ["positioning_too_large", "xresolution_is_text"]),
        ("R07-odd-exif", ["sound_jpeg_refused_for_its_exif"]),
        ("B24-warnings-without-a-name", ["bad_mpf"]),
    ],
)
def test_odd_exif_neither_refuses_nor_warns(case, names, tmp_path):
    folder = copy_case(case, tmp_path)
    for name in names:
        data = (folder / f"{name}.jpg").read_bytes()
        stored = np.asarray(decode_image(data.replace(b"Exif\0\0", b"None\0\0")))
        got = np.asarray(decode_image(folder / f"{name}.jpg"))
        assert got.shape == stored.shape or got.shape == stored.swapaxes(0, 1).shape
        assert got.shape != stored.shape or case.startswith("B24")


def test_b07_png_metadata_text_profiles_and_their_checksums_do_not_matter(tmp_path):
    folder = copy_case("B07-png-metadata", tmp_path)
    first, *others = [np.asarray(decode_image(path)) for path in sorted(folder.glob("*.png"))]
    assert len(others) == 2
    for pixels in others:
        np.testing.assert_array_equal(pixels, first)


TURNED = np.ascontiguousarray(PIXELS.swapaxes(0, 1)[::-1])  # as orientation 6 stores it


def block(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block: tag, type, count and the four bytes of value or offset."""
    packed = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + packed + bytes(4)


def six(order: str, form: str = "HH") -> bytes:
    return struct.pack(order + form, *([6, 0] if form == "HH" else [6]))


ODD = {
    "text for a ratio": (0x011A, 2, 4, b"abc\0"),
    "a ratio outside the file": (0x011A, 5, 1, b"\xff\xff\xff\x7f"),
    "four thousand million values": (0x0213, 3, 1, b"\xff\xff\xff\xff"),
    "a type that does not exist": (0x010F, 99, 3, b"abcd"),
    "a directory outside the file": (0x8769, 4, 1, b"\xff\xff\xff\x7f"),
    "no values": (0x0110, 2, 0, bytes(4)),
    "more values than the file": (0x0131, 2, 0x7FFFFFFF, b"\x08\0\0\0"),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG", "TIFF"])
def test_a_picture_is_turned_whatever_else_its_exif_says(form, name, order):
    exif = block(order, (0x0112, 3, 1, six(order)), ODD[name])
    stored = Image.fromarray(TURNED)
    if form == "TIFF":
        expected, data = PIXELS, with_tiff_tags(encode(stored, "TIFF"), (0x0112, 3, 1, six("<")), ODD[name])
    else:
        options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(form, {})
        data = encode(stored, form, exif=b"Exif\0\0" + exif, **options)
        expected = np.rot90(np.asarray(decode_image(encode(stored, form, **options))), -1)
    same(data, expected)


def with_tiff_tags(data: bytes, *extra: tuple[int, int, int, bytes]) -> bytes:
    """A little-endian TIFF whose directory, at its end, has more tags."""
    start = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[start : start + 2])[0]
    entries = data[start + 2 : start + 2 + 12 * count]
    more = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in extra)
    directory = struct.pack("<H", count + len(extra)) + entries + more + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


@pytest.mark.parametrize(
    ("kind", "value", "is_turned"),
    [
        (3, six("<"), True),
        (4, six("<", "I"), True),
        (1, b"\6\0\0\0", True),
        (8, six("<"), True),
        (2, b"6\0\0\0", False),
        (3, b"\x09\0\0\0", False),
        (3, b"\0\0\0\0", False),
        (3, b"\xff\xff\0\0", False),
        (4, b"\xff\xff\xff\xff", False),
    ],
)
def test_an_orientation_is_a_whole_number_from_1_to_8_of_any_type(kind, value, is_turned):
    data = encode(Image.fromarray(TURNED), exif=b"Exif\0\0" + block("<", (0x0112, kind, 1, value)))
    same(data, PIXELS if is_turned else TURNED)


def test_an_image_that_a_caller_opened_is_turned_and_stays_as_it_was():
    exif = b"Exif\0\0" + block("<", (0x0112, 3, 1, six("<")), ODD["text for a ratio"])
    image = Image.open(io.BytesIO(encode(Image.fromarray(TURNED), exif=exif)))
    np.testing.assert_array_equal(np.asarray(decode_image(image)), PIXELS)
    assert image.size == (12, 20)
    assert image.info["exif"] == exif


def png_with(*chunks: bytes, after: int = 33) -> bytes:
    data = encode(UPRIGHT)
    return data[:after] + b"".join(chunks) + data[after:]


BOMB = zlib.compress(bytes(3_000_000))
CHUNKS = {
    "text": chunk(b"zTXt", b"a\0\0" + BOMB),
    "international text": chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB),
    "a profile": chunk(b"iCCP", b"a\0\0" + BOMB),
    "a profile that is none": chunk(b"iCCP", b"a\0\0not zlib"),
    "a profile of an unknown method": chunk(b"iCCP", b"a\0\7" + BOMB),
    "a profile cut short": chunk(b"iCCP", b"a"),
    "text without a key": chunk(b"tEXt", b""),
    "gamma cut short": chunk(b"gAMA", b"\1"),
    "chromaticities cut short": chunk(b"cHRM", b"\1"),
    "pixels per metre cut short": chunk(b"pHYs", b"\1"),
    "an animation of no frames": chunk(b"acTL", bytes(8)),
    "an animation cut short": chunk(b"acTL", b"\1"),
    "frames out of order": chunk(b"acTL", b"\0\0\0\2" + bytes(4)) + chunk(b"fcTL", b"\0\0\0\7" + bytes(22)),
    "a wrong checksum": chunk(b"tEXt", b"a\0b")[:-4] + b"\1\2\3\4",
    "transparency with a wrong checksum": chunk(b"tRNS", PIXELS[0, 0].astype(">u2").tobytes())[:-4] + b"\1\2\3\4",
    "a private chunk": chunk(b"prVt", bytes(100)),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_what_a_png_says_beside_its_pixels_does_not_matter(name):
    same(png_with(CHUNKS[name]), PIXELS)
    same(png_with(CHUNKS[name] * 3), PIXELS)
    same(png_with(CHUNKS[name], after=-12), PIXELS)


FLAT = Image.new("P", (64, 48), 3)
FLAT.putpalette(bytes(range(48)))


@pytest.mark.parametrize("picture", [encode(FLAT), encode(FLAT.convert("RGB"))], ids=["palette", "colours"])
def test_no_flipped_bit_of_a_png_changes_its_pixels(picture):
    for at in range(8, len(picture) - 12):
        for bit in (1, 128):
            try:
                same(picture[:at] + bytes([picture[at] ^ bit]) + picture[at + 1 :], picture)
            except BadImageError:
                continue


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT"])
def test_a_critical_chunk_with_a_wrong_checksum_is_damage(name):
    picture = encode(FLAT)
    start = picture.index(name)
    end = start + 4 + int.from_bytes(picture[start - 4 : start], "big")
    for at in (start + 5, end - 1, end, end + 3):
        with pytest.raises(BadImageError, match=f"corrupt image: the checksum of a PNG's {name.decode()} is wrong"):
            decode_image(picture[:at] + bytes([picture[at] ^ 1]) + picture[at + 1 :])


def test_a_critical_chunk_with_a_wrong_length_is_damage():
    with pytest.raises(BadImageError):
        decode_image(encode(UPRIGHT)[:16] + b"\xff" + encode(UPRIGHT)[17:])


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


SEGMENTS = {
    "a profile cut short": segment(0xE2, b"ICC_PROFILE\0"),
    "a profile in pieces of which one is missing": segment(0xE2, b"ICC_PROFILE\0\2\3" + bytes(60_000)),
    "4 MB of profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 64,
    "4 MB of XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(65_000)) * 64,
    "a damaged index of pictures": segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
    "Photoshop's block cut short": segment(0xED, b"Photoshop 3.0\x008BIM\4\4"),
    "Adobe's block cut short": segment(0xEE, b"Adobe\0"),
    "JFIF cut short": segment(0xE0, b"JFIF\0"),
    "no EXIF": segment(0xE1, b"Exif\0\0"),
    "EXIF of noise": segment(0xE1, b"Exif\0\0II*\0" + np.random.default_rng(0).bytes(4000)),
    "bytes between segments": b"\0\0\0",
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_what_a_jpeg_says_beside_its_pixels_does_not_matter(name):
    if SEGMENTS[name].startswith(b"\xff"):
        same(JPEG[:2] + SEGMENTS[name] + JPEG[2:], JPEG)
    same(JPEG[:20] + SEGMENTS[name] + JPEG[20:], JPEG)  # after JFIF


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE], ids=["baseline", "progressive"])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read_and_any_shorter_one_is_refused(data):
    same(data[:-1], data)
    same(data[:-2], data)
    same(data[:-2] + bytes(500), data)
    same(data + b"more", data)
    for missing in (4, 5, 8, 20, 100, len(data) // 2):
        with pytest.raises(BadImageError, match="corrupt"):
            decode_image(data[:-missing])


def test_a_png_or_gif_that_lacks_only_its_end_is_read():
    png, gif = encode(UPRIGHT), encode(UPRIGHT, "GIF")
    for data, end in ((png, 12), (png, 16), (gif, 1), (gif, 2)):
        same(data[:-end], data)
    for data, end in ((png, 40), (gif, 20)):
        with pytest.raises(BadImageError):
            decode_image(data[:-end])


def test_a_gif_of_many_comments_is_read_at_once():
    gif = encode(UPRIGHT, "GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    same(gif[:start] + b"\x21\xfe" + (b"\xff" + bytes([1]) * 255) * 4000 + b"\0" + gif[start:], gif)


def test_a_damaged_tiff_is_refused_without_lines_of_libtiff(capfd):
    data = bytearray(encode(UPRIGHT, "TIFF", compression="tiff_adobe_deflate"))
    data[8:28] = bytes(20)
    with pytest.raises(BadImageError, match="corrupt image"):
        decode_image(bytes(data))
    assert capfd.readouterr().err == ""


def test_what_others_write_to_stderr_while_tiffs_are_decoded_arrives(capfd):
    data = encode(noisy((120, 90, 60), 0, (800, 600)), "TIFF", compression="tiff_lzw")
    with ThreadPoolExecutor(2) as pool:
        decoded = [pool.submit(decode_image, data) for _ in range(20)]
        lines = 0
        while not all(one.done() for one in decoded):
            os.write(2, b"line\n")
            lines += 1
            time.sleep(0.001)
    assert lines > 10
    assert capfd.readouterr().err == "line\n" * lines
