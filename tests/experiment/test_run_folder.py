from concurrent.futures import ThreadPoolExecutor

import pytest
from omegaconf import OmegaConf

from imagetagger.experiment.run_folder import NewRunFolder, make_new_folder


def test_no_two_runs_get_one_folder_however_close_they_begin(tmp_path):
    """Case B18-same-second."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_new_folder(tmp_path / "outputs" / "time"), range(24)))
    assert len(set(made)) == 24
    assert {path.name for path in made} == {"time", *(f"time_{i}" for i in range(2, 25))}


@pytest.fixture
def config(tmp_path):
    """A function that makes the part of a config that names the folder of a run, frozen as Hydra does."""
    OmegaConf.register_new_resolver("now", lambda pattern: "today", replace=True)

    def make(name):
        made = OmegaConf.create({"hydra": {"run": {"dir": f"{tmp_path}/{name}"}}})
        OmegaConf.set_readonly(made, True)
        OmegaConf.set_struct(made, True)
        return made

    return make


def test_a_folder_named_by_the_time_is_new(tmp_path, config):
    for expected in ("today", "today_2"):
        made = config("${now:%Y}")
        NewRunFolder().on_run_start(made)
        assert made.hydra.run.dir == str(tmp_path / expected)
        assert (tmp_path / expected).is_dir()


def test_a_folder_that_the_user_named_is_taken_as_it_is(tmp_path, config):
    (tmp_path / "mine").mkdir()
    made = config("mine")
    NewRunFolder().on_run_start(made)
    assert made.hydra.run.dir == str(tmp_path / "mine")


def test_a_folder_that_cannot_be_made_is_left_to_hydra(tmp_path, config):
    (tmp_path / "file").touch()
    made = config("file/${now:%Y}")
    NewRunFolder().on_run_start(made)
    assert made.hydra.run.dir == str(tmp_path / "file" / "today")
