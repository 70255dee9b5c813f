"""A picture whose header is read and whose pixels are not yet decoded, and the time that decoding it may take."""

import io
import time
from typing import Literal, NamedTuple

from PIL import Image

from imagetagger.preprocess.errors import BadImageError

HEADER_SECONDS = 1.0
BASE_SECONDS = 5.0
PIXELS_PER_SECOND = 4_000_000
"""A tenth of what decoders reach on a slow computer."""


Alpha = Literal["used", "none", "unless zero"]


class Opened(NamedTuple):
    """A picture that is checked against the limits, but not decoded.

    Attributes:
        image: loads its pixels as they are stored, before they are turned upright.
        orientation: EXIF's, 1 to 8.
        depth: bits of a grey level that the file uses of the 16 of Pillow's modes "I;16".
        is_unsigned: whether levels of 32 bits are counted from 0.
        is_negative: whether the least level of more than 8 bits is white.
        alpha: whether alpha has a meaning, if there is any: always, never, or unless all of it is 0.
        can_scale: whether the decoder can compute fewer pixels, by the image's `draft`.
    """

    image: Image.Image
    orientation: int = 1
    depth: int = 16
    is_unsigned: bool = False
    is_negative: bool = False
    alpha: Alpha = "used"
    can_scale: bool = False


class TimedFile(io.BytesIO):
    """Bytes that can be read for some seconds of this thread's processor time.

    Pillow's decoders cannot be interrupted, but ask for their data piece by piece.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._last = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, in time.

        Raises:
            BadImageError: too late.
        """
        if time.thread_time() > self._last:
            raise BadImageError("takes too long to decode: save it again, as JPEG or PNG")
        return super().read(size)


def timed(data: bytes, width: int, height: int) -> TimedFile:
    """Return a file that can be read for as long as its pixels may take."""
    return TimedFile(data, BASE_SECONDS + width * height / PIXELS_PER_SECOND)
