"""Check of the port of EfficientNet-Lite0: the ImageNet classifier of its weights file on top of our embedding.

python -m experiments.benchmarks.efficientnet_classifier --data tiny-imagenet-200.zip [--pictures 1000] [--others]

A port that pads, normalises or orders anything differently from training puts nonsense on photographs. Prints the
labels that the 1000-way classifier gives scikit-learn's two photographs, and its top-1 and top-5 on validation pictures
of Tiny ImageNet: 64 pixels enlarged to 224, of the tags that are among the 1000 (chance: 0.1 % and 0.5 %).
With --others also the rates of conventions that the weights were not trained with.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from experiments.common.arguments import study_parser
from experiments.common.imagenet import imagenet_wnids
from imagetagger.backbones.inverted_residual import Activation, Padding
from imagetagger.backbones.model import Normalisation
from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.torch_pickle import load_state_dict
from imagetagger.backbones.weights import KERAS, TORCHVISION
from imagetagger.data.tiny_imagenet import Archive, ListedExample, open_archive, read_examples
from imagetagger.embedding.runtime import Runtime, make_runtime
from imagetagger.preprocess import preprocess
from imagetagger.system.atomic_files import cache_directory

RESOLUTION = 224
OTHERS: dict[str, dict[str, Any]] = {
    "normalised to -1 .. 1 by 127.5": {"normalisation": KERAS.normalisation},
    "symmetric padding": {"padding": "symmetric"},
    "torchvision's normalisation": {"normalisation": TORCHVISION.normalisation},
    "plain ReLU": {"activation": "relu"},
}
"""Conventions to compare with, by name."""


def make_classifier(
    cache: Path,
    normalisation: Normalisation | None = None,
    activation: Activation | None = None,
    padding: Padding | None = None,
) -> tuple[Runtime, Callable[[np.ndarray], np.ndarray]]:
    """Make what embeds, and what ranks: (N, 1280) embeddings to (N, 1000) classes, the most probable first.

    Conventions are those the weights were trained with, where None.
    """
    where: dict[str, Any] = {"resolution": RESOLUTION, "weights": "imagenet", "cache": cache}
    backbone = load_backbone("efficientnet_lite0", width=1.0, activation=activation, padding=padding, **where)
    backbone = backbone._replace(normalisation=normalisation or backbone.normalisation)
    tensors = load_state_dict(Path(backbone.weights))
    kernel, bias = tensors["_fc.weight"].T, tensors["_fc.bias"]
    return make_runtime(backbone, RESOLUTION, cache), lambda embeddings: (-(embeddings @ kernel + bias)).argsort(axis=1)


def photographs() -> dict[str, Image.Image]:
    """scikit-learn's two photographs: a temple in China, and a dahlia."""
    loaded = load_sample_images()
    return {
        Path(name).name: Image.fromarray(pixels) for name, pixels in zip(loaded.filenames, loaded.images, strict=True)
    }


def known_examples(archive: Archive, count: int) -> list[ListedExample]:
    """The first `count` validation pictures whose tags are among the 1000 classes."""
    known = set(imagenet_wnids())
    return [example for example in read_examples(archive, "validation") if example.wnid in known][:count]


def embed_all(runtime: Runtime, sources: Sequence[bytes | Image.Image]) -> np.ndarray:
    """Embed pictures that are all good: (N, 1280)."""
    results = runtime.run(lambda i: preprocess(sources[i], RESOLUTION), range(len(sources)))
    return np.stack([result for result in results if isinstance(result, np.ndarray)])


def hits(ranked: np.ndarray, wnids: Sequence[str], k: int) -> float:
    """Share of pictures whose class is among the first k of `ranked` (N, 1000)."""
    classes = {wnid: i for i, wnid in enumerate(imagenet_wnids())}
    return float(np.mean([classes[wnid] in row[:k] for wnid, row in zip(wnids, ranked, strict=True)]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print labels and rates."""
    parser = study_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="ZIP", help="tiny-imagenet-200.zip")
    parser.add_argument("--pictures", type=int, default=1000, metavar="N", help="validation pictures to classify")
    parser.add_argument("--others", action="store_true", help="also evaluate other conventions")
    options = parser.parse_args(arguments)
    archive = open_archive(options.data)
    names = dict(line.split("\t") for line in archive.read("words.txt").decode().splitlines())
    wnids = imagenet_wnids()
    runtime, rank = make_classifier(cache_directory())
    for name, image in photographs().items():
        labels = [names[wnids[i]].split(",")[0] for i in rank(embed_all(runtime, [image]))[0, :5]]
        print(f"{name}: {', '.join(labels)}")
    examples = known_examples(archive, options.pictures)
    pictures = [archive.read(example.file) for example in examples]
    print(f"Tiny ImageNet validation, {len(examples)} pictures")
    for name, conventions in {"as trained": {}, **(OTHERS if options.others else {})}.items():
        runtime, rank = make_classifier(cache_directory(), **conventions)
        ranked = rank(embed_all(runtime, pictures))
        top1, top5 = (100 * hits(ranked, [example.wnid for example in examples], k) for k in (1, 5))
        print(f"{name:32} top-1 {top1:.1f} %  top-5 {top5:.1f} %")


if __name__ == "__main__":
    main()
