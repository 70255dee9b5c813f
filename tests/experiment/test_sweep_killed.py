import os
import random
import shutil
import signal
import time

import pytest

from imagetagger.report.formatting import count
from imagetagger.system.atomic_files import cache_directory
from tests.helpers.composed import shrunk
from tests.helpers.jobs import alone, result_of, results, start, started, table, written
from tests.helpers.pictures import patchwork_folder

WANTED = [f"0.{i}" for i in range(10, 20)]
AXES = ["seed=0,1", f"calibrate.coverage={','.join(WANTED)}"]
JOBS, KILLS = 2 * len(WANTED), 10
WARM = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A sweep that nothing happens to: its overrides but for AXES, folder and environment; it leaves compiled code."""
    folder = tmp_path_factory.mktemp("undisturbed")
    environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "jax"), **WARM}
    pictures = ["data=folder", f"data.path={patchwork_folder(folder / 'pictures')}"]
    overrides = [*shrunk(), *pictures, "classifier=gnb", "embed.shard_size=7"]
    ended = start(folder / "sweep", *overrides, *AXES, **environment)
    assert (ended.code, ended.err) == (0, "")
    assert len(results(folder / "sweep")) == JOBS
    return overrides, folder / "sweep", environment


@pytest.fixture
def without_embeddings(tmp_path):
    """A cache in which the model lies and nothing else."""
    shutil.copytree(cache_directory() / "models", tmp_path / "cache" / "models")
    return f"cache={tmp_path / 'cache'}"


def wait(process, happened, *arguments, seconds=120.0):
    """Wait until something has happened or the process has ended."""
    end = time.monotonic() + seconds
    while not happened(*arguments) and process.poll() is None:
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.002)


def said(folder, words):
    return words in (folder.parent / "out").read_text(errors="replace")


def done(folder, jobs):
    return len(list(folder.glob("*/result.json"))) >= jobs


@pytest.mark.slow
def test_a_sweep_killed_ten_times_ends_as_if_undisturbed_and_repeats_no_job_that_had_finished(
    undisturbed, without_embeddings, tmp_path
):
    overrides, wanted, environment = undisturbed
    folder, rng = tmp_path / "sweep", random.Random(0)
    seen = {}
    for _ in range(KILLS):
        with started(folder, *overrides, *AXES, without_embeddings, **environment) as process:
            more = rng.randrange(2)
            if more:
                wait(process, done, folder, len(seen) + more)
            else:
                wait(process, said, folder, "Launching")
            time.sleep(rng.uniform(0, 0.3 if more else 4))
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it had ended before"
        now = written(folder)
        assert seen.items() <= now.items()
        assert results(folder).items() <= results(wanted).items()
        seen = now
    assert 0 < len(seen) < JOBS
    ended = start(folder, *overrides, *AXES, without_embeddings, **environment)
    assert (ended.code, ended.err) == (0, "")
    assert f"{count(JOBS - len(seen), 'job')} done, {len(seen)} had finished before" in ended.out
    assert seen.items() <= written(folder).items()
    assert results(folder) == results(wanted)
    assert table(folder) == table(wanted)
    assert len(table(folder)) == JOBS


@pytest.mark.slow
def test_ctrl_c_ends_a_sweep_with_a_message_and_no_half_written_file_and_it_goes_on_from_there(
    undisturbed, without_embeddings, tmp_path
):
    overrides, wanted, environment = undisturbed
    folder = tmp_path / "sweep"
    for moment in ("embedding float32", "#2 "):
        with started(folder, *overrides, *AXES, without_embeddings, **environment) as process:
            wait(process, said, folder, moment)
            time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) in (1, -signal.SIGINT)  # Python's choice, by where it was
        out = (tmp_path / "out").read_text()
        assert out.endswith("the same command goes on from there.\n"), out
        assert not [path for path in tmp_path.rglob("*") if path.suffix == ".partial"]
        assert results(folder).items() <= results(wanted).items()
    before = written(folder)
    assert before
    ended = start(folder, *overrides, *AXES, without_embeddings, **environment)
    assert (ended.code, ended.err) == (0, "")
    assert f"{count(JOBS - len(before), 'job')} done, {len(before)} had finished before" in ended.out
    assert before.items() <= written(folder).items()
    assert table(folder) == table(wanted)


@pytest.mark.slow
def test_a_run_of_its_own_gives_the_numbers_of_a_job_of_a_sweep_with_the_same_seed(undisturbed, tmp_path):
    overrides, wanted, environment = undisturbed
    chosen = [*overrides, "calibrate.coverage=0.12", "seed=1"]
    ended = alone(tmp_path / "run", *chosen, f"cache={tmp_path / 'cache'}", **environment)
    assert (ended.code, ended.err) == (0, "")
    found = result_of(tmp_path / "run")
    assert found == results(wanted)[found["config_digest"][:16]]
