"""The measurements of docs/scale.md, on little data."""

import re
import sys

import pytest

from experiments.benchmarks import scale
from tests.helpers.ray_programs import run_with_ray


def test_what_a_picture_costs_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(scale, "SIZE", (600, 400))
    monkeypatch.setattr(scale, "CATALOGUED", 200)
    monkeypatch.setattr(scale, "SHARD_PICTURES", 50)
    scale.main(["--pictures", "2", "--tags", "5"])
    table = capsys.readouterr().out
    costs = {what: float(cost.replace(",", "")) for what, cost in re.findall(r"^\| (\D.*) \| ([\d.,]+) ", table, re.M)}
    assert len(costs) == 9
    features = 4 * scale.read_bundle(scale.everyday_bundle()).manifest.model.features
    assert features < costs["in the embeddings of a shard"] < features + 300
    assert features < costs["in the catalogue"] < 3 * features
    assert all(cost >= 0 for cost in costs.values())


@pytest.mark.slow
def test_workers_of_ray_are_compared_with_processes():
    command = [sys.executable, "-m", "experiments.benchmarks.ray_workers", "--timed", "2", "--repeats", "2"]
    done = run_with_ray([*command, "--rounds", "1", "--size", "600", "400"])
    assert done.returncode == 0, done.stderr
    rates = dict(re.findall(r"^\| (\d [^|]*?) \| (\d+\.\d) \| \d+\.\d\d \(", done.stdout, re.M))
    assert list(rates) == ["1 process", "2 processes", "2 workers of Ray"]
    assert all(float(rate) > 0 for rate in rates.values())
