"""Processes that are killed, and several at once, leave the state that one process leaves."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagetagger.archive.catalogue.database import open_catalogue
from imagetagger.archive.catalogue.embeddings import unembedded
from tests.helpers.cataloguing import READY, SPACE, STORED_TOGETHER, dump, make_archive

ROOT = Path(__file__).parents[3]
PICTURES = 1000
KILLS = 10


def start(state: Path, folder: Path) -> subprocess.Popen[str]:
    """A process that begins to work now."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.cataloguing", str(state), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline().strip() == READY
    return process


def finish(process: subprocess.Popen[str]) -> list[str]:
    """What a process embedded."""
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return printed.split()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp("archive") / "photos", PICTURES)


@pytest.fixture(scope="module")
def undisturbed(archive, tmp_path_factory):
    """The state that one process leaves, and the seconds that it takes."""
    state = tmp_path_factory.mktemp("undisturbed") / "archive.sqlite"
    process, begun = start(state, archive), time.monotonic()
    assert len(finish(process)) == PICTURES
    return dump(state), time.monotonic() - begun


@pytest.mark.slow
def test_after_ten_kills_at_random_moments_the_state_is_as_without(archive, undisturbed, tmp_path):
    expected, seconds = undisturbed
    assert len(expected["files"]) == len(expected["embeddings"]) == PICTURES
    state, embedded, kills, moments = tmp_path / "archive.sqlite", [], 0, random.Random(0)
    while kills < KILLS:
        process = start(state, archive)
        try:
            process.wait(moments.uniform(0, 0.5) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        printed, _ = process.communicate()
        assert process.returncode in (0, -9)
        embedded += printed.split()
        left = dump(state)
        assert all({*rows} <= {*expected[name]} for name, rows in left.items())
        if left == expected:  # begin again, so that each kill hits something
            for path in tmp_path.iterdir():
                path.unlink()
            embedded = []
    embedded += finish(start(state, archive))
    assert dump(state) == expected
    assert PICTURES <= len(embedded) <= PICTURES + KILLS * STORED_TOGETHER
    assert finish(start(state, archive)) == []


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing_and_share_the_work(archive, undisturbed, tmp_path):
    expected, _ = undisturbed
    state = tmp_path / "archive.sqlite"
    both = [start(state, archive) for _ in range(2)]
    shares = [finish(process) for process in both]
    assert dump(state) == expected
    assert len(shares[0]) + len(shares[1]) <= PICTURES + 2 * STORED_TOGETHER
    with open_catalogue(state) as catalogue:
        assert unembedded(catalogue, SPACE) == []


@pytest.mark.slow
def test_four_processes_create_one_catalogue(archive, undisturbed, tmp_path):
    expected, _ = undisturbed
    processes = [start(tmp_path / "deep" / "archive.sqlite", archive / "3") for _ in range(4)]
    embedded = {content for process in processes for content in finish(process)}
    assert embedded <= {content for _, content, _ in expected["embeddings"]}
    assert len(embedded) == len([*(archive / "3").rglob("*.png")])
    assert len(dump(tmp_path / "deep" / "archive.sqlite")["files"]) == len(embedded)
