"""Several .tflite files made one: their signatures side by side, each computing exactly what it did alone.

Converting `embed`, `score` and `merge` together would let `float16` round the constants of `score`, and would convert
the network again for every new classifier. Source: schema.fbs of TensorFlow Lite, version 3.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


class _AlignedBuilder(flatbuffers.Builder):
    """schema.fbs wants the bytes of tensors on 16-byte boundaries, which the Python generator forgets."""

    def StartVector(self, element_size: int, count: int, alignment: int) -> Any:
        return super().StartVector(element_size, count, 16 if element_size == 1 else alignment)


def join(models: Sequence[bytes]) -> bytes:
    """Return one model with the signatures of all, whose names must differ.

    Raises:
        ValueError: two models have a signature of the same name.
    """
    whole, *others = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)) for model in models)
    for other in others:
        _append(whole, other)
    names = [definition.signatureKey.decode() for definition in whole.signatureDefs]
    if len(set(names)) < len(names):
        raise ValueError(f"got signatures {names}: expected different names")
    builder = _AlignedBuilder(sum(map(len, models)))
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _append(whole: Any, other: Any) -> None:
    """Add the subgraphs of another model, its references moved behind those of `whole`."""
    codes, buffers, graphs = len(whole.operatorCodes), len(whole.buffers), len(whole.subgraphs)
    for graph in other.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer += buffers if tensor.buffer else 0  # buffer 0 is the empty one
        for operator in graph.operators:
            operator.opcodeIndex += codes
    for definition in other.signatureDefs:
        definition.subgraphIndex += graphs
    whole.operatorCodes += other.operatorCodes
    whole.buffers += other.buffers
    whole.subgraphs += other.subgraphs
    whole.signatureDefs += other.signatureDefs
