"""In place of a network, a picture's mean colours in 3 x 3 tiles: embeddings that cost nothing."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import Backbone, Normalisation
from imagetagger.backbones.registry import load_backbone
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment import pipeline, stages
from imagetagger.preprocess import BadImageError

NO_BACKBONE = Backbone("none", 1.0, mobilenet_v2(), {}, Normalisation((0, 0, 0), (1, 1, 1)), "none", None)


def make_tiles(backbone: Any, resolution: int, cache: Any, **options: Any) -> Runtime:
    """A runtime as make_runtime makes one."""

    def embed_one(load, i):
        try:
            image = load(i)
        except BadImageError as error:
            return error
        side = resolution // 3
        return image[: 3 * side, : 3 * side].reshape(3, side, 3, side, 3).mean((1, 3)).astype(np.float32).ravel()

    return Runtime("tiles", f"tiles {resolution}", lambda load, rows: (embed_one(load, i) for i in rows), float, None)


def use_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pipeline embed by them; its variants are no models, but name variant and resolution."""

    def convert(network: Any, resolution: int, cache: Path, variant: str, crops: Any) -> bytes:
        return f"{variant}-{resolution}".encode()

    def run_file(model: bytes, workers: int | None, engine: str) -> Runtime:
        return make_tiles(None, int(model.split(b"-")[1]), None)._replace(model=model)

    monkeypatch.setattr(stages, "convert_cached", convert)
    monkeypatch.setattr(stages, "litert_runtime", run_file)
    monkeypatch.setattr(pipeline, "load_backbone", functools.wraps(load_backbone)(lambda name, **_: NO_BACKBONE))
    monkeypatch.setattr(stages, "make_runtime", make_tiles)
