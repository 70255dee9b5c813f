"""Checkpoints of a training, written by Orbax: each is complete or not there at all, and has digests of its files.

Orbax does not look for flipped bits. And where it fails half-way, its unfinished tasks call an event loop that is
closed, which Python reports at some later moment. So it opens no file before its digest has been compared, and writes
none before there was room for the same numbers.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import jax
import msgspec
import numpy as np

from imagetagger.system.atomic_files import atomic_folder, file_sha256

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT = 2
"""The last ones; the one before serves if the last one is damaged."""

ARRAYS, DIGESTS = "arrays", "digests.json"
"""In the folder of a checkpoint: what Orbax writes, and SHA-256 of each of those files."""


def save_checkpoint(folder: Path, step: int, state: T) -> None:
    """Write a state, a pytree of arrays, and delete all but the last checkpoints before it.

    Raises:
        OSError: it cannot be written there; those before it are as they were.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    try:
        with atomic_folder(folder / str(step)) as partial:
            _check_room(partial / ARRAYS, leaves)
            with _checkpointer() as checkpointer:
                import orbax.checkpoint as ocp

                arrays = {f"{i:05d}": leaf for i, leaf in enumerate(leaves)}
                checkpointer.save((partial / ARRAYS).absolute(), args=ocp.args.StandardSave(arrays))
            (partial / DIGESTS).write_bytes(msgspec.json.encode(_digests(partial)))
    except Exception as error:  # Orbax and TensorStore raise almost anything for a disk that is full or read-only
        raise OSError(
            f"the checkpoint {folder / str(step)} cannot be written: {_first_line(error)}. Expected a folder with free "
            "space; run the same command again, and training goes on where the last checkpoint was written"
        ) from error
    for old in list_checkpoints(folder)[KEPT:]:
        shutil.rmtree(folder / str(old), ignore_errors=True)


def restore_checkpoint(folder: Path, like: T) -> T | None:
    """Return the last state that was saved, of NumPy arrays; None without any. A damaged one is reported, and deleted.

    Args:
        folder: of the checkpoints.
        like: a state of the same structure, shapes and dtypes.
    """
    for step in list_checkpoints(folder):
        try:
            return _unpack(_read_arrays(folder / str(step)), like)
        except Exception as error:  # as above, for files of another version of Orbax
            log.warning("the checkpoint %s is damaged (%s): it is deleted", folder / str(step), _first_line(error))
            shutil.rmtree(folder / str(step), ignore_errors=True)
    return None


def list_checkpoints(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, the last one first."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a training that has finished."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _checkpointer() -> Iterator[Any]:
    import orbax.checkpoint as ocp  # takes seconds

    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        yield checkpointer


def _check_room(path: Path, leaves: Sequence[np.ndarray]) -> None:
    """Write the numbers of some arrays to a file and delete it.

    Raises:
        OSError: they cannot be written.
    """
    with path.open("wb") as file:
        for leaf in leaves:
            file.write(leaf.tobytes())
    path.unlink()


def _digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file in a checkpoint, but for the one that lists them, by its path there."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / DIGESTS]
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(files)}


def _read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a checkpoint.

    Raises:
        ValueError: its files are not those that were written.
    """
    if not (folder / DIGESTS).is_file():
        raise ValueError(f"got no {DIGESTS}, which is written last")
    expected = msgspec.json.decode((folder / DIGESTS).read_bytes(), type=dict[str, str])
    got = _digests(folder)
    if got != expected:
        differing = sorted(name for name in {*got, *expected} if got.get(name) != expected.get(name))
        raise ValueError(f"got other contents of {differing[0]} than were written")
    with _checkpointer() as checkpointer:
        import orbax.checkpoint as ocp

        arrays: dict[str, np.ndarray] = checkpointer.restore(
            (folder / ARRAYS).absolute(), args=ocp.args.StandardRestore()
        )
    return arrays


def _unpack(arrays: dict[str, np.ndarray], like: T) -> T:
    """Return what was saved in the structure of `like`.

    Raises:
        ValueError: of another structure.
    """
    leaves = [arrays[name] for name in sorted(arrays)]
    got = [(leaf.shape, leaf.dtype) for leaf in leaves]
    expected = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(like)]
    if got != expected:
        raise ValueError("got a training of another structure")
    state: T = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return state


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
