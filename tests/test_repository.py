import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_PINNED = ("gpu", "wandb")  # for other machines; and one that needs a package that is not released yet
APP = ROOT / "imagetagger" / "web" / "app"
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


def distribution(requirement: str) -> str:
    """The normalised name in a requirement.

    >>> distribution("Array_Record>=0.8")
    'array-record'
    """
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def test_every_requirement_is_pinned_and_hashed_and_no_index_is_chosen():
    assert len(requirements()) > 50
    for line in requirements():
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s*]+( ;[^#]*?)? +--hash", line), line
        options = re.findall(r"--\S+", line)
        assert options, line
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options), line


def test_every_dependency_of_the_project_is_among_the_requirements():
    declared = [*PROJECT["dependencies"], *(line for name in EXTRAS if name not in NOT_PINNED for line in EXTRAS[name])]
    assert set(map(distribution, declared)) - {"imagetagger"} <= set(map(distribution, requirements()))


def test_every_extra_builds_on_the_one_for_experiments():
    others = EXTRAS.keys() - {"experiments", "heic", "raw"}  # who only tags may want to read these
    assert all("imagetagger[experiments]" in EXTRAS[name] for name in others)
    assert not set(map(distribution, EXTRAS["experiments"])) & set(map(distribution, PROJECT["dependencies"]))


def modules() -> list[Path]:
    return [path for path in sorted((ROOT / "imagetagger").rglob("*.py")) if not path.is_relative_to(APP)]


def imports(module: Path) -> Iterator[str]:
    """The packages that a module imports, at its top or in a function."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def undeclared(found: list[Path], declared: list[str]) -> set[tuple[str, str]]:
    """Modules, and the packages that they import and that are not declared."""
    names, owners = set(map(distribution, declared)), packages_distributions()
    return {
        (str(module.relative_to(ROOT)), package)
        for module in found
        for package in set(imports(module)) - set(sys.stdlib_module_names) - {"imagetagger"}
        if not names & set(map(distribution, owners.get(package, [package])))
    }


def test_every_package_that_is_imported_is_a_declared_dependency():
    """Those of trackers and of Ray are in extras of their names, each imported by one module only."""
    others = undeclared(modules(), [*PROJECT["dependencies"], *EXTRAS["experiments"]])
    assert others == {
        ("imagetagger/archive/shards/reading.py", "pyarrow"),
        ("imagetagger/system/ray_tasks.py", "ray"),
        ("imagetagger/tracking/mlflow_store.py", "mlflow"),
        ("imagetagger/tracking/tensorboard_events.py", "tensorboard"),
        ("imagetagger/tracking/wandb_runs.py", "wandb"),
    }
    for _, package in others:
        lines = EXTRAS["ray" if package == "pyarrow" else package]
        assert any(distribution(line).removesuffix("-skinny") == package for line in lines)


def test_what_a_light_install_runs_imports_only_what_it_brings():
    contracts = SETTINGS["tool"]["importlinter"]["contracts"]
    (light,) = (contract["source_modules"] for contract in contracts if contract["type"] == "forbidden")
    paths = [ROOT / name.replace(".", "/") for name in light]
    found = [module for module in modules() if {module.with_suffix(""), *module.parents} & set(paths)]
    assert len(found) > 40
    assert undeclared(found, PROJECT["dependencies"]) == {
        ("imagetagger/archive/shards/reading.py", "pyarrow"),
        ("imagetagger/bundle/verify.py", "onnxruntime"),
        ("imagetagger/system/ray_tasks.py", "ray"),
    }


def test_a_module_has_at_most_300_lines_and_a_function_fewer_than_80():
    lengths = {module: len(module.read_text().splitlines()) for module in modules()}
    assert not {str(module): length for module, length in lengths.items() if length > 300}
    functions = {
        (str(module), node.name): node.end_lineno - node.lineno + 1
        for module in modules()
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert not {where: length for where, length in functions.items() if length >= 80}


SHARED_NAMES = {
    "main": "both ways in, cli/ and run.py, start with it",
    "log": "each room's own logger",
    "content_id": "a data set's is of the file, an archive's survives edits of metadata",
}


def test_a_public_name_is_defined_in_one_room_only():
    rooms = defaultdict(set)
    for module in modules():
        room = module.relative_to(ROOT / "imagetagger").parts[0]
        for name in public_names(module):
            rooms[name].add(room)
    assert not {name: found for name, found in rooms.items() if len(found) > 1 and name not in SHARED_NAMES}


def public_names(module: Path) -> set[str]:
    """What a module defines at its top; not what it imports."""
    names = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and "TypeVar(" not in ast.unparse(node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_ci_runs_the_readmes_own_test_command():
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "make test"
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    (needed,) = re.findall(r"^test: (.*) ##.*\n\t.*-m pytest \$\(PARALLEL\) \$\(AGAIN\)$", makefile, re.MULTILINE)
    assert {"lint", "imports", "types", "webapp", "webapp-test"} <= set(needed.split())
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_every_command_of_make_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    (named,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert named.split() == re.findall(r"^([a-z-]+):.* ## \S", makefile, re.MULTILINE)


def test_the_apps_packages_are_locked_by_hash_and_no_registry_is_chosen():
    lock = json.loads((APP / "package-lock.json").read_text())
    packages = [entry for path, entry in lock["packages"].items() if path]
    assert len(packages) > 10
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages)
