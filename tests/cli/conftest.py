from pathlib import Path

import pytest
from PIL import Image

from imagetagger import cli, everyday
from imagetagger.bundle.archive import write_zip
from tests.helpers.bundles import SIZE
from tests.helpers.taught import CRIMSON, YELLOW, bundle, pixels


@pytest.fixture
def pictures(tmp_path) -> dict[str, Path]:
    """Picture files by tag."""
    paths = {}
    for name, colour in {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}.items():
        paths[name] = tmp_path / f"{name}.png"
        Image.fromarray(pixels(colour, 5, SIZE)).save(paths[name])
    return paths


@pytest.fixture
def lemons(tmp_path) -> Path:
    """A folder of yellow pictures, which no tag fits."""
    folder = tmp_path / "lemons"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(pixels(YELLOW, seed, SIZE)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def call(capsys):
    """A function that runs the console script and returns its exit code, stdout and stderr."""

    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        code = stopped.value.code
        return (1, out, err + code) if isinstance(code, str) else (int(code or 0), out, err)

    return run


@pytest.fixture
def everyday_bundle(tmp_path, monkeypatch) -> Path:
    """A small bundle in place of the one that comes with the package, and an empty data folder of the user."""
    path = tmp_path / "everyday.zip"
    write_zip(bundle().files, path)
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", path)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    return path


@pytest.fixture
def lessons(everyday_bundle, tmp_path) -> Path:
    """Where the user's lessons are kept; nothing is there yet."""
    return tmp_path / "data" / "lessons.zip"
