import math
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from app import BUILT, free_port, served
from bundles import WHITENED, bundle_files
from hydra import compose, initialize_config_dir
from pictures import colour_folder, noisy, tiny_imagenet_zip
from sweeps import leave

from imagetagger import cli, config
from imagetagger.bundle import archive
from imagetagger.run import CONFIGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "experiments").glob("*.md"))]
RUN = "python -m imagetagger.run "
SHRUNK = [
    "backbone.name=mobilenet_v2",
    "backbone.weights=random",
    "backbone.width=0.35",
    "backbone.resolution=32",
    "data.synthetic_per_class=6",
    "evaluate.bootstrap=20",
    "evaluate.examples=2",
    "embed.measure_raw_rate=false",
    "export.calibration_pictures=4",
    "export.min_cosine=-1",
    "export.max_top1_loss=100",
    "export.onnx=false",
]


JOBS = {"+experiment=threshold_sweep": 4}
"""Of an experiment, by axes that its command does not name."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """The commands of a page, those that go on after a backslash in one piece."""
    joined = "\n".join(blocks(text, "bash")).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]


def overrides(command: str) -> list[str]:
    return [word for word in shlex.split(command.removeprefix(RUN)) if word != "-m"]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_command_on_a_page_composes(page):
    runs = [command for command in commands(page.read_text()) if RUN in command]
    assert runs or page.name != "README.md"
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        for command in runs:
            words = [word for word in overrides(command[command.index(RUN) :]) if not word.startswith("hydra.")]
            words = [re.sub(r"\$\(.*?\)", "x", word).split(",")[0] if "=" in word else word for word in words]
            assert not config.explain_overrides(words)
            config.from_hydra(compose("config", overrides=words))


def test_every_make_target_on_a_page_exists():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word for page in WRITTEN for word in re.findall(r"\bmake ([a-z-]+)\b", "\n".join(commands(page.read_text())))
    }
    assert {"quickstart", "test"} <= named <= targets


def test_every_link_of_a_page_leads_somewhere():
    for page in WRITTEN:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.fixture
def in_place(tmp_path, monkeypatch):
    """A folder with all that the examples name: a bundle, pictures and runs."""
    archive.write_folder(bundle_files(*WHITENED, train=40), tmp_path / "bundle")
    archive.write_zip(bundle_files(*WHITENED, train=40), tmp_path / "bundle.zip")
    for i, name in enumerate(("photo.jpg", "rex.jpg")):
        noisy((120, 60 * i, 40), i).save(tmp_path / name)
    for name in ("dataset_size_sweep/sweep/a", "dataset_size_sweep/sweep/b", "whitened/c", "tiny_imagenet/d"):
        leave(tmp_path / "outputs" / name, f"data.per_class={ord(name[-1])}", experiment=Path(name).parts[0])
    monkeypatch.chdir(tmp_path)


def test_the_python_examples_run(capsys, in_place):
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})
        assert capsys.readouterr().out


@pytest.mark.parametrize("command", [command for command in commands(README) if command.startswith("imagetagger ")])
def test_every_command_on_a_bundle_runs(command, capsys, in_place):
    words = shlex.split(command)
    if words[1] in ("serve", "webapp") and not BUILT.exists():
        pytest.skip("the app is not built: make webapp")
    if words[1] == "serve":
        with served(Path(words[2]), free_port()) as address, urllib.request.urlopen(address) as answer:
            assert b"imagetagger" in answer.read()
        return
    assert not exit_code(shlex.split(command)[1:])
    assert capsys.readouterr().out


def exit_code(arguments):
    try:
        cli.main(arguments)
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in commands(README) if command.startswith(RUN)])
def test_every_command_of_the_readme_runs(command, tmp_path):
    places = {
        "DIR": colour_folder(tmp_path / "pictures"),
        "tiny-imagenet-200.zip": tiny_imagenet_zip(tmp_path / "tiny-imagenet-200.zip", per_tag=6),
    }
    given = shlex.split(command)[3:]
    sweep = "-m" in given
    pairs = [word.partition("=") for word in given if "=" in word]
    words = [f"{key}={places.get(value, value)}" for key, _, value in pairs]
    if words == ["+experiment=tiny_imagenet"]:
        words.append(f"data.path={places['tiny-imagenet-200.zip']}")
    where = f"hydra.sweep.dir={tmp_path}/out" if sweep else f"hydra.run.dir={tmp_path}/out/run"
    arguments = [*(["-m"] if sweep else []), *words, *SHRUNK, where]
    done = subprocess.run(
        [sys.executable, "-m", "imagetagger.run", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    results = list((tmp_path / "out").glob("*/result.json"))
    assert len(results) == math.prod(len(value.split(",")) for _, _, value in pairs) * JOBS.get(words[0], 1)
    assert "Traceback" not in done.stderr
