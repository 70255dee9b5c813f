"""What a file is, by its first bytes: a format that is decoded, or a name to refuse it by.

Pillow's own `open` is given no file: it tries some 40 formats, of which one starts Ghostscript and a dozen decode in
Python. The web app names the same kinds, in web/app/src/pixels/sniff.ts.
"""

import re

from imagetagger.preprocess.errors import BadImageError

SNIFFED_BYTES = 4096
NOT_A_PICTURE = "not a picture"
RAW = "a camera raw file, which is not read. Save it as JPEG"
VIDEO = "a video, not a picture"

DECODED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\1\0", "ICO"),
)
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
NAMED = (
    (b"%!", "an EPS drawing, which is not read: it is a program. Save it as PNG"),
    (b"\xc5\xd0\xd3\xc6", "an EPS drawing, which is not read: it is a program. Save it as PNG"),
    (b"%PDF", "a PDF, not a picture. Save its page as JPEG"),
    (b"8BPS", "a Photoshop file, which is not read. Save it as JPEG"),
    (b"gimp xcf", "a GIMP file, which is not read. Save it as JPEG"),
    (b"SIMPLE  =", "a FITS picture, which is not read. Save it as PNG"),
    (b"qoif", "a QOI picture, which is not read. Save it as PNG"),
    (b"icns", "an icon of macOS, which is not read. Save it as PNG"),
    (b"\0\0\2\0", "a cursor of Windows, which is not read. Save it as PNG"),
    (b"\xff\x0a", "a JPEG XL picture, which is not read. Save it as JPEG"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture, which is not read. Save it as JPEG"),
    (b"DDS ", "a DDS texture, which is not read. Save it as PNG"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture, which is not read. Save it as JPEG"),
    (b"#?RADIANCE", "a Radiance HDR picture, which is not read. Save it as JPEG"),
    (b"#?RGBE", "a Radiance HDR picture, which is not read. Save it as JPEG"),
    (b"\x01\xda", "an SGI picture, which is not read. Save it as PNG"),
    (b"\x59\xa6\x6a\x95", "a Sun raster, which is not read. Save it as PNG"),
    (b"/* XPM */", "an XPM picture, which is not read. Save it as PNG"),
    (b"#define ", "an XBM picture or a program, which is not read. Save it as PNG"),
    (b"P7\n", "a PAM picture, which is not read. Save it as PNG"),
    (b"PF\n", "a PFM picture in colour, which is not read. Save it as PNG"),
    (b"AT&TFORM", "a DjVu document, which is not read. Save its page as JPEG"),
    (b"\xd7\xcd\xc6\x9a", "a WMF drawing, which is not read. Save it as PNG"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, not a picture"),
    (b"CDF\x01", "a NetCDF file, not a picture"),
    (b"GRIB", "a GRIB file, not a picture"),
    (b"BUFR", "a BUFR file, not a picture"),
    (b"\x93NUMPY", "a NumPy array, not a picture. Save it as PNG"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
    (b"II\x1a\0\0\0HEAPCCDR", RAW),
    (b"\0\0\1\xba", VIDEO),
    (b"\0\0\1\xb3", VIDEO),
    (b"\x1aE\xdf\xa3", VIDEO),
    (b"FLV\1", VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", VIDEO),
    (b"OggS", "sound or a video, not a picture"),
    (b"ID3", "sound, not a picture"),
    (b"fLaC", "sound, not a picture"),
    (b"PK\3\4", "a zip archive or a document, not a picture"),
    (b"\x1f\x8b", "a gzip archive, not a picture"),
    (b"7z\xbc\xaf", "a 7z archive, not a picture"),
    (b"Rar!", "a RAR archive, not a picture"),
    (b"\xd0\xcf\x11\xe0", "an Office document, not a picture"),
    (b"{\\rtf", "a document, not a picture"),
    (b"SQLite format", "a database, not a picture"),
    (b"\x7fELF", "a program, not a picture"),
    (b"MZ", "a program, not a picture"),
)


def picture_format(start: bytes, size: int) -> str:
    """Return the name of a format that is decoded.

    Args:
        start: the file, or its first `SNIFFED_BYTES`.
        size: of the file, in bytes.

    Raises:
        BadImageError: any other file, by its name where it has a well-known one.
    """
    if not start:
        raise BadImageError("empty file")
    start = start[:SNIFFED_BYTES]
    for signature, name in DECODED:
        if start.startswith(signature):
            return name
    if start[:4] == b"RIFF":
        return _riff(start)
    if start[4:8] == b"ftyp":
        return _iso_media(start)
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    if re.match(rb"P[1-6f][\s#]", start):
        return "PPM"
    if _is_tga(start, size):
        return "TGA"
    raise BadImageError(_name(start))


def is_picture(start: bytes, size: int) -> bool:
    """Whether a file is a picture by its first `SNIFFED_BYTES`, also of a format that is not read.

    >>> is_picture(b"GIF89a", 6), is_picture(b"8BPS", 4), is_picture(b"# Notes", 7), is_picture(b"", 0)
    (True, True, False, False)
    """
    try:
        return bool(start and picture_format(start, size))
    except BadImageError as error:
        return NOT_A_PICTURE not in str(error)


def _riff(start: bytes) -> str:
    if start[8:12] == b"WEBP":
        return "WebP"
    raise BadImageError(VIDEO if start[8:12] == b"AVI " else NOT_A_PICTURE)


def _iso_media(start: bytes) -> str:
    """Tell pictures, camera raw files and videos apart, which share a container, by their brands."""
    size = min(int.from_bytes(start[:4], "big"), 256)
    brands = [start[at : at + 4] for at in (8, *range(16, size, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in HEIC_BRANDS for brand in brands):
        return "HEIC"
    raise BadImageError(RAW if brands[0] == b"crx " else VIDEO)


def _is_tga(start: bytes, size: int) -> bool:
    """Whether a header makes sense as that of a TGA, which has no signature."""
    if len(start) < 19:
        return False
    has_palette, kind, depth, flags = start[1], start[2], start[16], start[17]
    depths = {1: (8,), 2: (16, 24, 32), 3: (8, 16), 9: (8,), 10: (16, 24, 32), 11: (8, 16)}
    width, height = int.from_bytes(start[12:14], "little"), int.from_bytes(start[14:16], "little")
    palette = int.from_bytes(start[5:7], "little") * ((start[7] + 7) // 8)
    if depth not in depths.get(kind, ()) or has_palette != (kind in (1, 9)) or not width * height or flags & 0xC0:
        return False
    if bool(palette) != bool(has_palette) or flags & 0x0F > 8:
        return False
    needed = width * height * depth // 8 if kind < 9 else width * height // 128
    return size >= 18 + start[0] + palette + needed


def _name(start: bytes) -> str:
    for signature, name in NAMED:
        if start.startswith(signature):
            return name
    if start[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return VIDEO
    if start[40:44] == b" EMF":
        return "an EMF drawing, which is not read. Save it as PNG"
    text = start.replace(b"\0", b"")  # of UTF-16
    if re.match(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<", text):
        is_drawing = re.search(rb"<([\w-]+:)?svg[\s>]", text, re.IGNORECASE) and not re.search(rb"(?i)<html", text)
        name = "an SVG: a drawing that could run scripts. Save it as PNG"
        return name if is_drawing else "a web page or other text, not a picture"
    return NOT_A_PICTURE
