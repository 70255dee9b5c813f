"""The data source that a name stands for."""

from pathlib import Path

from imagetagger.data import folder, synthetic, tiny_imagenet
from imagetagger.data.dataset import Dataset


def load(
    name: str,
    *,
    cache: Path,
    seed: int,
    path: str | None,
    tfds_name: str | None,
    train_split: str,
    validation_split: str | None,
    synthetic_per_class: int,
    validation_fraction: float,
) -> Dataset:
    """Load a data set by the name of its source; what each argument means stands in configs/data/base.yaml.

    Raises:
        ValueError: the name is unknown, or a setting that the source needs is missing.
    """
    where = Path(path).expanduser() if path else None
    if name == "synthetic":
        return synthetic.load(synthetic_per_class, validation_fraction, seed)
    if name == "tiny_imagenet":
        return tiny_imagenet.load(where, cache)
    if name == "folder":
        if where is None:
            raise ValueError("data.path is required with data=folder: a folder with one sub-folder a tag")
        return folder.load(where, validation_fraction, seed)
    if name == "tfds":
        from imagetagger.data import tfds  # imports TensorFlow: seconds that no other source should pay

        if tfds_name is None:
            raise ValueError("data.tfds_name is required with data=tfds: the name of a data set, such as cifar10")
        return tfds.load(tfds_name, where, train_split, validation_split, validation_fraction, seed)
    raise ValueError(f"got data.name={name}, expected synthetic, tiny_imagenet, folder or tfds")
