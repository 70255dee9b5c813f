"""The report and the tracker of a sweep, when its jobs are done; Hydra calls it, see configs/config.yaml."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from imagetagger.options import TRACKERS
from imagetagger.report.comparison.sweep_callback import SweepReport
from imagetagger.tracking.track import require_tracker, track_finished


class TrackedSweep(SweepReport):
    """Also tracks the sweep, after the report, which is kept with it, and also where jobs failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check that the tracker is installed, before hours of work."""
        if config.track in TRACKERS:
            require_tracker(config.track)
        super().on_multirun_start(config, **kwargs)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the report, then track the sweep and its jobs."""
        folder = Path(config.hydra.sweep.dir)
        try:
            super().on_multirun_end(config, **kwargs)
        finally:
            if config.track in TRACKERS and any(folder.glob("*/result.json")):
                track_finished(folder, config.track, config.track_to)
