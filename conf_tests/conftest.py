"""The surroundings of tests/: strict JAX, its helpers, a cache of its own."""

import runpy
from pathlib import Path

_tests = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "conftest.py"))
own_cache, pytest_configure = _tests["own_cache"], _tests["pytest_configure"]
