"""Camera raw files in an archive: by the previews in them, when they are asked for."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from imagetagger.archive.keywords import read_keywords
from tests.helpers.bundles import SIZE
from tests.helpers.pictures import encode
from tests.helpers.raws import Preview, make_dng
from tests.helpers.taught import pixels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("everyday_bundle")]


@pytest.fixture
def library(tmp_path) -> Path:
    """A PNG, two raw files, a third beside its JPEG, and a fourth that was cut off."""
    root = tmp_path / "library"
    root.mkdir()
    Image.fromarray(pixels("blue", 0, SIZE)).save(root / "a.png")
    jpegs = [encode(Image.fromarray(pixels("blue", seed, SIZE)), "JPEG", quality=95) for seed in range(1, 5)]
    raws = [make_dng(Preview(jpeg, SIZE, SIZE)) for jpeg in jpegs]
    for name, data in zip(("b.dng", "c.NEF", "d.CR2", "e.arw"), raws, strict=True):
        (root / name).write_bytes(data)
    (root / "d.jpg").write_bytes(jpegs[2])
    (root / "e.arw").write_bytes(raws[3][:-100])
    return root


def test_raw_files_are_mentioned_and_their_previews_used_on_demand(call, library):
    code, out, err = call("archive", "scan", library)
    assert (code, out) == (0, "2 new, 0 changed, 0 moved, 0 unchanged, 0 gone; 2 embedded\n")
    assert err == "3 camera raw files left out: --raw uses the previews in them\n"

    code, out, err = call("archive", "scan", "--raw", "--json", library)
    report = json.loads(out)
    assert (code, report["new"], report["embedded"], report["raw_previews"]) == (1, 3, 2, 2)
    assert [Path(line.split(": ")[0]).name for line in report["problems"]] == ["e.arw"]
    assert "cut off or damaged" in report["problems"][0]
    assert "2 camera raw files used by the previews in them\n" in err


def test_raw_files_get_the_tags_of_their_previews_and_lose_them_again(call, library):
    before = {path: path.read_bytes() for path in library.iterdir()}
    code, _, err = call("archive", "tag", "--raw", "--precision", "0.02", library)
    assert code == 1
    assert "e.arw: a camera raw file whose JPEG preview" in err
    tags = {path.name: [tag.keyword for tag in read_keywords(path).machine] for path in before}
    assert [name for name, own in tags.items() if ("blue",) in own] == [
        path.name for path in before if path.name in ("a.png", "b.dng", "c.NEF", "d.jpg")
    ]
    assert {path: path.read_bytes() for path in before} == before
    assert call("archive", "remove", "--state", library.parent / "other.sqlite", library)[0] == 0
    assert {path: path.read_bytes() for path in library.iterdir()} == before


def test_without_the_extra_nothing_is_scanned_and_the_error_names_it(call, library, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    code, out, err = call("archive", "scan", "--raw", library)
    assert (code, out) == (1, "")
    assert "pip install 'imagetagger[raw]'" in err
    assert call("archive", "scan", library)[1].startswith("2 new")
