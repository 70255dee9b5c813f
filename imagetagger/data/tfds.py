"""Any image classification data set of TensorFlow Datasets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tqdm import tqdm

from imagetagger.data.dataset import Dataset, DatasetTag, Split, content_id, pad_labels
from imagetagger.data.splits import train_validation_split
from imagetagger.system.download import TIMEOUTS, DownloadError, check_reachable, failure_reason


def load_tfds(
    tfds_name: str,
    path: Path | None,
    train_split: str,
    validation_split: str | None,
    validation_fraction: float,
    seed: int,
) -> Dataset:
    """Load a TFDS data set with an image and a class label, downloading and preparing it if needed.

    Pictures stay encoded, so that the image contract decodes them like those of any other source.

    Args:
        tfds_name: the name in TFDS, optionally with config and version.
        path: the folder where TFDS keeps data; None for its default.
        train_split: split, or slice of one, to train on.
        validation_split: to evaluate on; None holds `validation_fraction` out of `train_split`.
        validation_fraction: share of each tag's pictures, used if `validation_split` is None.
        seed: of that holdout.

    Raises:
        ValueError: the data set or split is unknown, or it does not consist of labelled images.
    """
    import tensorflow_datasets as tfds

    import imagetagger.data.tiny_imagenet_builder  # noqa: F401  (registers itself)

    try:
        builder = tfds.builder(tfds_name, data_dir=path, file_format="array_record")
    except (ValueError, AssertionError, ImportError) as error:  # unknown name or config, unknown version
        hint = " Set path to another folder, to prepare it there." if "File format" in str(error) else ""
        name = re.split("[/:]", tfds_name)[0].lower()
        names = tfds.list_builders(with_community_datasets=False)
        if name not in names and (near := get_close_matches(name, names, 5)):
            hint = f" Did you mean {' or '.join(near)}?"
        raise ValueError(f"got tfds_name={tfds_name}: {failure_reason(error)}{hint}") from error
    image: Any = None
    label: Any = None
    match builder.info.supervised_keys:
        case (str(image_key), str(label_key)):
            image, label = builder.info.features[image_key], builder.info.features[label_key]
    if not isinstance(image, tfds.features.Image) or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(f"got tfds_name={tfds_name}, expected a data set of images with one class label each")
    _prepare(builder, tfds_name)
    for argument, split in (("train_split", train_split), ("validation_split", validation_split)):
        if split and split.split("[")[0] not in builder.info.splits:
            raise ValueError(
                f"got {argument}={split}, expected one of {', '.join(builder.info.splits)}, or a slice of one"
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
        (train, read_split(validation_split))
        if validation_split
        else train_validation_split(train, validation_fraction, seed)
    )
    tags = tuple(DatasetTag(name, name) for name in label.names)
    return Dataset(builder.info.full_name, tags, train, validation, is_split=validation_split is not None)


def _prepare(builder: Any, tfds_name: str) -> None:
    """Download and prepare a data set, unless that was done before.

    Raises:
        DownloadError: it cannot be downloaded, said within seconds.
        ValueError: it cannot be prepared, as if it needs files that only people can fetch.
    """
    import requests
    import tensorflow_datasets as tfds

    try:
        with _giving_up_soon():
            builder.download_and_prepare()
    except (requests.RequestException, tfds.download.DownloadError) as error:
        raise DownloadError(
            f"got tfds_name={tfds_name}, which cannot be downloaded ({failure_reason(error)}). With no network, "
            "prepare it on another machine with TensorFlow Datasets, and pass the folder as path=DIR."
        ) from error
    except OSError:
        raise
    except Exception as error:  # every data set has code of its own
        raise ValueError(f"got tfds_name={tfds_name}, which cannot be prepared: {failure_reason(error)}") from error


@contextmanager
def _giving_up_soon() -> Iterator[None]:
    """Let TFDS ask each server first whether it is there: its own ten patient retries take minutes, or for ever."""
    from tensorflow_datasets.core.download import downloader

    open_url = downloader._open_url

    reached: set[str] = set()

    def open_soon(url: str, **options: Any) -> Any:
        address = urlparse(url)
        if address.scheme in ("http", "https") and address.netloc not in reached:
            check_reachable(url)
            reached.add(address.netloc)
        return open_url(url, timeout=TIMEOUTS, **options)

    retries = downloader.MAX_RETRIES
    downloader._open_url, downloader.MAX_RETRIES = open_soon, 1
    try:
        yield
    finally:
        downloader._open_url, downloader.MAX_RETRIES = open_url, retries
