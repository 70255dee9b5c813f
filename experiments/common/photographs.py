"""Photographs as a camera makes them, from small ones."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def zipped_photographs(path: Path, count: int) -> list[bytes]:
    """Read so many photographs of a zip, spread evenly over their names."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg")))
        places = np.linspace(0, len(names), min(count, len(names)), endpoint=False).astype(int)
        return [archive.read(names[place]) for place in places]


def enlarge(photograph: bytes, noise: np.ndarray, size: tuple[int, int]) -> bytes:
    """Return a photograph as a JPEG of quality 92 of another size, with noise, int16 (height, width, 1), on it."""
    with Image.open(io.BytesIO(photograph)) as image:
        pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    buffer = io.BytesIO()
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def camera_noise(level: float, size: tuple[int, int]) -> np.ndarray:
    """Return grey noise of a standard deviation in grey levels, int16 (height, width, 1), always the same."""
    width, height = size
    return np.random.default_rng(0).normal(0, level, (height, width, 1)).round().astype(np.int16)
