"""The documents are right: links resolve, commands compose and run, examples print, and settings exist."""

import math
import re
import shlex
import subprocess
import sys
import urllib.request
import webbrowser
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from imagetagger import cli, everyday
from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.config.parse import RENAMED, explain_overrides, from_hydra
from imagetagger.run import CONFIGS
from imagetagger.web import server
from tests.helpers.app import BUILT, free_port, served
from tests.helpers.bundles import WHITENED, bundle_files
from tests.helpers.pictures import noisy, patchwork_folder, tiny_imagenet_zip
from tests.helpers.shards import write_shards
from tests.helpers.sweeps import leave

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
MANUAL = [README, ROOT / "CONTRIBUTING.md", *DOCS]
"""Pages whose commands and examples run here, shrunk."""

PAGES = [*MANUAL, *sorted((ROOT / "experiments").rglob("*.md"))]
"""All pages. Commands of studies need real data: here they only compose."""

RUN = "python -m imagetagger.run "
SHRUNK = [
    "backbone.name=mobilenet_v2",
    "backbone.weights=random",
    "backbone.width=0.35",
    "backbone.resolution=32",
    "data.synthetic_per_class=6",
    "evaluate.bootstrap_resamples=20",
    "evaluate.examples=2",
    "embed.measure_raw_rate=false",
    "export.calibration_pictures=4",
    "export.min_cosine=-1",
    "export.max_top1_loss=100",
    "export.onnx=false",
]

JOBS = {"+experiment=threshold_sweep": 4}
"""Number of jobs from axes that the experiment itself sets, by experiment."""


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """Commands of a page, without comments, each on one line."""
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s+)#\s.*", "", line).strip())]


def manual_commands(start: str) -> list[str]:
    """Commands of the manual that begin so, each once."""
    found = (command for page in MANUAL for command in commands(page) if command.startswith(start))
    return list(dict.fromkeys(found))


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


every_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


@pytest.mark.slow
@every_page
def test_every_run_on_a_page_composes(page):
    runs = [command for command in commands(page) if RUN in command]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        for command in runs:
            words = shlex.split(re.sub(r"\$\(.*?\)", "x", command[command.index(RUN) :].removeprefix(RUN)))
            overrides = [word.split(",")[0] for word in words if word != "-m" and not word.startswith("hydra.")]
            assert not explain_overrides(overrides)
            from_hydra(compose("config", overrides=overrides))


@every_page
def test_every_link_of_a_page_resolves(page):
    for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose(page)):
        if "://" in link:
            continue
        target = page.parent / link if link else page
        assert target.exists(), f"{page_name(page)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page_name(page)} links to {link}#{anchor}"


@every_page
def test_every_script_and_make_target_on_a_page_exists(page):
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in commands(page):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets
        for script in re.findall(r"\bpython (\S+\.py)\b", command):
            assert (ROOT / script).is_file(), f"{page_name(page)} runs {script}"
        for module in re.findall(r"\bpython -m (experiments\.\S+)", command):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), f"{page_name(page)} runs {module}"


@every_page
def test_no_page_names_a_setting_that_was_renamed(page):
    named = {old for old in RENAMED if "." in old and re.search(rf"\b{re.escape(old)}\b", page.read_text("utf-8"))}
    assert not named


@pytest.mark.parametrize("page", MANUAL, ids=page_name)
def test_every_setting_that_the_manual_names_exists(page):
    sections = "data|backbone|embed|classifier|calibrate|evaluate|export"
    code = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    settings = [key for text in code for key in re.findall(rf"^((?:{sections})\.[a-z_0-9]+)(?:=.*)?$", text)]
    assert not explain_overrides([f"{key}=x" for key in settings])


def test_the_readme_takes_two_screens_and_links_every_page_of_docs():
    assert len(README.read_text("utf-8").splitlines()) <= 120
    links = re.findall(r"\]\(([^)#]*)", README.read_text("utf-8"))
    assert {page_name(page) for page in DOCS} <= set(links)
    assert "CONTRIBUTING.md" in links


def test_the_readme_begins_with_what_a_newcomer_types():
    assert {"make quickstart", "make test"} <= set(commands(README))


def test_every_study_is_listed():
    listed = (ROOT / "docs" / "studies.md").read_text("utf-8")
    studies = {page_name(page) for page in PAGES if page.match("experiments/*/README.md")}
    assert {study for study in studies if f"../{study}" not in listed} == set()


def test_every_image_of_the_documents_is_shown_and_small():
    images = sorted((ROOT / "docs" / "images").iterdir())
    text = "".join(page.read_text("utf-8") for page in PAGES)
    for image in images:
        assert f"images/{image.name})" in text, f"no page shows {image.name}"
        assert image.stat().st_size < 150_000


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with all that the examples name: a bundle, pictures and runs."""
    write_folder(bundle_files(*WHITENED, train=40), tmp_path / "bundle")
    write_folder(bundle_files(*WHITENED, train=40), tmp_path / "outputs" / "quickstart" / "TIME" / "bundle")
    write_zip(bundle_files(*WHITENED, train=40), tmp_path / "bundle.zip")
    write_shards(tmp_path / "shards")
    (tmp_path / "holiday").mkdir()
    for i, name in enumerate(("photo.jpg", "rex.jpg", "holiday/beach.jpg")):
        noisy((120, 60 * i, 40), i).save(tmp_path / name)
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", tmp_path / "bundle.zip")
    monkeypatch.setattr(server, "run_server", lambda started: started.server_close())  # it would wait for Ctrl-C
    monkeypatch.setattr(webbrowser, "open", lambda address: True)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IMAGETAGGER_CACHE", str(tmp_path / "cache"))
    for name in ("dataset_size_sweep/sweep/a", "dataset_size_sweep/sweep/b", "whitened/c", "tiny_imagenet/d"):
        leave(tmp_path / "outputs" / name, f"data.per_class={ord(name[-1])}", experiment=Path(name).parts[0])
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in MANUAL if blocks(page, "python")], ids=page_name)
def test_the_python_examples_run(page, capsys, workplace):
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})
        assert capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("page", MANUAL, ids=page_name)
def test_the_commands_of_a_page_run_one_after_another(page, capsys, workplace):
    for command in commands(page):
        words = [name for word in shlex.split(command) for name in sorted(map(str, Path().glob(word))) or [word]]
        if words[0] != "imagetagger" or (words[1] in ("serve", "webapp") and not BUILT.exists()):
            continue  # the app is not built: make webapp
        if words[1] == "track" and not find_spec(words[words.index("--to") + 1]):
            continue  # an extra
        if words[1] == "serve":
            with (
                served(Path([*words, "bundle.zip"][2]), free_port()) as address,
                urllib.request.urlopen(address) as got,
            ):
                assert b"imagetagger" in got.read()
            continue
        assert not exit_code(words[1:]), command
        assert capsys.readouterr().out


def exit_code(arguments):
    try:
        cli.main(arguments)
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("command", manual_commands(RUN))
def test_every_run_of_the_manual_runs(command, tmp_path):
    sources = {
        "DIR": patchwork_folder(tmp_path / "pictures"),
        "tiny-imagenet-200.zip": tiny_imagenet_zip(tmp_path / "tiny-imagenet-200.zip", per_tag=6),
    }
    words = shlex.split(command.removeprefix(RUN))
    is_sweep = "-m" in words
    pairs = [word.partition("=") for word in words if "=" in word]
    overrides = [f"{key}={sources.get(value, value)}" for key, _, value in pairs]
    if overrides == ["+experiment=tiny_imagenet"]:
        overrides.append(f"data.path={sources['tiny-imagenet-200.zip']}")
    folder = f"hydra.sweep.dir={tmp_path}/out" if is_sweep else f"hydra.run.dir={tmp_path}/out/run"
    arguments = [*(["-m"] if is_sweep else []), *overrides, *SHRUNK, folder]
    done = subprocess.run(
        [sys.executable, "-m", "imagetagger.run", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    results = list((tmp_path / "out").glob("*/result.json"))
    assert len(results) == math.prod(len(value.split(",")) for _, _, value in pairs) * JOBS.get(overrides[0], 1)
    assert "Traceback" not in done.stderr
