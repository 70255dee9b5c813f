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
    return _packed(whole)


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


def chain(first: bytes, second: bytes) -> bytes:
    """Return one model with the signature of the first, whose only output goes through that of the second.

    Raises:
        ValueError: a model has several signatures, the first several outputs, or the second several inputs, or the
            shapes or types between them differ.
    """
    whole, other = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)) for model in (first, second))
    if len(whole.signatureDefs) != 1 or len(other.signatureDefs) != 1:
        raise ValueError("got models of several signatures, expected one each")
    outer, inner = whole.signatureDefs[0], other.signatureDefs[0]
    if len(outer.outputs) != 1 or len(inner.inputs) != 1 or len(inner.outputs) != 1:
        raise ValueError("got several tensors between two models, expected one")
    graph = whole.subgraphs[outer.subgraphIndex]
    joint, entry, tensors = outer.outputs[0].tensorIndex, inner.inputs[0].tensorIndex, len(graph.tensors)
    _append(whole, other)
    tail = whole.subgraphs.pop()
    whole.signatureDefs.pop()
    ends = graph.tensors[joint], tail.tensors[entry]
    given, taken = ((list(map(int, end.shape)), end.type) for end in ends)
    if given != taken:
        raise ValueError(f"got the shapes and types {given} and {taken}, expected the same")

    def moved(index: int) -> int:
        return index if index < 0 else joint if index == entry else index + tensors  # -1 is a missing input

    for operator in tail.operators:
        operator.inputs, operator.outputs = ([moved(i) for i in some] for some in (operator.inputs, operator.outputs))
    for tensor in tail.tensors:
        tensor.name = b"then/" + tensor.name  # tf2onnx wires tensors by name
    graph.tensors += tail.tensors
    graph.operators += tail.operators
    graph.outputs = [moved(i) for i in tail.outputs]
    outer.outputs[0].tensorIndex = moved(inner.outputs[0].tensorIndex)
    return _packed(whole)


def _packed(model: Any) -> bytes:
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
