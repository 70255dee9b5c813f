import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.built_app import FILES, built_app
from tests.helpers.composed import shrunk

ROOT = Path(__file__).parents[1]
APP = Path("imagetagger", "web", "app")
pytestmark = pytest.mark.slow


PARTS = ("imagetagger", "configs", "tests", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore")
LITTER = ("node_modules", "dist", "__pycache__")
BUILD = "import hatchling.build as build, sys; build.build_{}(sys.argv[1])"


def program(*command, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= options.pop("env", {})
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, **options)


def call(*command, **options):
    done = program(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path):
    return checked_out(tmp_path / "checkout")


def checked_out(folder: Path) -> Path:
    """A copy of this checkout, without a built app, and with some of the litter of work on it."""
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns(*LITTER))
        else:
            shutil.copy(ROOT / part, folder / part)
    for litter in ("node_modules/preact/index.js", "src/__pycache__/x.pyc"):
        (folder / APP / litter).parent.mkdir(parents=True, exist_ok=True)
        (folder / APP / litter).write_text("litter")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel, built from an sdist, built from a checkout with a built app; all without Node."""
    folder = tmp_path_factory.mktemp("built")
    checkout = checked_out(folder / "checkout")
    built_app(checkout / APP / "dist")
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "out")
    call(*build, cwd=checkout, env={"PATH": str(folder / "nothing")})
    return folder / "out"


@pytest.fixture(scope="module")
def wheel(built):
    (found,) = built.glob("*.whl")
    return found


def app_inside(wheel: Path) -> dict[str, bytes]:
    """The files of the packed app in a wheel."""
    with zipfile.ZipFile(wheel) as outer, outer.open((APP / "dist.zip").as_posix()) as packed:
        app = zipfile.ZipFile(packed)
        return {name: app.read(name) for name in app.namelist()}


def test_the_wheel_holds_the_package_its_configs_its_templates_and_its_app_and_nothing_else(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, target in (("imagetagger", "imagetagger"), ("configs", "imagetagger/configs")):
        sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml", ".jinja", ".js")]
        sources = [path for path in sources if not path.is_relative_to(ROOT / APP)]
        assert sources
        assert inside >= {f"{target}/{path.relative_to(ROOT / folder).as_posix()}" for path in sources}
    assert inside >= {"imagetagger/terms/wordnet.json", "imagetagger/terms/WORDNET-LICENSE"}
    licences = {f"LICENSES/{path.name}" for path in (ROOT / APP / "LICENSES").iterdir()}
    app = {path.relative_to(APP).as_posix() for path in map(Path, inside) if path.is_relative_to(APP)}
    assert app == licences | {"dist.zip"}
    assert app_inside(wheel) == FILES
    assert licences
    tops = {name.split("/")[0] for name in inside}
    assert len(tops) == 2
    assert {top.split("-")[0] for top in tops} == {"imagetagger"}
    assert not [name for name in inside if "tests/" in name or "/test_" in name or "__pycache__" in name]
    assert [name for name in inside if name.endswith("licenses/LICENSE")]


def test_the_sdist_holds_the_app_and_its_sources_without_litter(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    app = {"package.json", "package-lock.json", "vite.config.ts", "src/api.ts", *(f"dist/{name}" for name in FILES)}
    assert inside >= {f"{APP.as_posix()}/{name}" for name in app}
    assert inside >= {"hatch_build.py", "pyproject.toml", "LICENSE"}
    assert not [name for name in inside if any(f"/{litter}/" in name for litter in ("node_modules", *LITTER[2:]))]


NPM = """\
#!/bin/sh
[ "$1" = "$FAILS" ] && exit 3
[ "$1" = run ] && mkdir -p dist && echo app > dist/index.html
exit 0
"""


@pytest.fixture
def npm(tmp_path):
    """Settings for a small program in place of npm."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    return {"PATH": f"{programs}:/usr/bin:/bin", "FAILS": "none"}


def test_a_build_makes_the_app_if_it_is_missing_and_uses_one_that_is_built(checkout, npm, tmp_path):
    for fails in ("none", "ci"):  # the second build needs no npm
        call(sys.executable, "-c", BUILD.format("wheel"), tmp_path, cwd=checkout, env={**npm, "FAILS": fails})
        (wheel,) = tmp_path.glob("*.whl")
        assert app_inside(wheel)["index.html"] == b"app\n"
        wheel.unlink()


@pytest.mark.parametrize(("fails", "command"), [("ci", "npm ci --ignore-scripts"), ("run", "npm run build")])
def test_a_build_whose_app_fails_says_so_and_makes_nothing(checkout, npm, tmp_path, fails, command):
    build = (sys.executable, "-c", BUILD.format("wheel"), tmp_path)
    done = program(*build, cwd=checkout, env={**npm, "FAILS": fails})
    assert done.returncode == 1
    assert f"`{command}" in done.stderr
    assert "ended with 3: see above" in done.stderr
    assert not list(tmp_path.glob("*.whl"))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_without_an_app_and_without_npm_the_error_names_both(checkout, tmp_path, kind):
    build = (sys.executable, "-c", BUILD.format(kind), tmp_path)
    done = program(*build, cwd=checkout, env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "the web app is not built in" in done.stderr
    assert "npm is missing: install Node 20.19 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_editable_install_needs_neither_the_app_nor_npm(checkout, tmp_path):
    call(sys.executable, "-c", BUILD.format("editable"), tmp_path, cwd=checkout, env={"PATH": str(tmp_path)})
    assert list(tmp_path.glob("*.whl"))


def test_an_installed_wheel_runs_from_an_empty_folder(wheel, tmp_path):
    python = tmp_path / "env" / "bin" / "python"
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    packages = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A .pth file is not read from a folder that a .pth file names, so the editable install stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    call(sys.executable, "-m", "pip", "--python", python, *install, wheel)
    empty = tmp_path / "empty"
    empty.mkdir()
    where = call(python, "-c", "import imagetagger; print(imagetagger.__file__)", cwd=empty)
    assert Path(where.strip()).is_relative_to(packages)
    app = "from imagetagger.web.site import read_app; print(*sorted(read_app()), sep='\\n')"
    assert call(python, "-c", app, cwd=empty).split() == sorted(FILES)
    call(python, "-m", "imagetagger.run", "+experiment=quickstart", *shrunk("hydra.run.dir=out"), cwd=empty)
    assert json.loads((empty / "out" / "result.json").read_text())["experiment"] == "quickstart"
    assert (empty / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in empty.iterdir()] == ["out"]
