import re
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


@pytest.mark.parametrize("module", sorted((ROOT / "imagetagger").rglob("*.py")), ids=lambda path: path.name)
def test_a_module_has_at_most_300_lines(module):
    assert len(module.read_text().splitlines()) <= 300


def test_ci_runs_the_readmes_own_test_command():
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "make test"
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert re.search(r"^test:.*\n\t.*-m pytest$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
