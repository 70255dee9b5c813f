"""A photo library made by seeds: many small JPEGs, some as large as a camera's, some with people's tags beside them."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from experiments.common.photographs import camera_noise, enlarge

LARGE = (4000, 3000)
"""Size of a photograph of 12 megapixels."""
LARGE_EVERY = 100
TAGGED_EVERY = 5
SMALL_SIDE = 320
SIDECAR = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmp:Rating="3">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>album/{album}</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
"""As digiKam writes it."""


def make_library(photographs: Sequence[bytes], root: Path, count: int) -> None:
    """Write pictures into folders, three deep; each is another crop of one of the photographs.

    Args:
        photographs: JPEGs.
        root: a new folder.
        count: of pictures. One of LARGE_EVERY is as large as a camera's, one of TAGGED_EVERY has a sidecar of digiKam.
    """
    noise = camera_noise(4, LARGE)
    for number in range(count):
        path = root / f"{number % 7}" / f"{number % 5} deeper" / f"{number % 3}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        crop = make_crop(photographs[number % len(photographs)], number)
        path.write_bytes(enlarge(crop, noise, LARGE) if number % LARGE_EVERY == 0 else crop)
        if number % TAGGED_EVERY == 0:
            path.with_name(f"{path.name}.xmp").write_text(SIDECAR.format(album=number % 7), "utf-8")


def make_crop(photograph: bytes, seed: int) -> bytes:
    """Return a random part of a photograph, mirrored or not and of another brightness, as a small JPEG."""
    rng = np.random.default_rng(seed)
    with Image.open(io.BytesIO(photograph)) as image:
        width, height = (round(side * rng.uniform(0.6, 1)) for side in image.size)
        left, top = (int(rng.integers(room + 1)) for room in (image.width - width, image.height - height))
        crop = image.convert("RGB").crop((left, top, left + width, top + height))
    crop.thumbnail((SMALL_SIDE, SMALL_SIDE))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    buffer = io.BytesIO()
    ImageEnhance.Brightness(crop).enhance(rng.uniform(0.8, 1.2)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
