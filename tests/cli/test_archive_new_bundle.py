"""Tagging again with a new bundle: its changes are shown first, and what people decided stays."""

import json
from pathlib import Path

import pytest
from PIL import Image

from imagetagger.archive.keywords import read_keywords
from imagetagger.bundle.archive import write_zip
from imagetagger.bundle.reader import read_bundle
from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.sealing import reseal
from tests.helpers.sidecars import bag, xmp
from tests.helpers.taught import CRIMSON, YELLOW, files, pixels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("everyday_bundle")]


@pytest.fixture
def old(tmp_path) -> Path:
    """A bundle that calls blue pictures azure."""
    labels = json.loads(files()["labels.json"])
    labels[0]["name"] = "azure"
    write_zip(reseal(files(), {"labels.json": json.dumps(labels).encode()}), tmp_path / "old.zip")
    return tmp_path / "old.zip"


@pytest.fixture
def new(tmp_path) -> Path:
    write_zip(files(), tmp_path / "new.zip")
    return tmp_path / "new.zip"


@pytest.fixture
def library(tmp_path) -> Path:
    root = tmp_path / "library"
    root.mkdir()
    for number in range(4):
        Image.fromarray(pixels("blue", number, SIZE)).save(root / f"{number}.png")
    return root


def sidecar(picture: Path) -> Path:
    return picture.with_name(f"{picture.name}.xmp")


def machine(picture: Path) -> set[str]:
    return {tag.keyword[-1] for tag in read_keywords(picture).machine}


def test_a_new_bundle_shows_what_changes_and_keeps_what_people_decided(call, library, old, new):
    untouched, moved, deleted, own = (library / f"{number}.png" for number in range(4))
    sidecar(own).write_text(xmp(bag("digiKam:TagsList", "holiday", kind="Seq")), "utf-8")
    assert call("archive", "tag", "--precision", "0.02", "--bundle", old, library)[0] == 0
    assert all("azure" in machine(picture) for picture in (untouched, moved, deleted, own))

    text = sidecar(moved).read_text("utf-8")
    sidecar(moved).write_text(text.replace("<rdf:li>azure</rdf:li>", "<rdf:li>colour/azure</rdf:li>"), "utf-8")
    lines = sidecar(deleted).read_text("utf-8").splitlines(keepends=True)
    sidecar(deleted).write_text("".join(line for line in lines if line.strip() != "<rdf:li>azure</rdf:li>"), "utf-8")
    assert "azure" not in machine(moved) | machine(deleted)
    people = {picture: read_keywords(picture).people for picture in library.glob("*.png")}
    assert people[moved]
    assert people[own] == (("holiday",),)
    before = {path: path.read_bytes() for path in library.iterdir()}

    options = ("--precision", "0.02", "--bundle", new)
    code, out, _ = call("archive", "tag", "--dry-run", *options, library)
    assert code == 0
    assert "-     <rdf:li>azure</rdf:li>" in out
    assert "+     <rdf:li>blue</rdf:li>" in out
    assert out.endswith("4 sidecars would change (--dry-run: nothing was written)\n")
    assert {path: path.read_bytes() for path in library.iterdir()} == before

    assert call("archive", "tag", *options, library)[1].endswith("4 sidecars changed\n")
    digest = read_bundle(new).manifest.digest
    for picture in library.glob("*.png"):
        keywords = read_keywords(picture)
        assert "blue" in machine(picture)
        assert "azure" not in machine(picture)
        assert keywords.people == people[picture]
        assert {tag.bundle for tag in keywords.machine} == {digest}
    assert [tag.keyword for tag in read_keywords(deleted).withdrawn] == [("azure",)]
    assert call("archive", "tag", *options, library)[1] == "nothing changed since the last tagging: 4 pictures\n"

    call("archive", "tag", "--precision", "0.02", "--bundle", old, library)
    assert "azure" in machine(untouched)
    assert "azure" not in machine(deleted)
    assert read_keywords(moved).people == people[moved]


def test_tags_that_were_learned_with_another_bundle_are_refused(call, library, tmp_path):
    for colour in (CRIMSON, YELLOW):
        for number in range(3):
            picture = library / f"{colour[0]}-{number}.png"
            Image.fromarray(pixels(colour, number, SIZE)).save(picture)
            sidecar(picture).write_text(xmp(bag("digiKam:TagsList", str(colour[0]), kind="Seq")), "utf-8")
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    write_zip(files(*WHITENED), first)
    write_zip(reseal(files(*WHITENED), edit=lambda manifest: manifest.update(name="another")), second)
    assert call("archive", "learn", "--bundle", first, library)[0] == 0
    assert call("archive", "tag", "--bundle", first, library)[0] == 0
    code, _, err = call("archive", "tag", "--bundle", second, library)
    assert code == 1
    assert "learned with another bundle" in err
    assert call("archive", "tag", "--bundle", second, "--everyday", library)[0] == 0
