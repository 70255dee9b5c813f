"""What a run was made with: versions, the commit of the code, the machine and its memory."""

import platform
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from imagetagger.experiment.record import Machine, Revision
from imagetagger.system.atomic_files import installed_version
from imagetagger.system.cpus import cpu_count

RECORDED_PACKAGES = (
    "imagetagger", "jax", "jaxlib", "flax", "numpy", "pillow", "ai-edge-litert", "tensorflow-cpu", "tensorflow",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that shape the numbers; None for those not installed."""
    return {"python": platform.python_version(), **{name: installed_version(name) for name in RECORDED_PACKAGES}}


@cache
def revision() -> Revision | None:
    """The git commit of the running code, and whether files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if git("ls-files", Path(__file__).name) == "":  # installed into somebody else's repository
            return None
        return Revision(git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "-uno")))
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_memory() -> int | None:
    """The most memory this process has held, in bytes; None on systems that do not report it."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what a parent held before it became this process
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak[1]) * 1024 if peak else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def machine() -> Machine:
    """System, processor and cores."""
    return Machine(platform.platform(), platform.machine(), cpu_count())
