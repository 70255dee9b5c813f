"""The 1,000 classes of ImageNet-1k (ILSVRC 2012)."""

import importlib.util
from pathlib import Path


def imagenet_wnids() -> list[str]:
    """The WordNet ids of the 1,000 classes, in the order that all classifiers share: ascending."""
    spec = importlib.util.find_spec("tensorflow_datasets")  # importing it takes seconds
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    return (package / "datasets" / "imagenet2012" / "labels.txt").read_text().split()
