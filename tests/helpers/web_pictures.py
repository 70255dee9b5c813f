"""Five hundred pictures in all formats that browsers read, the same every time."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image

from tests.helpers.pictures import encode

COUNT = 500


class Made(NamedTuple):
    name: str
    """Its number and its kind."""
    kind: str
    data: bytes


def png(pixels: np.ndarray, depth: int = 8) -> bytes:
    """A PNG of (H, W, 1 to 4 channels), also of the 16 bits that Pillow does not write."""
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in pixels)
    return framed(pixels.shape[1], pixels.shape[0], depth, colours, zlib.compress(rows, 1))


def framed(width: int, height: int, depth: int, colours: int, compressed: bytes, *extra: bytes) -> bytes:
    """A PNG of compressed rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", compressed) + chunk(b"IEND", b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@cache
def photographs() -> tuple[Image.Image, ...]:
    paths = [*sorted(Path(str(files("sklearn.datasets") / "images")).glob("*.jpg"))]
    paths.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return tuple(Image.open(path).convert("RGB") for path in paths)


def scene(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A part of a photograph, or a gradient under noise."""
    if rng.random() < 0.5:
        photograph = photographs()[rng.integers(len(photographs()))]
        left, top = (int(rng.integers(side // 2)) for side in photograph.size)
        right, bottom = left + photograph.width // 2, top + photograph.height // 2
        return photograph.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, right, bottom))
    slopes = rng.uniform(-2, 2, (2, 3))
    plane = np.arange(height)[:, None, None] * slopes[0] + np.arange(width)[None, :, None] * slopes[1]
    noise = rng.normal(128, rng.uniform(0, 60), (height, width, 3))
    return Image.fromarray((plane + noise).clip(0, 255).astype(np.uint8))


def see_through(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A scene with random alpha; transparent pixels keep their colours."""
    image = scene(rng, width, height)
    image.putalpha(Image.fromarray(rng.integers(0, 256, (height, width)).astype(np.uint8)))
    return image


def _size(rng: np.random.Generator) -> tuple[int, int]:
    extreme = rng.random()
    if extreme < 0.04:
        return 1, int(rng.integers(1, 3000))
    if extreme < 0.08:
        return int(rng.integers(1, 3000)), int(rng.integers(1, 4))
    width, height = np.exp(rng.uniform(np.log(8), np.log(700), 2)).astype(int)
    return int(width), int(height)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _jpeg(rng, w, h):
    options = {"quality": int(rng.integers(30, 100)), "subsampling": int(rng.integers(3))}
    return encode(scene(rng, w, h), "JPEG", progressive=bool(rng.integers(2)), **options)


def _turned(form, **options):
    return lambda rng, w, h: encode(scene(rng, w, h), form, exif=_exif(int(rng.integers(1, 9))), **options)


def _profiled(form, **options):
    def make(rng, w, h):
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        swapped = profile.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
        return encode(scene(rng, w, h), form, icc_profile=swapped, **options)

    return make


def _animation(form, **options):
    def make(rng, w, h):
        first, *others = (scene(rng, w, h) for _ in range(3))
        return encode(first, form, save_all=True, append_images=others, **options)

    return make


def _palette_alpha(rng, w, h):
    return encode(scene(rng, w, h).quantize(64), transparency=rng.integers(0, 256, 64).astype(np.uint8).tobytes())


def _gif(rng, w, h):
    return encode(scene(rng, w, h), "GIF", interlace=int(rng.integers(2)))


def _deep(channels):
    return lambda rng, w, h: png(rng.integers(0, 1 << 16, (h, w, channels)), 16)


def _gamma(rng, w, h):
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(scene(rng, w, h)))
    gamma, wide = chunk(b"gAMA", struct.pack(">I", 100_000)), chunk(b"cICP", bytes([9, 16, 0, 1]))
    return framed(w, h, 8, 2, zlib.compress(rows), gamma, wide)


def _cmyk(rng, w, h):
    channels = [scene(rng, w, h).convert("L") for _ in range(4)]
    return encode(Image.merge("CMYK", channels), "JPEG", quality=95)


KINDS = {
    "jpeg": _jpeg,
    "jpeg, turned": _turned("JPEG"),
    "jpeg, grey": lambda rng, w, h: encode(scene(rng, w, h).convert("L"), "JPEG"),
    "jpeg, profile": _profiled("JPEG"),
    "jpeg, cmyk": _cmyk,
    "png": lambda rng, w, h: encode(scene(rng, w, h)),
    "png, turned": _turned("PNG"),
    "png, alpha": lambda rng, w, h: encode(see_through(rng, w, h)),
    "png, grey": lambda rng, w, h: encode(scene(rng, w, h).convert("L")),
    "png, grey alpha": lambda rng, w, h: encode(see_through(rng, w, h).convert("LA")),
    "png, palette": lambda rng, w, h: encode(scene(rng, w, h).quantize(int(rng.integers(2, 257)))),
    "png, palette alpha": _palette_alpha,
    "png, transparent level": lambda rng, w, h: encode(scene(rng, w, h).convert("L"), transparency=128),
    "png, bits": lambda rng, w, h: encode(scene(rng, w, h).convert("1")),
    "png, profile": _profiled("PNG"),
    "png, gamma": _gamma,
    "png, grey of 16 bits": _deep(1),
    "png, grey alpha of 16 bits": _deep(2),
    "png, rgb of 16 bits": _deep(3),
    "png, rgba of 16 bits": _deep(4),
    "png, animated": _animation("PNG"),
    "webp": lambda rng, w, h: encode(scene(rng, w, h), "WEBP", quality=int(rng.integers(30, 100))),
    "webp, turned": _turned("WEBP"),
    "webp, alpha": lambda rng, w, h: encode(see_through(rng, w, h), "WEBP", quality=80),
    "webp, lossless": lambda rng, w, h: encode(scene(rng, w, h), "WEBP", lossless=True),
    "webp, lossless alpha": lambda rng, w, h: encode(see_through(rng, w, h), "WEBP", lossless=True, exact=True),
    "webp, profile": _profiled("WEBP", lossless=True),
    "webp, animated": _animation("WEBP"),
    "gif": _gif,
    "gif, transparent": lambda rng, w, h: encode(scene(rng, w, h).quantize(32), "GIF", transparency=5),
    "gif, animated": _animation("GIF"),
    "bmp": lambda rng, w, h: encode(scene(rng, w, h), "BMP"),
    "bmp, palette": lambda rng, w, h: encode(scene(rng, w, h).quantize(64), "BMP"),
    "avif": lambda rng, w, h: encode(scene(rng, w, h), "AVIF", quality=80, speed=10),
}
COMMON = ("jpeg", "jpeg", "jpeg", "jpeg, turned", "png", "png, alpha", "webp", "webp, lossless")


def pictures(count: int = COUNT, seed: int = 0) -> Iterator[Made]:
    """Yield pictures of every kind in turn, common kinds more often; some are large, thin or single pixels."""
    kinds = [*KINDS, *COMMON]
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        kind = kinds[i % len(kinds)]
        yield Made(f"{i:03} {kind}", kind, KINDS[kind](rng, *_size(rng)))


def wide_and_tall() -> Iterator[Made]:
    """Yield pictures larger than the canvas of a phone."""
    rng = np.random.default_rng(0)
    for width, height in ((20_000, 50), (50, 20_000), (9000, 3), (4097, 257), (4096, 256), (1, 66_000)):
        pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        yield Made(f"{width} x {height} png", "png", png(pixels))
    photograph = photographs()[0].resize((4000, 3000), Image.Resampling.BICUBIC)
    yield Made("12 megapixels jpeg", "jpeg", encode(photograph, "JPEG", quality=90, exif=_exif(6)))


def plain_png(width: int, height: int, row: bytes, bits: int = 24) -> bytes:
    """A PNG of equal rows, of any size for little memory."""
    packer, colours = zlib.compressobj(1), {24: 2, 32: 6, 8: 0, 1: 0}[bits]
    packed = b"".join([*(packer.compress(b"\0" + row) for _ in range(height)), packer.flush()])
    return framed(width, height, min(bits, 8), colours, packed)
