"""The id of a picture follows its pixels: metadata do not change it, and whatever has one id decodes alike."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagetagger.archive.catalogue.content import content_id
from imagetagger.preprocess import BadImageError, decode_image
from imagetagger.preprocess.jpeg import segments
from tests.helpers.pictures import encode, noisy

ORIENTATION, DESCRIPTION = 0x0112, 0x010E
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
FORMS = {
    "JPEG": encode(noisy((200, 100, 50), 1), "JPEG"),
    "progressive JPEG": encode(noisy((200, 100, 50), 1), "JPEG", progressive=True),
    "PNG": encode(noisy((200, 100, 50), 1)),
    "palette PNG": encode(noisy((200, 100, 50), 1).quantize(8), transparency=0),
    "WebP": encode(noisy((200, 100, 50), 1), "WEBP"),
    "lossless WebP": encode(noisy((200, 100, 50), 1).convert("RGBA"), "WEBP", lossless=True),
    "animated WebP": encode(
        noisy((200, 100, 50), 1), "WEBP", save_all=True, append_images=[noisy((0, 100, 50), 2)], duration=9
    ),
}


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body


def exif(orientation: int, text: str = "") -> bytes:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    if text:
        block[DESCRIPTION] = text
    return block.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_text_in_metadata_leaves_the_id_and_a_turn_changes_it(form):
    image = noisy((200, 100, 50), 1)
    upright = [
        encode(image, form),
        encode(image, form, exif=exif(1)),
        encode(image, form, exif=exif(1, "a dog")),
        encode(image, form, exif=exif(1, "a dog"), xmp=XMP, icc_profile=b"profile"),
    ]
    assert len(set(upright)) == 4
    assert len({content_id(data) for data in upright}) == 1
    turned = {content_id(encode(image, form, exif=exif(turn, text))) for turn in (3, 6, 8) for text in ("", "a dog")}
    assert len(turned) == 3
    assert content_id(upright[0]) not in turned


def test_text_chunks_of_a_png_leave_the_id():
    text = PngImagePlugin.PngInfo()
    text.add_text("Keywords", "dog")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    image = noisy((200, 100, 50), 1)
    assert content_id(encode(image, pnginfo=text)) == content_id(encode(image))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}])
def test_segments_of_applications_anywhere_and_what_follows_the_end_leave_the_id_of_a_jpeg(options):
    data = encode(noisy((200, 100, 50), 1), "JPEG", **options)
    added = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP) + segment(0xFE, b"comment") + segment(0xED, b"8BIM")
    starts = [at for _, at, _ in segments(data)]
    later = [at for at in range(starts[-1] + 2, len(data)) if data[at : at + 2] in (b"\xff\xc4", b"\xff\xda")]
    for at in (*starts, *later):
        assert content_id(data[:at] + added + data[at:]) == content_id(data)
    assert content_id(data + b"a film of the moment" + FORMS["JPEG"]) == content_id(data)
    assert bool(later) == ("progressive" in options)


def test_the_resolution_in_a_jpeg_leaves_the_id_and_the_colour_space_changes_it():
    image = noisy((200, 100, 50), 1)
    assert content_id(encode(image, "JPEG", dpi=(300, 300))) == content_id(encode(image, "JPEG", dpi=(72, 72)))
    data = FORMS["JPEG"]
    adobe = [data[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])) + data[2:] for transform in (0, 1)]
    assert len({content_id(one) for one in (data, *adobe)}) == 3
    jfif = next(data[at : at + 4 + len(body)] for code, at, body in segments(data) if code == 0xE0)
    assert content_id(data.replace(jfif, b"")) == content_id(data)
    assert content_id(adobe[0].replace(jfif, b"")) != content_id(adobe[0])


def test_the_size_of_the_canvas_changes_the_id_of_an_animation():
    data = bytearray(FORMS["animated WebP"])
    before = content_id(bytes(data))
    at = data.index(b"VP8X") + 12
    data[at] += 1
    assert content_id(bytes(data)) != before


def test_a_webp_of_another_length_than_it_says_has_an_id_of_its_own():
    data = FORMS["animated WebP"]
    damaged = [data[:4] + bytes([data[4] - less]) + data[5:] for less in (1, 2, 9)]
    assert len({content_id(one) for one in (data, *damaged, data[:24])}) == 5


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "TGA", "PPM"])
def test_of_other_formats_each_byte_counts(form):
    data = bytearray(encode(noisy((200, 100, 50), 1), form))
    ids = {content_id(bytes(data))}
    for at in (0, len(data) // 2, len(data) - 1):
        data[at] ^= 1
        ids.add(content_id(bytes(data)))
    assert len(ids) == 4


def test_different_pictures_have_different_ids():
    data = [encode(noisy((200, 100, 50), seed), form) for seed in range(20) for form in ("JPEG", "PNG", "WEBP", "GIF")]
    ids = {content_id(one) for one in data}
    assert len(ids) == len(data)
    assert {len(one) for one in ids} == {40}


def pixels(data: bytes) -> bytes | str:
    try:
        return np.asarray(decode_image(data)).tobytes()
    except BadImageError:
        return "refused"


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=50)
@given(st.data())
def test_damaged_pictures_have_an_id_and_those_of_one_id_decode_alike(form, data):
    """One byte is changed or taken out, or the end cut off."""
    whole = FORMS[form]
    at = data.draw(st.one_of(st.integers(0, min(700, len(whole) - 1)), st.integers(0, len(whole) - 1)))
    middle = data.draw(st.one_of(st.binary(min_size=0, max_size=2), st.just(None)))
    damaged = whole[:at] if middle is None else whole[:at] + middle + whole[at + 1 :]
    if content_id(damaged) == content_id(whole):
        assert pixels(damaged) == pixels(whole)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_tags_written_by_exiftool_leave_the_id_and_a_turn_does_not(form, tmp_path):
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool: apt-get install libimage-exiftool-perl")
    path = tmp_path / f"picture.{form.lower()}"
    path.write_bytes(encode(noisy((200, 100, 50), 1), form))

    def written(*arguments: str) -> str:
        subprocess.run(["exiftool", "-q", "-overwrite_original", *arguments, path], check=True)
        return content_id(path.read_bytes())

    before, size = content_id(path.read_bytes()), path.stat().st_size
    iptc = ["-IPTC:Keywords=dog"] if form == "JPEG" else []
    assert written("-XMP:Subject=dog", "-XMP:Rating=5", "-EXIF:ImageDescription=Rex", *iptc) == before
    assert path.stat().st_size > size
    turned = written("-EXIF:Orientation#=6")
    assert turned != before
    assert written("-all=", "-EXIF:Orientation#=6") == turned
    assert written("-EXIF:Orientation#=1") == before
