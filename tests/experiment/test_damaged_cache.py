"""A damaged cache is found, said with the file's name, and mended: the result is that of a clean one."""

from pathlib import Path

import pytest

from imagetagger.experiment.pipeline import run_experiment
from tests.helpers.composed import settings, shrunk

pytestmark = pytest.mark.slow

PLAIN = ("export=none", "classifier=gnb", "embed.shard_size=16", "evaluate.bootstrap_resamples=0")


def flip(path: Path, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 0x40
    path.write_bytes(data)


def test_whatever_is_damaged_the_result_is_that_of_a_clean_cache(tmp_path, caplog):  # R04-damaged-cache
    made = settings(*shrunk(*PLAIN, f"cache={tmp_path}"))

    def run():
        caplog.clear()
        return run_experiment(made, assemble=False).record

    clean = run()
    shards, (model,) = sorted(tmp_path.glob("embeddings/*/*.safetensors")), tmp_path.glob("models/*.tflite")
    damages = (
        {model: lambda path: flip(path, path.stat().st_size // 2), shards[0]: lambda path: flip(path, -3)},
        {
            model: lambda path: path.write_bytes(path.read_bytes()[:-1000]),
            shards[1]: lambda path: path.write_bytes(b""),
        },
    )
    for damaged in damages:
        for path, damage in damaged.items():
            damage(path)
        again = run()
        assert all(caplog.text.count(f"{path} is damaged") == 1 for path in damaged)
        assert caplog.text.count("is damaged") == len(damaged)
        assert (again.calibration, again.backbone) == (clean.calibration, clean.backbone)
