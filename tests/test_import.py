import subprocess
import sys

import pytest

import imagetagger

HEAVY = ("flax", "hydra", "jax", "jaxlib", "matplotlib", "omegaconf", "onnxruntime", "scipy", "tensorflow")
SECONDS = 1.5
"""Five times what it takes on an idle machine, for a busy one."""


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "statement", ["import imagetagger", "from imagetagger import Tagger", "import imagetagger.cli"]
)
def test_an_import_for_users_loads_nothing_heavy(statement):
    loaded = set(fresh(f"import sys\n{statement}\nprint(*sys.modules)").split())
    assert "imagetagger" in loaded
    assert not loaded & set(HEAVY)
    if "Tagger" not in statement:
        assert "numpy" not in loaded


def test_tagger_is_imported_in_a_fraction_of_a_second():
    code = (
        "import time; start = time.perf_counter()\nfrom imagetagger import Tagger\nprint(time.perf_counter() - start)"
    )
    seconds = min(float(fresh(code)) for _ in range(3))
    print(f"from imagetagger import Tagger: {seconds:.2f} s")
    assert seconds < SECONDS


def test_the_package_has_tagger_and_nothing_more():
    from imagetagger.tagger.tagger import Tagger

    assert imagetagger.Tagger is Tagger
    with pytest.raises(AttributeError, match="module 'imagetagger' has no attribute 'tager'"):
        _ = imagetagger.tager
