"""A folder of its own for every run, also for runs that begin in the same second."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write


class NewRunFolder(Callback):
    """Makes the folder that `hydra.run.dir` names by the time; with a number at its end if another run has made it.

    A folder named without a time is the user's choice, and may be of an earlier run.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Make the folder of a run before Hydra writes to it."""
        name: Any = OmegaConf.to_container(config.hydra.run)  # before interpolation
        if "${now:" not in name["dir"]:
            return
        with suppress(OSError), read_write(config), open_dict(config):  # Hydra raises it again where it is explained
            config.hydra.run.dir = str(make_new_folder(Path(config.hydra.run.dir)))


def make_new_folder(path: Path) -> Path:
    """Make a folder that does not exist yet: `path`, or `path_2` and so on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder, number = path, 1
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            folder = path.with_name(f"{path.name}_{number}")
        else:
            return folder
