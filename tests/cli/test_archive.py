import json
from pathlib import Path

import pytest
from PIL import Image

from imagetagger import everyday
from imagetagger.archive.keywords import read_keywords
from imagetagger.bundle.archive import write_zip
from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.sidecars import bag, xmp
from tests.helpers.taught import CRIMSON, YELLOW, bundle, folder, pixels

KINDS = {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}
LABELLED, REST = 24, 6

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def everyday_tagger(tmp_path, monkeypatch) -> None:
    """A small bundle with a background in place of the one that comes with the package, and an empty data folder."""
    path = tmp_path / "everyday.zip"
    write_zip(bundle(*WHITENED).files, path)
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", path)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))


@pytest.fixture
def library(tmp_path) -> Path:
    """Pictures of three kinds, of which most have a tag by a person, below another."""
    root = tmp_path / "library"
    for number in range(LABELLED + REST):
        for kind, colour in KINDS.items():
            picture = root / f"{number % 4}" / f"{kind}{number}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels(colour, number, SIZE)).save(picture)
            if number < LABELLED:
                picture.with_name(f"{picture.name}.xmp").write_text(
                    xmp(bag("digiKam:TagsList", f"colour/{kind}", kind="Seq")), "utf-8"
                )
    return root


@pytest.fixture
def archive(call, library):
    """A function that runs an action on the library."""

    def run(action: str, *options: str) -> str:
        code, out, err = call("archive", action, *options, library)
        assert (code, err) == (0, "")
        return out

    return run


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_library_is_learned_from_and_the_rest_of_it_tagged(archive, library, call):
    before = contents(library)
    assert archive("scan") == "90 new, 0 changed, 0 moved, 0 unchanged, 0 gone; 90 embedded\n"
    learned = json.loads(archive("learn", "--json"))
    assert learned["pictures"] == 3 * LABELLED
    assert {tuple(tag["keyword"]): tag["pictures"] for tag in learned["tags"]} == {
        ("colour", kind): LABELLED for kind in KINDS
    }
    assert all(tag["promise"]["threshold"] is not None for tag in learned["tags"])

    planned = archive("tag", "--dry-run")
    assert "+     <rdf:li>colour/lemon</rdf:li>" in planned
    assert contents(library) == before

    written = json.loads(archive("tag", "--json"))["sidecars"]
    assert 0.8 * 3 * REST < written <= 3 * REST
    assert f"{written} sidecars would change" in planned
    tags = {path.stem: read_keywords(path).machine for path in library.rglob("*.png")}
    assert sum(map(len, tags.values())) == written
    assert all(tag.keyword[-1] == name.rstrip("0123456789") for name, own in tags.items() for tag in own)
    assert {path: data for path, data in contents(library).items() if path in before} == before
    assert archive("tag") == "nothing changed since the last tagging: 90 pictures\n"
    assert json.loads(archive("status", "--json"))["written"] == written

    assert archive("remove") == f"{written} sidecars changed\n"
    assert contents(library) == before
    assert json.loads(archive("status", "--json"))["written"] == 0


def test_a_tag_that_a_person_deletes_is_not_written_again(archive, library):
    archive("learn")
    archive("tag", "--under", "auto")
    picture = library / f"{LABELLED % 4}" / f"lemon{LABELLED}.png"
    sidecar = picture.with_name(f"{picture.name}.xmp")
    lines = sidecar.read_text("utf-8").splitlines(keepends=True)
    values = ("<rdf:li>lemon</rdf:li>", "lemon</rdf:li>")
    kept = [line for line in lines if "imagetagger" in line or '"keyword"' in line or not line.strip().endswith(values)]
    assert len(lines) - len(kept) == 4  # one in each field
    sidecar.write_text("".join(kept), "utf-8")
    archive("tag", "--under", "auto")
    keywords = read_keywords(picture)
    assert (keywords.people, keywords.machine) == ((), ())
    assert [tag.keyword for tag in keywords.withdrawn] == [("auto", "colour", "lemon")]
    assert json.loads(archive("status", "--json"))["withdrawn"] == 1


def test_without_people_s_tags_the_tagger_s_own_are_written(archive, library, call):
    for sidecar in library.rglob("*.xmp"):
        sidecar.unlink()
    out = archive("tag", "--precision", "0.02", "--json")
    assert "nobody has checked" in json.loads(out)["summary"]
    tagged = [read_keywords(path) for path in library.rglob("blue*.png")]
    assert all(("blue",) in [tag.keyword for tag in keywords.machine] for keywords in tagged)
    code, out, err = call("archive", "learn", library)
    assert (code, out) == (1, "")
    assert "no tag with enough pictures" in err


def test_a_bundle_without_a_background_learns_nothing(call, library):
    code, _, err = call("archive", "learn", "--bundle", folder(), library)
    assert code == 1
    assert "classifier=whitened" in err


def test_mistakes_are_messages(call, tmp_path, library):
    assert "expected a folder" in call("archive", "scan", tmp_path / "missing")[2]
    assert "begin with `imagetagger archive scan DIR`" in call("archive", "status")[2]
    (tmp_path / "state").write_bytes(b"no database" * 1000)
    assert "is damaged, or no database" in call("archive", "scan", "--state", tmp_path / "state", library)[2]
    call("archive", "learn", library)
    code, _, err = call("archive", "tag", "--precision", "0.9", library)
    assert code == 1
    assert "archive learn --precision 0.9" in err


def test_a_broken_picture_and_a_broken_sidecar_are_reported_and_left(call, library):
    picture = library / "0" / "blue0.png"
    sidecar = picture.with_name("blue0.png.xmp")
    sidecar.write_text("<x:xmpmeta", "utf-8")
    (library / "broken.png").write_bytes((library / "1" / "blue1.png").read_bytes()[:200])
    code, _, err = call("archive", "tag", "--everyday", library)
    assert code == 1
    assert "broken.png: " in err
    assert "blue0.png" in err
    assert sidecar.read_text("utf-8") == "<x:xmpmeta"
