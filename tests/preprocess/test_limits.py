"""Kind 1 and 6: what decoding may cost, and pictures of up to 400 million pixels."""

import contextlib
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from imagetagger.preprocess import MAX_PIXEL_LIMIT, BadImageError, decode_image, jpeg, opened
from imagetagger.preprocess.exif import find_exif
from tests.helpers.pictures import encode, noisy
from tests.helpers.web_pictures import chunk, framed, plain_png

SCRIPT = """
import contextlib, resource, sys, time
from pathlib import Path
from imagetagger.experiment.environment import peak_memory
from imagetagger.preprocess import BadImageError, preprocess
with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
before, start = peak_memory(), time.process_time()
try:
    preprocess(Path(sys.argv[1]), 96, int(sys.argv[2]))
    outcome = "decoded"
except BadImageError as error:
    outcome = str(error)
seconds, megabytes = time.process_time() - start, (peak_memory() - before) / 1e6
if len(sys.argv) > 3:
    start = time.process_time()
    preprocess(Path(sys.argv[3]), 96)
    seconds /= time.process_time() - start
print(seconds, megabytes, outcome)
"""


def cost(path: Path, limit: int = 100_000_000, ordinary: Path | None = None) -> tuple[float, float, str]:
    """The processor's time and megabytes that a picture takes in a process of its own, and what comes of it.

    The time is in seconds, or as a multiple of that of an ordinary picture.
    """
    more = [str(ordinary)] if ordinary else []
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(path), str(limit), *more]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stderr == ""
    spent, megabytes, outcome = ran.stdout.strip().split(" ", 2)
    return float(spent), float(megabytes), outcome


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """An ordinary one, of 12 megapixels."""
    path = tmp_path_factory.mktemp("photograph") / "photograph.jpg"
    noisy((120, 90, 60), 0, (1000, 750)).resize((4000, 3000)).save(path)
    return path


def icon(picture: bytes, kind: str) -> bytes:
    if kind == "ICNS":
        return b"icns" + struct.pack(">I", 16 + len(picture)) + b"ic10" + struct.pack(">I", 8 + len(picture)) + picture
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(picture), 22) + picture


def rle_bmp(side: int, commands: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<III", 0, 0, 54 + 1024) + header + bytes(range(256)) * 4 + commands


BOMB = framed(13_000, 13_000, 8, 2, zlib.compress(bytes(1000)))
TEXT = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))
SLOW = {  # case R02-slow-pictures and its kind
    "fits": (b"SIMPLE  =                    T".ljust(80) + bytes(6000), "a FITS picture"),
    "qoi": (b"qoif" + struct.pack(">IIBB", 4000, 3000, 3, 0) + b"\x6a" * 100_000, "a QOI picture"),
    "pgm of 12 bits": (b"P5 2000 1500 4095\n" + bytes(2 * 2000 * 1500), "decoded"),
    "ppm of 10 bits": (b"P6 2000 1500 1023\n" + bytes(6 * 2000 * 1500), "decoded"),
    "plain ppm": (b"P3 4000 3000 255\n" + b"1 " * 100_000, "a PPM picture in plain text"),
    "ico": (icon(BOMB, "ICO"), "13000 x 13000 pixels"),
    "icns": (icon(BOMB, "ICNS"), "an icon of macOS"),
    "bmp in lines of one pixel": (rle_bmp(10_000, b"\1\1\0\0" * 10_000), "a compressed BMP"),
    "pieces of text": (
        framed(8, 8, 8, 0, b"", *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))] * 900),
        "corrupt",
    ),
    "empty pieces of pixels": (framed(8, 8, 8, 0, b"", *[chunk(b"IDAT", b"")] * 100_000), "corrupt"),
    "segments": (b"\xff\xd8" + b"\xff\xe1\0\2" * 500_000 + b"\xff\xd9", "corrupt"),
    "fill bytes": (b"\xff\xd8" + b"\xff" * 1_000_000, "corrupt"),
    "gif of comments": (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\1 \0" * 100_000, "corrupt"),
    "tiff of large tiles": (b"", "corrupt image: the tiles"),
}


def tiff_of_large_tiles() -> bytes:
    tags = [
        (256, 64),
        (257, 64),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, 40_000),
        (323, 40_000),
        (324, 8),
        (325, 9),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("name", SLOW)
def test_r02_slow_pictures_take_as_long_as_few_photographs_and_700_mb(name, photograph, tmp_path):
    data, expected = SLOW[name]
    (tmp_path / "slow.jpg").write_bytes(data or tiff_of_large_tiles())
    photographs, megabytes, outcome = cost(tmp_path / "slow.jpg", ordinary=photograph)
    assert outcome.startswith(expected)
    assert photographs < 8
    assert megabytes < 700


def test_tiles_that_reach_far_beyond_their_picture_are_refused():
    data = tiff_of_large_tiles()  # 16 x 250,000 pixels each, of a line of pixels: 18,750 tiles
    for tag, value in ((256, 300_000), (257, 1), (322, 16), (323, 250_000)):
        at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
        data = data[:at] + struct.pack("<I", value) + data[at + 4 :]
    with pytest.raises(BadImageError, match="tiles of a TIFF are larger than the picture"):
        decode_image(data)


def in_png(chunks: bytes) -> bytes:
    return GOOD["PNG"][:33] + chunks + GOOD["PNG"][33:]


def in_gif(extensions: bytes) -> bytes:
    start = 13 + (3 << (GOOD["GIF"][10] & 7) + 1)
    return GOOD["GIF"][:start] + extensions + GOOD["GIF"][start:]


def of_scans(count: int) -> bytes:
    """A JPEG in which only the first of three colours is scanned, again and again."""
    data = encode(Image.new("RGB", (1000, 1000)), "JPEG")
    return data[: data.index(b"\xff\xda")] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * count + b"\xff\xd9"


def of_strips(count: int) -> bytes:
    tags = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (277, 1), (278, 8)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries += struct.pack("<HHIIHHII", 273, 4, count, 200, 279, 4, count, 200 + 4 * count)
    return b"II*\0" + struct.pack("<IH", 8, 9) + (entries + bytes(4)).ljust(190, b"\0") + bytes(8 * count)


SCENE = noisy((120, 90, 60), 0, (40, 30))
GOOD = {form: encode(SCENE, form) for form in ("JPEG", "PNG", "GIF")}
QUANTISATION = b"\xff\xdb" + struct.pack(">H", 2 + 65 * 1000) + (b"\0" + b"\1" * 64) * 1000
GROWING = {  # pieces that a file may have many of: a picture of so many bytes, all more than the limits allow
    "extensions of a GIF": lambda n: in_gif(b"\x21\xfe\0" * (n // 3)),
    "blocks of a GIF's extension": lambda n: in_gif(b"\x21\xfe" + b"\1a" * (n // 2) + b"\0"),
    "blocks after a GIF's pixels": lambda n: GOOD["GIF"][:-2] + b"\1a" * (n // 2) + b"\0;",
    "chunks of a PNG": lambda n: in_png(chunk(b"prVt", b"") * (n // 12)),
    "transparencies of a PNG": lambda n: in_png(chunk(b"tRNS", b"") * (n // 12)),
    "pixels of a PNG": lambda n: in_png(chunk(b"IDAT", b"") * (n // 12)),
    "chunks of a WebP": lambda n: b"RIFF\0\0\0\0WEBP" + (b"ABCD" + bytes(4)) * (n // 8),
    "fill bytes of a JPEG": lambda n: b"\xff\xd8" + b"\xff" * n,
    "segments of a JPEG": lambda n: b"\xff\xd8" + b"\xff\xe1\0\2" * (n // 4) + b"\xff\xd9",
    "tables of a JPEG": lambda n: GOOD["JPEG"][:2] + QUANTISATION * (n // 65_000) + GOOD["JPEG"][2:],
    "scans of a JPEG": lambda n: of_scans(n // 1000),
    "spaces of a PPM": lambda n: b"P5" + b" " * n + b"9 9 255\n" + bytes(81),
    "comments of a PPM": lambda n: b"P5 " + b"#\n" * (n // 2) + b"9 9 255\n" + bytes(81),
    "strips of a TIFF": lambda n: of_strips(n),
    "boxes of a JPEG 2000": lambda n: b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08free" * (n // 8),
}


@pytest.mark.parametrize("name", GROWING)
def test_more_bytes_of_the_same_take_no_more_time(name):
    def seconds(size: int) -> float:
        data = GROWING[name](size)
        start = time.thread_time()
        with contextlib.suppress(BadImageError):
            decode_image(data)
        find_exif(data)
        return time.thread_time() - start

    short, long = seconds(3_000_000), seconds(12_000_000)
    assert long < 2 * short + 0.1


def test_a_jpeg_of_very_many_scans_is_refused():
    data = encode(noisy((9, 9, 9), 0, (64, 64)), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    decode_image(data)
    with pytest.raises(BadImageError, match="more than 100 scans"):
        decode_image(data[:-2] + data[scan:-2] * jpeg.MAX_SCANS + data[-2:])


def test_decoding_stops_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(opened, "BASE_SECONDS", -1.0)
    for form in ("JPEG", "PNG", "GIF", "BMP", "TGA", "JPEG2000"):
        with pytest.raises(BadImageError, match="takes too long to decode"):
            decode_image(encode(noisy((9, 9, 9), 0, (64, 64)), form))


@pytest.mark.slow
def test_b20_200_megapixels_of_a_phone_are_decoded_within_the_limit_that_is_set(tmp_path):
    path = tmp_path / "phone.png"
    path.write_bytes(plain_png(16_320, 12_240, b"\xaa" * 2040, bits=1))
    _, _, outcome = cost(path)
    assert outcome == "16320 x 12240 pixels, more than the limit of 100,000,000 (pixel_limit)"
    _, megabytes, outcome = cost(path, 200_000_000)
    assert outcome == "decoded"
    assert megabytes < 1100


@pytest.mark.slow
@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "BMP"])
def test_pillows_own_limit_neither_refuses_nor_warns(form, tmp_path):
    image = Image.new("L" if form in ("TIFF", "BMP", "GIF") else "RGB", (16_000, 11_500))  # 184 million
    options = {"TIFF": {"compression": "packbits"}, "WEBP": {"lossless": True, "method": 0}}.get(form, {})
    (tmp_path / "large").write_bytes(encode(image, form, **options))
    assert cost(tmp_path / "large", MAX_PIXEL_LIMIT)[2] == "decoded"


def test_a_very_long_picture_is_refused_by_its_sides():
    with pytest.raises(BadImageError, match="expected at most 300,000 a side"):
        decode_image(framed(300_001, 1, 8, 0, b""))
    assert decode_image(framed(1, 300_000, 1, 0, zlib.compress(bytes(600_000)))).size == (1, 300_000)
