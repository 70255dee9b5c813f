"""Data sources by name."""

from pathlib import Path

from imagetagger.data.dataset import Dataset
from imagetagger.data.folder import load_folder
from imagetagger.data.imagenet_photographs import load_imagenet_photographs
from imagetagger.data.synthetic import load_synthetic
from imagetagger.data.tiny_imagenet import load_tiny_imagenet
from imagetagger.system.atomic_files import expand_home


def load_dataset(
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
    test: str | None = None,
) -> Dataset:
    """Load a data set by the name of its source; configs/data/base.yaml explains each argument.

    Raises:
        ValueError: the name is unknown, or a setting that the source needs is missing.
    """
    local_path, test_path = (expand_home(text) if text else None for text in (path, test))
    if test and name != "folder":
        raise ValueError(f"got test={test} with name={name}, expected test=None: only a folder has pictures to test on")
    if name == "synthetic":
        return load_synthetic(synthetic_per_class, validation_fraction, seed)
    if name == "tiny_imagenet":
        return load_tiny_imagenet(local_path, cache)
    if name == "folder":
        if local_path is None:
            raise ValueError("got path=None, expected a folder with one sub-folder per tag, a .csv or a .jsonl file")
        return load_folder(local_path, test_path)
    if name == "imagenet_photographs":
        if local_path is None:
            raise ValueError("got path=None, expected a folder or .zip of pictures named WNID_NAME.jpg")
        return load_imagenet_photographs(local_path)
    if name == "tfds":
        from imagetagger.data.tfds import load_tfds  # imports TensorFlow, which takes seconds

        if tfds_name is None:
            raise ValueError("got tfds_name=None, expected the name of a data set, such as cifar10")
        return load_tfds(tfds_name, local_path, train_split, validation_split, validation_fraction, seed)
    raise ValueError(f"got name={name}, expected synthetic, tiny_imagenet, folder, tfds or imagenet_photographs")
