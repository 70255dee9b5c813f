"""The image contract in browsers: src/pixels in Chromium and Firefox gives the pixels of preprocess.py."""

import base64
import json
import shutil
import subprocess
from collections import Counter
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from imagetagger import web
from imagetagger.preprocess import PIXEL_LIMIT, BadImageError, crop_square, decode_image
from imagetagger.tagger.lessons import picture_id
from tests.helpers import web_pictures
from tests.helpers.app import BROWSER, BY_BIDI, FIREFOX, QUIET
from tests.helpers.cases import copy_case
from tests.helpers.local_server import serving
from tests.helpers.pictures import encode, noisy

APP = Path(web.__file__).parent / "app"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason="no Node is installed"),
    pytest.mark.skipif(not (APP / "node_modules" / "vite").is_dir(), reason="no node_modules: run `make webapp`"),
]
CHROMIUM = {"jpeg, cmyk": 1}
"""The most levels by which a pixel of a square differs from Python's, by the kind of its picture; 0 for others."""
IN_FIREFOX = CHROMIUM | {
    **dict.fromkeys(("png, alpha", "png, grey alpha", "png, palette alpha", "webp, alpha", "webp, lossless alpha"), 1),
    **dict.fromkeys(("png, grey of 16 bits", "png, rgb of 16 bits"), 1),
    **dict.fromkeys(("png, grey alpha of 16 bits", "png, rgba of 16 bits"), 3),
    "avif": 48,
}
"""Firefox blends with white, cuts 16 bits and converts AVIF's colours in other ways."""
BROWSERS = [
    pytest.param("chromium", marks=pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")),
    pytest.param("firefox", marks=pytest.mark.skipif(FIREFOX is None, reason="no Firefox is installed")),
]
LIMIT = PIXEL_LIMIT
SIZES = (64, 96, 224, 7)
WORKER = """
import { readPicture, readSquare } from "SOURCE/pixels/decode";
import { english } from "SOURCE/words/english";
const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
onmessage = async ({ data: { address, size, limit, media } }) => {
  const body = await (await fetch(address)).arrayBuffer();
  const start = performance.now();
  try {
    const file = new Blob([body], { type: media });
    const { id, width, height, square, png, preview } = await readPicture(file, size, limit);
    const milliseconds = performance.now() - start;
    const again = await readSquare(png, size, limit);
    const seen = await createImageBitmap(preview);
    const shown = [seen.width, seen.height];
    const squares = { square: base64(square), again: base64(again.square) };
    seen.close();
    postMessage({ id, width, height, ...squares, milliseconds, preview: shown });
  } catch (error) {
    postMessage({ error: error.name, message: english.problem(error.problem) });
  }
};
"""
PAGE = 'globalThis.worker = new Worker(new URL("./worker.ts", import.meta.url));'
BUILD = """
import { build } from "vite";
const [root, input, outDir] = process.argv.slice(1);
const output = { entryFileNames: "page.js" };
const options = { configFile: false, publicDir: false, logLevel: "error", base: "./" };
await build({ ...options, root, build: { outDir, modulePreload: false, rollupOptions: { input, output } } });
"""
READ = """(job) => new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(job);
})"""


@pytest.fixture(scope="module", params=BROWSERS)
def read(playwright, request, tmp_path_factory):
    """Read a file in a browser by the app's code: `read(data, size, limit, media)`, with `levels` as above."""
    in_firefox = request.param == "firefox"
    folder = tmp_path_factory.mktemp("worker")
    (folder / "worker.ts").write_text(WORKER.replace("SOURCE", (APP / "src").as_posix()))
    (folder / "page.ts").write_text(PAGE)
    built = folder / "built"
    command = [NODE, "--input-type=module", "--eval", BUILD, "--", str(APP), str(folder / "page.ts"), str(built)]
    subprocess.run(command, cwd=APP, check=True)
    files = {f"/{path.relative_to(built).as_posix()}": path.read_bytes() for path in built.rglob("*.js")}
    files["/"] = b"<!DOCTYPE html><title>Pixels</title><script type=module src=page.js></script>"
    with serving(files) as server:
        chromium = {"executable_path": BROWSER, "args": [*QUIET]}
        browser = getattr(playwright, request.param).launch(**BY_BIDI if in_firefox else chromium)
        page = browser.new_page()
        page.goto(server.address)

        def read(data, size, limit=LIMIT, media=""):
            server.files["/picture"] = data
            return page.evaluate(READ, {"address": "/picture", "size": size, "limit": limit, "media": media})

        read.levels = IN_FIREFOX if in_firefox else CHROMIUM
        yield read
        browser.close()


def squared(text, size):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(size, size, 3)


def compare(read, made, size):
    """The browser's result, the difference of its square from Python's, and whether the ids are equal."""
    image = decode_image(made.data)
    got = read(made.data, size)
    assert "error" not in got, (made.name, got)
    assert (got["width"], got["height"]) == image.size, made.name
    np.testing.assert_array_equal(squared(got["again"], size), squared(got["square"], size))
    same_id = got["id"] == picture_id(image)
    difference = squared(got["square"], size).astype(int) - crop_square(image, size)
    return got, np.abs(difference), same_id


def test_squares_and_ids_of_500_pictures_equal_pythons_byte_for_byte(read):
    differing, count, unequal = Counter(), Counter(), []
    for made, size in zip(web_pictures.pictures(), cycle(SIZES), strict=False):
        _, difference, same_id = compare(read, made, size)
        count[made.kind] += 1
        differing[made.kind] += int((difference > 0).sum())
        if difference.max() > read.levels.get(made.kind, 0) or not (same_id or made.kind in read.levels):
            unequal.append(made.name)
    print(json.dumps({kind: (n, differing[kind]) for kind, n in count.items()}))
    assert sum(count.values()) == 500
    assert unequal == []


def test_pictures_larger_than_a_phones_canvas_equal_pythons(read):
    for made in web_pictures.wide_and_tall():
        if made.name == "1 x 66000 png" and read.levels is IN_FIREFOX:
            assert read(made.data, 224)["message"].endswith("too large for this browser.")  # more than 65,535 a side
            continue
        got, difference, same_id = compare(read, made, 224)
        print(made.name, f"{got['milliseconds']:.0f} ms")
        assert not difference.any(), made.name
        assert same_id, made.name
        assert max(got["preview"]) <= 1024, made.name


@pytest.mark.parametrize("size", [(1400, 1000), (4000, 3000), (6000, 4000)], ids=str)
def test_photographs_that_are_hashed_at_once_or_in_parts_equal_pythons(read, size):
    """Below 64 MiB of pixels another thread hashes all at once, above it they are hashed as they come."""
    photograph = web_pictures.photographs()[0].resize(size)
    for form, options in {"JPEG": {"quality": 90}, "WEBP": {"lossless": True, "method": 0}}.items():
        made = web_pictures.Made(f"{form} {size}", form, encode(photograph, form, **options))
        _, difference, same_id = compare(read, made, 224)
        assert not difference.any()
        assert same_id


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_just_the_limit_is_read_and_a_wider_one_refused_before_it_is_decoded(read):
    row = np.random.default_rng(0).integers(0, 256, 30_000).astype(np.uint8).tobytes()
    made = web_pictures.Made("100 megapixels", "png", web_pictures.plain_png(10_000, 10_000, row))
    got, difference, same_id = compare(read, made, 224)
    print(made.name, f"{got['milliseconds']:.0f} ms")
    assert not difference.any()
    assert same_id
    headers_alone = web_pictures.framed(10_001, 10_000, 8, 2, b"")  # a decoder would call it damaged
    assert read(headers_alone, 224) == {
        "error": "BadImageError",
        "message": "Too large: 10,001 x 10,000 pixels; at most 100 million.",
    }


SCENE = noisy((120, 90, 60), 0, (200, 120))
GOOD = {form: encode(SCENE, form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")}
GOOD["progressive JPEG"] = encode(SCENE, "JPEG", progressive=True)
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>self.run = 1</script></svg>'
DAMAGED = "Damaged: cut short or corrupt"
FLAT = bytearray(encode(SCENE.quantize(8)))
FLAT[FLAT.index(b"PLTE") + 5] ^= 1
STRIPES = bytearray(web_pictures.plain_png(64, 48, bytes(range(64)) * 3))
STRIPES[STRIPES.index(b"IEND") - 5] ^= 1
BAD = {
    "nothing": (b"", "An empty file"),
    "text": (b"Not a picture, but a long enough line of text.\n" * 20, "Not a picture"),
    "a web page": (b"<!DOCTYPE html><html><svg ></svg></html>", "A web page or other text, not a picture"),
    "a drawing": (DRAWING, "An SVG: a drawing that could run scripts. Save it as PNG"),
    "a drawing after a comment": (b'\xef\xbb\xbf<?xml version="1.0"?><!-- < -->\n' + DRAWING, "An SVG"),
    "a drawing in UTF-16": (DRAWING.decode().encode("utf-16"), "An SVG"),
    "a document": (b"%PDF-1.7\n" + bytes(100), "A PDF, not a picture. Save its page as JPEG"),
    "a zip": (b"PK\3\4" + bytes(100), "Not a picture"),
    "zeros": (bytes(1000), "Not a picture"),
    "noise": (np.random.default_rng(0).bytes(2000), "Not a picture"),
    "a signature alone": (GOOD["PNG"][:8], DAMAGED),
    "a header alone": (GOOD["PNG"][:33], DAMAGED),
    "a changed colour of a PNG's palette": (bytes(FLAT), DAMAGED),
    "a wrong checksum of a PNG's pixels": (bytes(STRIPES), DAMAGED),
    "one changed byte of a PNG": (GOOD["PNG"][:600] + b"?" + GOOD["PNG"][601:], DAMAGED),
} | {
    f"{share:.0%} of a {form}": (data[: int(len(data) * share)], DAMAGED)
    for form, data in GOOD.items()
    for share in (0.3, 0.9)
}


@pytest.mark.parametrize("name", BAD)
def test_the_browser_refuses_what_python_refuses_and_says_why(read, name):
    data, message = BAD[name]
    with pytest.raises(BadImageError):
        decode_image(data)
    for media in ("", "image/jpeg", "image/svg+xml"):
        got = read(data, 64, media=media)
        assert got["error"] == "BadImageError"
        assert got["message"].startswith(message)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("TIFF", "A TIFF or camera raw file, which this browser cannot read. Save it as JPEG."),
        ("JPEG2000", "A JPEG 2000 picture, which this browser cannot read. Save it as JPEG."),
        ("PPM", "Not a picture that browsers can read. Save it as JPEG."),
    ],
)
def test_a_format_that_browsers_lack_is_named(read, form, message):
    assert read(encode(SCENE, form), 64) == {"error": "BadImageError", "message": message}


@pytest.mark.parametrize("form", GOOD)
def test_bytes_after_the_end_of_a_picture_are_ignored(read, form):
    got = read(GOOD[form] + b"a film that moves" * 50, 64)
    assert got["id"] == read(GOOD[form], 64)["id"]
    assert form.lower() in read.levels or got["id"] == picture_id(decode_image(GOOD[form]))


def test_a_preview_is_never_larger_than_the_picture(read):
    assert read(GOOD["PNG"], 64)["preview"] == [200, 120]
    assert read(encode(noisy((9, 9, 9), 0, (3000, 1500)), "JPEG"), 64)["preview"] == [1024, 512]


ENDS = [("JPEG", 1), ("JPEG", 2), ("progressive JPEG", 2), ("PNG", 12), ("GIF", 1)]


@pytest.mark.parametrize(("form", "missing"), ENDS)
def test_a_picture_that_lacks_only_its_end_marker_is_read(read, form, missing):
    got = read(GOOD[form][:-missing], 64)
    assert got.get("id") == picture_id(decode_image(GOOD[form][:-missing])) == picture_id(decode_image(GOOD[form])), got


def test_odd_exif_and_metadata_leave_the_browsers_and_pythons_pixels_alike(read, tmp_path):
    for case in ("B06-exif-orientation", "B07-png-metadata", "R07-odd-exif", "B24-warnings-without-a-name"):
        for path in sorted(copy_case(case, tmp_path).glob("*.[jp][pn]g")):
            got = read(path.read_bytes(), 64)
            assert got.get("id") == picture_id(decode_image(path)), (path.name, got)
