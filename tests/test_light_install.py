"""What `pip install imagetagger` brings is enough to tag, teach and serve: in an environment that has only that."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

from imagetagger.bundle.archive import write_zip
from tests.helpers.built_app import FILES, built_app
from tests.helpers.bundles import bundle_files
from tests.helpers.pictures import encode
from tests.helpers.taught import YELLOW, bundle, pixels

ROOT = Path(__file__).parents[1]
MEGABYTES = 200
"""What an installation may take at most, this package included."""

EVERYDAY_BYTES = 25e6
"""Room for this package: its wheel takes no more."""

START = """
import socket, sys
sys.path[:0] = [{packages!r}]
def offline(*arguments): raise AssertionError(f"the network was asked for: {{arguments}}")
socket.socket.connect = offline
from pathlib import Path
from imagetagger import everyday
everyday.EVERYDAY_BUNDLE = Path({bundle!r})
"""
"""Of every program here: no site-packages but the given, no network, a small bundle in place of the everyday one."""


def light_distributions() -> dict[str, list[Path]]:
    """Files, relative to site-packages, of each package that a light install brings."""
    waiting = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found: dict[str, list[Path]] = {}
    while waiting:
        needed = Requirement(waiting.pop())
        if needed.name in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        package = distribution(needed.name)
        found[needed.name] = [file for file in package.files if ".." not in file.parts]
        waiting += package.requires or []
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A folder with these packages alone, and this one."""
    folder = tmp_path_factory.mktemp("light") / "packages"
    for name, files in light_distributions().items():
        for file in files:
            source, target = Path(distribution(name).locate_file(file)), folder / file
            if source.exists():  # not all of a RECORD is
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
    (folder / "imagetagger").symlink_to(ROOT / "imagetagger")
    return folder


@pytest.fixture
def light(packages, tmp_path):
    """A function that runs code in the light environment; returns the finished process."""
    write_zip(bundle().files, tmp_path / "everyday.zip")
    for name, colour in (("blue", "blue"), ("lemon", YELLOW)):
        (tmp_path / f"{name}.png").write_bytes(encode(Image.fromarray(pixels(colour, 5))))

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        start = START.format(packages=str(packages), bundle=str(tmp_path / "everyday.zip"))
        command = [sys.executable, "-I", "-S", "-W", "error", "-c", start + code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return run


@pytest.fixture
def imagetagger(light, tmp_path, monkeypatch):
    """A function that runs the console script in the light environment; returns what it prints."""
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))

    def run(*arguments: str) -> str:
        done = light("from imagetagger.cli import main; main()", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run


def test_the_command_line_tags_verifies_and_teaches(imagetagger, tmp_path):
    assert imagetagger("tag", "blue.png") == "blue.png: blue 100 %\n"
    assert "new tag lemon" in imagetagger("learn", "--tag", "lemon", "lemon.png")
    assert "lemon  (1 taught)" in imagetagger("tags", "list")
    assert json.loads(imagetagger("tag", "--json", "lemon.png"))["tags"][0]["name"] == "lemon"
    assert imagetagger("undo") == "undone: learned lemon from 1 picture\n"
    assert "everyday" in imagetagger("--help")
    write_zip(bundle_files(), tmp_path / "bundle.zip")
    assert imagetagger("verify", "bundle.zip").endswith("bundle.zip: sound.\n")
    assert "of embeddings, activations, models and ids" in imagetagger("cache")


PYTHON = """
from imagetagger import Tagger
tagger = Tagger.load()
lemon = tagger.add_tag("lemon")
tagger.learn("lemon.png", [lemon])
tagger.save("lessons.zip")
print(Tagger.load(lessons="lessons.zip").tag("lemon.png")[0].name)
heavy = {"jax", "tensorflow", "hydra", "scipy", "sklearn", "matplotlib", "onnxruntime"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_a_tagger_in_python_needs_no_more(light):
    done = light(PYTHON)
    assert (done.returncode, done.stdout) == (0, "lemon\n"), done.stderr


SITE = """
from imagetagger.bundle.reader import read_bundle
from imagetagger.web.server import Server, greeting
from imagetagger.web.site import write_site
files = write_site(read_bundle(everyday.EVERYDAY_BUNDLE), Path("site"), Path(sys.argv[1]))
print(len(files), greeting(Server("127.0.0.1", 0, files, None)))
"""


def test_the_app_is_served(light, tmp_path):
    done = light(SITE, str(built_app(tmp_path / "app")))
    assert done.returncode == 0, done.stderr
    assert "The app is at http://127.0.0.1:" in done.stdout
    assert {path.name for path in (tmp_path / "site").iterdir()} >= {Path(name).parts[0] for name in FILES}


HINT = "is not installed, which experiments need: pip install 'imagetagger[experiments]'\n"


@pytest.mark.parametrize(
    "program",
    [
        "from imagetagger.cli import main; sys.argv[1:] = ['run', '+experiment=quickstart']; main()",
        "from imagetagger.cli import main; sys.argv[1:] = ['report', 'outputs']; main()",
        "import runpy; runpy.run_module('imagetagger.run', run_name='__main__')",
    ],
    ids=["run", "report", "python -m"],
)
def test_what_is_left_out_says_in_one_line_what_to_install(light, program):
    done = light(program)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(HINT)
    assert done.stderr.count("\n") == 1


def test_an_installation_is_small():
    sizes = {}
    for name, files in light_distributions().items():
        paths = [Path(distribution(name).locate_file(file)) for file in files]
        sizes[name] = sum(path.stat().st_size for path in paths if path.exists())
    print({name: f"{size / 1e6:.1f} MB" for name, size in sizes.items()})
    assert set(sizes) >= {"numpy", "ai-edge-litert", "filelock"}
    assert sum(sizes.values()) + EVERYDAY_BYTES < MEGABYTES * 1e6
