import io
import logging
import zlib

import pytest
from PIL import Image, features

from imagetagger.archive.keywords import plan_removal, plan_tags, read_keywords
from tests.helpers.pictures import encode, noisy
from tests.helpers.sidecars import (
    FINCH,
    JPEG,
    applied,
    bag,
    exiftool_reads,
    make_picture,
    needs_exiftool,
    run_tool,
    xmp,
)
from tests.helpers.web_pictures import chunk

PACKET = xmp(bag("dc:subject", "cat", "Zoë") + bag("digiKam:TagsList", "pet/cat", kind="Seq")).encode()
IN_PACKET = {("pet", "cat"), ("Zoë",)}
IMAGE = noisy((120, 90, 60), 0, (8, 8))


def png(packet: bytes, compressed: bool = False, at_end: bool = False) -> bytes:
    text = zlib.compress(packet) if compressed else packet
    body = chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([compressed, 0]) + b"\0\0" + text)
    data = encode(IMAGE, "PNG")
    place = len(data) - 12 if at_end else 33
    return data[:place] + body + data[place:]


def iptc(*keywords: bytes, charset: bytes = b"") -> bytes:
    sets = [(1, 90, charset)] if charset else []
    sets += [(2, 5, b"title"), *((2, 25, keyword) for keyword in keywords)]
    return b"".join(
        bytes([0x1C, record, number]) + len(body).to_bytes(2, "big") + body for record, number, body in sets
    )


def resources(block: bytes) -> bytes:
    """Photoshop's image resources: another one with an odd name and size, and IPTC's."""
    other = b"8BIM\x04\x0b\x03url\0\0\0\x03abc\0"
    return other + b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body


def with_segments(*segments: bytes) -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def webp() -> bytes:
    return encode(IMAGE, "WEBP", xmp=PACKET)


def avif() -> bytes:
    if not features.check("avif"):
        pytest.skip("this Pillow does not write AVIF")
    return encode(IMAGE, "AVIF", xmp=PACKET)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.jpg", lambda: encode(IMAGE, "JPEG", xmp=PACKET)),
        ("a.png", lambda: png(PACKET)),
        ("compressed.png", lambda: png(PACKET, compressed=True)),
        ("end.png", lambda: png(PACKET, at_end=True)),
        ("a.tif", lambda: encode(IMAGE, "TIFF", tiffinfo={700: PACKET})),
        ("a.webp", webp),
        ("a.avif", avif),
        ("utf16.png", lambda: png(PACKET.decode().encode("utf-16"))),
        ("padded.jpg", lambda: encode(IMAGE, "JPEG", xmp=PACKET + b"\n" * 2000 + b"\0" * 3)),
        ("utf16.tif", lambda: encode(IMAGE, "TIFF", tiffinfo={700: PACKET.decode().encode("utf-16-le") + b"\0" * 6})),
        ("far.jpg", lambda: with_segments(*[segment(0xED, b"x" * 65000)] * 8, xmp_segment(PACKET))),
    ],
)
def test_embedded_xmp_is_read(name, make, tmp_path):
    (tmp_path / name).write_bytes(make())
    assert set(read_keywords(tmp_path / name).people) == IN_PACKET


def xmp_segment(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def test_embedded_xmp_of_a_heic_is_read(tmp_path):
    reader = pytest.importorskip("pi_heif")
    assert reader
    heic = tmp_path / "a.heic"
    pytest.importorskip("pillow_heif").from_pillow(IMAGE).save(heic, xmp=PACKET)
    assert set(read_keywords(heic).people) == IN_PACKET


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_extended_xmp_of_a_jpeg_is_read_in_any_order(order, tmp_path):
    name, others = b"A" * 32, b"B" * 32
    main = xmp(bag("dc:subject", "Zoë"), f'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="{name.decode()}"')
    more = xmp(bag("digiKam:TagsList", "pet/cat") + f"<xmp:Label>{'x' * 90000}</xmp:Label>").encode()
    pieces = [
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + owner
            + len(more).to_bytes(4, "big")
            + at.to_bytes(4, "big")
            + part,
        )
        for owner, at, part in ((name, 0, more[:50000]), (name, 50000, more[50000:]), (others, 0, b"of another file"))
    ]
    (tmp_path / "a.jpg").write_bytes(with_segments(xmp_segment(main.encode()), *(pieces[i] for i in order)))
    assert set(read_keywords(tmp_path / "a.jpg").people) == IN_PACKET


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (iptc("Zoë".encode(), b"cat", charset=b"\x1b%G"), {("Zoë",), ("cat",)}),
        (iptc("Zoë".encode()), {("Zoë",)}),
        (iptc("Zoë".encode("latin-1")), {("Zoë",)}),
        (iptc("Zoë".encode("latin-1"), charset=b"\x1b.A"), {("Zoë",)}),
        (iptc("Ã«".encode("latin-1"), charset=b"\x1b.A"), {("Ã«",)}),
        (iptc(b"cat")[:-1], {("ca",)}),
        (iptc(b"cat") + b"\x1c\x02\x19\x80\x04\0\0\0\x03dog", {("cat",), ("dog",)}),
        (iptc(b"cat") + b"\x1c\x02\x19\x90\x00", {("cat",)}),
        (iptc(b"AC/DC", b"a|b"), {("AC/DC",), ("a|b",)}),
        (b"", set()),
    ],
)
def test_iptc_keywords_are_read(block, expected, tmp_path):
    (tmp_path / "a.jpg").write_bytes(with_segments(segment(0xED, b"Photoshop 3.0\0" + resources(block))))
    assert set(read_keywords(tmp_path / "a.jpg").people) == expected
    (tmp_path / "a.tif").write_bytes(encode(IMAGE, "TIFF", tiffinfo={33723: block} if block else {}))
    assert set(read_keywords(tmp_path / "a.tif").people) == expected
    (tmp_path / "b.tif").write_bytes(encode(IMAGE, "TIFF", tiffinfo={34377: resources(block)}))
    assert set(read_keywords(tmp_path / "b.tif").people) == expected


def test_embedded_keywords_are_mirrored_into_a_sidecar_and_removed_with_our_tags(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(png(PACKET))
    after = applied(plan_tags(picture, [FINCH])).after.decode()
    assert "<rdf:li>pet/cat</rdf:li>" in after
    assert "<rdf:li>pet|cat</rdf:li>" in after
    found = read_keywords(picture)
    assert set(found.people) == IN_PACKET
    assert found.machine == (FINCH,)
    assert applied(plan_removal(picture)).after is None
    assert picture.read_bytes() == png(PACKET)


def test_our_tags_in_a_sidecar_that_was_embedded_are_not_a_persons(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat")))
    sidecar = applied(plan_tags(picture, [FINCH])).path
    picture.write_bytes(encode(IMAGE, "JPEG", xmp=sidecar.read_bytes()))
    sidecar.unlink()
    assert read_keywords(picture) == ((("cat",),), (), ())


@pytest.mark.parametrize(
    "packet", [b"<broken", PACKET[:-20], b"<!DOCTYPE x><x/>", b"\0" * 50, b"", b"<a/>", b"\xff\xfe<\0a\0", b"\xff" * 9]
)
def test_broken_embedded_xmp_is_passed_over(packet, tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(
        with_segments(xmp_segment(packet), segment(0xED, b"Photoshop 3.0\0" + resources(iptc(b"cat"))))
    )
    with caplog.at_level(logging.WARNING):
        assert read_keywords(tmp_path / "a.jpg").people == (("cat",),)
    assert bool(caplog.messages) == bool(packet.strip(b"\0"))
    assert all("a.jpg: its embedded XMP" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        JPEG[:20],
        JPEG[:2] + b"\xff\xe1",
        png(PACKET)[:60],
        b"RIFF\0\0\0\0WEBP",
        b"II*\0\xff\xff\xff\xff",
        avif,
    ],
)
def test_a_damaged_picture_has_no_embedded_keywords(data, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data()[:60] if callable(data) else data)
    assert read_keywords(tmp_path / "a.jpg") == ((), (), ())


def test_a_small_file_does_not_unpack_to_a_large_packet(tmp_path):
    (tmp_path / "a.png").write_bytes(png(b" " * 70_000_000, compressed=True))
    assert read_keywords(tmp_path / "a.png") == ((), (), ())


@needs_exiftool
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_what_exiftool_embeds_is_read(form, tmp_path):
    picture = tmp_path / f"a.{form.lower()}"
    picture.write_bytes(encode(IMAGE, form))
    fields = [
        "-XMP-dc:Subject=cat",
        "-XMP-dc:Subject=Zoë",
        "-XMP-lr:HierarchicalSubject=pet|cat",
        "-XMP-digiKam:TagsList=AC/DC",
    ]
    fields += ["-IPTC:Keywords=dog", "-IPTC:Keywords=Bär"] if form in ("JPEG", "TIFF") else []
    run_tool(
        "exiftool",
        "-q",
        "-overwrite_original",
        "-IPTC:CodedCharacterSet=UTF8",
        "-charset",
        "iptc=UTF8",
        *fields,
        picture,
    )
    assert exiftool_reads(picture)["XMP-lr:HierarchicalSubject"] == ["pet|cat"]
    expected = {("pet", "cat"), ("Zoë",), ("AC", "DC")} | ({("dog",), ("Bär",)} if form in ("JPEG", "TIFF") else set())
    assert set(read_keywords(picture).people) == expected


def test_pixels_are_not_decoded(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(encode(IMAGE, "JPEG", xmp=PACKET))
    monkeypatch.setattr(Image, "open", None)
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(io, "BytesIO", None)
    assert set(read_keywords(tmp_path / "a.jpg").people) == IN_PACKET
