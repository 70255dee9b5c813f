"""Checkpoints of a training, written by Orbax: each is complete or not there at all."""

import logging
import shutil
from pathlib import Path
from typing import TypeVar

import jax

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT = 2
"""The last ones; the one before serves if the last one is damaged."""


def save_checkpoint(folder: Path, step: int, state: T) -> None:
    """Write a state, a pytree of arrays, and delete all but the last checkpoints before it."""
    with _manager(folder) as manager:
        import orbax.checkpoint as ocp

        manager.save(step, args=ocp.args.StandardSave(jax.device_get(state)), force=True)


def restore_checkpoint(folder: Path, like: T) -> T | None:
    """Return the last state that was saved; None without any. A damaged one is reported, and deleted.

    Args:
        folder: of the checkpoints.
        like: a state of the same structure, shapes and dtypes.
    """
    if not folder.is_dir():
        return None
    template = jax.device_get(like)
    with _manager(folder) as manager:
        import orbax.checkpoint as ocp

        for step in sorted(manager.all_steps(), reverse=True):
            try:
                restored: T = manager.restore(step, args=ocp.args.StandardRestore(template))
            except Exception as error:  # Orbax and TensorStore raise almost anything on damaged files
                log.warning("the checkpoint %s is damaged (%s): it is deleted", folder / str(step), _first_line(error))
                manager.delete(step)
            else:
                return restored
    return None


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a training that has finished."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: Path):  # type: ignore[no-untyped-def]  # Orbax's, which takes seconds to import
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True, enable_async_checkpointing=False)
    return ocp.CheckpointManager(folder.absolute(), options=options)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
