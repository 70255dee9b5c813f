import platform
import subprocess
import sys

import pytest

ALLOCATE = """
import resource, sys
import numpy as np
from imagetagger.system.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(1 << 22)  # 32 MB
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is for the GNU C library")
def test_memory_that_is_freed_is_used_again_without_page_faults():
    def faults(how):
        command = [sys.executable, "-c", ALLOCATE, how]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    # Once for the first array instead of for each of 20; huge pages may make the others' few.
    assert faults("keep") < max(faults("return") / 4, 2 * (32 << 20) // 4096)
