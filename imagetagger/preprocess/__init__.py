"""The image contract: the network gets the same pixels in training, in Python serving and in the browser.

1. Decode (of a list of formats, in `decode`, and in no other way); apply EXIF orientation; ignore ICC profiles;
   composite alpha on white; grey and palette become RGB.
2. Resize the centre square to S x S by Pillow's BILINEAR in two explicit passes, horizontal first. Left to itself,
   Pillow chooses the order of the passes, and one size in three differs by a grey level from any port.
3. uint8 in, uint8 out: normalisation belongs to the backbone's weights and happens inside the model.

Archives of many pictures may have large JPEGs decoded at a smaller scale (`preprocess_scaled`). That is a contract of
its own, since the pixels differ a little.
"""

from imagetagger.preprocess.decode import (
    MAX_PIXEL_LIMIT,
    PIXEL_LIMIT,
    ImageSource,
    decode_image,
    preprocess,
    preprocess_scaled,
    read_encoded,
)
from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.pixels import BAND_ROWS
from imagetagger.preprocess.square import crop_box, crop_square

__all__ = [
    "BAND_ROWS",
    "CONTRACT",
    "MAX_PIXEL_LIMIT",
    "PIXEL_LIMIT",
    "SCALED_CONTRACT",
    "BadImageError",
    "ImageSource",
    "crop_box",
    "crop_square",
    "decode_image",
    "preprocess",
    "preprocess_scaled",
    "read_encoded",
]

CONTRACT = "square-bilinear-hv/1"
"""Name and version of this contract: part of every embedding space's identity."""

SCALED_CONTRACT = f"{CONTRACT}+jpeg-scaled/2"
"""Of `preprocess_scaled`: other pixels, so other embeddings, which must not be mixed with those of `CONTRACT`."""
