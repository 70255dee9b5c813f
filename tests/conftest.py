"""What all tests share: strict JAX, an empty cache, and the real data and weights where there are some."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jax
import pytest

os.environ["JAX_PLATFORMS"] = "cpu"  # for the programs that tests start
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
jax.config.update("jax_numpy_dtype_promotion", "strict")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile each function once for all processes of the session: it is a fifth of the time of a small run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        yield


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache and lessons out of the tests; one cache for the session: a model is converted once."""
    with pytest.MonkeyPatch.context() as patch:  # for all of it: fixtures of modules come before those of tests
        patch.setenv("IMAGETAGGER_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("IMAGETAGGER_DATA", str(tmp_path_factory.getbasetemp() / "data"))
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    folder = SHARED / "weights"
    if not folder.is_dir():
        pytest.skip(f"no real weights: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def real_zip() -> Path:
    """Real Tiny ImageNet, unpacked once by its own script into the user's real cache."""
    import subprocess

    script = SHARED / "data" / "unpack"
    if not script.exists():
        pytest.skip(f"no real Tiny ImageNet: {script} is missing")
    return Path(subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip())


@pytest.fixture(scope="module")
def playwright():
    """Playwright, one at a time: two would not run in one thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


def pytest_configure() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # shells let what they start in the background ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
