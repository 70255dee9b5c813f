"""Sidecars that are broken, or made to do harm: refused in a message that says which, and left as they are."""

import time

import pytest

from imagetagger.archive.keywords import SidecarError, plan_removal, plan_tags, read_keywords
from tests.helpers.sidecars import FINCH, applied, bag, make_picture, xmp

SOUND = xmp(bag("dc:subject", "cat"))
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)
)
BROKEN = {
    "empty": ("", "is empty"),
    "spaces": (" \n", "is empty"),
    "zeros": (b"\0" * 600, "is not well-formed XML"),
    "text": ("cat, dog", "is not well-formed XML"),
    "half": (SOUND[:-30], "is not well-formed XML"),
    "line": (SOUND.replace("</dc:subject>", "</dc:sub>"), r"line \d+, column \d+: mismatched tag"),
    "twice": (SOUND + SOUND, "junk after document element"),
    "prefix": (SOUND.replace("xmlns:dc", "xmlns:x1"), "unbound prefix"),
    "entity": (SOUND.replace("cat", "&cat;"), "undefined entity"),
    "doctype": ("<!DOCTYPE x>" + SOUND, "document type"),
    "a file": (f"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{SOUND.replace('cat', '&a;')}", "document type"),
    "laughs": (LAUGHS + "]>" + SOUND.replace("cat", "&j;"), "document type"),
    "no RDF": ("<a><b/></a>", "has no rdf:RDF"),
    "RDF far below": (f"<a><b>{SOUND}</b></a>", "has no rdf:RDF"),
    "deep": (SOUND.replace("cat", "<a>" * 300 + "</a>" * 300), "more than 200 deep"),
    "deep elsewhere": ("<a>" * 10_000 + "</a>" * 10_000, "more than 200 deep"),
    "many": (xmp(bag("dc:subject", *["cat"] * 20_000)), "more than 20,000 keywords"),
    "invalid UTF-8": (SOUND.encode().replace(b"cat", b"\xff"), "is not well-formed XML"),
    "half a UTF-16": (SOUND.encode("utf-16")[:-1], "is not encoded in utf-16-le"),
    "encoding": (f"<?xml version='1.0' encoding='EBCDIC-CP-US'?>{SOUND}", "is encoded in ebcdic-cp-us"),
    "not ASCII": ("<?xml version='1.0' encoding='US-ASCII'?>" + SOUND.replace("cat", "ä"), "is not encoded in ascii"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_sidecar_is_refused_and_left_as_it_is(case, tmp_path):
    contents, match = BROKEN[case]
    picture = make_picture(tmp_path, sidecar=contents)
    sidecar = tmp_path / "a.jpg.xmp"
    before, start = sidecar.read_bytes(), time.process_time()
    for act in (read_keywords, plan_removal, lambda path: plan_tags(path, [FINCH])):
        with pytest.raises(SidecarError, match=match) as raised:
            act(picture)
        assert str(sidecar) in str(raised.value)
        assert "Repair it or move it away" in str(raised.value)
    assert time.process_time() - start < 5
    assert sidecar.read_bytes() == before


def test_a_sidecar_that_is_too_large_is_refused(tmp_path):
    picture = make_picture(tmp_path, sidecar="")
    with (tmp_path / "a.jpg.xmp").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(SidecarError, match="expected at most"):
        read_keywords(picture)


@pytest.mark.parametrize(
    "mark",
    [
        "text",
        "[1]",
        '{"type":"tag"}',
        '{"type":"future"}',
        '{"type":"tag","keyword":[],"probability":0.5,"bundle":"","written":""}',
        '{"type":"tag","keyword":["a"],"probability":7,"bundle":"","written":""}',
        '{"type":"mirror","keyword":["a"],"values":{"dc:subject":1}}',
    ],
)
def test_marks_that_are_not_ours_are_refused(mark, tmp_path):
    document = xmp(bag("i:Marks", mark), 'xmlns:i="urn:imagetagger:archive:1/"')
    with pytest.raises(SidecarError, match="an entry of imagetagger:Marks that is none of imagetagger's"):
        read_keywords(make_picture(tmp_path, sidecar=document))


def test_marks_in_an_attribute_are_refused(tmp_path):
    document = xmp("", 'xmlns:i="urn:imagetagger:archive:1/" i:Marks="x"')
    with pytest.raises(SidecarError, match="in a form that imagetagger does not write"):
        plan_removal(make_picture(tmp_path, sidecar=document))


def test_marks_cannot_claim_what_is_not_in_the_file(tmp_path):
    mark = '{"type":"tag","keyword":["cat"],"probability":0.5,"bundle":"","written":"",'
    mark += '"values":{"dc:subject":"cat","x:y":"z"}}'
    document = xmp(bag("dc:subject", "dog") + bag("i:Marks", mark), 'xmlns:i="urn:imagetagger:archive:1/"')
    picture = make_picture(tmp_path, sidecar=document)
    assert read_keywords(picture).people == (("dog",),)
    assert read_keywords(picture).withdrawn[0].keyword == ("cat",)
    applied(plan_removal(picture))
    assert read_keywords(picture) == ((("dog",),), (), ())


def test_a_large_sidecar_of_edits_takes_no_time(tmp_path):
    dabs = "".join(f"<rdf:li>d 0.{i:06d} 0.5</rdf:li>" for i in range(30_000))
    document = xmp(bag("dc:subject", "cat") + f"<xmp:Dabs><rdf:Seq>{dabs}</rdf:Seq></xmp:Dabs>")
    picture, start = make_picture(tmp_path, sidecar=document), time.process_time()
    applied(plan_tags(picture, [FINCH]))
    assert applied(plan_removal(picture)).after == document.encode()
    assert time.process_time() - start < 5
