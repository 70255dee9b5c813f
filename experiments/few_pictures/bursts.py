"""Make a folder of bursts: every picture as five, as a phone takes them, and others of the same tags to test on.

python -m experiments.few_pictures.bursts FOLDER OUT [--originals 20]
python -m imagetagger.run +experiment=folder data.path=OUT/learn data.test=OUT/test

FOLDER has a sub-folder per tag. Of each tag, some originals become bursts in OUT/learn, and as many others in OUT/test.
Files have random names and no EXIF, so that only their looks say which belong together.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from experiments.common.arguments import study_parser
from imagetagger.preprocess import decode_image

BURST = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the folders."""
    parser = study_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--originals", type=int, default=20, help="of each tag, to learn from and to test on")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    for tag in sorted(path for path in options.folder.iterdir() if path.is_dir()):
        files = sorted(path for path in tag.iterdir() if path.is_file())
        for i, row in enumerate(rng.permutation(len(files))[: 2 * options.originals]):
            folder = options.out / ("learn" if i < options.originals else "test") / tag.name
            folder.mkdir(parents=True, exist_ok=True)
            original = decode_image(files[row])
            for _ in range(BURST):
                quality = int(rng.integers(40, 91))
                vary(original, rng).save(folder / f"{rng.bytes(6).hex()}.jpg", quality=quality)


def vary(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a picture as taken a moment later: another crop of 80 to 100 %, brightness and focus."""
    width, height = image.size
    share = rng.uniform(0.8, 1)
    crop_width, crop_height = int(width * share), int(height * share)
    left, top = int(rng.integers(0, width - crop_width + 1)), int(rng.integers(0, height - crop_height + 1))
    cropped = image.crop((left, top, left + crop_width, top + crop_height))
    brightened = ImageEnhance.Brightness(cropped).enhance(rng.uniform(0.7, 1.3))
    return brightened.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2)))


if __name__ == "__main__":
    main()
