"""Checkpoints of a training, written by Orbax: each is complete or not there at all, and has a digest of its numbers.

Without the digest a flipped bit on the disk would go unseen: Orbax does not look for one.
"""

import hashlib
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT = 2
"""The last ones; the one before serves if the last one is damaged."""


def save_checkpoint(folder: Path, step: int, state: T) -> None:
    """Write a state, a pytree of arrays, and delete all but the last checkpoints before it.

    Raises:
        OSError: it cannot be written there; those before it are as they were.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    arrays = {f"{i:05d}": leaf for i, leaf in enumerate(leaves)}
    try:
        with _manager(folder) as manager:
            import orbax.checkpoint as ocp

            manager.save(step, args=ocp.args.StandardSave({**arrays, "digest": _digest(leaves)}), force=True)
    except Exception as error:  # Orbax and TensorStore raise almost anything for a disk that is full or read-only
        raise OSError(
            f"the checkpoint {folder / str(step)} cannot be written: {_first_line(error)}. Expected a folder with free "
            "space; run the same command again, and training goes on where the last checkpoint was written"
        ) from error


def restore_checkpoint(folder: Path, like: T) -> T | None:
    """Return the last state that was saved, of NumPy arrays; None without any. A damaged one is reported, and deleted.

    Args:
        folder: of the checkpoints.
        like: a state of the same structure, shapes and dtypes.
    """
    if not folder.is_dir():
        return None
    with _manager(folder) as manager:
        import orbax.checkpoint as ocp

        for step in sorted(manager.all_steps(), reverse=True):
            try:
                return _unpack(manager.restore(step, args=ocp.args.StandardRestore()), like)
            except Exception as error:  # as above, for damaged files
                log.warning("the checkpoint %s is damaged (%s): it is deleted", folder / str(step), _first_line(error))
                manager.delete(step)
    return None


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a training that has finished."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: Path):  # type: ignore[no-untyped-def]  # Orbax's, which takes seconds to import
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(
        max_to_keep=KEPT, create=True, cleanup_tmp_directories=True, enable_async_checkpointing=False
    )
    # With its handler named, it does not look into the last checkpoint for one, which may be damaged.
    return ocp.CheckpointManager(folder.absolute(), item_handlers=ocp.StandardCheckpointHandler(), options=options)


def _unpack(arrays: dict[str, np.ndarray], like: T) -> T:
    """Return what was saved in the structure of `like`.

    Raises:
        ValueError: other numbers than were written, or of another structure.
    """
    digest = arrays.pop("digest")
    leaves = [arrays[name] for name in sorted(arrays)]
    if not np.array_equal(digest, _digest(leaves)):
        raise ValueError("got other numbers than were written")
    got = [(leaf.shape, leaf.dtype) for leaf in leaves]
    expected = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(like)]
    if got != expected:
        raise ValueError("got a training of another structure")
    state: T = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return state


def _digest(leaves: Sequence[np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for leaf in leaves:
        digest.update(f"{leaf.shape} {leaf.dtype}".encode() + leaf.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
