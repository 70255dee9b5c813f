"""The chunks of a WebP file."""

from collections.abc import Iterator

MAX_CHUNKS = 20_000
"""Chunks that are looked at: many times what programs write."""


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Yield the name of each chunk and where its body is; in a truncated file the last one may go beyond the end."""
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], slice(at + 8, at + 8 + size)
        at += 8 + size + size % 2
