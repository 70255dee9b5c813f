"""Data parallelism: parameters on each local device, and an equal part of each batch."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

BATCH_AXIS = "batch"


class Placement(NamedTuple):
    """Where arrays go: `everywhere` for parameters, `by_batch` for arrays whose first axis is the batch."""

    everywhere: NamedSharding
    by_batch: NamedSharding

    @property
    def devices(self) -> int:
        """Their number; it divides the size of every batch."""
        return self.everywhere.mesh.size


def local_placement(batch_size: int) -> Placement:
    """Return the placement on the local devices, on no more of them than a batch has pictures."""
    mesh = Mesh(np.array(jax.local_devices()[:batch_size]), (BATCH_AXIS,))
    return Placement(NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(BATCH_AXIS)))


def placement_of(params: Any) -> Placement | None:
    """Return the placement of parameters; None for arrays that have none."""
    sharding = getattr(jax.tree.leaves(params)[0], "sharding", None)
    if not isinstance(sharding, NamedSharding) or sharding.mesh.axis_names != (BATCH_AXIS,):
        return None
    return Placement(sharding, NamedSharding(sharding.mesh, PartitionSpec(BATCH_AXIS)))
