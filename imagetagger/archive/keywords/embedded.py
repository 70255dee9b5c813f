"""Keywords embedded in picture files: read only, and never a reason to refuse a picture."""

import logging
from pathlib import Path

from imagetagger.archive.keywords.document import parse_xmp
from imagetagger.archive.keywords.encodings import decode_xml
from imagetagger.archive.keywords.errors import XmpError
from imagetagger.archive.keywords.fields import IPTC_FIELD
from imagetagger.archive.keywords.iptc import iptc_keywords
from imagetagger.archive.keywords.marks import WANTED_FIELDS, read_marks, split_ours
from imagetagger.archive.keywords.merge import FieldValue
from imagetagger.archive.keywords.packets import Packets, find_packets
from imagetagger.preprocess.decode import MAX_PICTURE_BYTES

JPEG_START = b"\xff\xd8\xff"
HEADER_BYTES = 2**18
"""Of a JPEG, read first: its metadata mostly end there."""

log = logging.getLogger(__name__)


def embedded_values(picture: Path) -> tuple[FieldValue, ...]:
    """Return what persons set in the fields of keywords embedded in a picture.

    What is damaged is reported and passed over.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        packets = _read_packets(picture)
    except OSError:
        raise
    except Exception as error:  # the readers of AVIF and HEIC raise almost anything
        log.debug("%s: embedded metadata are not read: %s", picture, error)
        return ()
    values: list[FieldValue] = []
    for packet in packets.xmp:
        if not packet.strip(b"\0 \n\r\t"):
            continue
        try:
            properties = parse_xmp(decode_xml(_without_padding(packet)).utf8, WANTED_FIELDS).properties
            _, _, people = split_ours(properties, read_marks(properties))  # a sidecar may have been embedded
        except XmpError as error:
            log.warning("%s: its embedded XMP %s, so its keywords are not read", picture, error)
            continue
        values += people
    texts = [text for block in packets.iptc for text in iptc_keywords(block)]
    return (*values, *(FieldValue(IPTC_FIELD, text) for text in texts))


def _read_packets(picture: Path) -> Packets:
    with picture.open("rb") as file:
        start = file.read(HEADER_BYTES)
        if start.startswith(JPEG_START):
            try:
                return find_packets(start)
            except ValueError:  # more metadata than that
                pass
        return find_packets(start + file.read(MAX_PICTURE_BYTES - len(start)))


def _without_padding(packet: bytes) -> bytes:
    """Return a packet without zero bytes at its end, but for those of its last character."""
    text = packet.rstrip(b"\0")
    unit = 4 if b"\0\0" in text[:8] else 2 if b"\0" in text[:8] else 1
    return text + b"\0" * (-len(text) % unit)
