"""What a tagger touches, whatever it is fed: no other program, no network, no file outside the folders it was given."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imagetagger.bundle.archive import write_folder
from tests.helpers.cases import CASES
from tests.helpers.pictures import picture
from tests.helpers.taught import bundle, files, tagger

ROOT = Path(__file__).parents[2]
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\nshowpage\n"


def audit(folder: Path, *commands: list[str]) -> list[str]:
    """Run commands of `imagetagger`; what they did that they may not."""
    (folder / "commands.json").write_text(json.dumps(commands))
    program = [sys.executable, "-X", "utf8", "tests/helpers/audited.py", str(folder), str(folder / "commands.json")]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IMAGETAGGER_DATA": str(folder / "data"),
        "IMAGETAGGER_CACHE": str(folder / "cache"),
    }
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def given(tmp_path) -> Path:
    """A folder with all cases, a bundle, and lessons in which a crop is a program."""
    shutil.copytree(CASES, tmp_path / "cases", symlinks=True)
    write_folder(bundle().files, tmp_path / "bundle")
    taught = tagger()
    taught.learn(picture("red", 3), ["red"])
    taught.save(tmp_path / "lessons.zip")
    with zipfile.ZipFile(tmp_path / "lessons.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    space = json.loads(files()["manifest.json"])["embedding_space"]
    with zipfile.ZipFile(tmp_path / "cases" / "program.zip", "w") as archive:
        for name, data in members.items():
            other = EPS if name.endswith(".png") else data.replace(space.encode(), b"f" * 64)
            archive.writestr(name, other)
    return tmp_path


def test_commands_touch_nothing_but_what_they_are_given(given):
    cases = given / "cases"
    paths = sorted(str(path) for path in cases.rglob("*") if path.is_file() or path.is_symlink())
    archives = [path for path in paths if path.endswith(".zip")]
    assert len(paths) > 100
    assert len(archives) > 2
    bundled = str(given / "bundle")
    found = audit(
        given,
        ["tag", "--bundle", bundled, *paths],
        ["tag", "--json", "--bundle", bundled, str(cases)],
        ["verify", bundled],
        *(["verify", path] for path in (*archives, str(cases))),
        *(["load", bundled, path] for path in archives),
        *(["load", path] for path in archives),
        *(["tag", "--bundle", bundled, "--lessons", path, *paths[:3]] for path in archives),
    )
    assert found == []


def test_the_audit_would_see_it(given):
    outside = given.parent / f"{given.name}-outside.jpg"
    outside.write_bytes(picture("red", 1))
    found = audit(given, ["tag", "--bundle", str(given / "bundle"), str(outside)])
    assert any(str(outside) in line for line in found), found


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import os; os.system('true')", "os.system"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("from pathlib import Path; Path('{outside}').write_text('x')", "open"),
        ("from pathlib import Path; Path('{folder}/commands.json').rename('{outside}')", "os.rename"),
        ("import threading; t = threading.Thread(target=lambda: open('{outside}')); t.start(); t.join()", "open"),
    ],
)
def test_the_audit_would_see_other_mischief(code, event, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    found = audit(tmp_path, ["misbehave", code.format(outside=outside, folder=tmp_path)])
    assert any(line.startswith(event) for line in found), found
