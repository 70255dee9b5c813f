"""Tiny ImageNet for TensorFlow Datasets: import this module, then `tfds.builder("tiny_imagenet")`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from imagetagger.data.tiny_imagenet import OFFICIAL_ARCHIVE, open_archive, read_examples, read_tags
from imagetagger.system.download import download

PICTURE_SIDE = 64
"""Side of every picture in pixels."""


class TinyImagenet(tfds.core.GeneratorBasedBuilder):
    """Tiny ImageNet with features image, label (WordNet id), name (first synonym), bounding box and file name.

    `tfds.builder("tiny_imagenet", source=PATH)` reads a local zip or folder instead of downloading.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The labelled pictures: train and validation."}

    def __init__(self, *, source: str | Path | None = None, **kwargs: Any) -> None:
        """Remember the path of the archive for `download_and_prepare`."""
        self._source = Path(source) if source else None
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="200 classes of ImageNet at 64 x 64 pixels: 500 training and 50 validation pictures each.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(PICTURE_SIDE, PICTURE_SIDE, 3), encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(num_classes=200),
                    "name": tfds.features.Text(),
                    "bbox": tfds.features.BBoxFeature(),
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="http://cs231n.stanford.edu/",
            citation="@techreport{le2015tiny, title={Tiny ImageNet Visual Recognition Challenge}, "
            "author={Le, Ya and Yang, Xuan}, year={2015}, institution={Stanford CS231n}}",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        path = self._source or download(OFFICIAL_ARCHIVE, Path(dl_manager.download_dir), "source=FILE")
        archive = open_archive(path)
        tags = read_tags(archive)
        self.info.features["label"].names = [tag.id for tag in tags]
        names = {tag.id: tag.name for tag in tags}
        return {split: self._generate_examples(archive, split, names) for split in ("train", "validation")}

    def _generate_examples(self, archive: Any, split: str, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
        for file, wnid, (x0, y0, x1, y1) in read_examples(archive, split):
            box = tfds.features.BBox(
                ymin=y0 / PICTURE_SIDE, xmin=x0 / PICTURE_SIDE, ymax=y1 / PICTURE_SIDE, xmax=x1 / PICTURE_SIDE
            )
            yield (
                file,
                {
                    "image": archive.read(file),
                    "label": wnid,
                    "name": names[wnid],
                    "bbox": box,
                    "file_name": file,
                },
            )
