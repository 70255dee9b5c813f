"""Settings as the command line composes them, and a network small enough for tests."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from imagetagger.config.parse import from_hydra
from imagetagger.config.schema import Experiment
from imagetagger.run import CONFIGS
from imagetagger.system.atomic_files import cache_directory

WIDTH = 0.35
SHRUNK = (
    "data.synthetic_per_class=6",
    "backbone=mobilenet_v2",
    f"backbone.width={WIDTH}",
    "backbone.resolution=64",
    "embed.workers=2",
    "evaluate.bootstrap_resamples=20",
    "evaluate.examples=2",
    "export.calibration_pictures=4",
    "export.min_cosine=-1",  # the variants of a small random network differ widely
    "export.max_top1_loss=100",
    "export.onnx=false",
)


def compose(*overrides: str) -> DictConfig:
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return hydra.compose("config", list(overrides))


def settings(*overrides: str) -> Experiment:
    return from_hydra(compose(*overrides))


def shrunk(*overrides: str) -> list[str]:
    """Overrides for a run of seconds; weights from one file, so that the session converts one model only."""
    return [*SHRUNK, f"backbone.weights={small_weights()}", *overrides]


def small_weights() -> Path:
    from imagetagger.backbones.registry import load_backbone
    from imagetagger.backbones.weights import save_weights

    path = cache_directory() / "small.safetensors"
    if not path.exists():
        random = load_backbone("mobilenet_v2", width=WIDTH, resolution=64, weights="random", cache=path.parent)
        save_weights(random, path)
    return path
