import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_a_training_that_is_killed_ten_times_ends_with_the_same_numbers_bit_by_bit(tmp_path):
    command = [sys.executable, "-m", "tests.helpers.killed_training", str(tmp_path), "10", "0"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "10\n"
    killed, peace = np.load(tmp_path / "killed.npz"), np.load(tmp_path / "peace.npz")
    assert sorted(killed) == sorted(peace)
    assert len(peace["curve"]) == 6
    for name in peace:
        np.testing.assert_array_equal(killed[name], peace[name])
