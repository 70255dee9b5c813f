"""The measurement of scaled decoding, on little data."""

import re
import zipfile

import numpy as np
import pytest

from experiments.benchmarks import archive
from experiments.common.photographs import camera_noise, enlarge, zipped_photographs
from imagetagger.preprocess import decode_image
from tests.helpers.pictures import encode, noisy


@pytest.fixture
def photographs(tmp_path):
    with zipfile.ZipFile(tmp_path / "photographs.zip", "w") as written:
        for i in range(5):
            written.writestr(f"{i}.jpg", encode(noisy((50 * i, 120, 60), i), "JPEG"))
        written.writestr("README.md", "About them.")
    return tmp_path / "photographs.zip"


def test_photographs_are_drawn_evenly(photographs):
    with zipfile.ZipFile(photographs) as archived:
        everything = [archived.read(f"{i}.jpg") for i in range(5)]
    assert zipped_photographs(photographs, 9) == everything
    assert zipped_photographs(photographs, 2) == [everything[0], everything[2]]


def test_a_photograph_is_enlarged_with_the_noise_that_was_asked_for():
    plain, made = (
        np.asarray(decode_image(enlarge(encode(noisy((90, 90, 90), 0)), camera_noise(level, (640, 480)), (640, 480))))
        for level in (0, 6)
    )
    assert made.shape == (480, 640, 3)
    assert 4 < (made.astype(float) - plain).std() < 8


def test_scaled_decoding_is_measured(photographs, monkeypatch, capsys):
    monkeypatch.setattr(archive, "SIZE", (1200, 900))
    archive.main([str(photographs), "--count", "2", "--timed", "3", "--rounds", "1"])
    rates, workers, losses = capsys.readouterr().out.strip().split("\n\n")
    assert re.findall(r"^\| (\d) \| \d+\.\d MB \|", rates, re.MULTILINE) == ["0", "2", "4"]
    assert next(line.split(" | ")[0] for line in workers.splitlines()[2:]) == "| 1 process"
    assert len(re.findall(r"\| \d+ ms, \d+\.\d x \(\d+\.\d to \d+\.\d\) (?=\|)", rates)) == 3 * 3
    assert all(float(rate) > 0 for rate in re.findall(r" \| (\d+\.\d) \| ", workers))
    found = re.findall(r"^\| (\d) \| (\S+) \| (?:\d+\.\d %) \| ", losses, re.MULTILINE)
    assert found == [(noise, sides) for noise in "024" for sides in ("2.0", "1.5")]
