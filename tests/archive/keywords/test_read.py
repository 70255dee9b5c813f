import os

import pytest

from imagetagger.archive.keywords import SidecarError, read_keywords
from tests.helpers.sidecars import LAYOUTS, bag, layout, make_picture, xmp

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def people(picture):
    found = read_keywords(picture)
    assert not found.machine
    assert not found.withdrawn
    return set(found.people)


EXPECTED = {
    "digikam.jpg.xmp": {("Places", "Germany", "Bodensee"), ("People", "Zoë Müller"), ("Rock & Roll",)},
    "lightroom.xmp": {("Places", "Europe", "Lisbon"), ("tram",)},
    "darktable.jpg.xmp": {("animals", "dog", "Rex")},
    "exiftool.xmp": {("cat",), ("AC/DC",)},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_keywords_of_photo_managers_are_read(name, tmp_path):
    picture, _ = layout(tmp_path, name)
    assert people(picture) == EXPECTED[name]


@pytest.mark.parametrize(
    "document",
    [
        xmp(bag("dc:subject", "cat", "dog")),
        xmp(bag("dc:subject", "cat", "dog", kind="Seq")),
        xmp(bag("dc:subject", "cat", "dog", kind="Alt")),
        xmp("<dc:subject>cat</dc:subject>" + bag("lr:hierarchicalSubject", "dog")),
        xmp(bag("lr:hierarchicalSubject", "dog"), 'dc:subject="cat"'),
        xmp(bag("lr:hierarchicalSubject", "dog"), 'digiKam:TagsList="cat"'),
        xmp(
            "<dc:subject><rdf:Bag><rdf:li xml:lang='x-default'>cat</rdf:li><rdf:li>do<!-- -->g</rdf:li></rdf:Bag>"
            "</dc:subject>"
        ),
        xmp("<dc:subject><rdf:Bag><rdf:li><![CDATA[cat]]></rdf:li><rdf:li>&#100;og</rdf:li></rdf:Bag></dc:subject>"),
        xmp(
            "<dc:subject><rdf:Bag><rdf:li rdf:parseType='Resource'><rdf:value>cat</rdf:value><xmp:x>1</xmp:x></rdf:li>"
            "<rdf:li><rdf:Description rdf:value='-'/>dog</rdf:li></rdf:Bag></dc:subject>"
        ),
        xmp(bag("dc:subject", "cat"))
        .replace("</rdf:RDF>", "<rdf:Description rdf:about=''/></rdf:RDF>")
        .replace("</rdf:Description>\n</rdf:RDF>", "</rdf:Description></rdf:RDF>")
        .replace(
            "<rdf:Description rdf:about=''/>",
            "<rdf:Description xmlns:d='http://purl.org/dc/elements/1.1/' "
            "rdf:about=''><d:subject><rdf:Bag><rdf:li>dog</rdf:li></rdf:Bag></d:subject></rdf:Description>",
        ),
        xmp(bag("a:subject", "cat", "dog")).replace("xmlns:dc", "xmlns:a"),
        xmp(bag("MicrosoftPhoto:LastKeywordXMP", "cat", "dog")).replace("photo/1.0/", "photo/1.0"),
        xmp(bag("dc:subject", "cat", "dog")).replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r"),
        xmp(bag("dc:subject", "cat", "dog")).replace("x:xmpmeta", "x:xapmeta"),
        f'<RDF xmlns="{RDF}"><Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><Bag><li>cat</li>'
        "<li>dog</li></Bag></dc:subject></Description></RDF>",
    ],
)
def test_every_form_of_a_field_is_read(document, tmp_path):
    assert people(make_picture(tmp_path, sidecar=document)) == {("cat",), ("dog",)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0"?>\n', '<?xml version="1.0" encoding="UTF-16"?>'])
def test_unicode_is_read_in_every_encoding(encoding, declaration, tmp_path):
    data = (declaration + xmp(bag("dc:subject", "Zoë", "猫", "😀"))).encode(encoding)
    assert people(make_picture(tmp_path, sidecar=data)) == {("Zoë",), ("猫",), ("😀",)}


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252", "us-ascii"])
def test_encodings_of_a_byte_a_character_are_read(encoding, tmp_path):
    text = f"<?xml version='1.0' encoding='{encoding}'?>" + xmp(bag("dc:subject", "Zoë"))
    data = text.encode(encoding, "xmlcharrefreplace")
    assert people(make_picture(tmp_path, sidecar=data)) == {("Zoë",)}


def test_both_sidecars_of_a_picture_are_read_in_upper_and_lower_case(tmp_path):
    picture = make_picture(tmp_path, "a.JPG")
    (tmp_path / "a.jpg.XMP").write_text(xmp(bag("dc:subject", "cat")))
    (tmp_path / "A.Xmp").write_text(xmp(bag("dc:subject", "dog")))
    (tmp_path / "aa.xmp").write_text("broken")
    assert people(picture) == {("cat",), ("dog",)}


def test_a_sidecar_belongs_to_the_picture_that_is_spelled_like_it(tmp_path):
    upper = make_picture(tmp_path, "A.JPG", xmp(bag("dc:subject", "cat")))
    lower = make_picture(tmp_path, "a.jpg")
    if upper.samefile(lower):
        pytest.skip("a file system on which case makes no difference")
    assert people(upper) == {("cat",)}
    assert people(lower) == set()


def test_a_sidecar_without_the_pictures_suffix_belongs_to_all_pictures_of_that_name(tmp_path):
    pictures = [make_picture(tmp_path, name) for name in ("a.jpg", "a.nef")]
    (tmp_path / "a.xmp").write_text(xmp(bag("dc:subject", "cat")))
    assert [people(picture) for picture in pictures] == [{("cat",)}, {("cat",)}]


def test_a_sidecar_made_just_now_is_found(tmp_path):
    picture = make_picture(tmp_path)
    for i in range(20):
        assert people(picture) == ({("cat",)} if i % 2 else set())
        if i % 2:
            (tmp_path / "a.xmp").unlink()
        else:
            (tmp_path / "a.xmp").write_text(xmp(bag("dc:subject", "cat")))


def test_a_folder_that_does_not_change_is_listed_once(tmp_path, monkeypatch):
    picture, scandir, listed = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat"))), os.scandir, []
    os.utime(tmp_path, (1, 1))
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))
    for _ in range(5):
        assert people(picture) == {("cat",)}
    assert listed == [tmp_path]


def test_a_picture_that_does_not_exist_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_keywords(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["folder", "link to nothing"])
def test_a_sidecar_that_is_no_file_is_refused(kind, tmp_path):
    picture = make_picture(tmp_path)
    if kind == "folder":
        (tmp_path / "a.xmp").mkdir()
    else:
        (tmp_path / "a.xmp").symlink_to("gone.xmp")
    with pytest.raises(SidecarError, match=r"a\.xmp cannot be read"):
        read_keywords(picture)
