"""Splicing: whatever a document looks like, what is put in comes out again, and nothing else changes."""

import re
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetagger.archive.keywords import MachineTag, plan_removal, plan_tags, read_keywords
from tests.helpers.sidecars import FINCH, NAMESPACES, applied, make_picture, xmp

FIELDS = ("dc:subject", "lr:hierarchicalSubject", "digiKam:TagsList", "MicrosoftPhoto:LastKeywordXMP")
letters = st.sampled_from(["a", "b", "Ä", "猫", "😀", "&", "<", ">", '"', "'", "]]>", "/", "|", "\\", "-", "1", "{"])
names = st.lists(letters, min_size=1, max_size=6).map("".join)
keywords = st.lists(names, min_size=1, max_size=3).map(tuple)
tags = st.lists(
    st.builds(MachineTag, keywords, st.floats(0, 1), st.sampled_from(["b1", "b2"]), st.just("2026-01-01T00:00:00Z")),
    max_size=4,
)
spaces = st.sampled_from(["", " ", "\n", "\n   ", "\r\n\t", "\n\n  ", "<!-- a comment -->\n "])


@st.composite
def fields(draw: st.DrawFn, name: str) -> str:
    """A field of any form, with white space and comments anywhere."""
    values = [escape(value) for value in draw(st.lists(names, max_size=3))]
    kind, space = draw(st.sampled_from(["rdf:Bag", "rdf:Seq", "text", "nothing", "tag"])), lambda: draw(spaces)
    if kind == "nothing":
        return ""
    if kind == "tag":
        return f"<{name}{draw(st.sampled_from(['', ' ']))}/>"
    if kind == "text":
        return f"<{name}>{''.join(values[:1])}</{name}>"
    if not values and draw(st.booleans()):
        return f"<{name}>{space()}<{kind}/>{space()}</{name}>"
    items = "".join(f"{space()}<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}>{space()}<{kind}>{items}{space()}</{kind}>{space()}</{name}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document with fields of keywords and others, in one resource or several."""
    parts = [draw(fields(name)) for name in FIELDS]
    parts += [
        draw(st.sampled_from(["", "<xmp:Rating>3</xmp:Rating>", "<xmp:A rdf:parseType='Resource'><xmp:B/></xmp:A>"]))
    ]
    between = f'{{}}</rdf:Description>{draw(spaces)}<rdf:Description rdf:about="" '
    between += " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items()) + ">"
    body = "".join(draw(spaces) + part for part in draw(st.permutations(parts)))
    if draw(st.booleans()):
        body = draw(spaces).join([body, between.format(""), draw(spaces)])
    return xmp(body, draw(st.sampled_from(["", 'xmp:Label=">"', "xmp:Label='/>'"])))


def semantic(picture: Path) -> tuple[set, tuple]:
    found = read_keywords(picture)
    return set(found.people), found.withdrawn


@pytest.mark.slow
@settings(max_examples=100)
@given(document=documents(), first=tags, second=tags, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_is_put_in_comes_out_again(document, first, second, encoding, tmp_path_factory):
    picture = make_picture(tmp_path_factory.mktemp("any"), sidecar=document.encode(encoding))
    before, people = picture.with_name("a.jpg.xmp").read_bytes(), semantic(picture)
    for chosen in (first, second):
        change = applied(plan_tags(picture, chosen))
        assert semantic(picture) == people
        assert set(read_keywords(picture).machine) <= set(chosen)
        assert plan_tags(picture, chosen).after == change.after
    after = applied(plan_removal(picture)).after
    assert semantic(picture) == people
    assert without_forms(after, encoding) == without_forms(before, encoding)


def without_forms(data: bytes, encoding: str) -> str:
    """A document in which an empty element is written in one way."""
    return re.sub(r"<([\w:]+) ?></\1>", r"<\1/>", data.decode(encoding)).replace(" />", "/>")


@pytest.mark.parametrize(
    "document",
    [
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="uuid:1&amp;2"/></rdf:RDF>',
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\r\n</r:RDF>',
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><Description>'
        '<s xmlns="http://example.org/"/></Description></RDF>',
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:subject><Bag><li>cat</li></Bag></dc:subject></Description></RDF>",
        xmp("<dc:subject>cat</dc:subject>"),
        xmp("<dc:subject/>"),
        xmp("<dc:subject><rdf:Bag/></dc:subject>"),
        xmp("<dc:subject><rdf:Bag />\n</dc:subject>"),
        xmp("<dc:subject>  <rdf:Bag>\n </rdf:Bag></dc:subject>"),
        xmp("", 'dc:subject="cat"'),
        xmp("<dc:subject rdf:parseType='Resource'><xmp:x>1</xmp:x></dc:subject>"),
        "<?xml version='1.0' encoding='ISO-8859-1'?>" + xmp("<dc:subject>cat</dc:subject>"),
        xmp("<dc:subject>cat</dc:subject>").replace("\n", "\r\n"),
        xmp("<dc:subject>cat</dc:subject>") + "\n" + (" " * 99 + "\n") * 20 + '<?xpacket end="w"?>',
        xmp("<dc:subject>cat</dc:subject>").replace("<x:xmpmeta", "<!-- ä --><x:xmpmeta"),
    ],
)
def test_odd_documents_are_byte_for_byte_as_before(document, tmp_path):
    data = document.encode("latin-1" if "8859" in document else "utf-8")
    picture = make_picture(tmp_path, sidecar=data)
    people = read_keywords(picture).people
    cjk = FINCH._replace(keyword=("動物", "Zoë", "😀"))
    change = applied(plan_tags(picture, [FINCH, cjk]))
    assert read_keywords(picture) == (people, (FINCH, cjk), ())
    assert b"\n" not in change.after.replace(b"\r\n", b"") or b"\r\n" not in data
    assert applied(plan_removal(picture)).after == data


def test_a_self_closing_rdf_is_opened(tmp_path):
    document = '<x><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x>'
    picture = make_picture(tmp_path, sidecar=document)
    applied(plan_tags(picture, [FINCH]))
    assert read_keywords(picture).machine == (FINCH,)
    assert applied(plan_removal(picture)).after.decode() == document.replace("/></x>", "></rdf:RDF></x>")
