import platform
import subprocess
import sys
from importlib.metadata import version

import pytest

from imagetagger.experiment import environment
from imagetagger.experiment.environment import revision, versions
from imagetagger.experiment.record import Revision


def test_versions_are_those_installed_and_none_for_others(monkeypatch):
    monkeypatch.setattr(environment, "RECORDED_PACKAGES", ("jax", "imagetagger", "no-such-package"))
    expected = {"jax": version("jax"), "imagetagger": version("imagetagger"), "no-such-package": None}
    assert versions() == {"python": platform.python_version(), **expected}


def test_peak_memory_is_that_of_the_process_and_stays_at_its_highest():
    script = (
        "from imagetagger.experiment.environment import peak_memory; before = peak_memory();"
        "held = bytearray(b'1') * 200_000_000; del held; print(before, peak_memory())"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    before, after = map(int, output.split())
    assert 195e6 < after - before < 260e6


def git(folder, *arguments):
    own = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", folder, *own, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository that the code seems to be in."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "environment.py").write_text("one = 1\n")
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "package" / "environment.py"))
    return tmp_path


def test_the_revision_is_the_commit_of_the_code_and_whether_files_differ_from_it(checkout):
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "one")
    commit = git(checkout, "rev-parse", "HEAD")
    assert revision.__wrapped__() == Revision(commit, changed=False)
    (checkout / "new.txt").touch()  # not code yet
    assert revision.__wrapped__() == Revision(commit, changed=False)
    (checkout / "package" / "environment.py").write_text("two = 2\n")
    assert revision.__wrapped__() == Revision(commit, changed=True)


def test_code_in_a_repository_of_others_or_in_none_has_no_revision(checkout, tmp_path_factory, monkeypatch):
    (checkout / "theirs.txt").touch()
    git(checkout, "add", "theirs.txt")
    git(checkout, "commit", "--quiet", "-m", "theirs")
    assert revision.__wrapped__() is None
    monkeypatch.setattr(environment, "__file__", str(tmp_path_factory.mktemp("nowhere") / "environment.py"))
    assert revision.__wrapped__() is None
    monkeypatch.setenv("PATH", "")
    assert revision.__wrapped__() is None
