import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from composed import shrunk

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def call(*command, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (built,) = folder.iterdir()
    return built


def test_the_wheel_holds_the_package_its_configs_and_its_template_and_nothing_else(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, target in (("imagetagger", "imagetagger"), ("configs", "imagetagger/configs")):
        sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml", ".jinja", ".js")]
        assert sources
        assert inside >= {f"{target}/{path.relative_to(ROOT / folder).as_posix()}" for path in sources}
    tops = {name.split("/")[0] for name in inside}
    assert len(tops) == 2
    assert {top.split("-")[0] for top in tops} == {"imagetagger"}
    assert not [name for name in inside if "test" in name or "__pycache__" in name]
    assert [name for name in inside if name.endswith("licenses/LICENSE")]


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
    call(python, "-m", "imagetagger.run", "+experiment=quickstart", *shrunk("hydra.run.dir=out"), cwd=empty)
    assert json.loads((empty / "out" / "result.json").read_text())["experiment"] == "quickstart"
    assert (empty / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in empty.iterdir()] == ["out"]
