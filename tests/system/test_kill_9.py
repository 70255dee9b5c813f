"""Kill -9 aimed inside writes: at every step of what writes the caches, bundles and lessons."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.fault_scenarios import SCENARIOS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes():
    """Number of kills and the problems of each scenario, in a process without threads."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.faults"], capture_output=True, text=True, env=environment, timeout=850
    )
    assert done.returncode == 0, done.stderr
    return {line["scenario"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_process_killed_at_any_step_loses_nothing_leaves_nothing_wrong_and_the_next_mends_it(outcomes, name):
    assert outcomes[name]["problems"] == []
    assert outcomes[name]["kills"] >= 5


def test_at_least_300_processes_were_killed(outcomes):
    assert sum(outcome["kills"] for outcome in outcomes.values()) >= 300


CARELESS = """
import json, sys
from tests.helpers import faults

def write(folder):
    (folder / "note").write_text("new" * 1000)

def check(folder):
    assert (folder / "note").read_text() in ("old" * 1000, "new" * 1000)

prepare = lambda folder: (folder.mkdir(), (folder / "note").write_text("old" * 1000))
outcome = faults.run_scenario(faults.Scenario(prepare, write, check, check))
print(json.dumps(outcome._asdict()))
"""


def test_a_file_that_is_written_carelessly_is_found():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", CARELESS], capture_output=True, text=True, env=environment)
    outcome = json.loads(done.stdout)
    assert outcome["kills"] + outcome["limits"] > 5
    assert len(outcome["problems"]) > 5
