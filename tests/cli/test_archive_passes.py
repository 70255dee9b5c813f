"""A second pass of `archive tag` does nothing if nothing has changed; any change brings the full pass."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from imagetagger import everyday
from imagetagger.archive import predicting, unchanged, writing
from imagetagger.archive.catalogue.database import open_catalogue, transaction
from imagetagger.archive.catalogue.learned import store_learned
from imagetagger.archive.catalogue.written import record_withdrawn, record_written
from imagetagger.archive.embedding.embed import archive_space
from imagetagger.archive.keywords import MachineTag, read_keywords
from imagetagger.bundle.archive import write_zip
from imagetagger.bundle.reader import read_bundle
from imagetagger.cli import archive_passes
from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.sidecars import bag, xmp
from tests.helpers.taught import CRIMSON, YELLOW, bundle, folder, pixels

KINDS = {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}
NUMBERS = 3
OPTIONS = ("--everyday", "--precision", "0.02")
"""Of which something is written beside each picture."""

pytestmark = pytest.mark.slow


class Library(NamedTuple):
    """A library, and its catalogue."""

    root: Path
    state: Path

    def picture(self, name: str = "blue0") -> Path:
        return self.root / name[-1] / f"{name}.png"

    def sidecar(self, name: str = "blue0") -> Path:
        return self.root / name[-1] / f"{name}.png.xmp"


@pytest.fixture(scope="module")
def bundle_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "everyday.zip"
    write_zip(bundle(*WHITENED).files, path)
    return path


@pytest.fixture(autouse=True)
def everyday_tagger(bundle_file, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", bundle_file)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))


def make_library(root: Path) -> None:
    for number in range(NUMBERS):
        for kind, colour in KINDS.items():
            picture = root / f"{number}" / f"{kind}{number}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels(colour, number, SIZE)).save(picture)


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory, bundle_file):
    """A catalogue with the embeddings of the pictures, which are known by content: no test computes them again."""
    path = tmp_path_factory.mktemp("embedded")
    make_library(path / "library")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(everyday, "EVERYDAY_BUNDLE", bundle_file)
        patch.setenv("IMAGETAGGER_DATA", str(path / "data"))
        from imagetagger import cli

        with pytest.raises(SystemExit) as stopped:
            cli.main(["archive", "scan", "--state", str(path / "archive.sqlite"), str(path / "library")])
        assert stopped.value.code == 0
    return path / "archive.sqlite"


@pytest.fixture
def library(tmp_path, embeddings) -> Library:
    made = Library(tmp_path / "library", tmp_path / "archive.sqlite")
    make_library(made.root)
    shutil.copy(embeddings, made.state)
    return made


@pytest.fixture
def tag(call, library) -> Callable[..., dict]:
    """A function that tags the library and returns what was printed; it must have no problem."""

    def run(*options: str, code: int = 0) -> dict:
        found, out, err = call("archive", "tag", "--json", "--state", library.state, *options, library.root)
        assert found == code, err
        return json.loads(out)

    return run


@pytest.fixture
def tagged(tag, library) -> Library:
    """A library that was tagged, so that nothing is left to do."""
    first = tag(*OPTIONS)
    assert (first["unchanged"], first["sidecars"]) == (False, len(KINDS) * NUMBERS)
    second = tag(*OPTIONS)
    assert second == first | {"unchanged": True, "sidecars": 0}
    return library


def space(bundle_file: Path, *, exact: bool = False) -> str:
    return archive_space(read_bundle(bundle_file).manifest, exact=exact)


def rewrite(path: Path, data: bytes, *, new_file: bool = False) -> None:
    """Write a file of the same size, with its old modification time."""
    before = path.stat()
    assert before.st_size == len(data)
    if new_file:
        path.with_name("new").write_bytes(data)
        path.with_name("new").replace(path)
    else:
        path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def edit_sidecar(library: Library) -> None:
    library.sidecar().write_text(xmp(bag("dc:subject", "a person's")), "utf-8")


def edit_sidecar_unseen(library: Library) -> None:
    data = library.sidecar().read_bytes()
    rewrite(library.sidecar(), data.replace(b'xmptk="imagetagger"', b'xmptk="imagetaggex"'))


def add_sidecar(library: Library) -> None:
    library.picture().with_suffix(".xmp").write_text(xmp(bag("dc:subject", "a person's")), "utf-8")


def delete_sidecar(library: Library) -> None:
    library.sidecar().unlink()


def touch_picture(library: Library) -> None:
    os.utime(library.picture(), ns=(0, 0))


def edit_picture_unseen(library: Library) -> None:
    rewrite(library.picture(), library.picture().read_bytes())


def replace_picture_unseen(library: Library) -> None:
    rewrite(library.picture(), library.picture().read_bytes(), new_file=True)


def add_picture(library: Library) -> None:
    shutil.copy(library.picture(), library.root / "copy.png")


def delete_picture(library: Library) -> None:
    library.picture().unlink()


def move_picture(library: Library) -> None:
    library.picture().rename(library.root / "blue.png")


def withdraw(library: Library) -> None:
    with open_catalogue(library.state) as catalogue:
        keyword = next(tag.keyword for tag in read_keywords(library.picture()).machine)
        record_withdrawn(catalogue, library.picture(), [keyword], "2026-01-01T00:00:00+00:00")


def learn(library: Library) -> None:
    with open_catalogue(library.state) as catalogue:
        store_learned(catalogue, space(everyday.EVERYDAY_BUNDLE), b"new", "2026-01-01T00:00:00+00:00")


def teach(library: Library) -> None:
    from imagetagger.tagger.tagger import Tagger

    tagger = Tagger.load()
    tagger.add_tag("user's own")
    (library.state.parent / "data").mkdir(exist_ok=True)
    tagger.save(library.state.parent / "data" / "lessons.zip")


FILES = (
    edit_sidecar,
    edit_sidecar_unseen,
    add_sidecar,
    delete_sidecar,
    touch_picture,
    edit_picture_unseen,
    replace_picture_unseen,
)
CATALOGUE = (withdraw, learn)
PICTURES = (add_picture, delete_picture, move_picture)


@pytest.mark.parametrize("change", [*FILES, *CATALOGUE, *PICTURES, teach])
def test_a_change_of_a_file_or_of_what_is_known_brings_the_full_pass(tag, tagged, change):
    change(tagged)
    assert not tag(*OPTIONS)["unchanged"]
    assert tag(*OPTIONS)["unchanged"]


@pytest.mark.parametrize(
    "option", [("--precision", "0.03"), ("--under", "auto"), ("--sidecar", "adobe"), ("--all",), ("--exact",)]
)
def test_another_option_brings_the_full_pass(tag, tagged, option):
    assert not tag(*OPTIONS, *option)["unchanged"]
    assert tag(*OPTIONS, *option)["unchanged"]


def test_without_everyday_the_full_pass_is_made(tag, tagged):
    assert not tag(*OPTIONS[1:])["unchanged"]


def test_another_bundle_brings_the_full_pass(tag, tagged):
    assert not tag(*OPTIONS, "--bundle", str(folder()))["unchanged"]


@pytest.mark.parametrize(("name", "value"), [("TAGGING_VERSION", -1), ("installed_version", lambda package: "0.0.0")])
def test_another_version_brings_the_full_pass(tag, tagged, monkeypatch, name, value):
    monkeypatch.setattr(unchanged, name, value)
    assert not tag(*OPTIONS)["unchanged"]


def test_other_folders_have_passes_of_their_own(call, tag, tagged):
    run = ("archive", "tag", *OPTIONS, "--state", tagged.state, tagged.root / "0")
    assert "changed\n" in call(*run)[1]
    assert call(*run)[1] == "nothing changed since the last tagging: 3 pictures\n"
    assert tag(*OPTIONS)["unchanged"]


@pytest.mark.parametrize("change", [*FILES, *CATALOGUE, add_picture])
def test_what_changes_while_pictures_are_predicted_is_seen_by_the_next_pass(tag, tagged, monkeypatch, change):
    predict = predicting.predict_pictures

    def meanwhile(*arguments):
        change(tagged)
        return predict(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(predicting, "predict_pictures", meanwhile)
        assert not tag(*OPTIONS, "--all")["unchanged"]
    assert not tag(*OPTIONS, "--all")["unchanged"]
    assert tag(*OPTIONS, "--all")["unchanged"]


def test_what_a_person_writes_into_a_sidecar_before_ours_is_seen_by_the_next_pass(tag, library, monkeypatch):
    plan = writing.plan_tags

    def meanwhile(picture: Path, **arguments):
        if picture == library.picture():
            edit_sidecar(library)
        return plan(picture, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "plan_tags", meanwhile)
        assert not tag(*OPTIONS)["unchanged"]
    assert len(read_keywords(library.picture()).machine) > 0
    assert not tag(*OPTIONS)["unchanged"]
    assert tag(*OPTIONS)["unchanged"]


def test_what_a_person_writes_into_a_sidecar_after_ours_is_seen_by_the_next_pass(tag, library, monkeypatch):
    store = archive_passes.store_tagged

    def meanwhile(*arguments):
        edit_sidecar(library)
        return store(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("imagetagger.cli.archive_tags.store_tagged", meanwhile)
        tag(*OPTIONS)
    assert not tag(*OPTIONS)["unchanged"]


def test_a_dry_run_does_nothing_for_the_next_pass(tag, library):
    for _ in range(2):
        assert not tag("--dry-run", *OPTIONS)["unchanged"]
    tag(*OPTIONS)
    assert tag("--dry-run", *OPTIONS)["unchanged"]


def test_a_pass_with_a_problem_is_made_again(tag, tagged):
    tagged.sidecar().write_text("<broken", "utf-8")
    for _ in range(2):
        found = tag(*OPTIONS, code=1)
        assert not found["unchanged"]
        assert "blue0.png" in found["problems"][0]


def test_removing_the_tags_brings_the_full_pass(call, tag, tagged):
    assert call("archive", "remove", "--state", tagged.state, tagged.root)[:2] == (0, "9 sidecars changed\n")
    assert tag(*OPTIONS)["sidecars"] == 9


def test_tags_that_a_killed_process_wrote_and_did_not_remember_are_remembered(call, tag, library):
    tag(*OPTIONS)
    with open_catalogue(library.state) as catalogue:
        with transaction(catalogue) as connection:
            written = connection.execute("SELECT * FROM written ORDER BY path, keyword").fetchall()
            connection.execute("DELETE FROM written")
        connection.execute("DELETE FROM taggings")
    assert tag(*OPTIONS)["sidecars"] == 0
    with open_catalogue(library.state) as catalogue:
        found = catalogue.connection.execute("SELECT * FROM written ORDER BY path, keyword").fetchall()
    assert found == written


def test_tags_that_a_killed_process_removed_and_did_not_forget_are_forgotten(call, library):
    with open_catalogue(library.state) as catalogue:
        record_written(catalogue, library.picture(), [MachineTag(("blue",), 0.9, "b1", "2026-01-01T00:00:00+00:00")])
    assert call("archive", "remove", "--state", library.state, library.root)[:2] == (0, "0 sidecars changed\n")
    with open_catalogue(library.state) as catalogue:
        assert catalogue.connection.execute("SELECT count(*) FROM written").fetchone() == (0,)
