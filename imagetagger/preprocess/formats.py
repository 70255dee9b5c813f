"""Formats of which Pillow's readers need little help, and HEIC, which it does not read."""

import importlib
import io
from typing import Any

from PIL import BmpImagePlugin, Image, ImageFile, Jpeg2KImagePlugin, TgaImagePlugin, _webp

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import HEADER_SECONDS, Opened, TimedFile, timed
from imagetagger.preprocess.tiff_tags import read_orientation, read_tag_block
from imagetagger.system.cpus import cpu_count

HEIC_READERS = ("pi_heif", "pillow_heif")
"""Packages that read HEIC, the better one first: the wheels of the other contain x265, an encoder under the GPL."""
MAX_SLOW_PIXELS = 4_000_000
"""Pixels of a compressed BMP, which Pillow decodes in Python."""


def open_webp(data: bytes, pixel_limit: int) -> Opened:
    """Decode the first picture of a WebP."""
    kind = data[12:16]
    if kind == b"VP8X":
        size = int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        size = int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    check_pixels(size[0], size[1], pixel_limit)
    decoder = _webp.WebPAnimDecoder(data)
    info = decoder.get_info()
    size, mode = info[0] if isinstance(info[0], tuple) else info[:2], info[-1]  # Pillow 11.1 has a number for each side
    check_pixels(size[0], size[1], pixel_limit)
    orientation = read_orientation(read_tag_block(decoder.get_chunk("EXIF") or b""))
    frame = decoder.get_next()
    del decoder  # its own pictures take twice the memory of the pixels
    if frame is None:
        raise BadImageError("corrupt image: the file is truncated or damaged")
    return Opened(Image.frombuffer(mode, (size[0], size[1]), frame[0], "raw", mode, 0, 1), orientation)


def open_avif(data: bytes, pixel_limit: int) -> Opened:
    """Decode the first picture of an AVIF."""
    decoder = _avif_decoder(data)
    size, _, mode, _, _, orientation, _ = decoder.get_info()
    check_pixels(size[0], size[1], pixel_limit)
    pixels = decoder.get_frame(0)[0]
    return Opened(Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1), orientation)


def read_avif_exif(data: bytes) -> bytes:
    """Return the EXIF block of an AVIF, which is not decoded; b"" if there is none."""
    exif: bytes | None = _avif_decoder(data).get_info()[4]
    return exif or b""


def read_avif_xmp(data: bytes) -> bytes:
    """Return the XMP packet of an AVIF, which is not decoded; b"" if there is none."""
    xmp: bytes | None = _avif_decoder(data).get_info()[6]
    return xmp or b""


def _avif_decoder(data: bytes) -> Any:
    try:
        from PIL import _avif
    except ImportError as error:  # Pillow 11.1 and 11.2
        raise BadImageError("an AVIF picture, which needs Pillow 11.3 or newer") from error
    return _avif.AvifDecoder(data, "auto", cpu_count())


def open_heic(data: bytes, pixel_limit: int) -> Opened:
    """Open the main picture of a HEIC, if a package that reads it is installed."""
    try:
        file = _heic_file(data)
        check_pixels(file.size[0], file.size[1], pixel_limit)
        return Opened(file.to_pillow())  # upright: a HEIC's turn is not EXIF's, and part of decoding
    except (ValueError, OSError, RuntimeError, SyntaxError, EOFError) as error:
        if isinstance(error, BadImageError):
            raise
        raise BadImageError(f"a HEIC picture that cannot be decoded ({str(error).strip()}): save it as JPEG") from error


def read_heic_exif(data: bytes) -> bytes:
    """Return the EXIF block of a HEIC, which is not decoded; b"" if there is none."""
    exif: bytes | None = _heic_file(data).info.get("exif")
    return exif or b""


def read_heic_xmp(data: bytes) -> bytes:
    """Return the XMP packet of a HEIC, which is not decoded; b"" if there is none."""
    xmp: bytes | None = _heic_file(data).info.get("xmp")
    return xmp or b""


def _heic_file(data: bytes) -> Any:
    for name in HEIC_READERS:
        try:
            reader = importlib.import_module(name)
        except ImportError:
            continue
        return reader.open_heif(io.BytesIO(data))
    raise BadImageError("a HEIC picture: save it as JPEG, or install pi-heif, which reads it (pip install pi-heif)")


def _with_time(image: ImageFile.ImageFile, data: bytes) -> ImageFile.ImageFile:
    """Return a picture whose size is known, with the time that its pixels may take."""
    image.fp = timed(data, *image.size)
    return image


def open_jpeg_2000(data: bytes, pixel_limit: int) -> Opened:
    """Open a JPEG 2000 picture."""
    image = Jpeg2KImagePlugin.Jpeg2KImageFile(TimedFile(data, HEADER_SECONDS))
    check_pixels(*image.size, pixel_limit // 2)  # its decoder takes five times the memory of the pixels
    return Opened(_with_time(image, data))


def open_bmp(data: bytes, pixel_limit: int) -> Opened:
    """Open a BMP."""
    image = BmpImagePlugin.BmpImageFile(TimedFile(data, HEADER_SECONDS))
    check_pixels(*image.size, pixel_limit)
    if image.tile[0].codec_name == "bmp_rle" and image.width * image.height > MAX_SLOW_PIXELS:
        raise BadImageError(f"a compressed BMP of more than {MAX_SLOW_PIXELS:,} pixels. Save it as PNG")
    return Opened(_with_time(image, data), alpha="unless zero")


def open_tga(data: bytes, pixel_limit: int) -> Opened:
    """Open a TGA."""
    image = TgaImagePlugin.TgaImageFile(TimedFile(data, HEADER_SECONDS))
    check_pixels(*image.size, pixel_limit)
    return Opened(_with_time(image, data), alpha="unless zero" if data[17] & 0x0F else "none")
