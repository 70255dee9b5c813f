"""Programs that use Ray, each in a process of its own: Ray forks, which JAX warns of."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_with_ray(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with a folder of Ray's own and no cluster to join."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as short:  # holds sockets
        place = {"RAY_TMPDIR": short, "RAY_AUTH_TOKEN": "0" * 64, "RAY_memory_monitor_refresh_ms": "0"}
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            command,
            env=inherited | place | {"PYTHONPATH": paths} | environment,
            capture_output=True,
            text=True,
            cwd=short,
        )
