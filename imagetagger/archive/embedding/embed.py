"""One file, read once: its content id and its embedding, or what is wrong with it."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.archive.catalogue.content import content_id
from imagetagger.archive.catalogue.listing import file_state
from imagetagger.bundle.executor import Executor, embed_image, load_executor
from imagetagger.bundle.manifest import ImageContract, Manifest
from imagetagger.bundle.reader import read_bundle
from imagetagger.bundle.strict_json import BundleError
from imagetagger.preprocess import SCALED_CONTRACT, BadImageError, preprocess, preprocess_scaled, read_encoded
from imagetagger.preprocess.decode import MAX_PICTURE_BYTES
from imagetagger.preprocess.raw_preview import read_raw_preview
from imagetagger.system.ignored_files import is_raw_name


class EmbeddedFile(NamedTuple):
    """What reading and embedding a file brought.

    Attributes:
        path: as it was given.
        size, mtime_ns: of the file before it was read; None if it could not be read.
        content: content id of its picture; None without one.
        embedding: float32 (D,); None if there is a problem.
        problem: why there is no embedding; None if there is one.
    """

    path: Path
    size: int | None
    mtime_ns: int | None
    content: str | None
    embedding: np.ndarray | None
    problem: str | None


def archive_space(manifest: Manifest, *, exact: bool = False) -> str:
    """Return the name of the embedding space of `embed_files`.

    Pictures that are decoded at a smaller scale have other embeddings: their space is named after the bundle's and the
    contract of their pixels. With `exact` it is the bundle's.
    """
    return manifest.embedding_space if exact else f"{manifest.embedding_space}/{SCALED_CONTRACT}"


def describe_space(space: str) -> str:
    """Return what made the embeddings of a space, in words.

    >>> describe_space(f"0101a40d08f8f6ac/{SCALED_CONTRACT}")
    'tagger 0101a40d, JPEGs at a smaller scale (the default)'
    """
    tagger, _, contract = space.partition("/")
    known = {"": "decoded in full (--exact)", SCALED_CONTRACT: "JPEGs at a smaller scale (the default)"}
    return f"tagger {tagger[:8]}, {known.get(contract, f'decoded by another version ({contract})')}"


def load_embedder(bundle: Path, digest: str, exact: bool) -> Callable[[Path], EmbeddedFile]:
    """Load a bundle, and return the function that embeds a file.

    Args:
        bundle: its folder or .zip.
        digest: of its manifest.
        exact: see `embed_files`.

    Raises:
        FileNotFoundError, BundleError: it is missing, damaged, or not the one of this digest.
    """
    checked = read_bundle(bundle)
    if checked.manifest.digest != digest:
        raise BundleError(f"{bundle} was replaced by another bundle while pictures were embedded: start again")
    return start_embedder(checked.files["model.tflite"], checked.manifest, exact)


def start_embedder(model: bytes, manifest: Manifest, exact: bool) -> Callable[[Path], EmbeddedFile]:
    """Return the function that embeds a file by the model of a bundle; see `load_embedder`."""
    return functools.partial(embed_file, executor=load_executor(model, manifest), contract=manifest.image, exact=exact)


def embed_file(path: Path, executor: Executor, contract: ImageContract, exact: bool) -> EmbeddedFile:
    """Read a file, and return its content id and its embedding, or what is wrong with it.

    Of a camera's raw file, by its suffix, it is the embedding of the largest preview in it.
    """
    unread = result = EmbeddedFile(path, None, None, None, None, None)
    crop = preprocess if exact else preprocess_scaled
    is_raw = is_raw_name(path.name)
    try:
        with path.open("rb") as file:
            size, mtime_ns = file_state(os.fstat(file.fileno()))
            result = result._replace(size=size, mtime_ns=mtime_ns)
            data = file.read(MAX_PICTURE_BYTES) if is_raw else read_encoded(file)
        result = result._replace(content=content_id(data))
        picture = read_raw_preview(data) if is_raw else data
        return result._replace(embedding=embed_image(executor, crop(picture, contract.size, contract.pixel_limit)))
    except BadImageError as error:
        return result._replace(problem=str(error))
    except ImportError as error:  # of the package for raw files: once it is installed, they are read again
        return unread._replace(problem=str(error))
    except OSError as error:
        return result._replace(problem=f"cannot be read: {error.strerror or error}")
    except Exception as error:  # one file of thousands: it is reported, and the others go on
        return result._replace(problem=f"cannot be embedded: {type(error).__name__}: {error}")
