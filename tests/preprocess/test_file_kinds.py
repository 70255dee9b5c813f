"""Kind 1: no picture starts a program, and what is not decoded is named."""

import ast
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagetagger
from imagetagger.preprocess import BadImageError, decode_image
from tests.helpers.cases import copy_case
from tests.helpers.pictures import encode, noisy

PACKAGE = Path(imagetagger.__file__).parent
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch ran) (w) file\n%%EOF\n"


@pytest.mark.parametrize(
    ("case", "name", "kind"),
    [
        ("R01-picture-starts-a-program", "eps_loop.jpg", "an EPS drawing"),
        ("R01-picture-starts-a-program", "eps_write.jpg", "an EPS drawing"),
        ("B19-what-it-is", "drawing.eps", "an EPS drawing"),
        ("B19-what-it-is", "clip.mpg", "a video, not a picture"),
        ("B19-what-it-is", "table.h5", "an HDF5 file, not a picture"),
    ],
)
def test_what_is_no_picture_is_named(case, name, kind, tmp_path):
    with pytest.raises(BadImageError, match=f"^{kind}"):
        decode_image(copy_case(case, tmp_path) / name)


def isobmff(*brands: bytes) -> bytes:
    return (
        struct.pack(">I", 8 + 4 * len(brands) + 4) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:]) + bytes(99)
    )


KINDS = {
    "an EPS drawing": [EPS, b"\xc5\xd0\xd3\xc6" + bytes(99), EPS.replace(b"%!PS-Adobe-3.0 EPSF-3.0", b"%!")],
    "a FITS picture": [b"SIMPLE  =                    T" + bytes(3000)],
    "a QOI picture": [b"qoif" + struct.pack(">IIBB", 4000, 3000, 3, 0) + bytes(99)],
    "an icon of macOS": [b"icns" + bytes(99)],
    "a cursor of Windows": [b"\0\0\2\0\1\0" + bytes(99)],
    "a Photoshop file": [b"8BPS" + bytes(99)],
    "a JPEG XL picture": [b"\xff\x0a" + bytes(99), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99)],
    "a PPM picture in plain text": [
        b"P1 4 4\n" + b"1 " * 16,
        b"P2 4 4 255\n" + b"9 " * 16,
        b"P3\n4 4 255\n" + b"9 " * 48,
    ],
    "a PDF": [b"%PDF-1.7\n" + bytes(99)],
    "an SVG": [b"<svg onload='run()'/>", b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='x'></svg>"],
    "a web page": [b"<!DOCTYPE html><html><svg ></svg></html>"],
    "a camera raw file": [
        isobmff(b"crx ", b"crx ", b"isom"),
        b"FUJIFILMCCD-RAW 0201" + bytes(99),
        b"IIRO\x08\0\0\0" + bytes(99),
        b"IIU\0\x08\0\0\0" + bytes(99),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
    ],
    "a video": [isobmff(b"isom", b"mp42"), isobmff(b"qt  "), b"\x1aE\xdf\xa3" + bytes(99), b"RIFF\0\0\0\0AVI LIST"],
    "not a picture": [b"PK", bytes(1000), b"text, and more text", np.random.default_rng(0).bytes(2000)],
}


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind, examples in KINDS.items() for data in examples])
def test_every_other_kind_of_file_is_named_and_never_called_corrupt(kind, data, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(BadImageError, match=f"^{kind}"):
            decode_image(source)


def test_a_film_is_not_read_completely(tmp_path):
    with (tmp_path / "film.jpg").open("wb") as file:
        file.write(isobmff(b"isom", b"mp42"))
        file.truncate(2**40)
    with pytest.raises(BadImageError, match="a video"):
        decode_image(tmp_path / "film.jpg")


FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")


@pytest.mark.parametrize("form", FORMATS)
def test_the_formats_of_the_list_are_decoded(form):
    image = Image.new("RGB", (32, 32), (120, 90, 60))
    data = encode(image, form) if form != "DIB" else b"BM" + struct.pack("<III", 0, 0, 54) + encode(image, "DIB")
    got = np.asarray(decode_image(data)).astype(int)
    assert np.abs(got - np.asarray(image)).max() <= 3


def test_an_image_that_a_caller_opened_starts_no_program_either(tmp_path):
    (tmp_path / "a.eps").write_bytes(EPS)
    with Image.open(tmp_path / "a.eps") as image, pytest.raises(BadImageError, match="format EPS"):
        decode_image(image)


def decoding_calls(tree: ast.AST) -> list[str]:
    """What decodes pictures in a module: names of Pillow's that do, wherever they come from."""
    names = {"exif_transpose", "Parser", "open_heif", "read_heif", "register_heif_opener", "pi_heif", "pillow_heif"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("Image.open", "PIL.Image.open"):
            found.append("Image.open")
        elif isinstance(node, ast.Attribute | ast.Name) and getattr(node, "attr", getattr(node, "id", "")) in names:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PIL"):
            found += [
                a.name for a in node.names if a.name.endswith("ImagePlugin") or a.name in {"open", "_webp", "_avif"}
            ]
    return found


def test_pictures_are_decoded_by_one_package_and_nowhere_by_guessing_their_format():
    modules = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "web" / "app" not in path.parents]
    found = {path: decoding_calls(ast.parse(path.read_text())) for path in modules}
    assert not {path: calls for path, calls in found.items() if calls and path.parent != PACKAGE / "preprocess"}
    assert not [path for path, calls in found.items() if "Image.open" in calls]
    assert sum(len(calls) for calls in found.values()) >= 8  # of preprocess/: the search works


def test_formats_that_pillow_knows_and_the_list_does_not_are_refused():
    Image.init()
    with pytest.raises(BadImageError, match="not a picture"):
        decode_image(encode(noisy((120, 90, 60), 0, (8, 8)), "PCX"))
