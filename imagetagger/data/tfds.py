"""Any image classification data set of TensorFlow Datasets."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from imagetagger.data.dataset import Dataset, Split, Tag, content_id, pad_labels
from imagetagger.data.subset import divide


def load(
    name: str,
    data_dir: Path | None,
    train_split: str,
    validation_split: str | None,
    validation_fraction: float,
    seed: int,
) -> Dataset:
    """Load a TFDS data set with an image and a class label, downloading and preparing it where needed.

    Pictures stay encoded and are decoded by our own image contract, like those of any other source.

    Args:
        name: as TFDS knows it, config and version included if wanted.
        data_dir: where TFDS keeps data; None for its default.
        train_split: split, or slice of one, to learn from.
        validation_split: to evaluate on; None holds `validation_fraction` out of `train_split`.
        validation_fraction: share of each tag's pictures, used where `validation_split` is None.
        seed: of that division.

    Raises:
        ValueError: the data set is unknown, has no such split, or is not one of labelled images.
    """
    import tensorflow_datasets as tfds

    import imagetagger.data.tiny_imagenet_builder  # noqa: F401  (registers itself)

    try:
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except (ValueError, AssertionError) as error:  # unknown name or config, unknown version
        hint = " Name another folder in data.path, to prepare it there again." if "File format" in str(error) else ""
        raise ValueError(f"got data.tfds_name={name}: {str(error).splitlines()[0]}{hint}") from error
    image: Any = None
    label: Any = None
    match builder.info.supervised_keys:
        case (str(image_key), str(label_key)):
            image, label = builder.info.features[image_key], builder.info.features[label_key]
    if not isinstance(image, tfds.features.Image) or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(f"got data.tfds_name={name}, expected a data set of images with one class label each")
    builder.download_and_prepare()
    missing = {s for s in (train_split, validation_split) if s and s.split("[")[0] not in builder.info.splits}
    if missing:
        valid = ", ".join(builder.info.splits)
        raise ValueError(
            f"got split {', '.join(sorted(missing))} (data.train_split, data.validation_split), {name} has {valid}"
        )

    def read_split(split: str) -> Split:
        source: Any = builder.as_data_source(split, decoders={image_key: tfds.decode.SkipDecoding()})
        ids, labels = [], []
        for i in tqdm(range(len(source)), desc=f"reading {split}", unit="image", disable=None, delay=2):
            record = source[i]
            ids.append(content_id(record[image_key]))
            labels.append([int(record[label_key])])
        keys = [f"{split}/{i}" for i in range(len(ids))]
        return Split(keys, ids, pad_labels(labels), lambda i: source[i][image_key])

    train = read_split(train_split)
    train, validation = (
        (train, read_split(validation_split)) if validation_split else divide(train, validation_fraction, seed)
    )
    return Dataset(builder.info.full_name, tuple(Tag(n, n) for n in label.names), train, validation)
