import tempfile
import time
from pathlib import Path

import hydra
import pytest

from imagetagger.run import CONFIGS
from tests.helpers.composed import shrunk
from tests.helpers.jobs import results, start, started, table
from tests.helpers.pictures import patchwork_folder

LAUNCHERS = {
    "joblib": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "ray": "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "submitit_slurm": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
}


@pytest.mark.parametrize(("launcher", "target"), LAUNCHERS.items())
def test_each_launcher_can_be_chosen_for_any_sweep(launcher, target):
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        overrides = ["+experiment=dataset_size_sweep", f"hydra/launcher={launcher}"]
        composed = hydra.compose("config", overrides, return_hydra_config=True)
    assert composed.hydra.launcher._target_ == target
    assert composed.hydra.sweep.dir == "outputs/dataset_size_sweep/sweep"


SWEEP = ["data=folder", "seed=0,1", "calibrate.coverage=0.3,0.6,7"]
FAILED = "2 of 6 jobs failed:"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A sweep of one process: its overrides, folder and environment. Two of its jobs fail."""
    folder = tmp_path_factory.mktemp("plain")
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    overrides = [*shrunk(), *SWEEP, f"data.path={patchwork_folder(folder / 'pictures')}"]
    done = start(folder / "sweep", *overrides, **environment)
    assert done.code == 1
    assert FAILED in done.err
    assert len(results(folder / "sweep")) == 4
    return overrides, folder / "sweep", environment


def assert_alike(folder: Path, plain: Path) -> None:
    assert results(folder) == results(plain)
    assert table(folder) == table(plain)
    failed = [sorted(path.parent.name for path in one.glob("*/failed.json")) for one in (folder, plain)]
    assert failed[0] == failed[1]
    assert len(failed[0]) == 2


@pytest.mark.slow
def test_two_processes_of_joblib_give_the_numbers_of_one(plain, tmp_path):
    overrides, wanted, environment = plain
    launched = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    done = start(tmp_path / "sweep", *overrides, *launched, **environment)
    assert done.code == 1
    assert FAILED in done.err
    assert "4 jobs done. Report in" in done.out
    assert_alike(tmp_path / "sweep", wanted)


def working_in(folder: Path) -> set[int]:
    """The processes that were started there, or by such a one."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True) == folder.resolve():
                found.add(int(process.name))
        except OSError:  # has ended, or is nobody's
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="processes are found by /proc")
def test_two_workers_of_ray_give_the_numbers_of_one_process_and_no_process_stays(plain, tmp_path):
    overrides, wanted, environment = plain
    launched = ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"]
    launched += ["+hydra.launcher.ray.init.include_dashboard=false"]
    most: set[int] = set()
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as short,  # holds sockets
        started(tmp_path / "sweep", *overrides, *launched, **environment, RAY_TMPDIR=short) as process,
    ):
        while process.poll() is None:
            most = max(most, working_in(tmp_path), key=len)
            time.sleep(0.2)
        end = time.monotonic() + 30
        while (left := working_in(tmp_path)) and time.monotonic() < end:
            time.sleep(0.2)
    out = (tmp_path / "out").read_text()
    assert process.returncode == 1, out
    assert FAILED in out
    assert "4 jobs done. Report in" in out
    assert len(most) > 3, "the program, two workers and what they are managed by"
    assert not left
    assert_alike(tmp_path / "sweep", wanted)
