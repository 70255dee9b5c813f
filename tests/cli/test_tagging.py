import json
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from imagetagger import Tagger, everyday
from imagetagger.bundle.archive import write_zip
from imagetagger.cli.tagging import PICTURES_PER_MODEL, is_bundle
from tests.helpers.bundles import SIZE
from tests.helpers.taught import bundle, folder, pixels, started


def test_without_a_bundle_it_is_the_everyday_one(call, pictures, everyday_bundle):
    code, out, err = call("tag", pictures["blue"])
    assert (code, err) == (0, "")
    assert out == f"{pictures['blue']}: blue 100 %\n"
    assert Tagger.load().tags == Tagger.load(everyday_bundle).tags


def test_a_missing_everyday_bundle_is_a_message(call, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", tmp_path / "gone.zip")
    with pytest.raises(FileNotFoundError, match="the everyday bundle is missing from this installation"):
        Tagger.load()
    for command in (["tag", pictures["blue"]], ["tags"], ["serve"], ["webapp", tmp_path / "site"]):
        code, out, err = call(*command)
        assert (code, out) == (1, "")
        assert f"expected in {tmp_path / 'gone.zip'}: install imagetagger again, or name a bundle of your own" in err


def test_the_first_path_is_the_bundle_if_it_is_one(pictures, tmp_path):
    write_zip(bundle().files, tmp_path / "bundle.zip")
    shutil.copy(tmp_path / "bundle.zip", tmp_path / "renamed")
    shutil.copytree(folder(), tmp_path / "run" / "bundle")
    for path in (folder(), tmp_path / "bundle.zip", tmp_path / "renamed", tmp_path / "run", tmp_path / "gone.zip"):
        assert is_bundle(path), path
    write_zip({"x.txt": b""}, tmp_path / "others")
    for path in (tmp_path, pictures["blue"], tmp_path / "gone", tmp_path / "others"):
        assert not is_bundle(path), path


def test_the_folder_of_a_run_says_where_its_bundle_is(call, pictures, tmp_path):
    shutil.copytree(folder(), tmp_path / "run" / "bundle")
    code, out, err = call("tag", tmp_path / "run", pictures["blue"])
    assert (code, out) == (1, "")
    assert f"its bundle is {tmp_path / 'run' / 'bundle'}" in err


def test_a_bundle_without_pictures_is_a_message(call):
    code, out, err = call("tag", folder())
    assert (code, out) == (1, "")
    assert err == f"got the bundle {folder()} and no pictures: name pictures or folders after it"


def test_folders_are_tagged_in_order_by_several_threads_with_models_of_their_own(call, tmp_path, monkeypatch):
    monkeypatch.setattr("imagetagger.cli.tagging.cpu_count", lambda: 2)
    album = tmp_path / "album"
    album.mkdir()
    names = [f"{i:03}.png" for i in range(3 * PICTURES_PER_MODEL)]
    for i, name in enumerate(names):
        Image.fromarray(pixels(("blue", "red")[i % 2], i, SIZE)).save(album / name)
    made = []
    monkeypatch.setattr(Tagger, "twin", lambda self, twin=Tagger.twin: made.append(twin(self)) or made[-1])
    code, out, err = call("tag", folder(), album)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [str(album / name) for name in names]
    assert all(f": {('blue', 'red')[i % 2]} " in line for i, line in enumerate(lines))
    assert len(made) <= 1
    assert call("tag", folder(), "--json", *(album / name for name in names[:3]))[1].count("\n") == 3


def test_lessons_are_used_without_a_bundle_and_not_with_one(call, pictures, lemons, lessons, everyday_bundle):
    assert call("learn", "--tag", "lemon", lemons)[0] == 0
    assert call("tag", pictures["lemon"])[1].startswith(f"{pictures['lemon']}: lemon ")
    for options in ([folder(), pictures["lemon"]], [pictures["lemon"], "--bundle", everyday_bundle]):
        assert "lemon " not in call("tag", *options)[1]
    assert "lemon " in call("tag", folder(), "--lessons", lessons, pictures["lemon"])[1]


def test_names_of_files_and_of_tags_never_control_the_terminal(call, tmp_path, pictures):
    taught = started()
    odd = tmp_path / "\x1b[2J.png"
    odd.write_bytes(pictures["lemon"].read_bytes())
    (tmp_path / "\x1b]0;bad.png").write_bytes(b"no picture")
    taught.save(tmp_path / "mine.zip")
    options = ("--lessons", tmp_path / "mine.zip", odd, tmp_path / "\x1b]0;bad.png", tmp_path / "\x1bgone.png")
    for more in ([], ["--json"]):
        code, out, err = call("tag", folder(), *more, *options)
        assert code == 1
        assert (out + err).replace("\n", "").isprintable()
        assert len(err.splitlines()) == 2
    assert json.loads(out)["image"] == str(odd)


def test_python_m_runs_the_same_program(pictures):
    command = [sys.executable, "-m", "imagetagger.cli", "tag", str(folder()), str(pictures["blue"])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{pictures['blue']}: blue 100 %\n"), done.stderr
