import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("conda", "anaconda", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
]


def tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_package_registry():
    files = tracked()
    assert ROOT / "requirements.txt" in files
    needles = [needle.encode() for needle in REGISTRIES]
    assert not [(file.name, needle) for file in files for needle in needles if needle in file.read_bytes()]


def requirements():
    """Logical lines, comments left out."""
    text = re.sub(r"\\\n", " ", (ROOT / "requirements.txt").read_text())
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_every_requirement_is_pinned_and_hashed_and_no_index_is_chosen():
    assert len(requirements()) > 50
    for line in requirements():
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s*]+( ;[^#]*?)? +--hash", line), line
        options = re.findall(r"--\S+", line)
        assert options, line
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options), line


def test_every_dependency_of_the_project_is_among_the_requirements():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in extras if name != "gpu" for line in extras[name])]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in requirements()}
    assert {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in wanted} <= names


MODULES = [path for path in (ROOT / "imagetagger").rglob("*.py") if "node_modules" not in path.parts]


@pytest.mark.parametrize("module", sorted(MODULES), ids=lambda path: path.name)
def test_a_module_has_at_most_300_lines(module):
    assert len(module.read_text().splitlines()) <= 300


def test_ci_runs_the_readmes_own_test_command():
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "make test"
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    (needed,) = re.findall(
        r"^test: (.*) ##.*\n\t.*-m pytest -n \$\(WORKERS\) --dist loadfile --max-worker-restart 0$",
        makefile,
        re.MULTILINE,
    )
    assert {"lint", "types", "webapp", "webapp-test"} <= set(needed.split())
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_every_command_of_make_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    (named,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert named.split() == re.findall(r"^([a-z-]+):.* ## \S", makefile, re.MULTILINE)


def programs(folder, real, called, node):
    """Fill a folder for PATH: real programs, programs that write down how they were called, and a version of Node."""
    for name in real:
        (folder / name).symlink_to(shutil.which(name))
    for name in called:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\n')
    (folder / "node").write_text(f"#!/bin/sh\necho {node}\n")
    for name in (*called, "node"):
        (folder / name).chmod(0o755)


VERSIONS = pytest.mark.parametrize(
    ("node", "enough"),
    [("v18.20.4", False), ("v20.18.3", False), ("v20.19.0", True), ("v22.1.0", True), ("v9.99.0", False)],
)


@VERSIONS
def test_ci_says_when_node_is_too_old_and_installs_none_over_it(tmp_path, node, enough):
    programs(tmp_path, ["bash", "dirname", "sh"], ["make", "apt-get", "npm", "chromium"], node)
    ran = subprocess.run(
        [ROOT / ".ci" / "run"], env={"PATH": str(tmp_path)}, check=True, capture_output=True, text=True
    )
    assert (tmp_path / "log").read_text() == "make test\n"
    said = f"found Node {node} and npm {tmp_path}/npm, expected Node 20.19 or newer and its npm"
    assert (said not in ran.stderr) if enough else (said in ran.stderr)
    assert ("*****" in ran.stderr) is not enough


@VERSIONS
@pytest.mark.parametrize("npm", [True, False], ids=["npm", "no npm"])
def test_make_refuses_a_node_that_is_too_old_or_without_npm(tmp_path, node, enough, npm):
    programs(tmp_path, ["sh", "make", "awk", "find"], ["npm"] if npm else [], node)
    (tmp_path / "packages").touch()  # newer than package-lock.json: there is nothing to install
    command = ["make", "-C", ROOT, "webapp-test", f"PACKAGES={tmp_path / 'packages'}"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True)
    assert (ran.returncode == 0) is (enough and npm) is (tmp_path / "log").exists()
    said = f"found Node {node} and npm {tmp_path / 'npm' if npm else 'none'}, expected Node 20.19 or newer and its npm"
    assert (said in ran.stderr) is not (enough and npm)


def test_ci_installs_only_what_is_missing_and_as_root(tmp_path):
    """Programs that write down how they were called stand for all others."""
    programs(tmp_path, ["bash", "dirname", "sh"], ["make", "apt-get", "npm", "chromium"], node="v20.19.0")

    def called() -> list[str]:
        (tmp_path / "log").write_text("")
        subprocess.run([ROOT / ".ci" / "run"], env={"PATH": str(tmp_path)}, check=True, capture_output=True)
        return (tmp_path / "log").read_text().splitlines()

    assert called() == ["make test"]
    (tmp_path / "npm").unlink()
    assert called() == ["make test"]
    (tmp_path / "node").unlink()
    (tmp_path / "chromium").unlink()
    *before, last = called()
    assert last == "make test"
    wanted = ["apt-get update -qq", "apt-get install -qq --yes --no-install-recommends nodejs npm chromium"]
    assert before == (wanted if os.geteuid() == 0 else [])


def test_the_apps_packages_are_locked_by_hash_and_no_registry_is_chosen():
    lock = json.loads((ROOT / "imagetagger" / "webapp" / "package-lock.json").read_text())
    packages = [entry for path, entry in lock["packages"].items() if path]
    assert len(packages) > 10
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages)
