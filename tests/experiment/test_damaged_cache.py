"""A damaged cache is found, said with the file's name, and mended: the result is that of a clean one."""

from pathlib import Path

import pytest

from imagetagger.experiment.pipeline import run_experiment
from tests.helpers.composed import settings, shrunk

pytestmark = pytest.mark.slow

FLOAT32 = ("export=float32", "evaluate.examples=0", "embed.shard_size=16")


def flip(path: Path, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 0x40
    path.write_bytes(data)


DAMAGES = {
    "embeddings/*/*.safetensors": {
        "one bit": lambda path: flip(path, -3),
        "header": lambda path: flip(path, 30),
        "half": lambda path: path.write_bytes(path.read_bytes()[:999]),
    },
    "models/*.tflite": {
        "one bit": lambda path: flip(path, path.stat().st_size // 2),
        "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        "empty": lambda path: path.write_bytes(b""),
    },
}


def test_whatever_is_damaged_the_result_is_that_of_a_clean_cache(tmp_path, caplog):  # R04-damaged-cache
    made = settings(*shrunk(*FLOAT32, f"cache={tmp_path}"))
    clean = run_experiment(made)
    files = {path.name for pattern in DAMAGES for path in tmp_path.glob(pattern)}
    for pattern, damages in DAMAGES.items():
        for damage in damages.values():
            damaged = sorted(tmp_path.glob(pattern))[-1]
            damage(damaged)
            caplog.clear()
            again = run_experiment(made)
            assert caplog.text.count(f"{damaged} is damaged") == 1
            assert again.record.calibration == clean.record.calibration
            assert again.bundle["model.tflite"] == clean.bundle["model.tflite"]
            assert again.bundle["statistics.safetensors"] == clean.bundle["statistics.safetensors"]
            assert {path.name for path in tmp_path.glob(pattern)} <= files
            caplog.clear()
    run_experiment(made)
    assert "damaged" not in caplog.text
